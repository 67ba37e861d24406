//! How far the time of each operator's input is, from what timely tells of the progress of a scope.

use std::collections::{BTreeMap, HashMap};

/// A place in a scope that data have a time at: the index of an operator, whether it is one of its outputs, and the
/// number of that output or input. Index 0 is the scope itself, whose inputs are outputs in it.
type Location = (usize, bool, usize);

/// The watermark of an input through which nothing more will come.
pub(crate) const ENDED: i64 = i64::MAX;

/// What is known of one scope.
#[derive(Debug, Default)]
pub(crate) struct ScopeProgress {
    /// How many records or rights to emit such are under way at each time of each location, over all workers.
    counts: HashMap<Location, BTreeMap<i64, i64>>,
    has_changed: bool,
}

/// How far an operator is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The least time that may still come through each input, by number; [`ENDED`] if none will.
    pub(crate) inputs: BTreeMap<usize, i64>,
    /// The least time that may still be emitted.
    pub(crate) output: i64,
}

impl Default for Progress {
    fn default() -> Self {
        Self { inputs: BTreeMap::new(), output: ENDED }
    }
}

impl ScopeProgress {
    /// Something is under way at a time of a location that was not before, or the other way round.
    pub(crate) fn update(&mut self, location: Location, time: i64, difference: i64) {
        let times = self.counts.entry(location).or_default();
        let count = times.entry(time).or_default();
        *count += difference;
        if *count == 0 {
            times.remove(&time);
            if times.is_empty() {
                self.counts.remove(&location);
            }
        }
        self.has_changed = true;
    }

    /// Whether nothing is under way.
    pub(crate) fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Whether anything changed since this was last asked.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.has_changed)
    }

    fn least(&self, location: Location) -> i64 {
        // Counts of different workers arrive in any order, so one may be below zero for a while.
        let times = self.counts.get(&location);
        times.and_then(|times| times.iter().find(|(_, count)| **count > 0)).map_or(ENDED, |(time, _)| *time)
    }

    /// How far the operators of the scope are, by index. `edges` are its channels: from an output to an input, as index
    /// and port.
    ///
    /// What may come through an input is what waits there, and what can be emitted at the other ends of its channels,
    /// which is what is held there and what may come through the inputs there. That time goes by unchanged on the way
    /// is assumed; an operator that moves times on makes it a lower bound, as does a loop.
    pub(crate) fn frontiers(&self, edges: &[Edge]) -> HashMap<usize, Progress> {
        let held: Vec<_> =
            edges.iter().map(|edge| self.least((edge.source.0, true, edge.source.1))).collect();
        let mut inputs: HashMap<(usize, usize), i64> = HashMap::new();
        for Edge { target, .. } in edges {
            inputs.insert(*target, self.least((target.0, false, target.1)));
        }
        // The least of all inputs of an operator. The scope's own inputs are in what is held.
        let mut least: HashMap<usize, i64> = HashMap::from([(0, ENDED)]);
        // As often as there are operators in a row; times only get less, so it ends in a loop too.
        let mut has_changed = true;
        while has_changed {
            has_changed = false;
            for (Edge { source, target }, held) in edges.iter().zip(&held) {
                let through = least.get(&source.0).copied().unwrap_or(ENDED).min(*held);
                let input = inputs.entry(*target).or_insert(ENDED);
                *input = through.min(*input);
                let all = if target.0 == 0 { continue } else { least.entry(target.0).or_insert(ENDED) };
                has_changed |= *input < *all;
                *all = (*all).min(*input);
            }
        }
        let mut progress: HashMap<usize, Progress> = HashMap::new();
        for (Edge { source, .. }, held) in edges.iter().zip(held) {
            let through = least.get(&source.0).copied().unwrap_or(ENDED);
            let output = &mut progress.entry(source.0).or_default().output;
            *output = (*output).min(held).min(through);
        }
        for ((index, port), time) in inputs {
            let progress = progress.entry(index).or_default();
            progress.inputs.insert(port, time);
            // Nor can more than that come from an output that nobody takes.
            progress.output = progress.output.min(time);
        }
        progress
    }
}

/// A channel: from an output to an input, each the index of an operator in the scope and a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) source: (usize, usize),
    pub(crate) target: (usize, usize),
}

/// What a watermark is where no record below this time will come: all up to the time before are complete.
pub(crate) fn watermark(least: i64) -> i64 {
    if least == ENDED { ENDED } else { least.saturating_sub(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edge(source: (usize, usize), target: (usize, usize)) -> Edge {
        Edge { source, target }
    }

    fn inputs(progress: &HashMap<usize, Progress>, index: usize) -> Vec<i64> {
        progress[&index].inputs.values().copied().collect()
    }

    /// Sources 1 and 2 to a join 3, to a sink 4.
    const JOIN: [Edge; 3] = [
        Edge { source: (1, 0), target: (3, 0) },
        Edge { source: (2, 0), target: (3, 1) },
        Edge { source: (3, 0), target: (4, 0) },
    ];

    #[test]
    fn an_operator_is_as_far_as_the_slowest_of_what_is_before_it() {
        let mut scope = ScopeProgress::default();
        scope.update((1, true, 0), 10, 1);
        scope.update((2, true, 0), 30, 2);
        let progress = scope.frontiers(&JOIN);
        assert_eq!((inputs(&progress, 3), progress[&3].output), (vec![10, 30], 10));
        assert_eq!((inputs(&progress, 4), progress[&4].output), (vec![10], 10));
        // The first source goes on, and the join holds on to a time.
        scope.update((1, true, 0), 40, 1);
        scope.update((1, true, 0), 10, -1);
        scope.update((3, true, 0), 20, 1);
        let progress = scope.frontiers(&JOIN);
        assert_eq!((inputs(&progress, 3), progress[&3].output), (vec![40, 30], 20));
        assert_eq!(inputs(&progress, 4), [20]);
        // What waits before an operator counts.
        scope.update((4, false, 0), 15, 3);
        assert_eq!(inputs(&scope.frontiers(&JOIN), 4), [15]);
    }

    #[test]
    fn what_has_ended_is_as_far_as_can_be() {
        let mut scope = ScopeProgress::default();
        scope.update((1, true, 0), 10, 1);
        scope.update((1, true, 0), 10, -1);
        assert!(scope.take_changed() && !scope.take_changed());
        let progress = scope.frontiers(&JOIN);
        assert_eq!((inputs(&progress, 3), progress[&4].output), (vec![ENDED, ENDED], ENDED));
        assert_eq!((watermark(ENDED), watermark(10), watermark(i64::MIN)), (i64::MAX, 9, i64::MIN));
    }

    #[test]
    fn a_count_that_is_taken_back_before_it_comes_is_nothing() {
        let mut scope = ScopeProgress::default();
        scope.update((1, true, 0), 5, -1);
        scope.update((1, true, 0), 9, 1);
        assert_eq!(inputs(&scope.frontiers(&JOIN), 3), [9, ENDED]);
        scope.update((1, true, 0), 5, 1);
        assert_eq!(inputs(&scope.frontiers(&JOIN), 3), [9, ENDED]);
    }

    #[test]
    fn the_inputs_of_a_scope_come_from_outside_of_it() {
        // Into a region, through an operator in it, and out again.
        let edges = [edge((0, 0), (1, 0)), edge((1, 0), (0, 0))];
        let mut scope = ScopeProgress::default();
        scope.update((0, true, 0), 7, 1);
        let progress = scope.frontiers(&edges);
        assert_eq!(inputs(&progress, 1), [7]);
        assert_eq!(inputs(&progress, 0), [7]);
    }

    #[test]
    fn a_loop_comes_to_an_end() {
        let edges = [edge((1, 0), (2, 0)), edge((2, 0), (3, 0)), edge((3, 0), (2, 1))];
        let mut scope = ScopeProgress::default();
        scope.update((1, true, 0), 8, 1);
        scope.update((3, true, 0), 6, 1);
        let progress = scope.frontiers(&edges);
        assert_eq!(inputs(&progress, 2), [8, 6]);
        scope.update((3, true, 0), 6, -1);
        assert_eq!(inputs(&scope.frontiers(&edges), 2), [8, 8]);
    }
}

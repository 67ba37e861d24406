//! Turns, medians and clocks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// Whether a smaller or a greater result is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Times and sizes.
    Smaller,
    /// Rates.
    Greater,
}

/// Where a result stands in a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// flowmeter.
    Ours,
    /// What the machine allows.
    Limit,
    /// Another library.
    Peer(&'static str),
}

/// One measured row.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name, `subject/work`.
    pub name: &'static str,
    /// The unit of the results.
    pub unit: &'static str,
    /// How results compare.
    pub better: Better,
    /// The results of each side, one for each round.
    pub results: BTreeMap<Side, Vec<f64>>,
    /// Further figures.
    pub notes: Notes,
}

impl Row {
    /// A row without results.
    #[must_use]
    pub fn new(name: &'static str, unit: &'static str, better: Better) -> Self {
        Self { name, unit, better, results: BTreeMap::new(), notes: Notes::default() }
    }

    /// Adds a result.
    pub fn add(&mut self, side: Side, result: f64) {
        self.results.entry(side).or_default().push(result);
    }

    /// The median result of a side.
    #[must_use]
    pub fn median(&self, side: &Side) -> Option<f64> {
        self.results.get(side).and_then(|results| median(results))
    }

    fn peers(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        self.results.iter().filter_map(|(side, results)| match side {
            Side::Peer(name) => Some((*name, median(results)?)),
            _ => None,
        })
    }

    /// Ours over the limit: 1 is at the limit, more is worse.
    #[must_use]
    pub fn to_limit(&self) -> Option<f64> {
        Some(self.worse(self.median(&Side::Ours)?, self.median(&Side::Limit)?))
    }

    /// The best peer over ours: above 1 ours is better.
    #[must_use]
    pub fn to_best_peer(&self) -> Option<f64> {
        let ours = self.median(&Side::Ours)?;
        self.peers().map(|(_, peer)| self.worse(peer, ours)).min_by(f64::total_cmp)
    }

    /// By which factor `a` is worse than `b`.
    fn worse(&self, a: f64, b: f64) -> f64 {
        match self.better {
            Better::Smaller => a / b,
            Better::Greater => b / a,
        }
    }

    /// The row as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "name": self.name,
            "unit": self.unit,
            "ours": self.median(&Side::Ours),
            "limit": self.median(&Side::Limit),
            "peers": self.peers().collect::<BTreeMap<_, _>>(),
            "to_limit": self.to_limit(),
            "to_best_peer": self.to_best_peer(),
            "details": self.notes.medians().collect::<BTreeMap<_, _>>(),
        })
    }

    /// The row for people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{} [{}]\n", self.name, self.unit);
        let mut line = |name: &str, results: &[f64]| {
            if let (Some(median), Some(least), Some(most)) = (
                median(results),
                results.iter().copied().min_by(f64::total_cmp),
                results.iter().copied().max_by(f64::total_cmp),
            ) {
                let _ = writeln!(text, "  {name:<34} {median:>10.3}   ({least:.3} to {most:.3})");
            }
        };
        for (side, results) in &self.results {
            line(
                match side {
                    Side::Ours => "flowmeter",
                    Side::Limit => "limit",
                    Side::Peer(name) => name,
                },
                results,
            );
        }
        if let Some(ratio) = self.to_limit() {
            let _ = writeln!(text, "  {ratio:.2} x the limit");
        }
        if let Some(ratio) = self.to_best_peer() {
            let _ = writeln!(text, "  {ratio:.2} x better than the best peer");
        }
        for (name, value) in self.notes.medians() {
            let _ = writeln!(text, "  {name}: {value:.3}");
        }
        text
    }
}

/// Further figures of a row, by name.
#[derive(Clone, Debug, Default)]
pub struct Notes(BTreeMap<String, Vec<f64>>);

impl Notes {
    /// Adds a figure of one round, of which the median is shown.
    pub fn add(&mut self, name: impl Into<String>, figure: f64) {
        self.0.entry(name.into()).or_default().push(figure);
    }

    /// Sets a figure of all rounds so far.
    pub fn set(&mut self, name: impl Into<String>, figure: f64) {
        self.0.insert(name.into(), vec![figure]);
    }

    fn medians(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().filter_map(|(name, figures)| Some((name.as_str(), median(figures)?)))
    }
}

/// The middle of some results, or between the middle two.
#[must_use]
pub fn median(results: &[f64]) -> Option<f64> {
    let mut sorted: Vec<f64> = results.iter().copied().filter(|result| result.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        Some(sorted[middle])
    } else {
        Some((sorted.get(middle.checked_sub(1)?)? + sorted.get(middle)?) / 2.0)
    }
}

/// Measures once.
type Measure<'a> = Box<dyn FnMut(&mut Notes) -> f64 + 'a>;

/// Things that are measured in turns.
#[derive(Default)]
pub struct Turns<'a>(Vec<(Side, Measure<'a>)>);

impl<'a> Turns<'a> {
    /// Adds something to measure; it returns one result each time.
    pub fn add(&mut self, side: Side, mut measure: impl FnMut() -> f64 + 'a) {
        self.add_with_notes(side, move |_| measure());
    }

    /// Adds something to measure that has further figures.
    pub fn add_with_notes(&mut self, side: Side, measure: impl FnMut(&mut Notes) -> f64 + 'a) {
        self.0.push((side, Box::new(measure)));
    }

    /// Measures all in turns, after a round that does not count.
    pub fn run(mut self, row: &mut Row, rounds: usize) {
        for (_, measure) in &mut self.0 {
            measure(&mut Notes::default());
        }
        for _ in 0..rounds {
            for (side, measure) in &mut self.0 {
                let result = measure(&mut row.notes);
                // Not a number: another program had the cores.
                if !result.is_nan() {
                    row.add(side.clone(), result);
                }
            }
        }
    }
}

/// CPU time of the calling thread, in nanoseconds.
#[must_use]
pub fn thread_cpu() -> f64 {
    cpu(ClockId::ThreadCPUTime)
}

/// CPU time of all threads of the process, in nanoseconds.
#[must_use]
pub fn process_cpu() -> f64 {
    cpu(ClockId::ProcessCPUTime)
}

fn cpu(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// CPU nanoseconds of one of `count` calls, with all memory taken for changed between two of them.
#[inline(always)]
pub fn each(count: u64, mut call: impl FnMut(u64)) -> f64 {
    let start = thread_cpu();
    for i in 0..count {
        call(i);
        black_box(());
    }
    (thread_cpu() - start) / count as f64
}

/// A number on cache lines of its own.
#[repr(align(128))]
#[derive(Debug, Default)]
pub struct Padded(pub AtomicU64);

/// CPU nanoseconds of one call where two threads make `count` of them at the same time: the slower one's, in bursts
/// that overlapped by two thirds.
#[must_use]
pub fn each_of_two<F: FnMut(u64)>(count: u64, make: impl Fn() -> F + Sync) -> f64 {
    const BURSTS: u64 = 48;
    let count = count / BURSTS;
    let (arrived, begun) = (AtomicU64::new(0), Instant::now());
    let burst = || {
        let mut call = make();
        let mut bursts = Vec::new();
        for burst in 1..=BURSTS {
            arrived.fetch_add(1, Ordering::AcqRel);
            while arrived.load(Ordering::Acquire) < 2 * burst {
                std::hint::spin_loop();
            }
            let (start, cpu) = (begun.elapsed(), thread_cpu());
            for i in 0..count {
                call(i);
                black_box(());
            }
            bursts.push((thread_cpu() - cpu, start, begun.elapsed()));
        }
        bursts
    };
    let (a, b) = thread::scope(|scope| {
        let other = scope.spawn(burst);
        (burst(), other.join().expect("a measured call does not panic"))
    });
    let together = a.iter().zip(&b).filter(|((_, start_a, end_a), (_, start_b, end_b))| {
        let overlap = end_a.min(end_b).saturating_sub(*start_a.max(start_b));
        let longest = (*end_a - *start_a).max(*end_b - *start_b);
        overlap * 3 >= longest * 2
    });
    let each: Vec<f64> = together.map(|((a, ..), (b, ..))| a.max(*b) / count as f64).collect();
    median(&each).unwrap_or(f64::NAN)
}

/// Calls `work` until `meanwhile`, which another thread calls again and again, has gone on for `span` and has ended.
pub fn alongside(span: Duration, meanwhile: &(dyn Fn() + Sync), mut work: impl FnMut()) {
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            let begun = Instant::now();
            while begun.elapsed() < span {
                meanwhile();
            }
        });
        while !other.is_finished() {
            work();
        }
    });
}

/// Durations in nanoseconds, to a thousandth of their size.
#[must_use]
pub fn durations() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("the bounds are in order")
}

/// How often this thread gave up the core by itself, as for a lock that another holds.
#[must_use]
pub fn waits() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

/// How long this thread was ready to run but had no core, in nanoseconds.
#[must_use]
pub fn run_delay() -> u64 {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    schedule.split_whitespace().nth(1).and_then(|delay| delay.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(better: Better) -> Row {
        let mut row = Row::new("subject/work", "unit", better);
        for (side, result) in
            [(Side::Ours, 4.0), (Side::Limit, 2.0), (Side::Peer("a"), 8.0), (Side::Peer("b"), 1.0)]
        {
            row.add(side, result);
        }
        row
    }

    #[test]
    fn above_one_is_better_than_the_best_peer() {
        assert_eq!(row(Better::Smaller).to_best_peer(), Some(0.25), "b takes a quarter");
        assert_eq!(row(Better::Greater).to_best_peer(), Some(0.5), "a does twice as much");
    }

    #[test]
    fn above_one_is_worse_than_the_limit() {
        assert_eq!(row(Better::Smaller).to_limit(), Some(2.0));
        assert_eq!(row(Better::Greater).to_limit(), Some(0.5));
    }

    #[test]
    fn what_there_is_not_is_null() {
        let mut row = Row::new("subject/work", "unit", Better::Smaller);
        row.add(Side::Ours, 4.0);
        let expected = json!({
            "name": "subject/work", "unit": "unit", "ours": 4.0, "limit": null, "peers": {},
            "to_limit": null, "to_best_peer": null, "details": {},
        });
        assert_eq!(row.to_json(), expected);
    }

    #[test]
    fn the_first_round_does_not_count() {
        let mut row = Row::new("subject/work", "unit", Better::Smaller);
        let mut turns = Turns::default();
        let mut rounds = 0.0;
        turns.add_with_notes(Side::Ours, |notes| {
            rounds += 1.0;
            notes.add("round", rounds);
            notes.set("rounds", rounds);
            rounds
        });
        turns.run(&mut row, 2);
        assert_eq!(row.results[&Side::Ours], [2.0, 3.0]);
        assert_eq!(row.notes.medians().collect::<Vec<_>>(), [("round", 2.5), ("rounds", 3.0)]);
    }
}

//! How long records take from a source to the end of the job, by the worker's own clock.
//!
//! Timely's progress says when all records of a time are through an operator, so that no marker need travel with them:
//! a source notes when it begins a time, and a sink of the same worker looks which times are over.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use flowmeter::stream::{LatencyGranularity, LatencyMarker, LatencyTracker};
use flowmeter_timely::MeasuredOperator;

use super::truth::LatencyTally;

/// The most times of a source that a sink has not seen the end of. Beyond, the oldest are let go.
const LIMIT: usize = 1_024;

/// Times that a source has begun, and when, since the Unix epoch.
type Begun = Rc<RefCell<VecDeque<(u64, Duration)>>>;

/// Between the source of a worker's dataflow and its sinks.
#[derive(Clone, Default)]
pub(super) struct Markers(Rc<Inner>);

#[derive(Default)]
struct Inner {
    source_id: RefCell<Arc<str>>,
    sinks: RefCell<Vec<Begun>>,
}

impl Markers {
    /// Says which operator the source is.
    pub(super) fn set_source(&self, address: &[usize]) {
        let parts: Vec<String> = address.iter().map(ToString::to_string).collect();
        *self.0.source_id.borrow_mut() = parts.join(".").into();
    }

    /// The source begins a time.
    pub(super) fn begin(&self, time: u64, now: Duration) {
        for sink in self.0.sinks.borrow().iter() {
            let mut begun = sink.borrow_mut();
            begun.push_back((time, now));
            if begun.len() > LIMIT {
                begun.pop_front();
            }
        }
    }

    /// What a sink keeps, which is one of the worker's operators.
    pub(super) fn sink(&self, address: &[usize], worker: usize, tally: LatencyTally) -> MarkedSink {
        let begun = Begun::default();
        self.0.sinks.borrow_mut().push(Rc::clone(&begun));
        let operator = MeasuredOperator::new(address);
        MarkedSink { markers: self.clone(), begun, worker, operator, latencies: None, tally }
    }
}

/// A sink that sees when times are over.
pub(super) struct MarkedSink {
    markers: Markers,
    begun: Begun,
    worker: usize,
    operator: MeasuredOperator,
    latencies: Option<LatencyTracker>,
    /// The job's own account of the same.
    tally: LatencyTally,
}

impl MarkedSink {
    /// No record of a time before this one will come; none at all if there is none.
    pub(super) fn advance(&mut self, frontier: Option<u64>) {
        let mut begun = self.begun.borrow_mut();
        let is_over = |(time, _): &(u64, Duration)| frontier.is_none_or(|frontier| *time < frontier);
        while begun.front().is_some_and(is_over) {
            let Some((_, marked)) = begun.pop_front() else { return };
            let Some(operator) = self.operator.group() else { continue };
            let latencies = self
                .latencies
                .get_or_insert_with(|| LatencyTracker::register(operator, LatencyGranularity::Operator));
            let source_id = Arc::clone(&self.markers.0.source_id.borrow());
            let now = operator.clock().unix();
            let marker = LatencyMarker { source_id, source_subtask_index: self.worker, marked };
            latencies.arrived_at(&marker, now);
            self.tally.took(now.saturating_sub(marked));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_lets_go_of_times_that_are_over() {
        let markers = Markers::default();
        let sink = |address: &[usize]| markers.sink(address, 0, LatencyTally::default());
        let (mut first, second) = (sink(&[0, 1]), sink(&[0, 2]));
        for time in [0, 100, 200] {
            markers.begin(time, Duration::ZERO);
        }
        let left = |sink: &MarkedSink| sink.begun.borrow().iter().map(|(time, _)| *time).collect::<Vec<_>>();
        first.advance(Some(200));
        assert_eq!((left(&first), left(&second)), (vec![200], vec![0, 100, 200]));
        first.advance(None);
        assert!(left(&first).is_empty());
        for time in 0..2_000 {
            markers.begin(time, Duration::ZERO);
        }
        assert_eq!(left(&second).len(), LIMIT);
        assert_eq!(left(&second).last(), Some(&1_999));
    }
}

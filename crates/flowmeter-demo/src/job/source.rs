//! A paced source that waits when the job falls behind.
//!
//! Timely's channels have no bound, so without the wait a fast source would fill the memory. This is the job's own back
//! pressure: the source goes on only while what it produced some time ago has left the job.

use std::time::{Duration, Instant};

use flowmeter::MetricSet;
use flowmeter::stream::{SourceReader, SplitProgressMetrics};
use flowmeter_timely::MeasuredOperator;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::generic::source;
use timely::dataflow::{ProbeHandle, Scope, StreamVec};

use super::markers::Markers;
use super::truth::Tally;
use super::{JobControl, JobSpec};

/// The most records that a source produces before others get the thread.
const BURST: usize = 4096;
/// How many steps of time may be under way.
const WINDOW: u64 = 4;

/// What a source produces next.
pub(super) enum Produced {
    /// Records of this time, which never goes back.
    At(u64),
    /// Nothing at the moment.
    Nothing,
    /// Nothing any more.
    End,
}

/// Makes the records: fills the buffer with at most so many records, all of one time.
pub(super) trait Produce<D> {
    fn produce(&mut self, most: usize, records: &mut Vec<D>) -> Produced;

    /// How far time goes on in one step.
    fn step(&self) -> u64;

    /// How many splits were read to their end, if the records come from such.
    fn splits_processed(&self) -> Option<u64> {
        None
    }
}

/// What a source says of itself, where the job is measured.
struct Measured {
    operator: MeasuredOperator,
    reader: Option<SourceReader>,
    splits: Option<SplitProgressMetrics>,
    markers: Markers,
    /// The time that it began last.
    began: Option<u64>,
}

impl Measured {
    fn new(address: &[usize], markers: Markers) -> Self {
        markers.set_source(address);
        let operator = MeasuredOperator::new(address);
        Self { operator, reader: None, splits: None, markers, began: None }
    }

    /// The source hands on records of this time.
    fn note_time(&mut self, time: u64) {
        if self.began.replace(time) != Some(time)
            && let Some(group) = self.operator.group()
        {
            self.markers.begin(time, group.clock().unix());
        }
    }

    /// The source hands records on, or has none at the moment, or is held back although it may have some.
    fn note(&mut self, state: State, splits: Option<u64>) {
        self.operator.set_back_pressured(state == State::HeldBack);
        let Some(group) = self.operator.group() else { return };
        let reader = self.reader.get_or_insert_with(|| SourceReader::register(group));
        match state {
            State::Active | State::HeldBack => reader.resumed(),
            State::Idle => reader.went_idle(),
        }
        if let Some(splits) = splits {
            let metrics = self.splits.get_or_insert_with(|| SplitProgressMetrics::register(group));
            metrics.num_splits_processed.set(splits);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Active,
    Idle,
    HeldBack,
}

/// What a source has of the end of the job.
#[derive(Clone, Copy)]
pub(super) struct End<'a> {
    /// How far it is.
    pub(super) probe: &'a ProbeHandle<u64>,
    /// Who wants to know how long the way there takes.
    pub(super) markers: &'a Markers,
}

/// Adds a source operator to a dataflow.
pub(super) fn paced<'scope, D: Clone + 'static>(
    scope: Scope<'scope, u64>,
    name: &str,
    spec: &JobSpec,
    control: &JobControl,
    tally: Tally,
    end: End<'_>,
    mut producer: impl Produce<D> + 'static,
) -> StreamVec<'scope, u64, D> {
    let (rate, duration, control) = (spec.rate, spec.duration, control.clone());
    let (probe, markers) = (end.probe.clone(), end.markers.clone());
    source::<_, CapacityContainerBuilder<Vec<D>>, _, _>(scope, name, move |capability, info| {
        let mut measured = Measured::new(&info.address, markers);
        let activator = scope.activator_for(info.address);
        let mut capability = Some(capability);
        let (mut began, mut produced, mut records) = (None, 0_u64, Vec::new());
        move |output| {
            let Some(held) = &mut capability else { return };
            let elapsed = began.get_or_insert_with(Instant::now).elapsed();
            if control.is_stopped() || duration.is_some_and(|duration| elapsed >= duration) {
                measured.note(State::Idle, producer.splits_processed());
                capability = None;
                return;
            }
            let lag = WINDOW * producer.step();
            if held.time().checked_sub(lag).is_some_and(|time| probe.less_than(&time)) {
                measured.note(State::HeldBack, producer.splits_processed());
                activator.activate_after(Duration::from_micros(200));
                return;
            }
            let mut due = BURST;
            if rate > 0 {
                let by_now = (elapsed.as_nanos() * u128::from(rate) / 1_000_000_000) as u64;
                due = due.min(by_now.saturating_sub(produced) as usize);
                if due == 0 {
                    measured.note(State::Idle, producer.splits_processed());
                    activator.activate_after(Duration::from_millis(1));
                    return;
                }
            }
            let (before, mut waits) = (produced, false);
            while due > 0 {
                match producer.produce(due, &mut records) {
                    Produced::At(time) => {
                        held.downgrade(&time);
                        measured.note_time(time);
                        due -= records.len().min(due);
                        produced += records.len() as u64;
                        tally.gave(records.len());
                        output.session(&*held).give_iterator(records.drain(..));
                    }
                    Produced::Nothing => {
                        waits = true;
                        break;
                    }
                    Produced::End => {
                        capability = None;
                        break;
                    }
                }
            }
            control.produced(produced - before);
            let state = if waits || capability.is_none() { State::Idle } else { State::Active };
            measured.note(state, producer.splits_processed());
            match capability {
                Some(_) if waits => activator.activate_after(Duration::from_millis(1)),
                Some(_) => activator.activate(),
                None => {}
            }
        }
    })
}

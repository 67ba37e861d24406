//! Instruments [timely dataflow](https://docs.rs/timely): every operator of every dataflow becomes metric groups of
//! flowmeter, without a change to the job.
//!
//! ```
//! use std::sync::Arc;
//!
//! use flowmeter_core::Registry;
//! use flowmeter_timely::TimelyInstrumentation;
//! use timely::dataflow::operators::{ToStream, Inspect};
//!
//! let registry = Registry::new();
//! let task_manager = Arc::new(registry.task_manager("host-1", "tm-1"));
//! let instrumentation = TimelyInstrumentation::new(task_manager, "a3f0");
//!
//! timely::execute_directly(move |worker| {
//!     instrumentation.install(worker).expect("a fresh worker");
//!     worker.dataflow_named::<u64, _, _>("example", |scope| {
//!         (0..10).to_stream(scope).container::<Vec<_>>().inspect(|_| ());
//!     });
//! });
//! ```
//!
//! # What becomes what
//!
//! | in timely | in flowmeter |
//! |---|---|
//! | a process | a TaskManager; its group is the caller's |
//! | a dataflow | a job: `job_name` is the dataflow's name, `job_id` the caller's |
//! | an operator or region at the top of a dataflow | a task: `task_id` is its address, such as `0.3` |
//! | an operator, unless it is a region at the top | an operator: `operator_id` is its address, such as `0.3.1` |
//! | the index of a worker | `subtask_index` |
//!
//! All workers that build the same dataflows give the same addresses, so a task has one id in all processes.
//!
//! # What is measured
//!
//! [`TaskIoMetrics`](flowmeter_stream::TaskIoMetrics), [`TaskTimeMetrics`](flowmeter_stream::TaskTimeMetrics) and
//! [`OperatorIoMetrics`](flowmeter_stream::OperatorIoMetrics), from timely's own log events, on the worker's thread,
//! with plain additions; and where it is [asked for](TimelyInstrumentation::install_with_watermarks), the
//! [watermarks](flowmeter_stream::Watermarks) of operators and tasks, from the progress that timely tracks:
//!
//! * Records and buffers (timely's containers) are exact. What a port emits is counted once, however many consumers it
//!   has; a port without any emits nothing that timely tells of.
//! * An operator's busy time is what it had of the thread, less what operators inside it had. A task's is all of it. It
//!   is known when the activation ends.
//! * A task's idle time is the rest of the time since it began: tasks share the threads of workers, so a task that waits for its turn is
//!   idle as well. While a worker is parked it stands still, and catches up
//!   when the worker wakes: park with a limit, as in `worker.step_or_park(Some(Duration::from_millis(100)))`.
//! * Back pressure is what job code says of it, through [`MeasuredOperator`], since timely's channels have no bound; so are all
//!   other metrics that only job code knows. Bytes are not known: workers of a process hand records over as they are.
//!
//! A worker that is driven by `worker.step()` alone never parks and so burns a core; that is not flowmeter's doing.

#![forbid(unsafe_code)]

mod aggregator;
mod frontiers;
mod operator;

use std::any::type_name;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use aggregator::Aggregator;
use flowmeter_core::TaskManagerGroup;
pub use operator::MeasuredOperator;
use timely::logging::{TimelyEvent, TimelyEventBuilder};
use timely::progress::Timestamp;
use timely::progress::reachability::logging::{TrackerEvent, TrackerEventBuilder};
use timely::worker::Worker;

/// The name under which timely looks for the logger of its own events.
const TIMELY_LOG: &str = "timely";

/// Instruments the workers of a process. Cheap to clone, and made to be captured by the closure that workers run.
#[derive(Clone)]
pub struct TimelyInstrumentation {
    task_manager: Arc<TaskManagerGroup>,
    job_id: Arc<str>,
}

impl TimelyInstrumentation {
    /// Will put jobs into this TaskManager's group, under this id.
    #[must_use]
    pub fn new(task_manager: Arc<TaskManagerGroup>, job_id: impl Into<Arc<str>>) -> Self {
        Self { task_manager, job_id: job_id.into() }
    }

    /// Instruments all dataflows that this worker builds from now on.
    ///
    /// The groups of a dataflow close with its operators, the rest when the worker is dropped.
    ///
    /// # Errors
    ///
    /// When the worker has no log, or something else already receives timely's events.
    pub fn install(&self, worker: &Worker) -> Result<(), Error> {
        let mut aggregator = self.aggregator(worker);
        Self::follow(worker, move |time, event| match event {
            Some(event) => aggregator.event(time, event),
            None => aggregator.flush(time),
        })
    }

    /// The same with the watermarks of all operators of dataflows whose times are of the type `T`, which `milliseconds`
    /// turns into event time. Times of this type are in order, and go by unchanged from input to output of an operator;
    /// where one moves them on, or in a loop, watermarks are lower bounds. A dataflow with times of another type has
    /// none.
    ///
    /// It follows the progress of all workers, which costs another percent or two of a job that makes little progress
    /// by record.
    ///
    /// # Errors
    ///
    /// When the worker has no log, or something else already receives timely's events.
    pub fn install_with_watermarks<T: Timestamp>(
        &self,
        worker: &Worker,
        milliseconds: impl Fn(&T) -> i64 + 'static,
    ) -> Result<(), Error> {
        let log = format!("timely/reachability/{}", type_name::<T>());
        {
            let register = worker.log_register().ok_or(Error::NoLog)?;
            if register.get::<TrackerEventBuilder<T>>(&log).is_some() {
                return Err(Error::AlreadyLogged);
            }
        }
        let aggregator = Rc::new(RefCell::new(self.aggregator(worker).with_watermarks()));
        let followed = Rc::clone(&aggregator);
        Self::follow(worker, move |time, event| match event {
            Some(event) => followed.borrow_mut().event(time, event),
            None => followed.borrow_mut().flush(time),
        })?;
        let mut register = worker.log_register().ok_or(Error::NoLog)?;
        register.insert::<TrackerEventBuilder<T>, _>(&log, move |time, events| {
            let mut aggregator = aggregator.borrow_mut();
            let Some(events) = events else { return aggregator.flush_progress(*time) };
            for (_, event) in events.iter() {
                let (scope, is_output, updates) = match event {
                    TrackerEvent::SourceUpdate(update) => (update.tracker_id, true, &update.updates),
                    TrackerEvent::TargetUpdate(update) => (update.tracker_id, false, &update.updates),
                };
                for (index, port, time, difference) in updates {
                    aggregator.pointstamp(scope, (*index, is_output, *port), milliseconds(time), *difference);
                }
            }
            events.clear();
        });
        Ok(())
    }

    fn aggregator(&self, worker: &Worker) -> Aggregator {
        Aggregator::new(Arc::clone(&self.task_manager), Arc::clone(&self.job_id), worker.index())
    }

    /// Has timely's events handed on, and the time at which no earlier ones are held back.
    fn follow(
        worker: &Worker,
        mut handler: impl FnMut(Duration, Option<&TimelyEvent>) + 'static,
    ) -> Result<(), Error> {
        let mut register = worker.log_register().ok_or(Error::NoLog)?;
        if register.get::<TimelyEventBuilder>(TIMELY_LOG).is_some() {
            return Err(Error::AlreadyLogged);
        }
        register.insert::<TimelyEventBuilder, _>(TIMELY_LOG, move |time, events| match events {
            Some(events) => {
                for (time, event) in events.iter() {
                    handler(*time, Some(event));
                }
                // An emptied buffer goes back to the log, which then need not allocate one.
                events.clear();
            }
            None => handler(*time, None),
        });
        Ok(())
    }
}

impl fmt::Debug for TimelyInstrumentation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimelyInstrumentation")
            .field("task_manager", &self.task_manager)
            .field("job_id", &self.job_id)
            .finish()
    }
}

/// Why a worker could not be instrumented.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The worker was made without a start time, so timely logs nothing.
    #[error(
        "the worker has no log: make it with `Worker::new(.., Some(Instant::now()))`, as `timely::execute` does"
    )]
    NoLog,

    /// Timely has one receiver of its events.
    #[error("the worker's `timely` log has a receiver already: install the instrumentation first, and once")]
    AlreadyLogged,
}

/// The example of the README, which is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

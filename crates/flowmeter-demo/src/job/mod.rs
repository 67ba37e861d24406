//! The jobs: dataflows on timely, with counts of their own.

mod join_state;
mod library;
mod markers;
pub mod nexmark;
mod source;
pub mod text;
mod tokenizer;
mod truth;
mod wordcount;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flowmeter_timely::TimelyInstrumentation;
use serde::{Deserialize, Serialize};
use timely::dataflow::ProbeHandle;
use timely::worker::Worker;

use text::Split;
use truth::Tallies;
pub use truth::{Latencies, Records, Truth};

/// A job and how it is to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct JobSpec {
    /// What it does.
    pub kind: JobKind,
    /// Source records a second for each TaskManager; 0 for as many as go.
    pub rate: u64,
    /// How long its sources produce at most.
    pub duration: Option<Duration>,
    /// Whether workers keep the result.
    pub keep_output: bool,
}

/// What a job does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum JobKind {
    /// An auction site: hot items, and a join of people and auctions.
    Nexmark {
        /// Events over all workers; endless if not given.
        events: Option<u64>,
    },
    /// Counts words.
    WordCount {
        /// The text, in pieces that workers take in turns; nothing for standard input, which the first worker reads.
        splits: Option<Vec<Split>>,
    },
}

impl JobKind {
    /// The job's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Nexmark { .. } => "nexmark",
            Self::WordCount { .. } => "wordcount",
        }
    }
}

/// What a process and the workers of its part of a job tell each other.
#[derive(Clone, Debug, Default)]
pub struct JobControl(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    source_records: AtomicU64,
    stop: AtomicBool,
    failure: Mutex<Option<String>>,
}

impl JobControl {
    /// Asks the sources to end; what they have produced is still worked on.
    pub fn stop(&self) {
        self.0.stop.store(true, Relaxed);
    }

    /// How many records the sources have produced so far.
    #[must_use]
    pub fn source_records(&self) -> u64 {
        self.0.source_records.load(Relaxed)
    }

    /// What kept the job from going on, if anything has.
    #[must_use]
    pub fn failure(&self) -> Option<String> {
        self.0.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn is_stopped(&self) -> bool {
        self.0.stop.load(Relaxed)
    }

    fn produced(&self, records: u64) {
        self.0.source_records.fetch_add(records, Relaxed);
    }

    fn fail(&self, message: String) {
        self.0.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
        self.stop();
    }
}

/// What one worker's part of a job came to.
#[derive(Clone, Debug, Default)]
pub struct WorkerResult {
    /// What its operators counted.
    pub truth: Truth,
    /// Its part of the result, if it was to be kept: one line a row, unsorted.
    pub output: Vec<String>,
}

/// Has a worker measured that will run a job.
///
/// # Errors
///
/// When the worker has no log, or is measured already.
pub fn measure(
    worker: &Worker,
    kind: &JobKind,
    instrumentation: &TimelyInstrumentation,
) -> Result<(), flowmeter_timely::Error> {
    match kind {
        // Its times are event time, in milliseconds.
        JobKind::Nexmark { .. } => instrumentation
            .install_with_watermarks(worker, |time: &u64| i64::try_from(*time).unwrap_or(i64::MAX)),
        // Its times only number the steps of its sources.
        JobKind::WordCount { .. } => instrumentation.install(worker),
    }
}

/// Runs a worker's part of a job to its end.
pub fn run_worker(worker: &mut Worker, spec: &JobSpec, control: &JobControl) -> WorkerResult {
    let (tallies, probe) = (Tallies::default(), ProbeHandle::new());
    let output = match &spec.kind {
        JobKind::Nexmark { events } => nexmark::build(worker, spec, *events, control, &tallies, &probe),
        JobKind::WordCount { splits } => {
            wordcount::build(worker, spec, splits.as_deref(), control, &tallies, &probe)
        }
    };
    while !probe.done() {
        worker.step_or_park(Some(Duration::from_millis(100)));
    }
    WorkerResult { truth: tallies.truth(), output: output.take() }
}

/// Runs a whole job in this process, on one worker in this thread.
pub fn run_alone(
    spec: JobSpec,
    instrumentation: Option<TimelyInstrumentation>,
) -> Result<WorkerResult, String> {
    let control = JobControl::default();
    let result = timely::execute_directly({
        let control = control.clone();
        move |worker| {
            if let Some(instrumentation) = instrumentation {
                measure(worker, &spec.kind, &instrumentation).map_err(|error| error.to_string())?;
            }
            Ok(run_worker(worker, &spec, &control))
        }
    });
    match control.failure() {
        Some(message) => Err(message),
        None => result,
    }
}

//! Checkpoints: the ledger of a job, and what a task sees of them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flowmeter_core::{Clock, Gauge, Histogram, MetricGroup, MetricSet, TextGauge};

use crate::checkpoint_span::{EndedCheckpoint, Outcome, Period};

/// How many checkpoints a ledger takes for under way. One that is triggered beyond puts out the one that began first,
/// which counts as failed: somebody does not say how they end.
const IN_PROGRESS_LIMIT: usize = 1_000;

/// What a completed checkpoint came to. Fields that an engine does not know stay as they are by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompletedCheckpoint {
    /// Bytes that it wrote: of an incremental one only what is new.
    pub size: u64,
    /// Bytes of the whole state; the same as `size` if it is not incremental.
    pub full_size: u64,
    /// Bytes of its metadata.
    pub metadata_size: u64,
    /// Bytes in flight that were processed while it ran.
    pub processed_data: u64,
    /// Bytes in flight that it stored.
    pub persisted_data: u64,
    /// Where it is, if others can find it. Backends with labels have a series for each place.
    pub external_path: String,
    /// Whether its barriers overtook the data in flight.
    pub is_unaligned: bool,
    /// What kind of checkpoint it is, in Flink's words such as `Full Checkpoint` or `Terminate Savepoint`: `Checkpoint` if
    /// nothing is given.
    pub checkpoint_type: String,
    /// What each subtask stored, if that is known: its span has the greatest values and their sums.
    pub subtasks: Vec<SubtaskCheckpoint>,
}

impl CompletedCheckpoint {
    pub(crate) fn type_name(&self) -> &str {
        if self.checkpoint_type.is_empty() { "Checkpoint" } else { &self.checkpoint_type }
    }
}

/// One subtask's part of a completed checkpoint. Fields that an engine does not know stay as they are by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubtaskCheckpoint {
    /// From the trigger until the subtask began with it.
    pub start_delay: Duration,
    /// How long it waited for the barriers of all inputs.
    pub alignment: Duration,
    /// How long it did nothing else for it.
    pub sync: Duration,
    /// How long it wrote beside its work.
    pub r#async: Duration,
    /// Bytes that it wrote: of an incremental one only what is new.
    pub size: u64,
    /// Bytes of its whole state.
    pub full_size: u64,
    /// Bytes in flight that it processed meanwhile.
    pub processed_data: u64,
    /// Bytes in flight that it stored.
    pub persisted_data: u64,
}

/// The checkpoints of a job, as its JobManager sees them. Clones are one; it is for threads that are not in a hurry.
///
/// Beside metrics it reports each checkpoint that ends, to reporters that want spans and events: Flink's span `Checkpoint` and event
/// `CheckpointEvent`.
///
/// ```
/// # let registry = flowmeter_core::Registry::new();
/// # let job_manager = registry.job_manager("h");
/// # let job = job_manager.job("j", "job");
/// use flowmeter_stream::{CheckpointLedger, CompletedCheckpoint};
///
/// let checkpoints = CheckpointLedger::register(&job);
/// checkpoints.triggered(1);
/// checkpoints.completed(1, CompletedCheckpoint { size: 4096, full_size: 4096, ..Default::default() });
/// ```
#[derive(Clone, Debug)]
pub struct CheckpointLedger {
    ledger: Arc<Mutex<Ledger>>,
    job: MetricGroup,
    clock: Arc<dyn Clock>,
}

impl CheckpointLedger {
    /// Registers [`CheckpointMetrics`], [`CheckpointHistograms`] and [`LastCheckpointMetrics`] in the group of a job on
    /// its JobManager.
    pub fn register(job: &MetricGroup) -> Self {
        let ledger = Ledger {
            histograms: CheckpointHistograms::register(job),
            in_progress: BTreeMap::new(),
            last: None,
            restored: None,
            last_is_before_restore: false,
            completed: 0,
            failed: 0,
        };
        let ledger =
            Self { ledger: Arc::new(Mutex::new(ledger)), job: job.clone(), clock: Arc::clone(job.clock()) };
        let shown = ledger.clone();
        job.collector(move |metrics: &CheckpointMetrics| shown.lock().show(metrics));
        let shown = ledger.clone();
        job.collector(move |metrics: &LastCheckpointMetrics| {
            shown.lock().last.as_ref().inspect(|last| last.show(metrics)).is_some()
        });
        let shown = ledger.clone();
        job.collector(move |metrics: &ExternalPathMetrics| {
            let ledger = shown.lock();
            let path = ledger.last.as_ref().map(|last| last.checkpoint.external_path.as_str());
            let path = path.filter(|path| !path.is_empty());
            path.inspect(|path| metrics.last_checkpoint_external_path.set(*path)).is_some()
        });
        let shown = ledger.clone();
        job.collector(move |metrics: &RestoreMetrics| {
            let restored = shown.lock().restored.map(milliseconds);
            restored.inspect(|restored| metrics.last_checkpoint_restore_timestamp.set(*restored)).is_some()
        });
        ledger
    }

    /// A checkpoint begins. A number that is under way already goes on.
    pub fn triggered(&self, id: u64) {
        let began = self.now();
        let mut ledger = self.lock();
        ledger.in_progress.entry(id).or_insert(began);
        let mut put_out = None;
        if ledger.in_progress.len() > IN_PROGRESS_LIMIT {
            let first = ledger.in_progress.iter().min_by_key(|(_, began)| began.monotonic);
            if let Some(first) = first.map(|(id, _)| *id) {
                put_out = ledger.fail(first, began, "nobody said how it ended");
            }
        }
        drop(ledger);
        self.report(put_out);
    }

    /// A checkpoint is complete: every task has stored its part. Nothing happens if it is not under way.
    pub fn completed(&self, id: u64, checkpoint: CompletedCheckpoint) {
        let now = self.now();
        let mut ledger = self.lock();
        let Some(began) = ledger.in_progress.remove(&id) else { return };
        let duration = now.monotonic.saturating_sub(began.monotonic);
        ledger.completed += 1;
        ledger.histograms.checkpoint_duration.record(duration);
        ledger.histograms.checkpoint_size.record(checkpoint.size);
        // One that began later may have been through before: it is the newer one. After a restore numbers may begin anew.
        if ledger.last_is_before_restore || ledger.last.as_ref().is_none_or(|last| last.id < id) {
            let checkpoint = CompletedCheckpoint { subtasks: Vec::new(), ..checkpoint.clone() };
            ledger.last = Some(Last { id, checkpoint, duration, completed: now.unix });
            ledger.last_is_before_restore = false;
        }
        drop(ledger);
        self.report([EndedCheckpoint {
            id,
            period: began.until(now),
            outcome: Outcome::Completed(checkpoint),
        }]);
    }

    /// A checkpoint failed, timed out or was given up. Nothing happens if it is not under way.
    pub fn failed(&self, id: u64) {
        self.failed_because(id, "");
    }

    /// The same, with what people are to know of it.
    pub fn failed_because(&self, id: u64, why: &str) {
        let now = self.now();
        let failed = self.lock().fail(id, now, why);
        self.report(failed);
    }

    /// The job was restored from a checkpoint. Those that were under way have failed.
    pub fn restored(&self) {
        let now = self.now();
        let mut ledger = self.lock();
        let in_progress: Vec<_> = ledger.in_progress.keys().copied().collect();
        let failed: Vec<_> = in_progress
            .into_iter()
            .filter_map(|id| ledger.fail(id, now, "the job was restored meanwhile"))
            .collect();
        ledger.restored = Some(now.unix);
        ledger.last_is_before_restore = true;
        drop(ledger);
        self.report(failed);
    }

    fn now(&self) -> Moment {
        Moment { monotonic: self.clock.monotonic(), unix: self.clock.unix() }
    }

    fn report(&self, ended: impl IntoIterator<Item = EndedCheckpoint>) {
        ended.into_iter().for_each(|checkpoint| checkpoint.report(&self.job));
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last completed checkpoint of a job; there is no series before the first. [`CheckpointLedger`] fills it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct LastCheckpointMetrics {
    /// How long the last completed checkpoint took, from its trigger to the last acknowledgement.
    #[metric(unit = MILLISECONDS)]
    pub last_checkpoint_duration: Gauge<u64>,
    /// Bytes that the last completed checkpoint wrote: of an incremental one only what is new.
    #[metric(unit = BYTES)]
    pub last_checkpoint_size: Gauge<u64>,
    /// Bytes of the whole state in the last completed checkpoint.
    #[metric(unit = BYTES)]
    pub last_checkpoint_full_size: Gauge<u64>,
    /// Bytes of the metadata of the last completed checkpoint.
    #[metric(unit = BYTES)]
    pub last_checkpoint_metadata_size: Gauge<u64>,
    /// Bytes in flight that were processed while the last completed checkpoint ran.
    #[metric(unit = BYTES)]
    pub last_checkpoint_processed_data: Gauge<u64>,
    /// Bytes in flight that the last completed checkpoint stored.
    #[metric(unit = BYTES)]
    pub last_checkpoint_persisted_data: Gauge<u64>,
    /// The number of the last completed checkpoint.
    pub last_completed_checkpoint_id: Gauge<u64>,
    /// When the last completed checkpoint was complete, since the Unix epoch.
    #[metric(unit = MILLISECONDS)]
    pub last_checkpoint_completed_timestamp: Gauge<u64>,
}

/// Where the last completed checkpoint is, if it said so. [`CheckpointLedger`] fills it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct ExternalPathMetrics {
    /// Where the last completed checkpoint is.
    pub last_checkpoint_external_path: TextGauge,
}

/// The last time that a job was restored, if it was. [`CheckpointLedger`] fills it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct RestoreMetrics {
    /// When the job was last restored from a checkpoint, since the Unix epoch.
    #[metric(unit = MILLISECONDS)]
    pub last_checkpoint_restore_timestamp: Gauge<u64>,
}

/// How many checkpoints a job has had. [`CheckpointLedger`] fills it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct CheckpointMetrics {
    /// Checkpoints that are under way.
    #[metric(unit = "{checkpoint}")]
    pub number_of_in_progress_checkpoints: Gauge<u64>,
    /// Checkpoints that were completed.
    #[metric(unit = "{checkpoint}")]
    pub number_of_completed_checkpoints: Gauge<u64>,
    /// Checkpoints that failed.
    #[metric(unit = "{checkpoint}")]
    pub number_of_failed_checkpoints: Gauge<u64>,
    /// Checkpoints that are under way, were completed, or failed.
    #[metric(unit = "{checkpoint}")]
    pub total_number_of_checkpoints: Gauge<u64>,
}

/// The completed checkpoints of a job, all of them, which gauges of the last one do not show. Flink has no such metrics.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct CheckpointHistograms {
    /// How long completed checkpoints took.
    pub checkpoint_duration: Histogram<Duration>,
    /// Bytes that completed checkpoints wrote.
    #[metric(unit = BYTES)]
    pub checkpoint_size: Histogram<u64>,
}

#[derive(Debug)]
struct Ledger {
    histograms: CheckpointHistograms,
    /// When each began, by number.
    in_progress: BTreeMap<u64, Moment>,
    last: Option<Last>,
    /// When the job was last restored, since the Unix epoch.
    restored: Option<Duration>,
    /// The last one was completed before that, so the next one is newer whatever its number.
    last_is_before_restore: bool,
    completed: u64,
    failed: u64,
}

/// The completed checkpoint of the greatest number.
#[derive(Debug)]
struct Last {
    id: u64,
    checkpoint: CompletedCheckpoint,
    duration: Duration,
    /// When it was complete, since the Unix epoch.
    completed: Duration,
}

/// A time on both clocks.
#[derive(Clone, Copy, Debug)]
struct Moment {
    monotonic: Duration,
    unix: Duration,
}

impl Moment {
    /// The time up to another, which does not change if the machine's clock is set meanwhile.
    fn until(self, end: Self) -> Period {
        let duration = end.monotonic.saturating_sub(self.monotonic);
        Period { start: self.unix, end: self.unix.saturating_add(duration) }
    }
}

impl Ledger {
    /// Counts a checkpoint as failed, if it is under way.
    fn fail(&mut self, id: u64, now: Moment, why: &str) -> Option<EndedCheckpoint> {
        let began = self.in_progress.remove(&id)?;
        self.failed += 1;
        Some(EndedCheckpoint { id, period: began.until(now), outcome: Outcome::Failed(why.to_owned()) })
    }

    fn show(&self, metrics: &CheckpointMetrics) {
        let in_progress = self.in_progress.len() as u64;
        metrics.number_of_in_progress_checkpoints.set(in_progress);
        metrics.number_of_completed_checkpoints.set(self.completed);
        metrics.number_of_failed_checkpoints.set(self.failed);
        metrics.total_number_of_checkpoints.set(in_progress + self.completed + self.failed);
    }
}

impl Last {
    fn show(&self, metrics: &LastCheckpointMetrics) {
        metrics.last_checkpoint_duration.set(milliseconds(self.duration));
        metrics.last_checkpoint_size.set(self.checkpoint.size);
        metrics.last_checkpoint_full_size.set(self.checkpoint.full_size);
        metrics.last_checkpoint_metadata_size.set(self.checkpoint.metadata_size);
        metrics.last_checkpoint_processed_data.set(self.checkpoint.processed_data);
        metrics.last_checkpoint_persisted_data.set(self.checkpoint.persisted_data);
        metrics.last_completed_checkpoint_id.set(self.id);
        metrics.last_checkpoint_completed_timestamp.set(milliseconds(self.completed));
    }
}

pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

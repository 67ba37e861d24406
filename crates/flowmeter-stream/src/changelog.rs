//! State that is stored as a log of its changes, and the files of checkpoints that are merged.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{
    Clock, Counter, Gauge, MetricGroup, MetricSet, SharedCounter, SharedGauge, SharedHistogram,
};

use crate::state_times::{StateTimes, nanoseconds};
use crate::window::{Share, Turn, Window};

/// The uploads of changes, in the group `ChangelogStorage` below that of a job on a TaskManager.
#[derive(Clone, Debug, MetricSet)]
#[non_exhaustive]
pub struct ChangelogStorageMetrics {
    /// Uploads that were begun.
    #[metric(unit = "{upload}")]
    pub number_of_upload_requests: SharedCounter,
    /// Uploads that failed, which may be tried again.
    #[metric(unit = "{upload}")]
    pub number_of_upload_failures: SharedCounter,
    /// Attempts that an upload took.
    #[metric(unit = "{attempt}")]
    pub attempts_per_upload: SharedHistogram<u64>,
    /// Attempts that an upload took, those that ran beside each other included.
    #[metric(unit = "{attempt}")]
    pub total_attempts_per_upload: SharedHistogram<u64>,
    /// Tasks whose changes went into one file.
    #[metric(unit = "{task}")]
    pub upload_batch_sizes: SharedHistogram<u64>,
    /// How long an upload took.
    #[metric(unit = NANOSECONDS)]
    pub upload_latencies_nanos: SharedHistogram<u64>,
    /// Bytes of an upload.
    #[metric(unit = BYTES)]
    pub upload_sizes: SharedHistogram<u64>,
    /// Tasks whose changes wait for their upload.
    #[metric(unit = "{task}")]
    pub upload_queue_size: SharedGauge<u64>,
}

impl ChangelogStorageMetrics {
    /// Counts an upload that succeeded, of so many bytes of so many tasks, after so many attempts.
    pub fn uploaded(&self, tasks: u64, bytes: u64, attempts: u64, took: Duration) {
        self.attempts_per_upload.record(attempts);
        self.upload_batch_sizes.record(tasks);
        self.upload_sizes.record(bytes);
        self.upload_latencies_nanos.record(nanoseconds(took));
    }
}

/// The group for [`ChangelogStorageMetrics`] below that of a job on a TaskManager.
#[must_use]
pub fn changelog_storage_group(job: &MetricGroup) -> MetricGroup {
    job.add_group("ChangelogStorage")
}

/// How changes become whole state again, in the group `ChangelogMaterialization` below that of an operator.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct ChangelogMaterializationMetrics {
    /// Materializations that were begun.
    #[metric(unit = "{materialization}")]
    pub started_materialization: Counter,
    /// Materializations that were completed.
    #[metric(unit = "{materialization}")]
    pub completed_materialization: Counter,
    /// Materializations that failed.
    #[metric(unit = "{materialization}")]
    pub failed_materialization: Counter,
    /// How long the last materialization took.
    #[metric(unit = MILLISECONDS)]
    pub last_duration_of_materialization: Gauge<u64>,
}

/// The group for [`ChangelogMaterializationMetrics`] below that of an operator.
#[must_use]
pub fn changelog_materialization_group(operator: &MetricGroup) -> MetricGroup {
    operator.add_group("ChangelogMaterialization")
}

/// What of an operator's state in the last checkpoint was materialized: for the group of an operator.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct ChangelogSizeMetrics {
    /// Bytes of the materialized part of the state in the last checkpoint.
    #[metric(unit = BYTES)]
    pub last_full_size_of_materialization: Gauge<u64>,
    /// Bytes of the materialized part that are new in the last checkpoint.
    #[metric(unit = BYTES)]
    pub last_inc_size_of_materialization: Gauge<u64>,
    /// Bytes of the changes since the materialization in the last checkpoint.
    #[metric(unit = BYTES)]
    pub last_full_size_of_non_materialization: Gauge<u64>,
    /// Bytes of the changes that are new in the last checkpoint.
    #[metric(unit = BYTES)]
    pub last_inc_size_of_non_materialization: Gauge<u64>,
}

/// The time for which a task waits for its changelog to be written or read: one writer, which is the task's thread.
#[derive(Debug)]
#[must_use = "times that are dropped measure nothing"]
pub struct ChangelogTimes {
    times: Arc<StateTimes<1>>,
    clock: Arc<dyn Clock>,
    _one_writer: PhantomData<std::cell::Cell<()>>,
}

impl ChangelogTimes {
    /// Registers [`ChangelogTimeMetrics`] in the group of a task.
    pub fn register(task: &MetricGroup) -> Self {
        let (times, clock) = (Arc::new(StateTimes::new()), Arc::clone(task.clock()));
        let (seen, now) = (Arc::clone(&times), Arc::clone(&clock));
        let (mut window, mut share) = (Window::new(clock.monotonic()), Share::default());
        task.collector(move |metrics: &ChangelogTimeMetrics| {
            let seen = seen.see(|| now.monotonic());
            if let Turn::Show { passed, ends } = window.turn(Duration::from_nanos(seen.now)) {
                let [busy] = seen.totals;
                metrics.changelog_busy_time_ms_per_second.set(share.of(busy, passed, ends));
            }
        });
        Self { times, clock, _one_writer: PhantomData }
    }

    /// Begins to wait for the changelog.
    pub fn start(&self) {
        self.times.switch(Some(0), self.clock.monotonic());
    }

    /// Goes on without it.
    pub fn stop(&self) {
        self.times.switch(None, self.clock.monotonic());
    }
}

impl Drop for ChangelogTimes {
    fn drop(&mut self) {
        self.stop();
    }
}

/// How much a task waits for its changelog. [`ChangelogTimes`] fills it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct ChangelogTimeMetrics {
    /// Share of the last seconds for which the task waited for its changelog.
    #[metric(unit = MILLISECONDS_PER_SECOND)]
    pub changelog_busy_time_ms_per_second: Gauge<f64>,
}

/// Checkpoint files that were merged into greater ones, in the group `fileMerging` below that of a job on a TaskManager.
#[derive(Clone, Debug, MetricSet)]
#[non_exhaustive]
pub struct FileMergingMetrics {
    /// Files of checkpoints, as tasks see them.
    #[metric(unit = "{file}")]
    pub logical_file_count: SharedGauge<u64>,
    /// Bytes of these files.
    #[metric(unit = BYTES)]
    pub logical_file_size: SharedGauge<u64>,
    /// Files that they were merged into.
    #[metric(unit = "{file}")]
    pub physical_file_count: SharedGauge<u64>,
    /// Bytes of the files that they were merged into, which is more as long as parts of them are of no use any more.
    #[metric(unit = BYTES)]
    pub physical_file_size: SharedGauge<u64>,
}

/// The group for [`FileMergingMetrics`] below that of a job on a TaskManager.
#[must_use]
pub fn file_merging_group(job: &MetricGroup) -> MetricGroup {
    job.add_group("fileMerging")
}

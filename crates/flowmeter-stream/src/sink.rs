//! Sinks: what their writers send, and what their committers make final.

use std::time::Duration;

use flowmeter_core::{Counter, Gauge, MetricGroup, MetricSet};

/// The writer of a sink, Flink's standard for connectors. What it sends counts besides as its operator's output.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct SinkWriterMetrics {
    /// Records sent.
    #[metric(unit = RECORDS)]
    pub num_records_send: Counter,
    /// Bytes sent.
    #[metric(unit = BYTES)]
    pub num_bytes_send: Counter,
    /// Records that could not be sent.
    #[metric(unit = RECORDS, names(flink = ["numRecordsSendErrors", "numRecordsOutErrors"]))]
    pub num_records_send_errors: Counter,
    /// How long the last sending took.
    #[metric(unit = MILLISECONDS)]
    pub current_send_time: Gauge<u64>,
}

impl SinkWriterMetrics {
    /// Counts a sending of so many records and bytes that took so long.
    pub fn sent(&self, records: u64, bytes: u64, took: Duration) {
        self.num_records_send.inc_by(records);
        self.num_bytes_send.inc_by(bytes);
        self.current_send_time.set(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    }
}

/// The committer of a sink: one writer. What was received is pending until it is committed, known to be committed
/// already, or has failed for good, so these add up.
///
/// ```
/// # let registry = flowmeter_core::Registry::new();
/// # let task_manager = registry.task_manager("h", "tm");
/// # let job = task_manager.job("j", "job");
/// # let task = job.task(Default::default());
/// # let operator = task.operator("3", "Sink: Committer");
/// use flowmeter_stream::CommittableLedger;
///
/// let committables = CommittableLedger::register(&operator);
/// committables.received(2);
/// committables.committed(1);
/// committables.retried(1); // still pending
/// assert_eq!(committables.pending(), 1);
/// ```
#[derive(Debug)]
#[must_use = "a ledger that is dropped counts nothing"]
pub struct CommittableLedger(CommitterMetrics);

impl CommittableLedger {
    /// Registers [`CommitterMetrics`] in the group of an operator.
    pub fn register(operator: &MetricGroup) -> Self {
        Self(CommitterMetrics::register(operator))
    }

    /// Committables came in.
    pub fn received(&self, committables: u64) {
        self.0.total_committables.inc_by(committables);
        self.settle();
    }

    /// Committables were committed.
    pub fn committed(&self, committables: u64) {
        self.0.successful_committables.inc_by(committables);
        self.settle();
    }

    /// Committables turned out to be committed already.
    pub fn already_committed(&self, committables: u64) {
        self.0.already_committed_committables.inc_by(committables);
        self.settle();
    }

    /// Committables failed for good.
    pub fn failed(&self, committables: u64) {
        self.0.failed_committables.inc_by(committables);
        self.settle();
    }

    /// Committables failed and will be tried again.
    pub fn retried(&self, committables: u64) {
        self.0.retried_committables.inc_by(committables);
    }

    /// Committables that wait.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.0.pending_committables.get()
    }

    fn settle(&self) {
        let metrics = &self.0;
        let settled = [
            &metrics.successful_committables,
            &metrics.already_committed_committables,
            &metrics.failed_committables,
        ];
        let settled = settled.into_iter().fold(0, |sum, counter| u64::saturating_add(sum, counter.get()));
        metrics.pending_committables.set(metrics.total_committables.get().saturating_sub(settled));
    }
}

/// The committer of a sink. [`CommittableLedger`] fills it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct CommitterMetrics {
    /// Committables that came in.
    #[metric(unit = "{committable}")]
    pub total_committables: Counter,
    /// Committables that were committed.
    #[metric(unit = "{committable}")]
    pub successful_committables: Counter,
    /// Committables that failed for good.
    #[metric(unit = "{committable}")]
    pub failed_committables: Counter,
    /// Committables that failed and were tried again, each time that they were.
    #[metric(unit = "{committable}")]
    pub retried_committables: Counter,
    /// Committables that turned out to be committed already.
    #[metric(unit = "{committable}")]
    pub already_committed_committables: Counter,
    /// Committables that wait to be committed.
    #[metric(unit = "{committable}")]
    pub pending_committables: Gauge<u64>,
}

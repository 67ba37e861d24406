//! What goes in and out of tasks and operators.

use flowmeter_core::{Counter, Gauge, Histogram, MetricSet};

/// Input, output and work of one operator. [`OperatorBytesMetrics`] are for those that know bytes.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct OperatorIoMetrics {
    /// Records received.
    #[metric(unit = RECORDS, rate = "numRecordsInPerSecond")]
    pub num_records_in: Counter,
    /// Records emitted.
    #[metric(unit = RECORDS, rate = "numRecordsOutPerSecond")]
    pub num_records_out: Counter,
    /// Buffers, containers or batches received.
    ///
    /// Whatever the engine hands over at once.
    #[metric(unit = BUFFERS)]
    pub num_buffers_in: Counter,
    /// Buffers, containers or batches emitted.
    #[metric(unit = BUFFERS)]
    pub num_buffers_out: Counter,
    /// How often the operator was given the thread.
    pub num_activations: Counter,
    /// Time for which the operator had the thread.
    ///
    /// In nanoseconds, without what operators inside it had.
    #[metric(unit = NANOSECONDS)]
    pub busy_time: Counter,
}

/// Bytes that go in and out of one operator: in most engines sources and sinks alone know.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct OperatorBytesMetrics {
    /// Bytes received.
    #[metric(unit = BYTES, rate = "numBytesInPerSecond")]
    pub num_bytes_in: Counter,
    /// Bytes emitted.
    #[metric(unit = BYTES, rate = "numBytesOutPerSecond")]
    pub num_bytes_out: Counter,
}

/// Input, output and work of one parallel instance of a task. [`TaskTimes`](crate::TaskTimes) has its time, and
/// [`TaskBytesMetrics`] are for engines that know bytes.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct TaskIoMetrics {
    /// Records received.
    #[metric(unit = RECORDS, rate = "numRecordsInPerSecond")]
    pub num_records_in: Counter,
    /// Records emitted.
    #[metric(unit = RECORDS, rate = "numRecordsOutPerSecond")]
    pub num_records_out: Counter,
    /// Buffers, containers or batches received.
    ///
    /// Whatever the engine hands over at once.
    #[metric(unit = BUFFERS)]
    pub num_buffers_in: Counter,
    /// Buffers, containers or batches emitted.
    #[metric(unit = BUFFERS, rate = "numBuffersOutPerSecond")]
    pub num_buffers_out: Counter,
    /// How often the task was given the thread, or took something from its mailbox.
    #[metric(rate = "mailboxMailsPerSecond")]
    pub num_activations: Counter,
}

/// Bytes that go in and out of one parallel instance of a task.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct TaskBytesMetrics {
    /// Bytes received from other tasks.
    #[metric(unit = BYTES, rate = "numBytesInPerSecond")]
    pub num_bytes_in: Counter,
    /// Bytes emitted to other tasks.
    #[metric(unit = BYTES, rate = "numBytesOutPerSecond")]
    pub num_bytes_out: Counter,
}

/// The timers of one parallel instance of a task, in engines that have them.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct TimerMetrics {
    /// Timers that fired.
    #[metric(unit = "{timer}", rate = "numFiredTimersPerSecond")]
    pub num_fired_timers: Counter,
    /// Timers that are set and have not fired.
    #[metric(unit = "{timer}")]
    pub num_pending_timers: Gauge<u64>,
}

/// How a task begins, in engines whose tasks have something to restore.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct InitializationMetrics {
    /// Time that the task took to begin, for the most part to restore its state.
    #[metric(unit = MILLISECONDS)]
    pub initialization_time: Counter,
}

/// The mailbox of a task, in engines that have one.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct MailboxMetrics {
    /// How long actions wait in the mailbox.
    #[metric(unit = MILLISECONDS)]
    pub mailbox_latency_ms: Histogram<f64>,
    /// Actions that wait in the mailbox.
    #[metric(unit = "{mail}")]
    pub mailbox_queue_size: Gauge<u64>,
}

/// Where the input of a task comes from, in engines with TaskManagers that exchange data: in the group of
/// [`input_group`](crate::input_group).
///
/// Flink names it after its network library.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct TaskInputMetrics {
    /// Bytes read from tasks of the same TaskManager.
    #[metric(
        unit = BYTES,
        rate = "numBytesInLocalPerSecond",
        names(flink = ["Shuffle.Netty.Input.numBytesInLocal", "numBytesInLocal"])
    )]
    pub num_bytes_in_local: Counter,
    /// Bytes read from tasks of other TaskManagers.
    #[metric(
        unit = BYTES,
        rate = "numBytesInRemotePerSecond",
        names(flink = ["Shuffle.Netty.Input.numBytesInRemote", "numBytesInRemote"])
    )]
    pub num_bytes_in_remote: Counter,
    /// Buffers read from tasks of the same TaskManager.
    #[metric(
        unit = BUFFERS,
        rate = "numBuffersInLocalPerSecond",
        names(flink = ["Shuffle.Netty.Input.numBuffersInLocal", "numBuffersInLocal"])
    )]
    pub num_buffers_in_local: Counter,
    /// Buffers read from tasks of other TaskManagers.
    #[metric(
        unit = BUFFERS,
        rate = "numBuffersInRemotePerSecond",
        names(flink = ["Shuffle.Netty.Input.numBuffersInRemote", "numBuffersInRemote"])
    )]
    pub num_buffers_in_remote: Counter,
}

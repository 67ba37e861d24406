//! Memory and buffers that data wait in between tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use flowmeter_core::{Gauge, MetricGroup, MetricSet, SharedGauge};

/// The pool of network buffers of a TaskManager, in segments of one size. Clones are one; any thread may say what changes.
///
/// Flink names its metrics after its network library.
#[derive(Clone, Debug)]
pub struct NetworkMemory(Arc<Segments>);

#[derive(Debug)]
struct Segments {
    size: u64,
    total: AtomicU64,
    used: AtomicU64,
    requested: AtomicU64,
}

impl NetworkMemory {
    /// Registers [`NetworkMemoryMetrics`] in the group of a TaskManager, whose segments have so many bytes, and of
    /// which there are so many.
    pub fn register(task_manager: &MetricGroup, segment_size: u64, segments: u64) -> Self {
        let (used, requested) = (AtomicU64::new(0), AtomicU64::new(0));
        let memory =
            Arc::new(Segments { size: segment_size, total: AtomicU64::new(segments), used, requested });
        let shown = Arc::clone(&memory);
        task_manager
            .add_group("shuffle")
            .collector(move |metrics: &NetworkMemoryMetrics| shown.show(metrics));
        Self(memory)
    }

    /// Sets how many segments there are.
    pub fn set_total(&self, segments: u64) {
        self.0.total.store(segments, Relaxed);
    }

    /// Sets how many segments are in use.
    pub fn set_used(&self, segments: u64) {
        self.0.used.store(segments, Relaxed);
    }

    /// Sets how many segments all tasks together ask for, which may be more than there are.
    pub fn set_requested(&self, segments: u64) {
        self.0.requested.store(segments, Relaxed);
    }
}

impl Segments {
    fn show(&self, metrics: &NetworkMemoryMetrics) {
        let total = self.total.load(Relaxed);
        // A pool that shrinks has more in use than there are, for a moment.
        let used = self.used.load(Relaxed);
        let available = total.saturating_sub(used);
        metrics.total_memory_segments.set(total);
        metrics.used_memory_segments.set(used);
        metrics.available_memory_segments.set(available);
        metrics.total_memory.set(total.saturating_mul(self.size));
        metrics.used_memory.set(used.saturating_mul(self.size));
        metrics.available_memory.set(available.saturating_mul(self.size));
        let requested = self.requested.load(Relaxed);
        let percent = if total == 0 { 0.0 } else { requested as f64 * 100.0 / total as f64 };
        metrics.requested_memory_usage.set(percent);
    }
}

/// The network buffers of a TaskManager. [`NetworkMemory`] fills it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct NetworkMemoryMetrics {
    /// Network segments that are free.
    #[metric(
        unit = "{segment}",
        names(flink = ["Status.Shuffle.Netty.AvailableMemorySegments", "Status.Network.AvailableMemorySegments"])
    )]
    pub available_memory_segments: Gauge<u64>,
    /// Network segments in use.
    #[metric(unit = "{segment}", names(flink = "Status.Shuffle.Netty.UsedMemorySegments"))]
    pub used_memory_segments: Gauge<u64>,
    /// Network segments in all.
    #[metric(
        unit = "{segment}",
        names(flink = ["Status.Shuffle.Netty.TotalMemorySegments", "Status.Network.TotalMemorySegments"])
    )]
    pub total_memory_segments: Gauge<u64>,
    /// Network memory that is free.
    #[metric(unit = BYTES, names(flink = "Status.Shuffle.Netty.AvailableMemory"))]
    pub available_memory: Gauge<u64>,
    /// Network memory in use.
    #[metric(unit = BYTES, names(flink = "Status.Shuffle.Netty.UsedMemory"))]
    pub used_memory: Gauge<u64>,
    /// Network memory in all.
    #[metric(unit = BYTES, names(flink = "Status.Shuffle.Netty.TotalMemory"))]
    pub total_memory: Gauge<u64>,
    /// Memory that all tasks ask for against what there is. Above 100 tasks wait for each other.
    #[metric(unit = PERCENT, names(flink = "Status.Shuffle.Netty.RequestedMemoryUsage"))]
    pub requested_memory_usage: Gauge<f64>,
}

/// The memory that an engine manages itself, for state and sorting: for the group of a TaskManager.
#[derive(Clone, Debug, MetricSet)]
#[non_exhaustive]
pub struct ManagedMemoryMetrics {
    /// Managed memory that slots have.
    #[metric(unit = BYTES, names(flink = "Status.Flink.Memory.Managed.Used"))]
    pub managed_memory_used: SharedGauge<u64>,
    /// Managed memory in all.
    #[metric(unit = BYTES, names(flink = "Status.Flink.Memory.Managed.Total"))]
    pub managed_memory_total: SharedGauge<u64>,
}

/// Buffers that wait at the inputs of a task, in the group of [`input_group`].
#[derive(Clone, Debug, MetricSet)]
#[non_exhaustive]
pub struct InputBufferMetrics {
    /// Buffers that wait at the inputs.
    #[metric(
        unit = BUFFERS,
        names(flink = ["Shuffle.Netty.Input.Buffers.inputQueueLength", "buffers.inputQueueLength"])
    )]
    pub input_queue_length: SharedGauge<u64>,
    /// Bytes that wait at the inputs.
    #[metric(unit = BYTES, names(flink = "Shuffle.Netty.Input.Buffers.inputQueueSize"))]
    pub input_queue_size: SharedGauge<u64>,
    /// Use of the buffers of the inputs.
    #[metric(
        unit = RATIO,
        names(flink = ["Shuffle.Netty.Input.Buffers.inPoolUsage", "buffers.inPoolUsage"])
    )]
    pub in_pool_usage: SharedGauge<f64>,
    /// Use of the buffers that all inputs share.
    #[metric(
        unit = RATIO,
        names(flink = ["Shuffle.Netty.Input.Buffers.inputFloatingBuffersUsage", "buffers.inputFloatingBuffersUsage"])
    )]
    pub input_floating_buffers_usage: SharedGauge<f64>,
    /// Use of the buffers that each input has for itself.
    #[metric(
        unit = RATIO,
        names(flink = ["Shuffle.Netty.Input.Buffers.inputExclusiveBuffersUsage", "buffers.inputExclusiveBuffersUsage"])
    )]
    pub input_exclusive_buffers_usage: SharedGauge<f64>,
}

/// Buffers that wait at the outputs of a task, in the group of [`output_group`].
#[derive(Clone, Debug, MetricSet)]
#[non_exhaustive]
pub struct OutputBufferMetrics {
    /// Buffers that wait at the outputs.
    #[metric(
        unit = BUFFERS,
        names(flink = ["Shuffle.Netty.Output.Buffers.outputQueueLength", "buffers.outputQueueLength"])
    )]
    pub output_queue_length: SharedGauge<u64>,
    /// Bytes that wait at the outputs.
    #[metric(unit = BYTES, names(flink = "Shuffle.Netty.Output.Buffers.outputQueueSize"))]
    pub output_queue_size: SharedGauge<u64>,
    /// Use of the buffers of the outputs; above 1 where more may be borrowed.
    #[metric(
        unit = RATIO,
        names(flink = ["Shuffle.Netty.Output.Buffers.outPoolUsage", "buffers.outPoolUsage"])
    )]
    pub out_pool_usage: SharedGauge<f64>,
}

/// Buffers whose size follows how fast a task takes them.
#[derive(Clone, Debug, MetricSet)]
#[non_exhaustive]
pub struct BufferDebloatingMetrics {
    /// Time that the task needs for what waits at its inputs.
    #[metric(unit = MILLISECONDS)]
    pub estimated_time_to_consume_buffers_ms: SharedGauge<u64>,
    /// The size of buffers at which the task keeps to its target.
    #[metric(unit = BYTES)]
    pub debloated_buffer_size: SharedGauge<u64>,
}

/// How long the queues of the channels of one gate or partition are.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct QueueLengthMetrics {
    /// Buffers in the queues of all channels.
    #[metric(unit = BUFFERS)]
    pub total_queue_len: Gauge<u64>,
    /// Buffers in the shortest queue.
    #[metric(unit = BUFFERS)]
    pub min_queue_len: Gauge<u64>,
    /// Buffers in the longest queue.
    #[metric(unit = BUFFERS)]
    pub max_queue_len: Gauge<u64>,
    /// Buffers in a queue, on average.
    #[metric(unit = BUFFERS)]
    pub avg_queue_len: Gauge<f64>,
}

impl QueueLengthMetrics {
    /// Registers the set in a group, to be filled from the lengths of the queues of all channels, which `lengths` gives
    /// when a report wants them. Groups are [`input_gate`] and [`output_partition`], or with Flink's names, in which
    /// the number is a part of the name, [`flink_queues`].
    pub fn observe<L: IntoIterator<Item = u64>>(
        group: &MetricGroup,
        mut lengths: impl FnMut() -> L + Send + 'static,
    ) {
        group.collector(move |metrics: &Self| {
            let (mut total, mut count, mut min, mut max) = (0_u64, 0_u64, u64::MAX, 0);
            for length in lengths() {
                (total, count) = (total.saturating_add(length), count + 1);
                (min, max) = (min.min(length), max.max(length));
            }
            metrics.total_queue_len.set(total);
            metrics.min_queue_len.set(if count == 0 { 0 } else { min });
            metrics.max_queue_len.set(max);
            metrics.avg_queue_len.set(if count == 0 { 0.0 } else { total as f64 / count as f64 });
        });
    }
}

/// The group for [`InputBufferMetrics`] and [`TaskInputMetrics`](crate::TaskInputMetrics) below that of a task.
#[must_use]
pub fn input_group(task: &MetricGroup) -> MetricGroup {
    task.add_group("shuffle").add_group("input")
}

/// The group for [`OutputBufferMetrics`] below that of a task.
#[must_use]
pub fn output_group(task: &MetricGroup) -> MetricGroup {
    task.add_group("shuffle").add_group("output")
}

/// The group of an input gate of a task: variable `gate`.
#[must_use]
pub fn input_gate(task: &MetricGroup, number: usize) -> MetricGroup {
    input_group(task).add_group_kv("gate", &number.to_string())
}

/// The group of an output partition of a task: variable `partition`.
#[must_use]
pub fn output_partition(task: &MetricGroup, number: usize) -> MetricGroup {
    output_group(task).add_group_kv("partition", &number.to_string())
}

/// Which queues those of [`flink_queues`] are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlinkQueues {
    /// Of an input gate.
    Input,
    /// Of an output partition.
    Output,
}

/// The two groups that Flink has for queues of a task: `Shuffle.Netty.Input.0`, and the deprecated `Network.Input.0`.
/// Their number is a part of names, so that backends with labels have a metric for each of them.
#[must_use]
pub fn flink_queues(task: &MetricGroup, queues: FlinkQueues, number: usize) -> [MetricGroup; 2] {
    let side = match queues {
        FlinkQueues::Input => "Input",
        FlinkQueues::Output => "Output",
    };
    [task.add_group("Shuffle").add_group("Netty"), task.add_group("Network")]
        .map(|group| group.add_group(side).add_group(&number.to_string()))
}

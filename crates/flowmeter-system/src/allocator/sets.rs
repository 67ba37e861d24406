//! What the metrics of an allocator are: a set for each thing that it may not tell.

use flowmeter_core::{CollectedCounter, Gauge, MetricSet};

#[derive(Debug, MetricSet)]
pub(crate) struct HeapUsedMetrics {
    /// Memory that is allocated and not freed.
    #[metric(unit = BYTES, names(flink = "Status.JVM.Memory.Heap.Used"))]
    pub(crate) heap_used: Gauge<u64>,
}

#[derive(Debug, MetricSet)]
pub(crate) struct HeapCommittedMetrics {
    /// Memory that the allocator has from the operating system.
    #[metric(unit = BYTES, names(flink = "Status.JVM.Memory.Heap.Committed"))]
    pub(crate) heap_committed: Gauge<u64>,
}

#[derive(Debug, MetricSet)]
pub(crate) struct HeapMaxMetrics {
    /// Memory that the allocator can have.
    #[metric(unit = BYTES, names(flink = "Status.JVM.Memory.Heap.Max"))]
    pub(crate) heap_max: Gauge<u64>,
}

#[derive(Debug, MetricSet)]
pub(crate) struct AllocatedBytesMetrics {
    /// Memory that was ever allocated.
    #[metric(unit = BYTES)]
    pub(crate) allocated_bytes: CollectedCounter,
}

#[derive(Debug, MetricSet)]
pub(crate) struct AllocationsMetrics {
    /// How often memory was allocated.
    #[metric(unit = "{allocation}")]
    pub(crate) allocations: CollectedCounter,
    /// How often memory was freed.
    #[metric(unit = "{deallocation}")]
    pub(crate) deallocations: CollectedCounter,
}

//! Statistics of the allocator.

#[cfg(feature = "jemalloc")]
mod jemalloc;
#[cfg(any(feature = "counting-allocator", feature = "mimalloc"))]
mod raw;
mod sets;

use std::sync::Arc;

use flowmeter_core::{MetricGroup, MetricSet};

#[cfg(feature = "jemalloc")]
pub use jemalloc::JemallocStatistics;
#[cfg(feature = "counting-allocator")]
pub use raw::CountingAllocator;
#[cfg(feature = "mimalloc")]
pub use raw::MimallocStatistics;
pub(crate) use sets::{
    AllocatedBytesMetrics, AllocationsMetrics, HeapCommittedMetrics, HeapMaxMetrics, HeapUsedMetrics,
};

use crate::shared::{Seen, Shared};

/// What an allocator tells of itself. For any allocator; the features of this crate have it for some.
///
/// A pair of them is one that has what either knows, the first where both do: an allocator that does not count, with
/// `CountingAllocator` around it.
///
/// ```
/// use flowmeter_core::Registry;
/// use flowmeter_system::{AllocatorReading, AllocatorStatistics, register_allocator};
///
/// struct Arena;
///
/// impl AllocatorStatistics for Arena {
///     fn read(&mut self) -> AllocatorReading {
///         AllocatorReading::default().with_used(4096).with_max(1 << 30)
///     }
/// }
///
/// let registry = Registry::new();
/// let task_manager = registry.task_manager("host-1", "tm-1");
/// register_allocator(&task_manager, Arena);
/// ```
pub trait AllocatorStatistics: Send + 'static {
    /// Reads it, once for each report.
    fn read(&mut self) -> AllocatorReading;
}

impl<A: AllocatorStatistics, B: AllocatorStatistics> AllocatorStatistics for (A, B) {
    fn read(&mut self) -> AllocatorReading {
        let (first, second) = (self.0.read(), self.1.read());
        AllocatorReading {
            used: first.used.or(second.used),
            committed: first.committed.or(second.committed),
            max: first.max.or(second.max),
            allocated: first.allocated.or(second.allocated),
            counts: first.counts.or(second.counts),
        }
    }
}

/// What an allocator tells of itself at one time. What it does not know it does not say, and has no metric of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AllocatorReading {
    used: Option<u64>,
    committed: Option<u64>,
    max: Option<u64>,
    allocated: Option<u64>,
    counts: Option<(u64, u64)>,
}

impl AllocatorReading {
    /// Bytes that the program has allocated and not freed: `heapUsed`.
    #[must_use]
    pub const fn with_used(mut self, bytes: u64) -> Self {
        self.used = Some(bytes);
        self
    }

    /// Bytes that the allocator has from the operating system: `heapCommitted`.
    #[must_use]
    pub const fn with_committed(mut self, bytes: u64) -> Self {
        self.committed = Some(bytes);
        self
    }

    /// Bytes that it can have at most: `heapMax`. For allocators that have such a limit; see [`register_allocator`].
    #[must_use]
    pub const fn with_max(mut self, bytes: u64) -> Self {
        self.max = Some(bytes);
        self
    }

    /// Bytes that were ever allocated, whether freed or not: `allocatedBytes`.
    #[must_use]
    pub const fn with_allocated(mut self, bytes: u64) -> Self {
        self.allocated = Some(bytes);
        self
    }

    /// How often something was allocated and freed: `allocations`, `deallocations`.
    #[must_use]
    pub const fn with_counts(mut self, allocations: u64, deallocations: u64) -> Self {
        self.counts = Some((allocations, deallocations));
        self
    }

    /// Bytes that the program has allocated and not freed.
    #[must_use]
    pub const fn used(&self) -> Option<u64> {
        self.used
    }

    /// Bytes that the allocator has from the operating system.
    #[must_use]
    pub const fn committed(&self) -> Option<u64> {
        self.committed
    }

    /// Bytes that it can have at most.
    #[must_use]
    pub const fn max(&self) -> Option<u64> {
        self.max
    }

    /// Bytes that were ever allocated.
    #[must_use]
    pub const fn allocated(&self) -> Option<u64> {
        self.allocated
    }

    /// How often something was allocated and freed.
    #[must_use]
    pub const fn counts(&self) -> Option<(u64, u64)> {
        self.counts
    }
}

/// Registers the metrics that an allocator has, in the group `allocator` below a group.
///
/// It is read once here, to see what it tells of: the rest has no metrics. Flink's `Status.JVM.Memory.Heap.Max`, which is
/// -1 for a heap without a limit, is missing for an allocator without one, because -1 bytes are wrong in every sum and
/// chart. What ends such a heap is the limit of its control group: `cgroup.memoryLimit`.
pub fn register_allocator(group: &MetricGroup, mut allocator: impl AllocatorStatistics) {
    let known = allocator.read();
    let group = group.add_group("allocator");
    let shared = Arc::new(Shared::new(group.clock(), (allocator, known)));
    let (read, of) = (&shared, &group);
    if known.used.is_some() {
        collect(of, read, AllocatorReading::used, |m: &HeapUsedMetrics, bytes| m.heap_used.set(bytes));
    }
    if known.committed.is_some() {
        let set = |m: &HeapCommittedMetrics, bytes| m.heap_committed.set(bytes);
        collect(of, read, AllocatorReading::committed, set);
    }
    if known.max.is_some() {
        collect(of, read, AllocatorReading::max, |m: &HeapMaxMetrics, bytes| m.heap_max.set(bytes));
    }
    if known.allocated.is_some() {
        collect(of, read, AllocatorReading::allocated, |m: &AllocatedBytesMetrics, bytes: u64| {
            m.allocated_bytes.raise(bytes);
        });
    }
    if known.counts.is_some() {
        collect(of, read, AllocatorReading::counts, |m: &AllocationsMetrics, (allocations, frees)| {
            m.allocations.raise(allocations);
            m.deallocations.raise(frees);
        });
    }
}

/// Has a set filled with a part of the reading that all of them share.
fn collect<A: AllocatorStatistics, S: MetricSet + Send + 'static, V: 'static>(
    group: &MetricGroup,
    shared: &Arc<Shared<(A, AllocatorReading)>>,
    value: fn(&AllocatorReading) -> Option<V>,
    set: impl Fn(&S, V) + Send + 'static,
) {
    let (shared, mut seen) = (Arc::clone(shared), Seen::default());
    group.collector(move |metrics: &S| {
        let read = |(allocator, reading): &mut (A, AllocatorReading), _, _| *reading = allocator.read();
        let value = shared.look(&mut seen, read, |(_, reading)| value(reading));
        set(metrics, value.ok_or("the allocator does not tell any more")?);
        Ok::<_, &str>(())
    });
}

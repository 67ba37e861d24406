//! What each process of a job reports of itself and its host.

use flowmeter::MetricGroup;
use flowmeter::system::{CountingAllocator, SystemOptions, register, register_allocator};

/// Measures this process in the group of its JobManager or TaskManager.
pub(crate) fn measure(group: &MetricGroup, allocator: &'static CountingAllocator) {
    register(group, &SystemOptions::default());
    register_allocator(group, allocator);
}

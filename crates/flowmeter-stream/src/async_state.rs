//! State that is read while other records go on.

use flowmeter_core::{Gauge, MetricGroup, MetricSet};

/// Records inside an operator that waits for its state, in the group of [`async_state_group`].
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct AsyncStateMetrics {
    /// Records that the operator has begun and not ended.
    #[metric(unit = RECORDS)]
    pub num_in_flight_records: Gauge<u64>,
    /// Records that could go on and wait for their turn.
    #[metric(unit = RECORDS)]
    pub active_buffer_size: Gauge<u64>,
    /// Records that wait for an earlier one of their key.
    #[metric(unit = RECORDS)]
    pub blocking_buffer_size: Gauge<u64>,
    /// Keys of which records wait for an earlier one.
    #[metric(unit = "{key}")]
    pub num_blocking_keys: Gauge<u64>,
}

/// The group for [`AsyncStateMetrics`] below that of an operator.
#[must_use]
pub fn async_state_group(operator: &MetricGroup) -> MetricGroup {
    operator.add_group("asyncStateProcessing")
}

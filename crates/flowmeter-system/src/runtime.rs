//! Metrics of a tokio runtime.

use flowmeter_core::{CollectedCounter, Gauge, MetricGroup, MetricSet};
use tokio::runtime::Handle;

/// What a runtime has to do.
#[derive(Debug, MetricSet)]
pub(crate) struct RuntimeMetrics {
    /// Worker threads of the runtime.
    #[metric(unit = "{thread}")]
    pub(crate) workers: Gauge<u64>,
    /// Tasks that have been spawned and are not complete.
    #[metric(unit = "{task}")]
    pub(crate) alive_tasks: Gauge<u64>,
    /// Tasks that wait in the queue of all workers.
    #[metric(unit = "{task}")]
    pub(crate) global_queue_depth: Gauge<u64>,
}

/// What its workers do, all together.
#[derive(Debug, MetricSet)]
#[cfg_attr(not(target_has_atomic = "64"), allow(dead_code, reason = "tokio does not count there"))]
pub(crate) struct RuntimeWorkerMetrics {
    /// Time for which workers were busy.
    #[metric(unit = NANOSECONDS)]
    pub(crate) worker_busy_time: CollectedCounter,
    /// How often a worker had nothing to do and waited.
    #[metric(unit = "{park}")]
    pub(crate) worker_parks: CollectedCounter,
}

/// Registers the metrics of a tokio runtime in the group `tokio` below a group.
///
/// For one of several runtimes give each a group: `&group.add_group_kv("runtime", "io")`. Close it when the runtime ends, after
/// which the last values stay.
pub fn register_runtime(group: &MetricGroup, runtime: &Handle) {
    let group = group.add_group("tokio");
    let metrics = runtime.metrics();
    group.collector(move |runtime: &RuntimeMetrics| {
        runtime.workers.set(metrics.num_workers() as u64);
        runtime.alive_tasks.set(metrics.num_alive_tasks() as u64);
        runtime.global_queue_depth.set(metrics.global_queue_depth() as u64);
    });
    #[cfg(target_has_atomic = "64")]
    {
        let metrics = runtime.metrics();
        group.collector(move |runtime: &RuntimeWorkerMetrics| {
            let sum = |count: &dyn Fn(usize) -> u64| (0..metrics.num_workers()).map(count).sum::<u64>();
            let busy = sum(&|worker| {
                u64::try_from(metrics.worker_total_busy_duration(worker).as_nanos()).unwrap_or(u64::MAX)
            });
            let parks = sum(&|worker| metrics.worker_park_count(worker));
            runtime.worker_busy_time.raise(busy);
            runtime.worker_parks.raise(parks);
        });
    }
}

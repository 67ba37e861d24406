//! TaskManagers, slots and jobs of a cluster, and the attempts to run tasks twice.

use flowmeter_core::{MetricSet, SharedCounter, SharedGauge, SharedMeter};

/// What a JobManager has: for the group of a JobManager.
#[derive(Clone, Debug, MetricSet)]
#[non_exhaustive]
pub struct ClusterMetrics {
    /// TaskManagers that are registered.
    #[metric(unit = "{taskmanager}")]
    pub num_registered_task_managers: SharedGauge<u64>,
    /// TaskManagers that were asked for and are not up yet.
    #[metric(unit = "{taskmanager}")]
    pub num_pending_task_managers: SharedGauge<u64>,
    /// Jobs that run.
    #[metric(unit = "{job}")]
    pub num_running_jobs: SharedGauge<u64>,
    /// Task slots that no job has.
    #[metric(unit = "{slot}")]
    pub task_slots_available: SharedGauge<u64>,
    /// Task slots of all registered TaskManagers.
    #[metric(unit = "{slot}")]
    pub task_slots_total: SharedGauge<u64>,
    /// TaskManagers that could not be started.
    #[metric(unit = "{failure}", rate = "startWorkFailurePerSecond")]
    pub num_start_work_failures: SharedMeter,
}

/// Tasks that are slow and run twice: for the group of a job on its JobManager.
#[derive(Clone, Debug, MetricSet)]
#[non_exhaustive]
pub struct SpeculativeExecutionMetrics {
    /// Tasks that are found slow now.
    #[metric(unit = "{vertex}")]
    pub num_slow_execution_vertices: SharedGauge<u64>,
    /// Speculative attempts that were through before the original.
    #[metric(unit = "{attempt}")]
    pub num_effective_speculative_executions: SharedCounter,
}

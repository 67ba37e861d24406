//! The standard metric sets of a stream processor, and the arithmetic behind them: what JobManagers, TaskManagers,
//! jobs, tasks and operators of any engine have to say.
//!
//! Names, units and meanings are Apache Flink's where Flink has the metric, so that its users know what they see. Where
//! Flink's name is of no use elsewhere, such as `Shuffle.Netty.Input.numBytesInLocal`, the metric has a better one, and
//! Flink's under the naming policy `flink`. [`CATALOGUE`] lists all of them.
//!
//! ```
//! use flowmeter_core::{MetricSet, Registry, TaskInfo};
//! use flowmeter_stream::{OperatorIoMetrics, TaskActivity, TaskIoMetrics, TaskTimes};
//!
//! let registry = Registry::new();
//! let task_manager = registry.task_manager("host-1", "tm-1");
//! let job = task_manager.job("a3f0", "wordcount");
//! let task = job.task(TaskInfo { name: "count", ..TaskInfo::default() });
//! let (task_io, times) = (TaskIoMetrics::register(&task), TaskTimes::register(&task));
//! let operator = task.operator("2.1", "count");
//! let io = OperatorIoMetrics::register(&operator);
//!
//! times.switch(TaskActivity::Busy);
//! task_io.num_records_in.inc_by(512);
//! io.num_records_in.inc_by(512);
//! io.num_buffers_in.inc();
//! times.switch(TaskActivity::Idle);
//! ```
//!
//! # What there is
//!
//! Most metrics are fields of sets, which their owner fills. Where several of them follow from what happens, a type
//! takes note of what happens and fills the set:
//!
//! | of | sets | filled by |
//! |---|---|---|
//! | JobManager | [`ClusterMetrics`] | |
//! | job, on the JobManager | [`JobStatusMetrics`], [`CheckpointMetrics`], [`LastCheckpointMetrics`], [`CheckpointHistograms`], [`SpeculativeExecutionMetrics`] | [`JobStatusTracker`], [`CheckpointLedger`] |
//! | operator, on the JobManager | [`EnumeratorMetrics`] | |
//! | TaskManager | [`NetworkMemoryMetrics`], [`ManagedMemoryMetrics`] | [`NetworkMemory`] |
//! | job, on a TaskManager | [`ChangelogStorageMetrics`], [`FileMergingMetrics`] | |
//! | task | [`TaskIoMetrics`], [`TaskBytesMetrics`], [`TimerMetrics`], [`InitializationMetrics`], [`TaskTimeMetrics`], [`InputWatermarkMetrics`], [`TaskCheckpointMetrics`], [`TaskInputMetrics`], [`InputBufferMetrics`], [`OutputBufferMetrics`], [`QueueLengthMetrics`], [`BufferDebloatingMetrics`], [`MailboxMetrics`], [`ChangelogTimeMetrics`] | [`TaskTimes`], [`Watermarks`], [`BarrierAlignment`], [`ChangelogTimes`] |
//! | operator | [`OperatorIoMetrics`], [`OperatorBytesMetrics`], [`InputWatermarkMetrics`], [`OutputWatermarkMetrics`], [`WatermarkAlignmentMetrics`], [`LateRecordMetrics`], [`LookupCacheMetrics`], [`AsyncStateMetrics`], [`ChangelogMaterializationMetrics`], [`ChangelogSizeMetrics`] | [`Watermarks`] |
//! | source | [`SourceMetrics`] and its lags, [`SplitMetrics`], [`SplitProgressMetrics`] | [`SourceReader`], [`SplitTimes`] |
//! | sink | [`SinkWriterMetrics`], [`CommitterMetrics`] | [`CommittableLedger`] |
//! | path from a source | [`SourceLatencyMetrics`] | [`LatencyTracker`] |
//! | state | [`StateSizeMetrics`], and latencies and sizes by operation | [`ValueStateTimers`], [`ValueStateSizes`] and those of other kinds of state |
//!
//! [`CheckpointLedger`] and [`JobStatusTracker`] report milestones too, under Flink's names: a span of each checkpoint and of each
//! initialization of the job, and events of what becomes of them, of changes of the state, failures and restarts. They go to
//! reporters that want spans and events.
//!
//! Times are from the registry's clock, so a clock that stands still makes them stand still in tests.

#![forbid(unsafe_code)]

mod alignment;
mod async_state;
mod buffers;
mod catalogue;
mod changelog;
mod checkpoint;
mod checkpoint_span;
mod cluster;
mod io;
mod job_initialization;
mod job_status;
mod latency;
mod lookup_cache;
mod milestones;
mod sink;
mod source;
mod split;
mod state_access;
mod state_times;
mod sync;
mod task_times;
mod watermark;
mod window;

pub use alignment::{BarrierAlignment, TaskCheckpointMetrics};
pub use async_state::{AsyncStateMetrics, async_state_group};
pub use buffers::{
    BufferDebloatingMetrics, FlinkQueues, InputBufferMetrics, ManagedMemoryMetrics, NetworkMemory,
    NetworkMemoryMetrics, OutputBufferMetrics, QueueLengthMetrics, flink_queues, input_gate, input_group,
    output_group, output_partition,
};
pub use catalogue::CATALOGUE;
pub use changelog::{
    ChangelogMaterializationMetrics, ChangelogSizeMetrics, ChangelogStorageMetrics, ChangelogTimeMetrics,
    ChangelogTimes, FileMergingMetrics, changelog_materialization_group, changelog_storage_group,
    file_merging_group,
};
pub use checkpoint::{
    CheckpointHistograms, CheckpointLedger, CheckpointMetrics, CompletedCheckpoint, ExternalPathMetrics,
    LastCheckpointMetrics, RestoreMetrics, SubtaskCheckpoint,
};
pub use cluster::{ClusterMetrics, SpeculativeExecutionMetrics};
pub use io::{
    InitializationMetrics, MailboxMetrics, OperatorBytesMetrics, OperatorIoMetrics, TaskBytesMetrics,
    TaskInputMetrics, TaskIoMetrics, TimerMetrics,
};
pub use job_initialization::SubtaskInitialization;
pub use job_status::{JobFailure, JobStatus, JobStatusMetrics, JobStatusTracker};
pub use latency::{
    LatencyGranularity, LatencyMarker, LatencyMarkerMetrics, LatencyMetrics, LatencyTracker,
    SourceLatencyMetrics, SubtaskLatencyMetrics,
};
pub use lookup_cache::{LookupCacheMetrics, cache_group};
pub use sink::{CommittableLedger, CommitterMetrics, SinkWriterMetrics};
pub use source::{
    EmitLagMetrics, EnumeratorMetrics, FetchLagMetrics, SourceErrorMetrics, SourceMetrics, SourceReader,
    SplitProgressMetrics, WatermarkLagMetrics, enumerator_group,
};
pub use split::{SplitActivity, SplitMetrics, SplitTimes, SplitWatermarkMetrics};
pub use state_access::{
    AggregatingStateLatencyMetrics, AggregatingStateSizeMetrics, AggregatingStateSizes,
    AggregatingStateTimers, DEFAULT_SAMPLING, ListStateLatencyMetrics, ListStateSizeMetrics, ListStateSizes,
    ListStateTimers, MapStateLatencyMetrics, MapStateSizeMetrics, MapStateSizes, MapStateTimers,
    ReducingStateLatencyMetrics, ReducingStateSizeMetrics, ReducingStateSizes, ReducingStateTimers,
    SampledHistogram, SampledTimer, StateSizeMetrics, ValueStateLatencyMetrics, ValueStateSizeMetrics,
    ValueStateSizes, ValueStateTimers, state_group,
};
pub use task_times::{TaskActivity, TaskActivityGuard, TaskTimeMetrics, TaskTimes};
pub use watermark::{
    InputWatermarkMetrics, LateRecordMetrics, MAX_WATERMARK, NO_WATERMARK, OutputWatermarkMetrics,
    WatermarkAlignmentMetrics, Watermarks,
};

/// The example of the README, which is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

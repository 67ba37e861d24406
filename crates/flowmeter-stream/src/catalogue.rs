//! The list of all metric sets of this crate.

use flowmeter_core::{CatalogueEntry, Descriptor, Gauge, Metric, MetricSet, ScopeKind, Unit};

use crate::source::{PENDING_BYTES, PENDING_RECORDS};
use crate::watermark::INPUT_WATERMARK_DESCRIPTION;
use crate::{
    AggregatingStateLatencyMetrics, AggregatingStateSizeMetrics, AsyncStateMetrics, BufferDebloatingMetrics,
    ChangelogMaterializationMetrics, ChangelogSizeMetrics, ChangelogStorageMetrics, ChangelogTimeMetrics,
    CheckpointHistograms, CheckpointMetrics, ClusterMetrics, CommitterMetrics, EmitLagMetrics,
    EnumeratorMetrics, ExternalPathMetrics, FetchLagMetrics, FileMergingMetrics, InitializationMetrics,
    InputBufferMetrics, InputWatermarkMetrics, JobStatusMetrics, LastCheckpointMetrics, LateRecordMetrics,
    LatencyMarkerMetrics, LatencyMetrics, ListStateLatencyMetrics, ListStateSizeMetrics, LookupCacheMetrics,
    MailboxMetrics, ManagedMemoryMetrics, MapStateLatencyMetrics, MapStateSizeMetrics, NetworkMemoryMetrics,
    OperatorBytesMetrics, OperatorIoMetrics, OutputBufferMetrics, OutputWatermarkMetrics, QueueLengthMetrics,
    ReducingStateLatencyMetrics, ReducingStateSizeMetrics, RestoreMetrics, SinkWriterMetrics,
    SourceErrorMetrics, SourceLatencyMetrics, SourceMetrics, SpeculativeExecutionMetrics, SplitMetrics,
    SplitProgressMetrics, SplitWatermarkMetrics, StateSizeMetrics, SubtaskLatencyMetrics, TaskBytesMetrics,
    TaskCheckpointMetrics, TaskInputMetrics, TaskIoMetrics, TaskTimeMetrics, TimerMetrics,
    ValueStateLatencyMetrics, ValueStateSizeMetrics, WatermarkAlignmentMetrics, WatermarkLagMetrics,
};

const JOB_MANAGER: &[ScopeKind] = &[ScopeKind::JobManager];
const JOB: &[ScopeKind] = &[ScopeKind::JobManagerJob];
const COORDINATOR: &[ScopeKind] = &[ScopeKind::JobManagerOperator];
const TASK_MANAGER: &[ScopeKind] = &[ScopeKind::TaskManager];
const TASK_MANAGER_JOB: &[ScopeKind] = &[ScopeKind::TaskManagerJob];
const TASK: &[ScopeKind] = &[ScopeKind::Task];
const OPERATOR: &[ScopeKind] = &[ScopeKind::Operator];

const PENDING: &[Descriptor] =
    &[Descriptor::of::<Gauge<u64>>(PENDING_RECORDS), Descriptor::of::<Gauge<u64>>(PENDING_BYTES)];

const INPUT_WATERMARK: &[Descriptor] = &[Descriptor::of::<Gauge<i64>>(
    Metric::new("currentInput<N>Watermark")
        .with_unit(Unit::MILLISECONDS)
        .with_description(INPUT_WATERMARK_DESCRIPTION),
)];

const fn entry(
    registered_by: &'static str,
    scopes: &'static [ScopeKind],
    groups: &'static str,
    descriptors: &'static [Descriptor],
) -> CatalogueEntry {
    CatalogueEntry { registered_by, scopes, groups, descriptors }
}

/// All metric sets of a stream processor.
pub const CATALOGUE: &[CatalogueEntry] = &[
    entry("ClusterMetrics", JOB_MANAGER, "", ClusterMetrics::DESCRIPTORS),
    entry("JobStatusTracker", JOB, "", JobStatusMetrics::DESCRIPTORS),
    entry("CheckpointLedger", JOB, "", CheckpointMetrics::DESCRIPTORS),
    entry("CheckpointLedger", JOB, "", LastCheckpointMetrics::DESCRIPTORS),
    entry("CheckpointLedger", JOB, "", ExternalPathMetrics::DESCRIPTORS),
    entry("CheckpointLedger", JOB, "", RestoreMetrics::DESCRIPTORS),
    entry("CheckpointLedger", JOB, "", CheckpointHistograms::DESCRIPTORS),
    entry("SpeculativeExecutionMetrics", JOB, "", SpeculativeExecutionMetrics::DESCRIPTORS),
    entry("EnumeratorMetrics", COORDINATOR, "coordinator.enumerator", EnumeratorMetrics::DESCRIPTORS),
    entry("NetworkMemory", TASK_MANAGER, "shuffle", NetworkMemoryMetrics::DESCRIPTORS),
    entry("ManagedMemoryMetrics", TASK_MANAGER, "", ManagedMemoryMetrics::DESCRIPTORS),
    entry("FileMergingMetrics", TASK_MANAGER_JOB, "fileMerging", FileMergingMetrics::DESCRIPTORS),
    entry(
        "ChangelogStorageMetrics",
        TASK_MANAGER_JOB,
        "ChangelogStorage",
        ChangelogStorageMetrics::DESCRIPTORS,
    ),
    entry("TaskIoMetrics", TASK, "", TaskIoMetrics::DESCRIPTORS),
    entry("TaskBytesMetrics", TASK, "", TaskBytesMetrics::DESCRIPTORS),
    entry("TimerMetrics", TASK, "", TimerMetrics::DESCRIPTORS),
    entry("InitializationMetrics", TASK, "", InitializationMetrics::DESCRIPTORS),
    entry("TaskTimes", TASK, "", TaskTimeMetrics::DESCRIPTORS),
    entry("Watermarks::for_task", TASK, "", InputWatermarkMetrics::DESCRIPTORS),
    entry("BarrierAlignment", TASK, "", TaskCheckpointMetrics::DESCRIPTORS),
    entry("MailboxMetrics", TASK, "", MailboxMetrics::DESCRIPTORS),
    entry("BufferDebloatingMetrics", TASK, "", BufferDebloatingMetrics::DESCRIPTORS),
    entry("ChangelogTimes", TASK, "", ChangelogTimeMetrics::DESCRIPTORS),
    entry("TaskInputMetrics", TASK, "shuffle.input", TaskInputMetrics::DESCRIPTORS),
    entry("InputBufferMetrics", TASK, "shuffle.input", InputBufferMetrics::DESCRIPTORS),
    entry("OutputBufferMetrics", TASK, "shuffle.output", OutputBufferMetrics::DESCRIPTORS),
    entry("QueueLengthMetrics", TASK, "shuffle.input.gate", QueueLengthMetrics::DESCRIPTORS),
    entry("QueueLengthMetrics", TASK, "shuffle.output.partition", QueueLengthMetrics::DESCRIPTORS),
    entry("QueueLengthMetrics", TASK, "Shuffle.Netty.Input.<gate>", QueueLengthMetrics::DESCRIPTORS),
    entry("QueueLengthMetrics", TASK, "Shuffle.Netty.Output.<partition>", QueueLengthMetrics::DESCRIPTORS),
    entry("QueueLengthMetrics", TASK, "Network.Input.<gate>", QueueLengthMetrics::DESCRIPTORS),
    entry("QueueLengthMetrics", TASK, "Network.Output.<partition>", QueueLengthMetrics::DESCRIPTORS),
    entry("OperatorIoMetrics", OPERATOR, "", OperatorIoMetrics::DESCRIPTORS),
    entry("OperatorBytesMetrics", OPERATOR, "", OperatorBytesMetrics::DESCRIPTORS),
    entry("Watermarks", OPERATOR, "", InputWatermarkMetrics::DESCRIPTORS),
    entry("Watermarks", OPERATOR, "", OutputWatermarkMetrics::DESCRIPTORS),
    entry("Watermarks", OPERATOR, "", INPUT_WATERMARK),
    entry("WatermarkAlignmentMetrics", OPERATOR, "", WatermarkAlignmentMetrics::DESCRIPTORS),
    entry("LateRecordMetrics", OPERATOR, "", LateRecordMetrics::DESCRIPTORS),
    entry("SourceReader", OPERATOR, "", SourceMetrics::DESCRIPTORS),
    entry("SourceReader", OPERATOR, "", SourceErrorMetrics::DESCRIPTORS),
    entry("SourceReader", OPERATOR, "", FetchLagMetrics::DESCRIPTORS),
    entry("SourceReader", OPERATOR, "", EmitLagMetrics::DESCRIPTORS),
    entry("SourceReader", OPERATOR, "", WatermarkLagMetrics::DESCRIPTORS),
    entry("SourceReader", OPERATOR, "", PENDING),
    entry("SplitTimes", OPERATOR, "split.watermark", SplitWatermarkMetrics::DESCRIPTORS),
    entry("SplitTimes", OPERATOR, "split.watermark", SplitMetrics::DESCRIPTORS),
    entry("SplitProgressMetrics", OPERATOR, "", SplitProgressMetrics::DESCRIPTORS),
    entry("SinkWriterMetrics", OPERATOR, "", SinkWriterMetrics::DESCRIPTORS),
    entry("CommittableLedger", OPERATOR, "", CommitterMetrics::DESCRIPTORS),
    entry("LatencyTracker", OPERATOR, "latency", LatencyMarkerMetrics::DESCRIPTORS),
    entry("LatencyTracker", OPERATOR, "latency.operator_subtask_index", LatencyMetrics::DESCRIPTORS),
    entry(
        "LatencyTracker",
        OPERATOR,
        "latency.source_id.operator_subtask_index",
        SourceLatencyMetrics::DESCRIPTORS,
    ),
    entry(
        "LatencyTracker",
        OPERATOR,
        "latency.source_id.source_subtask_index.operator_subtask_index",
        SubtaskLatencyMetrics::DESCRIPTORS,
    ),
    entry("StateSizeMetrics", OPERATOR, "state_name", StateSizeMetrics::DESCRIPTORS),
    entry("ValueStateTimers", OPERATOR, "state_name", ValueStateLatencyMetrics::DESCRIPTORS),
    entry("ListStateTimers", OPERATOR, "state_name", ListStateLatencyMetrics::DESCRIPTORS),
    entry("MapStateTimers", OPERATOR, "state_name", MapStateLatencyMetrics::DESCRIPTORS),
    entry("AggregatingStateTimers", OPERATOR, "state_name", AggregatingStateLatencyMetrics::DESCRIPTORS),
    entry("ReducingStateTimers", OPERATOR, "state_name", ReducingStateLatencyMetrics::DESCRIPTORS),
    entry("ValueStateSizes", OPERATOR, "state_name", ValueStateSizeMetrics::DESCRIPTORS),
    entry("ListStateSizes", OPERATOR, "state_name", ListStateSizeMetrics::DESCRIPTORS),
    entry("MapStateSizes", OPERATOR, "state_name", MapStateSizeMetrics::DESCRIPTORS),
    entry("AggregatingStateSizes", OPERATOR, "state_name", AggregatingStateSizeMetrics::DESCRIPTORS),
    entry("ReducingStateSizes", OPERATOR, "state_name", ReducingStateSizeMetrics::DESCRIPTORS),
    entry("AsyncStateMetrics", OPERATOR, "asyncStateProcessing", AsyncStateMetrics::DESCRIPTORS),
    entry("LookupCacheMetrics", OPERATOR, "cache", LookupCacheMetrics::DESCRIPTORS),
    entry(
        "ChangelogMaterializationMetrics",
        OPERATOR,
        "ChangelogMaterialization",
        ChangelogMaterializationMetrics::DESCRIPTORS,
    ),
    entry("ChangelogSizeMetrics", OPERATOR, "", ChangelogSizeMetrics::DESCRIPTORS),
];

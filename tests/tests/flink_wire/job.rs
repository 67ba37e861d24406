//! The job of the capture, in flowmeter's groups: the same names, ids and variables, with the metric sets for
//! what Flink's job had. Its user's metrics have the values that they had there.

use std::any::Any;
use std::num::NonZeroU32;

use flowmeter::stream::{
    BarrierAlignment, ChangelogTimes, CheckpointLedger, ClusterMetrics, CompletedCheckpoint,
    EnumeratorMetrics, FlinkQueues, InitializationMetrics, InputBufferMetrics, JobStatusTracker,
    LateRecordMetrics, LatencyGranularity, LatencyMarker, LatencyTracker, MailboxMetrics,
    ManagedMemoryMetrics, NetworkMemory, OperatorBytesMetrics, OperatorIoMetrics, OutputBufferMetrics,
    QueueLengthMetrics, ReducingStateSizes, ReducingStateTimers, SinkWriterMetrics, SourceReader, SplitTimes,
    TaskBytesMetrics, TaskInputMetrics, TaskIoMetrics, TaskTimes, TimerMetrics, ValueStateSizes,
    ValueStateTimers, Watermarks, enumerator_group, flink_queues, input_group, output_group, state_group,
};
use flowmeter::system::{AllocatorReading, AllocatorStatistics, SystemOptions};
use flowmeter_core::{
    MetricGroup, MetricSet, OperatorGroup, Registry, TaskGroup, TaskInfo, TaskManagerGroup,
    TaskManagerJobGroup,
};
use flowmeter_testkit::quiet_registry;

const HOST: &str = "127.0.0.1";
const JOB: (&str, &str) = ("687edb36c45437de42216486fc39408e", "Probe Job: metrics");

/// Ids and names of tasks, which are those of their first operators.
const SOURCE: (&str, &str) = ("bc764cd8ddf7a0cff126f51c16239658", "Source: Gen Source (é)");
const MAP: (&str, &str) = ("fab544b958e94325c896b399a17e23ed", "My Map");
const WINDOW: (&str, &str) = ("17fa7d5367c724482927e588ee5684a1", "Win");
const WINDOW_TASK: (&str, &str) = (WINDOW.0, "Win -> Sink-1: Writer");
const SINK: (&str, &str) = ("90bf27943cd14c2061c1bbc472160583", "Sink-1: Writer");

/// What the subtasks of the map had received.
const RECORDS: [u64; 2] = [47_000, 70_499];

/// A time of the events.
const EVENT_TIME: i64 = 1_795_332_947_432;

/// The cluster and its job, until it is dropped.
pub(crate) struct Job {
    pub(crate) registry: Registry,
    _owners: Owners,
}

/// What closes its group when it is dropped.
type Owners = Vec<Box<dyn Any>>;

impl Job {
    pub(crate) fn new() -> Self {
        let registry = quiet_registry();
        let mut owners = Owners::new();
        job_manager(&registry, &mut owners);
        let task_manager = registry.task_manager(HOST, "127.0.0.1:44075-bfc3d1");
        process(&task_manager);
        of_task_manager(&task_manager);
        let job = task_manager.job(JOB.0, JOB.1);
        for subtask in 0..2 {
            source(&job, subtask, &mut owners);
            map(&job, subtask, &mut owners);
            window(&job, subtask, &mut owners);
        }
        owners.push(Box::new(job));
        owners.push(Box::new(task_manager));
        Self { registry, _owners: owners }
    }
}

fn register<S: MetricSet>(group: &MetricGroup) {
    drop(S::register(group));
}

/// An allocator that knows what a JVM knows of its heap.
struct Heap;

impl AllocatorStatistics for Heap {
    fn read(&mut self) -> AllocatorReading {
        AllocatorReading::default().with_used(1).with_committed(2).with_max(3)
    }
}

fn process(manager: &MetricGroup) {
    let options = SystemOptions::default().with_threads(false).with_cgroup(false).with_host(false);
    flowmeter::system::register(manager, &options);
    flowmeter::system::register_allocator(manager, Heap);
}

fn job_manager(registry: &Registry, owners: &mut Owners) {
    let job_manager = registry.job_manager(HOST);
    process(&job_manager);
    register::<ClusterMetrics>(&job_manager);
    let job = job_manager.job(JOB.0, JOB.1);
    JobStatusTracker::register(&job);
    let checkpoints = CheckpointLedger::register(&job);
    checkpoints.restored();
    checkpoints.triggered(1);
    let external_path = "file:/checkpoints/1".to_owned();
    checkpoints.completed(1, CompletedCheckpoint { external_path, ..CompletedCheckpoint::default() });
    let task = TaskInfo { id: SOURCE.0, name: SOURCE.1, ..TaskInfo::default() };
    let coordinator = job.operator(&task, SOURCE.0, SOURCE.1);
    register::<EnumeratorMetrics>(&enumerator_group(&coordinator));
    owners.push(Box::new((coordinator, job, job_manager)));
}

fn of_task_manager(task_manager: &TaskManagerGroup) {
    NetworkMemory::register(task_manager, 32_768, 2_048);
    register::<ManagedMemoryMetrics>(task_manager);
}

/// A task with the metrics that all tasks have, and queues where it has some.
fn task(
    job: &TaskManagerJobGroup,
    (id, name): (&str, &str),
    subtask_index: usize,
    queues: &[FlinkQueues],
) -> TaskGroup {
    let attempt_id = format!("d4de711b3b09789e2190e78db917f93d_{id}_{subtask_index}_0");
    let attempt_number = Some(0);
    let task = job.task(TaskInfo { id, name, subtask_index, attempt_id: &attempt_id, attempt_number });
    register::<TaskIoMetrics>(&task);
    register::<TaskBytesMetrics>(&task);
    register::<TimerMetrics>(&task);
    register::<InitializationMetrics>(&task);
    register::<MailboxMetrics>(&task);
    drop((TaskTimes::register(&task), ChangelogTimes::register(&task), BarrierAlignment::register(&task)));
    register::<TaskInputMetrics>(&input_group(&task));
    register::<InputBufferMetrics>(&input_group(&task));
    register::<OutputBufferMetrics>(&output_group(&task));
    for side in queues {
        for group in flink_queues(&task, *side, 0) {
            QueueLengthMetrics::observe(&group, || [1, 2]);
        }
    }
    task
}

fn operator(task: &TaskGroup, (id, name): (&str, &str)) -> OperatorGroup {
    let operator = task.operator(id, name);
    register::<OperatorIoMetrics>(&operator);
    register::<OperatorBytesMetrics>(&operator);
    operator
}

/// An operator that is no source: watermarks and latency markers come to it.
fn inner_operator(task: &TaskGroup, of: (&str, &str), is_first: bool) -> OperatorGroup {
    let operator = operator(task, of);
    let watermarks = Watermarks::register(&operator, 1);
    let mut watermarks = if is_first { watermarks.for_task(task) } else { watermarks };
    watermarks.advance_input(0, EVENT_TIME);
    watermarks.advance_output(EVENT_TIME);
    let marked = operator.clock().unix();
    let marker = LatencyMarker { source_id: SOURCE.0.into(), source_subtask_index: 0, marked };
    LatencyTracker::register(&operator, LatencyGranularity::Operator).arrived(&marker);
    operator
}

fn source(job: &TaskManagerJobGroup, subtask: usize, owners: &mut Owners) {
    let task = task(job, SOURCE, subtask, &[FlinkQueues::Output]);
    let operator = operator(&task, SOURCE);
    Watermarks::register(&operator, 0).advance_output(EVENT_TIME);
    let mut reader = SourceReader::register(&operator);
    reader.emitted(EVENT_TIME);
    reader.watermark(EVENT_TIME);
    let split = SplitTimes::register(&operator, &(subtask + 1).to_string());
    split.advance(EVENT_TIME);
    owners.push(Box::new((split, operator, task)));
}

fn map(job: &TaskManagerJobGroup, subtask: usize, owners: &mut Owners) {
    let task = task(job, MAP, subtask, &[FlinkQueues::Input, FlinkQueues::Output]);
    let operator = inner_operator(&task, MAP, true);
    let state = state_group(&operator, "s");
    drop((
        ValueStateTimers::register(&state, NonZeroU32::MIN),
        ValueStateSizes::register(&state, NonZeroU32::MIN),
    ));
    users_metrics(&operator, RECORDS[subtask]);
    owners.push(Box::new((operator, task)));
}

fn window(job: &TaskManagerJobGroup, subtask: usize, owners: &mut Owners) {
    let task = task(job, WINDOW_TASK, subtask, &[FlinkQueues::Input]);
    let window = inner_operator(&task, WINDOW, true);
    register::<LateRecordMetrics>(&window);
    // All keys were those of one subtask.
    if subtask == 1 {
        let state = state_group(&window, "window-contents");
        drop((
            ReducingStateTimers::register(&state, NonZeroU32::MIN),
            ReducingStateSizes::register(&state, NonZeroU32::MIN),
        ));
    }
    let sink = inner_operator(&task, SINK, false);
    register::<SinkWriterMetrics>(&sink);
    owners.push(Box::new((sink, window, task)));
}

/// What the user of the captured job had registered.
fn users_metrics(operator: &OperatorGroup, records: u64) {
    operator.counter("myCounter").inc_by(records);
    operator.counter("myCounter2").inc();
    operator.up_down_counter("negCounter").add(-4);
    operator.meter("myMeter").mark_by(records);
    let histogram = operator.histogram::<u64>("myHistogram");
    (0..records).for_each(|record| histogram.record(record % 1_000));
    operator.text_gauge("stringGauge").set("hello world");
    operator.gauge::<bool>("boolGauge").set(true);
    operator.gauge::<f64>("nanGauge").set(f64::NAN);
    operator.gauge::<f64>("infGauge").set(f64::INFINITY);
    operator.gauge::<f64>("tinyGauge").set(1.5e-9);
    // A text that was never set is what is nearest to a null.
    drop(operator.text_gauge("nullGauge"));
    operator.add_group("plainGroup").add_group("nested").counter("inPlain").inc_by(7);
    operator.add_group_kv("userKey", "user value/1:é\"q\\b\nnl").counter("inKv").inc_by(3);
    operator.add_group("weird name-1.x,y=z*?\"").counter("odd name:with.dots-and/slash").inc_by(5);
}

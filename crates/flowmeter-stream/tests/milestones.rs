//! The spans and events of a job, under Flink's names.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{
    AttributeValue, JobManagerGroup, JobManagerJobGroup, Milestone, Registry, ReporterHandle, Severity, Span,
    SpanStatus,
};
use flowmeter_stream::{
    CheckpointLedger, CompletedCheckpoint, JobFailure, JobStatus, JobStatusTracker, SubtaskCheckpoint,
    SubtaskInitialization,
};
use flowmeter_testkit::{Capture, MockClock, PATIENCE, driven};

const BEGAN: Duration = Duration::from_secs(1_700_000_000);
const CHECKPOINTS: &str = "org.apache.flink.runtime.checkpoint.CheckpointStatsTracker";

struct Cluster {
    job: JobManagerJobGroup,
    _job_manager: JobManagerGroup,
    clock: Arc<MockClock>,
    handle: ReporterHandle,
    capture: Capture,
    _registry: Registry,
}

impl Cluster {
    fn new() -> Self {
        let capture = Capture::push().with_milestones();
        let (registry, clock, handle) = driven(&capture);
        let job_manager = registry.job_manager("h");
        let job = job_manager.job("j", "job");
        Self { job, _job_manager: job_manager, clock, handle, capture, _registry: registry }
    }

    fn pass(&self, milliseconds: u64) {
        self.clock.advance(Duration::from_millis(milliseconds));
    }

    /// All so far, one line each: times in milliseconds since the clock began.
    fn told(&self) -> Vec<String> {
        self.handle.report_now(PATIENCE).unwrap();
        let all = self.capture.all_milestones();
        for milestone in &all {
            assert_eq!(milestone.logical_scope, "jobmanager.job");
            assert!(milestone.variables.contains(&("job_name".to_owned(), "job".to_owned())));
        }
        all.iter().map(|milestone| line(&milestone.milestone)).collect()
    }

    fn spans(&self) -> Vec<Span> {
        self.told();
        let all = self.capture.all_milestones().into_iter();
        all.filter_map(|milestone| match milestone.milestone {
            Milestone::Span(span) => Some(span),
            Milestone::Event(_) => None,
        })
        .collect()
    }
}

fn line(milestone: &Milestone) -> String {
    let since = |time: Duration| (time - BEGAN).as_millis();
    match milestone {
        Milestone::Span(span) => {
            let attributes = text(span.attributes());
            format!("{} {}..{} {attributes}", span.name(), since(span.start()), since(span.end()))
        }
        Milestone::Event(event) => {
            format!("{} at {} {}", event.name(), since(event.observed()), text(event.attributes()))
        }
    }
}

fn text<'a>(attributes: impl Iterator<Item = (&'a str, &'a AttributeValue)>) -> String {
    let value = |value: &AttributeValue| match value {
        AttributeValue::Text(text) => format!("{text:?}"),
        AttributeValue::I64(number) => number.to_string(),
        AttributeValue::F64(number) => number.to_string(),
        AttributeValue::Bool(value) => value.to_string(),
    };
    attributes.map(|(key, of)| format!("{key}={}", value(of))).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_completed_checkpoint_is_a_span_and_an_event() {
    let cluster = Cluster::new();
    let checkpoints = CheckpointLedger::register(&cluster.job);
    cluster.pass(1_000);
    checkpoints.triggered(7);
    cluster.pass(250);
    let checkpoint = CompletedCheckpoint {
        size: 10,
        full_size: 20,
        metadata_size: 30,
        processed_data: 40,
        persisted_data: 50,
        ..CompletedCheckpoint::default()
    };
    checkpoints.completed(7, checkpoint);
    checkpoints.completed(7, CompletedCheckpoint::default());
    assert_eq!(
        cluster.told(),
        [
            "Checkpoint 1000..1250 jobId=\"j\" checkpointId=7 checkpointStatus=\"COMPLETED\" \
             checkpointType=\"Checkpoint\" isUnaligned=\"false\" checkpointedSize=10 fullSize=20 metadataSize=30 \
             sumProcessedDataBytes=40 sumPersistedDataBytes=50",
            "CheckpointEvent at 1250 jobId=\"j\" checkpointId=7 checkpointStatus=\"COMPLETED\" \
             checkpointType=\"Checkpoint\" isUnaligned=\"false\" checkpointedSize=10 fullSize=20 metadataSize=30",
        ],
        "once, and not again"
    );
    let spans = cluster.spans();
    assert_eq!((spans[0].scope(), spans[0].status()), (CHECKPOINTS, &SpanStatus::Ok));
}

/// All attributes that Flink has were seen in what Flink sends.
#[test]
fn a_checkpoint_whose_subtasks_are_known_has_all_that_flink_has() {
    let cluster = Cluster::new();
    let checkpoints = CheckpointLedger::register(&cluster.job);
    checkpoints.triggered(1);
    let subtask = |seed: u64| SubtaskCheckpoint {
        start_delay: Duration::from_millis(seed),
        alignment: Duration::from_millis(seed + 1),
        sync: Duration::from_millis(seed + 2),
        r#async: Duration::from_millis(seed + 3),
        size: seed + 4,
        full_size: seed + 5,
        processed_data: seed + 6,
        persisted_data: seed + 7,
    };
    let checkpoint = CompletedCheckpoint {
        is_unaligned: true,
        checkpoint_type: "Full Checkpoint".to_owned(),
        subtasks: vec![subtask(10), subtask(30)],
        ..CompletedCheckpoint::default()
    };
    checkpoints.completed(1, checkpoint);
    let spans = cluster.spans();
    let mut attributes: Vec<_> = spans[0].attributes().map(|pair| text([pair].into_iter())).collect();
    attributes.sort();
    assert_eq!(
        attributes,
        [
            "checkpointId=1",
            "checkpointStatus=\"COMPLETED\"",
            "checkpointType=\"Full Checkpoint\"",
            "checkpointedSize=0",
            "fullSize=0",
            "isUnaligned=\"true\"",
            "jobId=\"j\"",
            "maxAlignmentDurationMs=31",
            "maxAsyncCheckpointDurationMs=33",
            "maxCheckpointStartDelayMs=30",
            "maxCheckpointedSizeBytes=34",
            "maxPersistedDataBytes=37",
            "maxProcessedDataBytes=36",
            "maxStateSizeBytes=35",
            "maxSyncCheckpointDurationMs=32",
            "metadataSize=0",
            "sumAlignmentDurationMs=42",
            "sumAsyncCheckpointDurationMs=46",
            "sumCheckpointStartDelayMs=40",
            "sumPersistedDataBytes=0",
            "sumProcessedDataBytes=0",
            "sumSyncCheckpointDurationMs=44",
        ]
    );
}

#[test]
fn a_failed_checkpoint_is_told_of_too_and_so_are_those_that_a_restore_ends() {
    let cluster = Cluster::new();
    let checkpoints = CheckpointLedger::register(&cluster.job);
    (1..=3).for_each(|id| checkpoints.triggered(id));
    cluster.pass(500);
    checkpoints.failed_because(2, "timed out");
    checkpoints.failed(2);
    checkpoints.restored();
    let failed = |id: u64| {
        [
            format!("Checkpoint 0..500 jobId=\"j\" checkpointId={id} checkpointStatus=\"FAILED\""),
            format!("CheckpointEvent at 500 jobId=\"j\" checkpointId={id} checkpointStatus=\"FAILED\""),
        ]
    };
    assert_eq!(cluster.told(), [2, 1, 3].map(failed).concat());
    let why: Vec<_> = cluster.spans().iter().map(|span| span.status().clone()).collect();
    let error = |why: &str| SpanStatus::Error(why.to_owned());
    assert_eq!(why[..2], [error("timed out"), error("the job was restored meanwhile")]);
}

#[test]
fn a_job_tells_of_its_states_and_its_initialization() {
    let cluster = Cluster::new();
    let status = JobStatusTracker::register(&cluster.job);
    status.switch(JobStatus::Created);
    cluster.pass(100);
    status.switch(JobStatus::Running);
    status.switch(JobStatus::Running);
    status.set_deploying(true);
    cluster.pass(100);
    status.restores_checkpoint(5, 1_000);
    let subtask = |milliseconds| SubtaskInitialization {
        mailbox_start: Duration::from_millis(milliseconds),
        initialize_state: Duration::from_millis(10 * milliseconds),
        ..SubtaskInitialization::default()
    };
    status.subtask_initialized(&subtask(3));
    status.subtask_initialized(&subtask(4));
    status.set_all_tasks_running(true);
    status.set_all_tasks_running(true);
    cluster.pass(300);
    status.failed(&JobFailure {
        message: "disk full".to_owned(),
        can_restart: Some(true),
        is_global: Some(false),
        labels: vec![("type".to_owned(), "system".to_owned())],
    });
    status.switch(JobStatus::Restarting);
    status.restarted();
    cluster.pass(50);
    status.switch(JobStatus::Running);
    cluster.pass(25);
    status.set_all_tasks_running(true);
    status.rescaled();
    status.switch(JobStatus::Cancelling);
    status.switch(JobStatus::Ended);
    status.switch(JobStatus::Running);
    let change =
        |at: u64, status: &str| format!("JobStatusChangeEvent at {at} jobId=\"j\" newJobStatus=\"{status}\"");
    let all = |at: u64, status: &str| {
        format!("AllSubtasksStatusChangeEvent at {at} jobId=\"j\" status=\"{status}\"")
    };
    assert_eq!(
        cluster.told(),
        [
            change(0, "CREATED"),
            change(100, "RUNNING"),
            all(200, "ALL_RUNNING_OR_FINISHED"),
            "JobInitialization 0..200 jobId=\"j\" initializationStatus=\"COMPLETED\" checkpointId=5 fullSize=1000 \
             maxMailboxStartDurationMs=4 sumMailboxStartDurationMs=7 maxReadOutputDataDurationMs=0 \
             sumReadOutputDataDurationMs=0 maxInitializeStateDurationMs=40 sumInitializeStateDurationMs=70 \
             maxGateRestoreDurationMs=0 sumGateRestoreDurationMs=0"
                .to_owned(),
            "JobFailureEvent at 500 jobId=\"j\" canRestart=\"true\" isGlobalFailure=\"false\" failureLabel.type=\"system\""
                .to_owned(),
            change(500, "RESTARTING"),
            all(500, "NOT_ALL_RUNNING_OR_FINISHED"),
            "JobRestartEvent at 500 jobId=\"j\" numRestarts=1 isRescale=false".to_owned(),
            change(550, "RUNNING"),
            all(575, "ALL_RUNNING_OR_FINISHED"),
            "JobInitialization 500..575 jobId=\"j\" initializationStatus=\"COMPLETED\"".to_owned(),
            "JobRestartEvent at 575 jobId=\"j\" numRestarts=2 isRescale=true".to_owned(),
            change(575, "CANCELLING"),
            all(575, "NOT_ALL_RUNNING_OR_FINISHED"),
            change(575, "CANCELED"),
        ]
    );
    let failure = cluster.capture.all_milestones().into_iter().find(|told| told.name() == "JobFailureEvent");
    let Some(Milestone::Event(failure)) = failure.map(|told| told.milestone) else { panic!("no failure") };
    assert_eq!((failure.body(), failure.severity()), ("disk full", Severity::Warn));
}

/// What a job tells of its initialization when it goes through states.
fn initialization(states: &[JobStatus], told_of_tasks: bool) -> Option<String> {
    let cluster = Cluster::new();
    let status = JobStatusTracker::register(&cluster.job);
    for state in states {
        cluster.pass(1);
        status.switch(*state);
        if told_of_tasks && *state == JobStatus::Running {
            status.set_deploying(true);
        }
    }
    cluster.spans().first().map(|span| {
        let outcome = span.attributes().find(|(key, _)| *key == "initializationStatus").unwrap();
        format!("{} {}", text([outcome].into_iter()), (span.end() - span.start()).as_millis())
    })
}

#[test]
fn an_initialization_fails_if_the_job_does_meanwhile() {
    use JobStatus::{Cancelling, Created, Ended, Failing, Running};
    let failed = |after: u64| Some(format!("initializationStatus=\"FAILED\" {after}"));
    assert_eq!(initialization(&[Ended], false), failed(1));
    assert_eq!(initialization(&[Created, Failing, Ended], false), failed(2));
    assert_eq!(initialization(&[Created, Running, Failing], true), failed(3));
    assert_eq!(initialization(&[Created, Running, Failing], false), None, "nobody says when all tasks run");
    assert_eq!(initialization(&[Created, Running, Ended], true), None, "it ran to its end");
    assert_eq!(initialization(&[Created, Cancelling, Ended], true), None);
}

#[test]
fn an_end_is_named_by_what_was_before() {
    use JobStatus::{Cancelling, Ended, Failing, Restarting, Running};
    for (before, end) in
        [(Running, "FINISHED"), (Cancelling, "CANCELED"), (Failing, "FAILED"), (Restarting, "FAILED")]
    {
        let cluster = Cluster::new();
        let status = JobStatusTracker::register(&cluster.job);
        status.switch(before);
        status.switch(Ended);
        let end = format!("JobStatusChangeEvent at 0 jobId=\"j\" newJobStatus=\"{end}\"");
        assert!(cluster.told().contains(&end), "{before:?}");
    }
}

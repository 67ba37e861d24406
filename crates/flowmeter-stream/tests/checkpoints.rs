//! What JobManagers report of the checkpoints of a job.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeSet;

use common::{Cluster, Expected, Once, Table, Values, cases, number, table};
use flowmeter_stream::{CheckpointLedger, CompletedCheckpoint};
use proptest::prelude::*;

const JOB: &str = "jobmanager.job";
/// When the clocks of tests begin, since the Unix epoch.
const BEGAN: u64 = 1_700_000_000_000;

/// What there is before the first checkpoint.
fn no_checkpoint() -> Table {
    table![
        "numberOfInProgressCheckpoints" => 0_u64,
        "numberOfCompletedCheckpoints" => 0_u64,
        "numberOfFailedCheckpoints" => 0_u64,
        "totalNumberOfCheckpoints" => 0_u64,
        "checkpointDuration" => Values(0, 0.0),
        "checkpointSize" => Values(0, 0.0),
    ]
}

/// A checkpoint of different values.
fn checkpoint(seed: u64) -> CompletedCheckpoint {
    CompletedCheckpoint {
        size: seed + 1,
        full_size: seed + 2,
        metadata_size: seed + 3,
        processed_data: seed + 4,
        persisted_data: seed + 5,
        external_path: format!("s3://checkpoints/{seed}"),
        ..CompletedCheckpoint::default()
    }
}

#[test]
fn a_checkpoint_is_under_way_and_then_the_last_one() {
    let cluster = Cluster::new();
    let checkpoints = CheckpointLedger::register(&cluster.job);
    assert_eq!(cluster.report(JOB), no_checkpoint());

    cluster.pass(1_000);
    checkpoints.triggered(7);
    cluster.pass(250);
    let mut expected = no_checkpoint();
    let counts = |in_progress: u64, completed: u64, failed: u64| {
        table![
            "numberOfInProgressCheckpoints" => in_progress,
            "numberOfCompletedCheckpoints" => completed,
            "numberOfFailedCheckpoints" => failed,
            "totalNumberOfCheckpoints" => in_progress + completed + failed,
        ]
    };
    expected.extend(counts(1, 0, 0));
    assert_eq!(cluster.report(JOB), expected);

    checkpoints.completed(7, checkpoint(100));
    cluster.pass(4_000);
    expected.extend(counts(0, 1, 0));
    expected.extend(table![
        "lastCheckpointDuration" => 250_u64,
        "lastCheckpointSize" => 101_u64,
        "lastCheckpointFullSize" => 102_u64,
        "lastCheckpointMetadataSize" => 103_u64,
        "lastCheckpointProcessedData" => 104_u64,
        "lastCheckpointPersistedData" => 105_u64,
        "lastCompletedCheckpointId" => 7_u64,
        "lastCheckpointCompletedTimestamp" => BEGAN + 1_250,
        "lastCheckpointExternalPath" => "s3://checkpoints/100",
        "checkpointDuration" => Once(250e6),
        "checkpointSize" => Once(101.0),
    ]);
    assert_eq!(cluster.report(JOB), expected);

    // Others change nothing of the last one unless they are completed.
    checkpoints.triggered(8);
    checkpoints.failed(8);
    checkpoints.triggered(9);
    expected.extend(counts(1, 1, 1));
    assert_eq!(cluster.report(JOB), expected);

    // The job is restored, which ends the one under way.
    checkpoints.triggered(10);
    checkpoints.restored();
    checkpoints.completed(9, checkpoint(900));
    expected.extend(counts(0, 1, 3));
    expected.extend(table!["lastCheckpointRestoreTimestamp" => BEGAN + 5_250]);
    assert_eq!(cluster.report(JOB), expected);
}

#[test]
fn the_last_checkpoint_is_that_of_the_greatest_number() {
    let cluster = Cluster::new();
    let checkpoints = CheckpointLedger::register(&cluster.job);
    let last = || {
        let seen = cluster.report(JOB);
        ["lastCompletedCheckpointId", "lastCheckpointSize", "lastCheckpointDuration"]
            .map(|name| number(&seen, name))
    };
    checkpoints.triggered(1);
    cluster.pass(10);
    checkpoints.triggered(2);
    cluster.pass(10);
    checkpoints.completed(2, checkpoint(20));
    assert_eq!(last(), [2.0, 21.0, 10.0]);
    cluster.pass(10);
    checkpoints.completed(1, checkpoint(10));
    assert_eq!(last(), [2.0, 21.0, 10.0], "the first one was through after the second");
    let seen = cluster.report(JOB);
    assert_eq!(number(&seen, "numberOfCompletedCheckpoints"), 2.0);
    assert_eq!(seen["checkpointDuration"], table!["d" => Values(2, 40e6)]["d"]);
    assert_eq!(seen["checkpointSize"], table!["s" => Values(2, 32.0)]["s"]);
}

#[test]
fn numbers_may_begin_anew_after_a_restore() {
    let cluster = Cluster::new();
    let checkpoints = CheckpointLedger::register(&cluster.job);
    let complete = |id: u64| {
        checkpoints.triggered(id);
        checkpoints.completed(id, checkpoint(id));
        number(&cluster.report(JOB), "lastCompletedCheckpointId")
    };
    assert_eq!(complete(10), 10.0);
    checkpoints.restored();
    assert_eq!([complete(2), complete(3), complete(1)], [2.0, 3.0, 3.0]);
}

#[test]
fn checkpoints_end_once_and_only_if_they_began() {
    let cluster = Cluster::new();
    let checkpoints = CheckpointLedger::register(&cluster.job);
    checkpoints.completed(1, checkpoint(1));
    checkpoints.failed(2);
    assert_eq!(cluster.report(JOB), no_checkpoint(), "none was triggered");
    checkpoints.triggered(3);
    cluster.pass(40);
    checkpoints.triggered(3);
    cluster.pass(2);
    checkpoints.completed(3, CompletedCheckpoint::default());
    checkpoints.completed(3, checkpoint(3));
    checkpoints.failed(3);
    let mut expected = no_checkpoint();
    expected.extend(table![
        "lastCheckpointDuration" => 42_u64,
        "lastCheckpointSize" => 0_u64,
        "lastCheckpointFullSize" => 0_u64,
        "lastCheckpointMetadataSize" => 0_u64,
        "lastCheckpointProcessedData" => 0_u64,
        "lastCheckpointPersistedData" => 0_u64,
        "lastCompletedCheckpointId" => 3_u64,
        "lastCheckpointCompletedTimestamp" => BEGAN + 42,
        "numberOfCompletedCheckpoints" => 1_u64,
        "totalNumberOfCheckpoints" => 1_u64,
        "checkpointDuration" => Once(42e6),
        "checkpointSize" => Once(0.0),
    ]);
    assert_eq!(cluster.report(JOB), expected, "its place is not known");
}

#[test]
fn checkpoints_that_nobody_ends_fail_when_there_are_too_many() {
    let cluster = Cluster::new();
    let checkpoints = CheckpointLedger::register(&cluster.job);
    let counts = || {
        let seen = cluster.report(JOB);
        ["InProgress", "Completed", "Failed"]
            .map(|which| number(&seen, &format!("numberOf{which}Checkpoints")))
    };
    (0..1_000).for_each(|id| checkpoints.triggered(id));
    assert_eq!(counts(), [1_000.0, 0.0, 0.0]);
    checkpoints.triggered(1_000);
    checkpoints.triggered(1_001);
    assert_eq!(counts(), [1_000.0, 0.0, 2.0]);
    checkpoints.completed(1, checkpoint(1));
    assert_eq!(counts(), [1_000.0, 0.0, 2.0], "that one has failed");
    checkpoints.completed(2, checkpoint(2));
    checkpoints.completed(1_001, checkpoint(3));
    assert_eq!(counts(), [998.0, 2.0, 2.0]);
}

#[test]
fn the_checkpoint_that_fails_for_want_of_room_is_the_one_that_began_first() {
    let cluster = Cluster::new();
    let checkpoints = CheckpointLedger::register(&cluster.job);
    // Numbers may begin anew.
    for id in (5_000..6_000).rev().chain([1]) {
        checkpoints.triggered(id);
        cluster.pass(1);
    }
    checkpoints.completed(5_999, checkpoint(1));
    let completed = || number(&cluster.report(JOB), "numberOfCompletedCheckpoints");
    assert_eq!(completed(), 0.0, "it has failed");
    checkpoints.completed(1, checkpoint(2));
    checkpoints.completed(5_000, checkpoint(3));
    assert_eq!(completed(), 2.0);
}

#[derive(Clone, Copy, Debug)]
enum CheckpointStep {
    Triggered(u64),
    Completed(u64),
    Failed(u64),
    Restored,
    Pass(u64),
}

fn checkpoint_steps() -> impl Strategy<Value = Vec<CheckpointStep>> {
    let step = prop_oneof![
        4 => (0_u64..12).prop_map(CheckpointStep::Triggered),
        3 => (0_u64..12).prop_map(CheckpointStep::Completed),
        2 => (0_u64..12).prop_map(CheckpointStep::Failed),
        1 => Just(CheckpointStep::Restored),
        2 => (0_u64..10_000).prop_map(CheckpointStep::Pass),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #![proptest_config(cases(64))]
    #[test]
    fn checkpoints_that_were_triggered_are_under_way_or_have_ended(steps in checkpoint_steps()) {
        let cluster = Cluster::new();
        let checkpoints = CheckpointLedger::register(&cluster.job);
        let (mut under_way, mut triggered, mut completed) = (BTreeSet::new(), 0_u32, 0_u32);
        let (mut last, mut anew) = (None, false);
        for step in steps {
            match step {
                CheckpointStep::Triggered(id) => {
                    checkpoints.triggered(id);
                    // One that is under way is not another.
                    triggered += u32::from(under_way.insert(id));
                }
                CheckpointStep::Completed(id) => {
                    checkpoints.completed(id, CompletedCheckpoint::default());
                    if under_way.remove(&id) {
                        completed += 1;
                        last = if anew { Some(id) } else { last.max(Some(id)) };
                        anew = false;
                    }
                }
                CheckpointStep::Failed(id) => {
                    checkpoints.failed(id);
                    under_way.remove(&id);
                }
                CheckpointStep::Restored => {
                    checkpoints.restored();
                    under_way.clear();
                    anew = true;
                }
                CheckpointStep::Pass(time) => cluster.pass(time),
            }
        }
        let seen = cluster.report(JOB);
        let of = |which| number(&seen, &format!("{which}Checkpoints"));
        prop_assert_eq!(of("numberOfInProgress"), under_way.len() as f64);
        prop_assert_eq!(of("numberOfCompleted"), f64::from(completed));
        prop_assert_eq!(of("totalNumberOf"), f64::from(triggered));
        let parts = of("numberOfInProgress") + of("numberOfCompleted") + of("numberOfFailed");
        prop_assert_eq!(of("totalNumberOf"), parts);
        prop_assert_eq!(seen.get("lastCompletedCheckpointId").cloned(), last.map(u64::observed));
        prop_assert_eq!(number(&seen, "checkpointDuration"), f64::from(completed));
    }
}

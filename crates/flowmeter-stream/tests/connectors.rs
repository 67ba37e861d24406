//! What sources, their splits, sinks and committers report.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::time::Duration;

use common::{Cluster, Table, table};
use flowmeter_core::{Clock, MetricSet};
use flowmeter_stream::{
    CommittableLedger, MAX_WATERMARK, NO_WATERMARK, SinkWriterMetrics, SourceReader, SplitActivity,
    SplitProgressMetrics, SplitTimes,
};
use flowmeter_testkit::Capture;

const OPERATOR: &str = "taskmanager.job.task.operator";
const SPLIT: &str = "taskmanager.job.task.operator.split.watermark";
/// When the clocks of tests begin, since the Unix epoch.
const BEGAN: i64 = 1_700_000_000_000;

#[test]
fn a_source_shows_what_it_knows() {
    let cluster = Cluster::new();
    let mut source = SourceReader::register(&cluster.operator);
    let mut expected = table!["numRecordsInErrors" => 0_u64, "sourceIdleTime" => 0_u64];
    assert_eq!(cluster.report(OPERATOR), expected);

    source.failed(2);
    source.failed(3);
    source.pending_records(|| 42);
    source.pending_bytes(|| 4_200);
    cluster.pass(1_000);
    source.fetched(BEGAN + 400);
    cluster.pass(50);
    source.emitted(BEGAN + 200);
    source.watermark(BEGAN + 150);
    cluster.pass(7);
    expected.extend(table![
        "numRecordsInErrors" => 5_u64,
        "pendingRecords" => 42_u64,
        "pendingBytes" => 4_200_u64,
        "currentFetchEventTimeLag" => 600_i64,
        "currentEmitEventTimeLag" => 850_i64,
        // This one goes on while no watermark comes.
        "watermarkLag" => 907_i64,
    ]);
    assert_eq!(cluster.report(OPERATOR), expected);

    // Events of the future, and a watermark that does not go back.
    source.fetched(BEGAN + 2_057);
    source.emitted_at(BEGAN + 2_000, cluster.clock.unix() + Duration::from_millis(3));
    source.watermark(BEGAN + 100);
    expected.extend(table![
        "currentFetchEventTimeLag" => -1_000_i64,
        "currentEmitEventTimeLag" => -940_i64,
    ]);
    assert_eq!(cluster.report(OPERATOR), expected);
    source.watermark(BEGAN + 5_057);
    expected.extend(table!["watermarkLag" => -4_000_i64]);
    assert_eq!(cluster.report(OPERATOR), expected);
}

#[test]
fn a_source_is_idle_until_it_hands_something_on() {
    let cluster = Cluster::new();
    let mut source = SourceReader::register(&cluster.operator);
    let idle = |expected: u64| {
        let expected = table!["sourceIdleTime" => expected]["sourceIdleTime"].clone();
        assert_eq!(cluster.report(OPERATOR)["sourceIdleTime"], expected);
    };
    cluster.pass(1_000);
    idle(0);
    source.went_idle();
    cluster.pass(300);
    idle(300);
    source.went_idle();
    cluster.pass(200);
    idle(500);
    // To read something is not to hand it on.
    source.fetched(BEGAN);
    idle(500);
    source.emitted(BEGAN);
    cluster.pass(100);
    idle(0);
    source.went_idle();
    cluster.pass(10);
    idle(10);
    source.resumed();
    cluster.pass(10);
    idle(0);
    let seen = cluster.report(OPERATOR);
    assert_eq!(seen["currentEmitEventTimeLag"], table!["lag" => 1_500_i64]["lag"]);
}

#[test]
fn the_ends_of_event_time_are_no_watermark_to_lag_behind() {
    let cluster = Cluster::new();
    let mut source = SourceReader::register(&cluster.operator);
    let nothing = cluster.report(OPERATOR);
    source.watermark(NO_WATERMARK);
    source.watermark(i64::MAX);
    assert_eq!(cluster.report(OPERATOR), nothing);
    source.watermark(BEGAN - 5);
    source.watermark(i64::MAX);
    cluster.pass(20);
    assert_eq!(cluster.report(OPERATOR)["watermarkLag"], table!["lag" => 25_i64]["lag"]);
}

#[test]
fn a_record_without_a_time_lags_behind_nothing() {
    let cluster = Cluster::new();
    let mut source = SourceReader::register(&cluster.operator);
    source.went_idle();
    cluster.pass(50);
    for no_time in [NO_WATERMARK, MAX_WATERMARK] {
        source.fetched(no_time);
        source.emitted(no_time);
    }
    let expected = table!["numRecordsInErrors" => 0_u64, "sourceIdleTime" => 0_u64];
    assert_eq!(cluster.report(OPERATOR), expected, "but it is no longer idle");
    source.went_idle();
    cluster.pass(50);
    drop(source);
    cluster.pass(50);
    assert_eq!(cluster.report(OPERATOR), expected, "nor is one that has gone");
}

#[test]
fn committables_that_are_too_many_to_count_are_no_panic() {
    let cluster = Cluster::new();
    let committables = CommittableLedger::register(&cluster.operator);
    committables.committed(u64::MAX);
    committables.failed(1);
    assert_eq!(committables.pending(), 0);
}

#[test]
fn splits_are_read_to_their_end() {
    let cluster = Cluster::new();
    let progress = SplitProgressMetrics::register(&cluster.operator);
    progress.num_splits_processed.set(12);
    assert_eq!(cluster.report(OPERATOR), table!["numSplitsProcessed" => 12_u64]);
}

/// What a split is to show: times are active, paused and idle ones, in milliseconds.
fn split(name: &str, watermark: i64, totals: [u64; 3], by_second: [f64; 3]) -> Table {
    let mut expected = match watermark {
        // It has none yet.
        NO_WATERMARK => Table::new(),
        watermark => table![format!("currentWatermark{{split={name}}}") => watermark],
    };
    for ((activity, total), by_second) in ["Active", "Paused", "Idle"].into_iter().zip(totals).zip(by_second)
    {
        let lower = activity.to_lowercase();
        expected.extend(table![
            format!("{lower}TimeMsPerSecond{{split={name}}}") => by_second,
            format!("accumulated{activity}TimeMs{{split={name}}}") => total,
        ]);
    }
    expected
}

#[test]
fn a_split_is_read_or_held_back_or_idle() {
    let cluster = Cluster::new();
    cluster.pass(3_000);
    let times = SplitTimes::register(&cluster.operator, "s1");
    assert_eq!(cluster.report(SPLIT), split("s1", NO_WATERMARK, [0; 3], [0.0; 3]));
    times.advance(700);
    cluster.pass(2_000);
    times.switch(SplitActivity::Paused);
    times.advance(600);
    cluster.pass(1_000);
    times.switch(SplitActivity::Idle);
    cluster.pass(500);
    times.switch(SplitActivity::Idle);
    cluster.pass(500);
    let first = split("s1", 700, [2_000, 1_000, 1_000], [500.0, 250.0, 250.0]);
    assert_eq!(cluster.report(SPLIT), first, "4 s");
    cluster.pass(4_000);
    times.advance(900);
    times.advance(MAX_WATERMARK);
    let full = split("s1", 900, [2_000, 1_000, 5_000], [250.0, 125.0, 625.0]);
    assert_eq!(cluster.report(SPLIT), full, "8 s, and the window ends");
    times.switch(SplitActivity::Active);
    cluster.pass(3_000);
    let next = split("s1", 900, [5_000, 1_000, 5_000], [250.0, 125.0, 625.0]);
    assert_eq!(cluster.report(SPLIT), next, "the next one is not full");
    times.switch(SplitActivity::Paused);
    cluster.pass(3_000);
    let full = split("s1", 900, [5_000, 4_000, 5_000], [500.0, 500.0, 0.0]);
    assert_eq!(cluster.report(SPLIT), full);
}

#[test]
fn a_split_leaves_with_its_last_values_and_may_come_again() {
    let cluster = Cluster::new();
    let (first, second) =
        (SplitTimes::register(&cluster.operator, "s1"), SplitTimes::register(&cluster.operator, "s2"));
    second.switch(SplitActivity::Idle);
    cluster.pass(4_000);
    cluster.report(SPLIT);
    first.advance(10);
    cluster.pass(1_000);
    drop(first);
    cluster.pass(5_000);
    let s2 = split("s2", NO_WATERMARK, [0, 0, 10_000], [0.0, 0.0, 1_000.0]);
    // What it had when it left: 5 s of the 10 until the report that says so.
    let mut last = split("s1", 10, [5_000, 0, 0], [500.0, 0.0, 0.0]);
    last.extend(s2.clone());
    assert_eq!(cluster.report(SPLIT), last);
    assert_eq!(cluster.report(SPLIT), s2);

    let again = SplitTimes::register(&cluster.operator, "s1");
    again.switch(SplitActivity::Paused);
    cluster.pass(2_000);
    let mut both = split("s1", NO_WATERMARK, [0, 2_000, 0], [0.0, 1_000.0, 0.0]);
    both.extend(split("s2", NO_WATERMARK, [0, 0, 12_000], [0.0, 0.0, 1_000.0]));
    assert_eq!(cluster.report(SPLIT), both);
    drop((again, second));
    cluster.pass(5_000); // the grace time of what they had
    cluster.report(SPLIT);
    assert_eq!(cluster.report_all(), Table::new());
}

#[test]
fn a_sink_sends_records() {
    let cluster = Cluster::new();
    let sink = SinkWriterMetrics::register(&cluster.operator);
    sink.sent(10, 2_000, Duration::from_millis(30));
    sink.sent(5, 500, Duration::from_millis(12));
    sink.num_records_send_errors.inc_by(3);
    let expected = table![
        "numRecordsSend" => 15_u64,
        "numBytesSend" => 2_500_u64,
        "numRecordsSendErrors" => 3_u64,
        "currentSendTime" => 12_u64,
    ];
    assert_eq!(cluster.report(OPERATOR), expected);
}

#[test]
fn flink_has_errors_of_sinks_twice() {
    let cluster = Cluster::reporting_to(Capture::flink());
    let sink = SinkWriterMetrics::register(&cluster.operator);
    sink.sent(15, 2_500, Duration::from_millis(12));
    sink.num_records_send_errors.inc_by(3);
    let expected = table![
        "numRecordsSend" => 15_u64,
        "numBytesSend" => 2_500_u64,
        "numRecordsSendErrors" => 3_u64,
        "numRecordsOutErrors" => 3_u64,
        "currentSendTime" => 12_u64,
    ];
    assert_eq!(cluster.report(OPERATOR), expected);
}

#[test]
fn committables_are_pending_until_they_are_settled() {
    let cluster = Cluster::new();
    let committables = CommittableLedger::register(&cluster.operator);
    let seen = |[total, successful, already, failed, retried, pending]: [u64; 6]| {
        let expected = table![
            "totalCommittables" => total,
            "successfulCommittables" => successful,
            "alreadyCommittedCommittables" => already,
            "failedCommittables" => failed,
            "retriedCommittables" => retried,
            "pendingCommittables" => pending,
        ];
        assert_eq!(cluster.report(OPERATOR), expected);
        assert_eq!(committables.pending(), pending);
    };
    seen([0; 6]);
    committables.received(20);
    seen([20, 0, 0, 0, 0, 20]);
    committables.committed(7);
    seen([20, 7, 0, 0, 0, 13]);
    committables.already_committed(4);
    seen([20, 7, 4, 0, 0, 9]);
    committables.retried(2);
    committables.retried(1);
    seen([20, 7, 4, 0, 3, 9]);
    committables.failed(1);
    seen([20, 7, 4, 1, 3, 8]);
    committables.committed(8);
    seen([20, 15, 4, 1, 3, 0]);
    // One that nobody said had come in.
    committables.committed(1);
    seen([20, 16, 4, 1, 3, 0]);
    committables.received(1);
    seen([21, 16, 4, 1, 3, 0]);
}

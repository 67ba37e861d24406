//! What operators report of input, output, event time, look-ups and their state's log.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::time::Duration;

use common::{Cluster, Expected, Table, cases, table};
use flowmeter_core::{MetricGroup, MetricSet};
use flowmeter_stream::{
    AsyncStateMetrics, ChangelogMaterializationMetrics, ChangelogSizeMetrics, LateRecordMetrics,
    LookupCacheMetrics, MAX_WATERMARK, NO_WATERMARK, OperatorBytesMetrics, OperatorIoMetrics,
    WatermarkAlignmentMetrics, Watermarks, async_state_group, cache_group, changelog_materialization_group,
};
use flowmeter_testkit::Capture;
use proptest::prelude::*;

const OPERATOR: &str = "taskmanager.job.task.operator";

/// What counts the input, output and work of an operator, filled.
fn filled(operator: &MetricGroup) -> impl Sized + use<> {
    let (io, bytes) = (OperatorIoMetrics::register(operator), OperatorBytesMetrics::register(operator));
    io.num_records_in.inc_by(60);
    io.num_records_out.inc_by(120);
    bytes.num_bytes_in.inc_by(180);
    bytes.num_bytes_out.inc_by(240);
    io.num_buffers_in.inc_by(300);
    io.num_buffers_out.inc_by(360);
    io.num_activations.inc_by(420);
    io.busy_time.inc_by(480);
    (io, bytes)
}

#[test]
fn an_operator_has_input_output_and_work() {
    let cluster = Cluster::new();
    let _filled = filled(&cluster.operator);
    let expected = table![
        "taskmanager.job.task.operator.numRecordsIn" => 60_u64,
        "taskmanager.job.task.operator.numRecordsOut" => 120_u64,
        "taskmanager.job.task.operator.numBytesIn" => 180_u64,
        "taskmanager.job.task.operator.numBytesOut" => 240_u64,
        "taskmanager.job.task.operator.numBuffersIn" => 300_u64,
        "taskmanager.job.task.operator.numBuffersOut" => 360_u64,
        "taskmanager.job.task.operator.numActivations" => 420_u64,
        "taskmanager.job.task.operator.busyTime" => 480_u64,
    ];
    assert_eq!(cluster.report_all(), expected);
}

#[test]
fn under_flinks_names_an_operator_has_rates_too() {
    let cluster = Cluster::reporting_to(Capture::flink());
    let _filled = filled(&cluster.operator);
    cluster.pass(60_000);
    let expected = table![
        "numRecordsIn" => 60_u64,
        "numRecordsInPerSecond" => 1.0,
        "numRecordsOut" => 120_u64,
        "numRecordsOutPerSecond" => 2.0,
        "numBytesIn" => 180_u64,
        "numBytesInPerSecond" => 3.0,
        "numBytesOut" => 240_u64,
        "numBytesOutPerSecond" => 4.0,
        "numBuffersIn" => 300_u64,
        "numBuffersOut" => 360_u64,
        "numActivations" => 420_u64,
        "busyTime" => 480_u64,
    ];
    assert_eq!(cluster.report(OPERATOR), expected);
}

/// What there is of these watermarks: those that are none have no series.
fn watermarks_of(all: Table) -> Table {
    all.into_iter().filter(|(_, watermark)| *watermark != NO_WATERMARK.observed()).collect()
}

#[test]
fn the_watermark_of_an_operator_is_the_least_of_its_inputs() {
    let cluster = Cluster::new();
    let mut watermarks = Watermarks::register(&cluster.operator, 2).for_task(&cluster.task);
    let seen = |inputs: [i64; 2], least: i64, output: i64| {
        let expected = table![
            "taskmanager.job.task.operator.currentInput1Watermark" => inputs[0],
            "taskmanager.job.task.operator.currentInput2Watermark" => inputs[1],
            "taskmanager.job.task.operator.currentInputWatermark" => least,
            "taskmanager.job.task.operator.currentOutputWatermark" => output,
            "taskmanager.job.task.currentInputWatermark" => least,
        ];
        assert_eq!(cluster.report_all(), watermarks_of(expected));
    };
    seen([NO_WATERMARK; 2], NO_WATERMARK, NO_WATERMARK);
    watermarks.advance_input(0, 500);
    seen([500, NO_WATERMARK], NO_WATERMARK, NO_WATERMARK);
    watermarks.advance_input(1, 300);
    watermarks.advance_output(250);
    seen([500, 300], 300, 250);
    // What is older changes nothing, nor what comes from elsewhere.
    watermarks.advance_input(1, 200);
    watermarks.advance_input(2, 900);
    watermarks.advance_output(100);
    seen([500, 300], 300, 250);
    // What has ended, or is idle, does not hold back the others, and the end is no time to show.
    watermarks.advance_input(1, MAX_WATERMARK);
    watermarks.advance_output(500);
    seen([500, 300], 500, 500);
    assert_eq!(watermarks.input(), 500);
    watermarks.advance_input(0, MAX_WATERMARK);
    watermarks.advance_output(MAX_WATERMARK);
    seen([500, 300], 500, 500);
    assert_eq!(watermarks.input(), MAX_WATERMARK);
}

#[test]
fn an_idle_input_holds_nobody_back() {
    let cluster = Cluster::new();
    let mut watermarks = Watermarks::register(&cluster.operator, 2);
    let input = || cluster.report(OPERATOR).get("currentInputWatermark").cloned();
    watermarks.advance_input(0, 500);
    assert_eq!(input(), None);
    watermarks.set_idle(1, true);
    assert_eq!(input(), Some(500_i64.observed()));
    // It comes back behind, and holds back from then on; what was shown does not go back.
    watermarks.set_idle(1, false);
    watermarks.advance_input(1, 400);
    assert_eq!((watermarks.input(), input()), (400, Some(500_i64.observed())));
    watermarks.advance_input(0, 700);
    watermarks.advance_input(1, 600);
    assert_eq!(input(), Some(600_i64.observed()));
    watermarks.set_idle(0, true);
    watermarks.set_idle(1, true);
    assert_eq!((watermarks.input(), input()), (NO_WATERMARK, Some(600_i64.observed())));
}

#[test]
fn one_input_has_no_gauge_of_its_own() {
    let cluster = Cluster::new();
    let mut watermarks = Watermarks::register(&cluster.operator, 1);
    watermarks.advance_input(0, -5);
    let mut watermarks = watermarks.for_task(&cluster.task);
    let seen = |input: i64| {
        let expected = table![
            "taskmanager.job.task.operator.currentInputWatermark" => input,
            "taskmanager.job.task.operator.currentOutputWatermark" => NO_WATERMARK,
            "taskmanager.job.task.currentInputWatermark" => input,
        ];
        assert_eq!(cluster.report_all(), watermarks_of(expected));
    };
    seen(-5);
    watermarks.advance_input(0, 7);
    seen(7);
}

#[test]
fn a_source_has_no_input_but_watermarks_that_it_emits() {
    let cluster = Cluster::new();
    let mut watermarks = Watermarks::register(&cluster.operator, 0);
    watermarks.advance_input(0, 5);
    watermarks.advance_output(8);
    let expected = table![
        "currentInputWatermark" => NO_WATERMARK,
        "currentOutputWatermark" => 8_i64,
    ];
    assert_eq!(cluster.report(OPERATOR), watermarks_of(expected));
}

proptest! {
    #![proptest_config(cases(64))]
    #[test]
    fn watermarks_are_those_of_the_definition(
        inputs in 1_usize..5,
        steps in prop::collection::vec((0_usize..5, any::<i64>().prop_map(|time| time >> 40)), 0..40),
    ) {
        let cluster = Cluster::new();
        let mut watermarks = Watermarks::register(&cluster.operator, inputs).for_task(&cluster.task);
        let mut model = vec![NO_WATERMARK; inputs];
        for (input, watermark) in steps {
            watermarks.advance_input(input, watermark);
            if let Some(known) = model.get_mut(input) {
                *known = watermark.max(*known);
            }
            prop_assert_eq!(watermarks.input(), *model.iter().min().unwrap());
        }
        let least = *model.iter().min().unwrap();
        let mut expected = table![
            "currentInputWatermark" => least,
            "currentOutputWatermark" => NO_WATERMARK,
        ];
        if inputs > 1 {
            let numbered = (1..).zip(model);
            expected.extend(numbered.flat_map(|(number, watermark)| {
                table![format!("currentInput{number}Watermark") => watermark]
            }));
        }
        prop_assert_eq!(cluster.report(OPERATOR), watermarks_of(expected));
        let of_task = watermarks_of(table!["currentInputWatermark" => least]);
        prop_assert_eq!(cluster.report("taskmanager.job.task"), of_task);
    }
}

#[test]
fn event_time_drifts_apart_and_leaves_late_records() {
    let cluster = Cluster::new();
    let alignment = WatermarkAlignmentMetrics::register(&cluster.operator);
    let late = LateRecordMetrics::register(&cluster.operator);
    alignment.watermark_alignment_drift.set(-30);
    late.num_late_records_dropped.inc_by(4);
    let expected = table!["watermarkAlignmentDrift" => -30_i64, "numLateRecordsDropped" => 4_u64];
    assert_eq!(cluster.report(OPERATOR), expected);
}

#[test]
fn a_cache_answers_look_ups_and_loads_what_it_has_not() {
    let cluster = Cluster::new();
    let cache = LookupCacheMetrics::register(&cache_group(&cluster.operator));
    cache.hit_count.inc_by(20);
    cache.miss_count.inc_by(3);
    cache.loaded(Duration::from_millis(15), false);
    cache.clone().loaded(Duration::from_millis(250), true);
    cache.loaded(Duration::from_micros(12_999), false);
    cache.num_cached_records.set(40);
    cache.num_cached_bytes.set(8_000);
    let expected = table![
        "taskmanager.job.task.operator.cache.hitCount" => 20_u64,
        "taskmanager.job.task.operator.cache.missCount" => 3_u64,
        "taskmanager.job.task.operator.cache.loadCount" => 3_u64,
        "taskmanager.job.task.operator.cache.numLoadFailures" => 1_u64,
        "taskmanager.job.task.operator.cache.latestLoadTime" => 12_u64,
        "taskmanager.job.task.operator.cache.numCachedRecords" => 40_u64,
        "taskmanager.job.task.operator.cache.numCachedBytes" => 8_000_u64,
    ];
    assert_eq!(cluster.report_all(), expected);
}

#[test]
fn records_wait_for_state_that_is_read_meanwhile() {
    let cluster = Cluster::new();
    let state = AsyncStateMetrics::register(&async_state_group(&cluster.operator));
    state.num_in_flight_records.set(1);
    state.active_buffer_size.set(2);
    state.blocking_buffer_size.set(3);
    state.num_blocking_keys.set(4);
    let expected = table![
        "taskmanager.job.task.operator.asyncStateProcessing.numInFlightRecords" => 1_u64,
        "taskmanager.job.task.operator.asyncStateProcessing.activeBufferSize" => 2_u64,
        "taskmanager.job.task.operator.asyncStateProcessing.blockingBufferSize" => 3_u64,
        "taskmanager.job.task.operator.asyncStateProcessing.numBlockingKeys" => 4_u64,
    ];
    assert_eq!(cluster.report_all(), expected);
}

#[test]
fn changes_become_whole_state() {
    let cluster = Cluster::new();
    let materialization =
        ChangelogMaterializationMetrics::register(&changelog_materialization_group(&cluster.operator));
    materialization.started_materialization.inc_by(5);
    materialization.completed_materialization.inc_by(3);
    materialization.failed_materialization.inc();
    materialization.last_duration_of_materialization.set(777);
    let sizes = ChangelogSizeMetrics::register(&cluster.operator);
    sizes.last_full_size_of_materialization.set(1_000);
    sizes.last_inc_size_of_materialization.set(200);
    sizes.last_full_size_of_non_materialization.set(30);
    sizes.last_inc_size_of_non_materialization.set(4);
    let expected = table![
        "taskmanager.job.task.operator.ChangelogMaterialization.startedMaterialization" => 5_u64,
        "taskmanager.job.task.operator.ChangelogMaterialization.completedMaterialization" => 3_u64,
        "taskmanager.job.task.operator.ChangelogMaterialization.failedMaterialization" => 1_u64,
        "taskmanager.job.task.operator.ChangelogMaterialization.lastDurationOfMaterialization" => 777_u64,
        "taskmanager.job.task.operator.lastFullSizeOfMaterialization" => 1_000_u64,
        "taskmanager.job.task.operator.lastIncSizeOfMaterialization" => 200_u64,
        "taskmanager.job.task.operator.lastFullSizeOfNonMaterialization" => 30_u64,
        "taskmanager.job.task.operator.lastIncSizeOfNonMaterialization" => 4_u64,
    ];
    assert_eq!(cluster.report_all(), expected);
}

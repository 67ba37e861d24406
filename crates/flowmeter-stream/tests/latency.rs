//! How long markers take from sources to an operator.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::time::Duration;

use common::{Cluster, Values, table};
use flowmeter_core::Clock;
use flowmeter_stream::{LatencyGranularity, LatencyMarker, LatencyTracker};
use flowmeter_testkit::Capture;

/// Markers of two sources, one of which has two instances: they take 10, 20, 40 and 80 ms.
fn arrive(cluster: &Cluster, latencies: &mut LatencyTracker) {
    for (source_id, source_subtask_index, latency) in [("a", 0, 10), ("a", 1, 20), ("b", 0, 40), ("a", 0, 80)]
    {
        let source_id = source_id.into();
        let marker = LatencyMarker { source_id, source_subtask_index, marked: cluster.clock.unix() };
        cluster.pass(latency);
        latencies.arrived(&marker);
    }
}

#[test]
fn sources_are_kept_apart_as_far_as_wanted() {
    let scope = "taskmanager.job.task.operator.latency";
    let single = table![
        format!("{scope}.operator_subtask_index.latency{{operator_subtask_index=3}}") => Values(4, 150.0),
    ];
    let below = format!("{scope}.source_id.operator_subtask_index.latency");
    let operator = table![
        format!("{below}{{source_id=a,operator_subtask_index=3}}") => Values(3, 110.0),
        format!("{below}{{source_id=b,operator_subtask_index=3}}") => Values(1, 40.0),
    ];
    let below = format!("{scope}.source_id.source_subtask_index.operator_subtask_index.latency");
    let of = |source: &str, subtask: usize| {
        format!("{below}{{source_id={source},source_subtask_index={subtask},operator_subtask_index=3}}")
    };
    let subtask = table![
        of("a", 0) => Values(2, 90.0),
        of("a", 1) => Values(1, 20.0),
        of("b", 0) => Values(1, 40.0),
    ];
    for (granularity, mut expected) in [
        (LatencyGranularity::Single, single),
        (LatencyGranularity::Operator, operator),
        (LatencyGranularity::Subtask, subtask),
    ] {
        let cluster = Cluster::new();
        let mut latencies = LatencyTracker::register(&cluster.operator, granularity);
        let none = table![format!("{scope}.untrackedLatencyMarkers") => 0_u64];
        assert_eq!(cluster.report_all(), none, "no marker has come");
        arrive(&cluster, &mut latencies);
        expected.extend(none);
        assert_eq!(cluster.report_all(), expected, "{granularity:?}");
    }
    assert_eq!(LatencyGranularity::default(), LatencyGranularity::Operator);
}

#[test]
fn flink_has_latency_at_the_task() {
    for (granularity, scope, series) in [
        (LatencyGranularity::Single, "operator_id.operator_subtask_index", 1),
        (LatencyGranularity::Operator, "source_id.operator_id.operator_subtask_index", 2),
        (LatencyGranularity::Subtask, "source_id.source_subtask_index.operator_id.operator_subtask_index", 3),
    ] {
        let cluster = Cluster::reporting_to(Capture::flink());
        let mut latencies = LatencyTracker::register(&cluster.operator, granularity);
        arrive(&cluster, &mut latencies);
        let seen = cluster.report(&format!("taskmanager.job.task.latency.{scope}"));
        assert!(seen.keys().all(|name| name.starts_with("latency{")), "{seen:?}");
        assert_eq!(seen.len(), series, "{granularity:?}");
    }
}

#[test]
fn a_marker_from_a_clock_ahead_took_no_time() {
    let cluster = Cluster::new();
    let mut latencies = LatencyTracker::register(&cluster.operator, LatencyGranularity::Single);
    let marked = cluster.clock.unix() + Duration::from_secs(5);
    let marker = LatencyMarker { source_id: "a".into(), source_subtask_index: 0, marked };
    latencies.arrived(&marker);
    latencies.arrived_at(&marker, marked + Duration::from_micros(1_500));
    let seen = cluster.report("taskmanager.job.task.operator.latency.operator_subtask_index");
    assert_eq!(seen, table!["latency{operator_subtask_index=3}" => Values(2, 1.5)]);
}

#[test]
fn markers_of_too_many_sources_are_counted_and_no_more() {
    let cluster = Cluster::new();
    let mut latencies = LatencyTracker::register(&cluster.operator, LatencyGranularity::Subtask);
    let (source_id, marked) = (std::sync::Arc::<str>::from("a"), cluster.clock.unix());
    let marker = |source_subtask_index| LatencyMarker {
        source_id: std::sync::Arc::clone(&source_id),
        source_subtask_index,
        marked,
    };
    cluster.pass(1);
    for source in 0..10_002 {
        latencies.arrived(&marker(source));
    }
    // One that is known goes on.
    latencies.arrived(&marker(9_999));
    latencies.arrived(&marker(10_001));
    let seen = cluster.report_all();
    let histograms = seen.iter().filter(|(name, _)| name.contains(".latency{")).map(|(_, value)| value);
    let (once, twice) = (table!["l" => Values(1, 1.0)], table!["l" => Values(2, 2.0)]);
    let is = |expected: &common::Table| histograms.clone().filter(|value| **value == expected["l"]).count();
    assert_eq!((is(&once), is(&twice), seen.len()), (9_999, 1, 10_001));
    let untracked = &seen["taskmanager.job.task.operator.latency.untrackedLatencyMarkers"];
    assert_eq!(*untracked, table!["u" => 3_u64]["u"]);
}

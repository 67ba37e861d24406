//! What a report allocates. Alone in its process, since all of its memory is counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::alloc::System;
use std::net::UdpSocket;
use std::time::Duration;

use flowmeter_core::{Metric, TaskInfo};
use flowmeter_statsd::{Address, Dialect, StatsdOptions, StatsdReporter};
use flowmeter_testkit::{PATIENCE, on_request, quiet_registry};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn allocations() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

/// How often memory is asked for in a report of so many groups, each with a counter, a meter and two gauges, once it has settled.
fn allocations_of(groups: usize, dialect: Dialect) -> usize {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = Address::Udp("127.0.0.1".to_owned(), receiver.local_addr().unwrap().port());
    let options =
        StatsdOptions::default().with_address(address).with_dialect(dialect).with_spread(Duration::ZERO);
    let registry = quiet_registry();
    let handle =
        registry.add_reporter("statsd", Box::new(StatsdReporter::new(options)), on_request()).unwrap();
    let task_manager = registry.task_manager("host-1", "tm-1");
    let metrics = |number: usize| {
        let group = task_manager.add_group_kv("number", &number.to_string());
        (group.counter("n"), group.meter("m"), group.gauge::<f64>("f"), group.gauge::<i64>("i"))
    };
    let all: Vec<_> = (0..groups).map(metrics).collect();
    let report = |round: i32| {
        for (counter, meter, float, signed) in &all {
            counter.inc();
            meter.mark();
            float.set(f64::from(round) + 0.5);
            signed.set(-i64::from(round));
        }
        handle.report_now(PATIENCE).unwrap();
    };
    (0..5).for_each(report);
    let before = allocations();
    report(5);
    allocations() - before
}

/// The same of so many histograms.
fn allocations_of_histograms(groups: usize, options: StatsdOptions, metric: &Metric) -> usize {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = Address::Udp("127.0.0.1".to_owned(), receiver.local_addr().unwrap().port());
    let options = options.with_address(address).with_spread(Duration::ZERO);
    let registry = quiet_registry();
    let handle =
        registry.add_reporter("statsd", Box::new(StatsdReporter::new(options)), on_request()).unwrap();
    let task_manager = registry.task_manager("host-1", "tm-1");
    let of_job = task_manager.job("a3f0", "word count");
    let task = of_job.task(TaskInfo { id: "2", name: "map", ..TaskInfo::default() });
    let operator = task.operator("2.1", "count");
    let histogram = |number: usize| {
        operator.add_group_kv("source_id", &number.to_string()).histogram::<f64>(metric.clone())
    };
    let all: Vec<_> = (0..groups).map(histogram).collect();
    let report = || {
        all.iter().for_each(|histogram| (1..20).for_each(|value| histogram.record(f64::from(value))));
        handle.report_now(PATIENCE).unwrap();
    };
    (0..5).for_each(|_| report());
    let before = allocations();
    report();
    allocations() - before
}

#[test]
fn reports_do_not_allocate_for_each_metric() {
    for dialect in [Dialect::Plain, Dialect::DogStatsd, Dialect::Graphite, Dialect::Flink] {
        let (few, many) = (allocations_of(100, dialect), allocations_of(10_000, dialect));
        // A few for each lot of packets, which has hundreds of metrics.
        assert!(many < few + 300, "{dialect:?}: {few} for 400 metrics, {many} for 40,000");
    } // One after the other, since all of the memory is counted.
    for dialect in [Dialect::Plain, Dialect::DogStatsd, Dialect::Flink] {
        let options = StatsdOptions::default().with_dialect(dialect);
        let metric = Metric::new("h");
        let of = |groups| allocations_of_histograms(groups, options.clone(), &metric);
        let (few, many) = (of(100), of(2_000));
        assert!(many < few + 300, "{dialect:?}: {few} for 100 histograms, {many} for 2,000");
    }
    // The names that Flink has elsewhere are put together once for a series, and not for each of its lines.
    let metric = Metric::new("h")
        .with_policy_names(&[("flink", "/taskmanager.job.task.latency.source_id.operator_id.latency")]);
    let flink = StatsdOptions::default().with_dialect(Dialect::Flink);
    let of = |groups| allocations_of_histograms(groups, flink.clone(), &metric);
    let (few, many) = (of(100), of(2_000));
    assert!(many < few + 1_900 * 5, "{few} for 100 histograms, {many} for 2,000");
}

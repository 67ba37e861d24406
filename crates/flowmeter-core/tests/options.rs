//! What a reporter gets, by its options.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use flowmeter_core::{
    Counter, Error, Gauge, Histogram, MetricFilter, MetricGroup, MetricHandle, MetricSet, ReporterOptions,
    TaskInfo, VariableFilter,
};
use flowmeter_testkit::{Capture, PATIENCE, Pair, driven, names, on_request, quiet_registry};

/// A registry with some metrics, and what a reporter with these options sees of them.
fn seen(options: ReporterOptions) -> Vec<String> {
    let registry = quiet_registry();
    let capture = Capture::push();
    let handle = registry.add_reporter("capture", capture.reporter(), options).unwrap();
    let task_manager = registry.task_manager("h", "tm-1");
    let job = task_manager.job("j", "wordcount");
    let task = job.task(TaskInfo { id: "1", ..TaskInfo::default() });
    let _metrics = (
        task_manager.gauge::<f64>("load"),
        task.counter("numRecordsIn"),
        task.counter("numBytesIn"),
        task.histogram::<u64>("latency"),
        registry.add_group("a.b").counter("n"),
        registry.add_group("aXb").counter("n"),
    );
    handle.report_now(PATIENCE).unwrap();
    names(&capture.last()).into_iter().map(|name| name.split('{').next().unwrap().to_owned()).collect()
}

#[test]
fn metrics_are_filtered_by_scope_name_and_type() {
    let including = |patterns: &[&str]| {
        let filter = MetricFilter::default();
        let filter = patterns.iter().try_fold(filter, |filter, pattern| filter.including(pattern)).unwrap();
        seen(on_request().with_metrics(filter))
    };
    let task = |names: &[&str]| -> Vec<String> {
        names.iter().map(|name| format!("taskmanager.job.task.{name}")).collect()
    };
    assert_eq!(including(&["*.task"]), task(&["latency", "numBytesIn", "numRecordsIn"]));
    assert_eq!(including(&["taskmanager.job.task:num*:counter"]), task(&["numBytesIn", "numRecordsIn"]));
    assert_eq!(
        including(&["*:*In,latency:COUNTER , histogram"]),
        task(&["latency", "numBytesIn", "numRecordsIn"])
    );
    assert_eq!(including(&["*.job"]), [] as [&str; 0], "all of the scope has to match");
    assert_eq!(including(&["a.b", "*:load"]), ["a.b.n", "taskmanager.load"], "a dot is a dot");
    let filter = MetricFilter::default().including("*.task").unwrap().excluding("*:numBytes*").unwrap();
    assert_eq!(seen(on_request().with_metrics(filter)), task(&["latency", "numRecordsIn"]));
}

#[test]
fn groups_are_filtered_by_variables() {
    let filter = VariableFilter::default().including("tm_id", "tm-*").excluding("job_name", "word*");
    assert_eq!(seen(on_request().with_groups(filter)), ["taskmanager.load"]);
    let filter = VariableFilter::default().excluding("tm_id", "*");
    assert_eq!(seen(on_request().with_groups(filter)), ["a.b.n", "aXb.n"]);
}

#[test]
fn variables_are_hidden_and_added() {
    let capture = Capture::push();
    let registry = quiet_registry();
    let options =
        on_request().without_variable("host").with_variable("zone", "z1").with_variable("tm_id", "other");
    let handle = registry.add_reporter("capture", capture.reporter(), options).unwrap();
    let task_managers = [registry.task_manager("h1", "tm"), registry.task_manager("h2", "tm")];
    let counters = task_managers.each_ref().map(|task_manager| task_manager.counter("n"));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(names(&capture.last()), ["taskmanager.n{tm_id=tm,zone=z1}"]);
    assert_eq!(registry.statistics().clashes, 1, "without the host they are the same");
    drop(counters);
}

#[test]
fn series_beyond_the_limit_are_withheld_and_counted() {
    let capture = Capture::push();
    let registry = quiet_registry();
    let mut options = on_request();
    options.series_limit = 10;
    let handle = registry.add_reporter("capture", capture.reporter(), options).unwrap();
    let group = registry.add_group("g");
    let add = |from: u32, to: u32| -> Vec<_> {
        (from..to).map(|i| group.add_group_kv("i", &i.to_string()).counter("n")).collect()
    };
    let first = add(0, 12);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last().len(), 10);
    assert_eq!(registry.statistics().limited_series, 2);
    // What leaves makes room.
    drop(first);
    (0..5).for_each(|i| group.add_group_kv("i", &i.to_string()).close());
    handle.report_now(PATIENCE).unwrap();
    let more = add(20, 30);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last().len(), 10);
    assert_eq!(registry.statistics().limited_series, 2 + 7);
    let last = names(&capture.last()).into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert!(last.contains(&"g.i.n{i=11}".to_owned()), "those that waited come first: {last:?}");
    drop(more);
}

#[test]
fn reporters_come_and_go_while_others_report() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let counter = registry.add_group("g").counter("n");
    counter.inc();
    registry.remove_reporter("capture", PATIENCE).unwrap();
    assert_eq!((capture.last(), capture.stops()), (vec![("g.n{}".to_owned(), 1.0)], 1), "one last time");
    assert!(matches!(handle.report_now(PATIENCE), Err(Error::Stopped { .. })));
    let again = registry.remove_reporter("capture", Duration::ZERO).unwrap_err();
    assert_eq!(
        again.to_string(),
        "there is no reporter named `capture`: it was never added, or has been removed"
    );
    counter.inc();
    let next = Capture::push();
    let handle = registry.add_reporter("capture", next.reporter(), on_request()).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(next.last(), [("g.n{}".to_owned(), 2.0)]);
}

#[test]
fn what_is_for_nobody_works() {
    let group = MetricGroup::noop();
    let counter = group.add_group("below").add_group_kv("k", "v").counter("n");
    counter.inc_by(3);
    assert_eq!(counter.get(), 3);
    // As often as anybody likes.
    let again = group.counter("n");
    group.counter("n").inc();
    assert_eq!(again.get(), 0);
    group.gauge_callback("callback", || 1.0);
    Gauge::<f64>::noop().set(1.0);
    Counter::noop().inc();
    let histogram = Histogram::<u64>::noop();
    histogram.record(7);
    assert_eq!(histogram.snapshot().count(), 1);
}

#[test]
fn what_is_let_in_late_takes_the_place_of_none_that_is_shown() {
    let (registry, capture) = (quiet_registry(), Capture::push());
    let options = on_request().with_series_limit(3).with_grace(Duration::ZERO);
    let handle = registry.add_reporter("capture", capture.reporter(), options).unwrap();
    let first = registry.add_group("first");
    let filler = Pair::register(&first);
    let groups = [registry.task_manager("h", "tm"), registry.task_manager("h", "tm")];
    let (waits, shown) = (Pair::register(&groups[0]), groups[1].counter("a"));
    waits.0.inc_by(1);
    waits.1.inc_by(2);
    shown.inc_by(5);
    let values = || {
        handle.report_now(PATIENCE).unwrap();
        capture.last().into_iter().map(|(_, value)| value).collect::<Vec<_>>()
    };
    assert_eq!(values(), [0.0, 0.0, 5.0]);
    first.close();
    drop(filler);
    values();
    assert_eq!(values(), [5.0, 2.0], "the first of the identity came late");
    assert_eq!(registry.statistics().clashes, 1);
}

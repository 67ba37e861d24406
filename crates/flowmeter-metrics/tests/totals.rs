//! What the Prometheus exporter of the facade holds is what was counted, exactly.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use flowmeter_core::{Metric, MetricGroup, Registry, ReporterHandle, ReporterOptions, TaskInfo, Unit};
use flowmeter_metrics::{GroupRecorder, MetricsFactory, MetricsReporter, RecorderOptions};
use flowmeter_testkit::PATIENCE;
use flowmeter_testkit::exposition::parse;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

fn on_request() -> ReporterOptions {
    ReporterOptions::default().with_interval(Duration::from_secs(3600))
}

/// A registry that reports to an exporter.
fn exported() -> (Registry, ReporterHandle, PrometheusHandle) {
    let recorder = PrometheusBuilder::new().build_recorder();
    let exporter = recorder.handle();
    let registry = Registry::new();
    let reporter = Box::new(MetricsReporter::new(recorder));
    let reporter = registry.add_reporter("metrics", reporter, on_request()).unwrap();
    (registry, reporter, exporter)
}

/// The sum of a metric over all series that have some labels.
fn total(exporter: &PrometheusHandle, name: &str, labels: &[(&str, &str)]) -> f64 {
    let samples = parse(&exporter.render()).unwrap();
    let has = |sample: &BTreeMap<String, String>| {
        labels.iter().all(|(key, value)| sample.get(*key).is_some_and(|label| label == value))
    };
    let found = samples.iter().filter(|sample| sample.name == name && has(&sample.labels));
    found.map(|sample| sample.value.parse::<f64>().unwrap()).sum()
}

#[test]
fn all_totals_of_a_job_are_exact_while_tasks_come_and_go() {
    let (registry, reporter, exporter) = exported();
    let task_manager = registry.task_manager("host-1", "tm-1");
    let job = task_manager.job("j1", "wordcount");
    let shared = task_manager.add_group("io").shared_counter("bytesRead");
    let (tasks, attempts, records) = (4_u32, 3_u32, 20_000_u32);
    thread::scope(|scope| {
        for subtask in 0..tasks {
            let (job, shared) = (&job, &shared);
            scope.spawn(move || {
                for attempt in 0..attempts {
                    let id = attempt.to_string();
                    let info = TaskInfo {
                        name: "count",
                        attempt_id: &id,
                        attempt_number: Some(attempt),
                        subtask_index: subtask as usize,
                        ..TaskInfo::default()
                    };
                    let task = job.task(info);
                    let operator = task.operator("o1", "count");
                    let (taken, marked) = (operator.counter("numRecordsIn"), operator.meter("lookUps"));
                    let latency = operator.histogram::<u64>("latency");
                    for record in 0..records {
                        taken.inc();
                        marked.mark_by(2);
                        latency.record(u64::from(record % 1000));
                        shared.inc_by(3);
                    }
                }
            });
        }
        for _ in 0..20 {
            reporter.report_now(PATIENCE).unwrap();
        }
    });
    drop((job, task_manager));
    for (name, outcome) in registry.shutdown(PATIENCE) {
        outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let in_all = f64::from(tasks * attempts * records);
    let of_operator =
        |metric: &str| total(&exporter, &format!("taskmanager_job_task_operator_{metric}"), &[]);
    assert_eq!(of_operator("num_records_in"), in_all);
    assert_eq!(of_operator("look_ups"), 2.0 * in_all);
    assert_eq!(of_operator("latency_count"), in_all);
    assert_eq!(total(&exporter, "taskmanager_io_bytes_read", &[("tm_id", "tm-1")]), 3.0 * in_all);
    let true_sum = in_all * 499.5;
    let error = (of_operator("latency_sum") - true_sum).abs() / true_sum;
    assert!(error <= 0.011, "{error}");
    for subtask in 0..tasks {
        let labels = [("subtask_index", &*subtask.to_string()), ("operator_name", "count")];
        let of_subtask = total(&exporter, "taskmanager_job_task_operator_num_records_in", &labels);
        assert_eq!(of_subtask, f64::from(attempts * records));
    }
}

#[test]
fn descriptions_units_and_texts_are_told() {
    let (registry, reporter, exporter) = exported();
    let group = registry.add_group_of("shop", &[("http.method", "GET"), ("le", "x"), ("empty", "")]);
    let metric = Metric::new("ordersSeen").with_unit(Unit::BYTES).with_description("What was seen.");
    let orders = group.counter(metric);
    orders.inc();
    let state = group.text_gauge("state");
    state.set("up \"and\" running");
    reporter.report_now(PATIENCE).unwrap();
    state.set("down");
    reporter.report_now(PATIENCE).unwrap();
    let text = exporter.render();
    let labels = "http_method=\"GET\",le_2=\"x\"";
    for line in [
        "# HELP shop_http_method_le_empty_orders_seen What was seen.".to_owned(),
        format!("shop_http_method_le_empty_orders_seen{{{labels}}} 1"),
        format!("shop_http_method_le_empty_state_info{{{labels},value=\"up \\\"and\\\" running\"}} 0"),
        format!("shop_http_method_le_empty_state_info{{{labels},value=\"down\"}} 1"),
    ] {
        assert!(text.lines().any(|known| known == line), "{line} is not in\n{text}");
    }
}

/// Groups by key and value below a named one.
trait AddGroups {
    fn add_group_of(&self, name: &str, variables: &[(&str, &str)]) -> MetricGroup;
}

impl AddGroups for Registry {
    fn add_group_of(&self, name: &str, variables: &[(&str, &str)]) -> MetricGroup {
        let below = |group: MetricGroup, (key, value): &(&str, &str)| group.add_group_kv(key, value);
        variables.iter().fold(self.add_group(name), below)
    }
}

/// A recorder that panics when it is asked for a counter some time.
#[derive(Clone)]
struct Fragile {
    inner: Arc<PrometheusRecorder>,
    /// How often it is asked until then.
    left: Arc<AtomicU64>,
}

impl Recorder for Fragile {
    fn describe_counter(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<metrics::Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        assert_ne!(self.left.fetch_sub(1, Relaxed), 1, "told to");
        self.inner.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.inner.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.inner.register_histogram(key, metadata)
    }
}

#[test]
fn a_recorder_that_panics_halfway_loses_and_doubles_nothing() {
    let inner = Arc::new(PrometheusBuilder::new().build_recorder());
    let (exporter, left) = (inner.handle(), Arc::new(AtomicU64::new(u64::MAX)));
    let fragile = Fragile { inner, left: Arc::clone(&left) };
    let registry = Registry::with_options(flowmeter_core::RegistryOptions::default().without_self_metrics());
    let section = flowmeter_core::ConfigSection::new("reporters.metrics").with("interval", "1h");
    let factory = Arc::new(MetricsFactory::new(fragile));
    let reporter = registry.add_configured_reporter("metrics", factory, section).unwrap();
    let counters: Vec<_> =
        (0..10).map(|i| registry.add_group("g").add_group_kv("i", &i.to_string()).counter("n")).collect();
    for round in 1..=10_u64 {
        counters.iter().for_each(|counter| counter.inc_by(round));
        left.store(round, Relaxed);
        assert!(reporter.report_now(PATIENCE).is_err(), "round {round}");
        left.store(u64::MAX, Relaxed);
        reporter.restart(PATIENCE).unwrap();
        reporter.report_now(PATIENCE).unwrap();
        let samples = parse(&exporter.render()).unwrap();
        let told: Vec<_> = samples.iter().map(|sample| sample.value.clone()).collect();
        assert_eq!(told, vec![(1..=round).sum::<u64>().to_string(); 10]);
    }
}

#[test]
fn counts_of_series_that_go_all_the_time_are_told_once() {
    let (registry, reporter, exporter) = exported();
    let options = RecorderOptions::default().with_idle_timeout(Duration::ZERO);
    let recorder = GroupRecorder::with_options(registry.add_group("lib"), options);
    let (threads, records) = (3, 8_000_u32);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                metrics::with_local_recorder(&recorder, || {
                    for record in 0..records {
                        metrics::counter!("n", "id" => (record % 5).to_string()).increment(1);
                        metrics::describe_counter!("n", "Described again and again.");
                    }
                });
            });
        }
        for _ in 0..50 {
            recorder.maintain();
            reporter.report_now(PATIENCE).unwrap();
        }
    });
    reporter.report_now(PATIENCE).unwrap();
    assert_eq!(total(&exporter, "lib_id_n", &[]), f64::from(threads * records));
    assert!(recorder.statistics().removed > 0);
}

#[test]
fn what_is_reported_does_not_come_back_as_series() {
    let registry = Registry::new();
    let recorder = GroupRecorder::new(registry.add_group("lib"));
    metrics::with_local_recorder(&recorder, || metrics::counter!("n").increment(1));
    let reporter = Box::new(MetricsReporter::new(recorder.clone()));
    let reporter = registry.add_reporter("loop", reporter, on_request()).unwrap();
    for _ in 0..3 {
        reporter.report_now(PATIENCE).unwrap();
    }
    let statistics = recorder.statistics();
    assert_eq!(statistics.keys, 1);
    assert!(statistics.nested > 0);
}

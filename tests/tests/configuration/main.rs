//! One configuration with every reporter, each with a filter, an interval, variables and names of its own: every backend holds
//! what its rules say, and nothing else, though the configuration is loaded anew while all of them run.

mod held;
mod job;
mod log;

#[path = "../../../examples/reporter-csv/src/lib.rs"]
#[allow(unreachable_pub, dead_code, reason = "it is a crate of its own elsewhere")]
mod reporter_csv;

use std::thread;
use std::time::{Duration, Instant};

use flowmeter::Flowmeter;
use flowmeter::config::Config;
use flowmeter_e2e::{
    Collector, CollectorKind, Folder, JmxQuery, Prometheus, Protocol, ScrapeJob, Statsd, StatsdConfig,
    program,
};
use flowmeter_testkit::PATIENCE;
use flowmeter_testkit::otlp::OtlpReceiver;

use held::Held;
use job::{Job, Kind, Metric};
use reporter_csv::CsvFactory;

/// Where the backends are.
struct Backends {
    statsd: Statsd,
    cumulative: Collector,
    delta: Collector,
    folder: Folder,
}

impl Backends {
    /// A configuration under which StatsD has names with a prefix.
    fn config(&self, prefix: &str) -> Config {
        let text = format!(
            r#"
metrics.scope.operator = "<host>.<tm_id>.<job_name>.<operator_name>.<subtask_index>"

[reporters.prom]
type = "prometheus"
port = 0
interval = "1h"
filter.excludes = "*:*:histogram"
scope.variables.excludes = ["job_id", "task_id"]

[reporters.totals]
type = "otlp"
protocol = "http/json"
metrics-endpoint = "{cumulative}/v1/metrics"
interval = "300ms"
filter.includes = "taskmanager*"
scope.variables.additional = {{ region = "eu" }}

[reporters.differences]
type = "otlp"
protocol = "grpc"
metrics-endpoint = "{delta}"
temporality = "delta"
interval = "200ms"
filter.includes = ["*:numRecords*:counter", "*:latency"]

[reporters.daemon]
type = "statsd"
address = "tcp://{statsd}"
prefix = "{prefix}"
interval = "250ms"
filter.includes = "*:*:counter"
filter.variables.excludes = {{ job_name = "page views" }}

[reporters.beans]
type = "jmx"
port = 0
platform-beans = "none"
naming = "flink"
filter.variables.includes = {{ job_name = "page*" }}

[reporters.log]
interval = "1h"
filter.includes = "jobmanager*"

[reporters.lines]
type = "csv"
path = "{folder}/{prefix}.csv"
interval = "1h"
scope.variables.excludes = "host;tm_id;job_id;task_id;operator_id;task_attempt_num"
filter.excludes = "*:*:gauge;*:late"
"#,
            statsd = self.statsd.address(),
            cumulative = self.cumulative.http(),
            delta = self.delta.grpc(),
            folder = self.folder.path().display(),
        );
        Config::from_toml(&text).expect("it is right")
    }
}

#[test]
fn every_backend_holds_what_its_rules_say() {
    let test = "every_backend_holds_what_its_rules_say";
    let (cumulative, delta) = (OtlpReceiver::start(), OtlpReceiver::start());
    let Some(prometheus) = program(test, "prometheus") else { return };
    let Some(jmx) = JmxQuery::find(test) else { return };
    let Some(statsd) = Statsd::start(test, StatsdConfig::default()) else { return };
    let Some(to_cumulative) = Collector::start(CollectorKind::Official, test, &cumulative.http_url()) else {
        return;
    };
    let Some(to_delta) = Collector::start(CollectorKind::Rotel, test, &delta.http_url()) else { return };
    let backends =
        Backends { statsd, cumulative: to_cumulative, delta: to_delta, folder: Folder::new("configuration") };
    let lines = log::Lines::default();
    tracing::subscriber::set_global_default(lines.clone()).expect("there is no other");

    let builder = Flowmeter::builder().without_self_metrics().with_reporter_type(CsvFactory);
    let flowmeter = builder.with_config(backends.config("first")).start().expect("all of them start");
    let mut job = Job::register(&flowmeter);
    job.count(1_000);
    flowmeter.reporter("lines").expect("it runs").report_now(PATIENCE).expect("it reports");

    let endpoints = |name: &str| flowmeter.reporter(name).and_then(|reporter| reporter.endpoint());
    let before = (endpoints("prom"), endpoints("beans"));
    let reload = flowmeter.reload(&backends.config("second")).expect("it is right, too");
    assert_eq!(reload.replaced, ["daemon", "lines"]);
    assert_eq!((reload.added, reload.removed), (vec![], vec![]));
    assert_eq!((endpoints("prom"), endpoints("beans")), before, "what has not changed goes on");
    job.count(77);

    let targets = Vec::from_iter(endpoints("prom"));
    let scrapes = [ScrapeJob::new(Protocol::Text, Duration::from_millis(200), &targets)];
    let server = Prometheus::start(&prometheus, &scrapes);
    is_held_soon("Prometheus", || held::by_prometheus(&server), &prometheus_rules(&job));
    let url = endpoints("beans").expect("it serves");
    is_held_soon("JMX", || held::by_jmx(&jmx.query(&url, &["org.apache.flink.*:*"])), &jmx_rules(&job));

    for (name, outcome) in flowmeter.shutdown(PATIENCE) {
        outcome.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    is_held_soon("the collector of totals", || held::by_otlp(&cumulative.received()), &totals_rules(&job));
    is_held_soon(
        "the collector of differences",
        || held::by_otlp(&delta.received()),
        &differences_rules(&job),
    );
    assert_eq!(held::by_statsd(&backends.statsd.settled()), statsd_rules(&job), "StatsD");
    assert_eq!(held::by_log(&lines.said()), log_rules(&job), "the log");
    for (file, rounds) in [("first", 1), ("second", 2)] {
        let path = backends.folder.path().join(format!("{file}.csv"));
        assert_eq!(held::by_csv(&path), csv_rules(&job, rounds), "{file}");
    }
    drop(job);
}

/// Waits until what a backend has is what it is to have.
fn is_held_soon(backend: &str, held: impl Fn() -> Held, expected: &Held) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let held = held();
        if held == *expected {
            return;
        }
        if Instant::now() > deadline {
            assert_eq!(held, *expected, "{backend}");
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// All but histograms, by two variables less.
fn prometheus_rules(job: &Job) -> Held {
    let metrics = job.metrics.iter().filter(|metric| metric.kind != Kind::Histogram);
    let rule = |metric: &Metric| {
        let total = if metric.kind == Kind::Counter { "_total" } else { "" };
        let name = format!("{}{total}", metric.words().replace('.', "_"));
        (name, metric.without(&["job_id", "task_id"]), metric.value)
    };
    held::of(metrics.map(rule))
}

/// What TaskManagers have, with a variable more.
fn totals_rules(job: &Job) -> Held {
    let metrics = job.metrics.iter().filter(|metric| metric.scope.starts_with("taskmanager"));
    held::of(metrics.flat_map(|metric| {
        let mut variables = by_conventions(metric);
        variables.insert("region".to_owned(), "eu".to_owned());
        metric
            .numbers()
            .map(move |(part, value)| (format!("{}{part}", metric.words()), variables.clone(), value))
    }))
}

/// The variables, of which OpenTelemetry calls one otherwise.
fn by_conventions(metric: &Metric) -> held::Labels {
    let mut variables = metric.variables.clone();
    if let Some(host) = variables.remove("host") {
        variables.insert("host.name".to_owned(), host);
    }
    variables
}

/// Counts of records, and latencies, which are histograms alone.
fn differences_rules(job: &Job) -> Held {
    let is_wanted = |metric: &&Metric| {
        (metric.kind == Kind::Counter && metric.name.starts_with("numRecords")) || metric.name == "latency"
    };
    held::of(job.metrics.iter().filter(is_wanted).flat_map(|metric| {
        let named = |(part, value)| (format!("{}{part}", metric.words()), by_conventions(metric), value);
        metric.numbers().map(named)
    }))
}

/// Counters, but for one job's: before the configuration was loaded anew under the first name, and then under the second.
fn statsd_rules(job: &Job) -> Held {
    let is_wanted =
        |metric: &&Metric| metric.kind == Kind::Counter && metric.variable("job_name") != "page views";
    held::of(job.metrics.iter().filter(is_wanted).flat_map(|metric| {
        let of = |key| metric.variable(key);
        let scope = match metric.scope {
            "jobmanager" => format!("{}.jobmanager", of("host")),
            scope if scope.starts_with("taskmanager.job.task.operator") => {
                [of("host"), of("tm_id"), of("job_name"), of("operator_name"), of("subtask_index")].join(".")
            }
            _ => {
                let job = [of("host"), "taskmanager", of("tm_id"), of("job_name")].join(".");
                format!("{job}.{}.{}", of("task_name"), of("subtask_index"))
            }
        };
        let name = format!("{scope}{}.{}", if metric.name == "late" { ".windows" } else { "" }, metric.name);
        let rounds = [("first", metric.before), ("second", metric.value - metric.before)];
        rounds.map(|(prefix, value)| (format!("{prefix}.{name}"), held::Labels::new(), value))
    }))
}

/// One job, by Flink's names.
fn jmx_rules(job: &Job) -> Held {
    let metrics = job.metrics.iter().filter(|metric| metric.variable("job_name") == "page views");
    held::of(metrics.map(|metric| {
        let plain = metric.variables.iter().map(|(key, value)| (key.clone(), value.replace(' ', "_")));
        let attribute = if metric.kind == Kind::Counter { "Count" } else { "Value" };
        let name = format!("org.apache.flink.{}.{}/{attribute}", metric.scope, metric.name);
        (name, plain.collect(), metric.value)
    }))
}

/// What the JobManager has.
fn log_rules(job: &Job) -> Held {
    let metrics = job.metrics.iter().filter(|metric| metric.scope.starts_with("jobmanager"));
    held::of(metrics.map(|metric| (metric.full_name(), metric.variables.clone(), metric.value)))
}

/// No gauges, by few variables, after the first round or the second.
fn csv_rules(job: &Job, rounds: usize) -> Held {
    const HIDDEN: [&str; 6] = ["host", "tm_id", "job_id", "task_id", "operator_id", "task_attempt_num"];
    let metrics = job.metrics.iter().filter(|metric| metric.kind != Kind::Gauge && metric.name != "late");
    held::of(metrics.map(|metric| {
        let value = if rounds == 1 { metric.before } else { metric.value };
        (metric.full_name(), metric.without(&HIDDEN), value)
    }))
}

//! A real job, whose processes report to a collector that passes on what it gets.

use std::collections::BTreeMap;

use flowmeter::otlp::{Protocol, Temporality};
use flowmeter_e2e::{Collector, CollectorKind, Demo};
use flowmeter_testkit::otlp::{Message, OtlpReceiver, Protocol as CameBy, Received};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::AggregationTemporality;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use serde_json::Value;

use crate::received::{Attributes, attributes, messages, metrics, recorded, sums};
use crate::{address, settled};

/// The metrics of operators that the job counts itself too.
const RECORDS: [(&str, &str); 2] = [
    ("taskmanager.job.task.operator.num_records_in", "numRecordsIn"),
    ("taskmanager.job.task.operator.num_records_out", "numRecordsOut"),
];
const LATENCY: &str = "taskmanager.job.task.operator.source_latency";
const OPERATOR: &str = "operator_name";

/// What tells the reports of a job's start and end.
const STATUS_CHANGED: &str = "newJobStatus";

fn a_collector_passes_on_the_truth(
    kind: CollectorKind,
    test: &str,
    protocol: Protocol,
    temporality: Temporality,
    compression: &str,
) {
    let receiver = OtlpReceiver::start();
    let Some(collector) = Collector::start(kind, test, &receiver.http_url()) else { return };
    let truth = run(&address(&collector, protocol), protocol, temporality, compression);
    holds_the_truth(&receiver, &truth, temporality);
}

/// What a collector passes on does not say how it came.
fn a_receiver_holds_the_truth(temporality: Temporality, compression: &str) {
    let receiver = OtlpReceiver::start();
    let truth = run(&receiver.http_url(), Protocol::HttpJson, temporality, compression);
    holds_the_truth(&receiver, &truth, temporality);
    assert!(receiver.received().requests.iter().all(|request| request.protocol == CameBy::HttpJson));
}

/// Runs a job whose processes report to a URL, and returns what it has counted itself.
fn run(url: &str, protocol: Protocol, temporality: Temporality, compression: &str) -> Value {
    let environment = [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", name(protocol)),
        (
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
            if temporality == Temporality::Delta { "delta" } else { "cumulative" },
        ),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", compression),
        // A report ends before the next is due, and one that is not answered by then may be there twice.
        ("OTEL_METRIC_EXPORT_INTERVAL", "2000"),
    ];
    // Long enough for a report before the last.
    let arguments = ["--events", "100000", "--rate", "20000", "--linger", "0s", "--otlp"];
    let mut demo = Demo::start_with(&[&arguments[..], &[url]].concat(), &environment);
    let summary = demo.summary();
    assert!(demo.wait().success());
    assert_eq!(demo.said(), "");
    summary["truth"].clone()
}

fn holds_the_truth(receiver: &OtlpReceiver, truth: &Value, temporality: Temporality) {
    let received = settled(receiver, |received| {
        RECORDS.iter().all(|(name, metric)| sums(received, name, OPERATOR) == records(truth, metric))
            && tells_all(received)
            && holds_the_cluster(received)
    });
    for (name, metric) in RECORDS {
        assert_eq!(sums(&received, name, OPERATOR), records(truth, metric), "{metric}");
        have_the_temporality(&received, name, temporality);
    }
    holds_the_latencies(&received, truth, temporality);
    assert!(holds_the_cluster(&received));
    tells_of_the_job(&received);
}

/// A protocol as OpenTelemetry's environment variables have it.
fn name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Grpc => "grpc",
        Protocol::HttpProtobuf => "http/protobuf",
        _ => "http/json",
    }
}

/// What the operators have counted by the job's own account.
fn records(truth: &Value, metric: &str) -> BTreeMap<String, i64> {
    let operators = truth["operators"].as_object().expect("operators by name");
    operators
        .iter()
        .map(|(name, records)| (name.clone(), records[metric].as_i64().expect("a count")))
        .collect()
}

/// Points are relative to what was asked for, and have come more than once.
fn have_the_temporality(received: &Received, name: &str, temporality: Temporality) {
    let expected = match temporality {
        Temporality::Delta => AggregationTemporality::Delta,
        _ => AggregationTemporality::Cumulative,
    };
    let mut points = BTreeMap::<_, usize>::new();
    for (resource, metric) in metrics(received, name) {
        let Some(Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
        assert_eq!(sum.aggregation_temporality(), expected);
        assert!(sum.is_monotonic);
        for point in &sum.data_points {
            *points.entry((resource.clone(), attributes(&point.attributes))).or_default() += 1;
        }
    }
    assert!(points.values().any(|count| *count > 1), "{points:?}");
}

/// What each sink has seen, over both TaskManagers.
fn holds_the_latencies(received: &Received, truth: &Value, temporality: Temporality) {
    let sinks = truth["latencies"].as_object().expect("latencies by operator");
    let held = recorded(received, LATENCY, OPERATOR);
    assert_eq!(held.keys().collect::<Vec<_>>(), sinks.keys().collect::<Vec<_>>());
    assert_eq!(sinks.len(), 2);
    for (sink, held) in held {
        // The job has milliseconds, and OpenTelemetry seconds.
        let seconds = |key: &str| sinks[&sink][key].as_f64().expect("a number") / 1e3;
        let is =
            |held: f64, truth: f64| assert!((held / truth - 1.0).abs() < 1e-9, "{sink}: {held} for {truth}");
        assert_eq!(Some(held.count), sinks[&sink]["count"].as_u64(), "{sink}");
        assert_eq!(held.in_buckets(), held.count, "{sink}");
        is(held.sum, seconds("sum"));
        held.assert_quantile(0.0, seconds("min"));
        held.assert_quantile(1.0, seconds("max"));
        if temporality == Temporality::Cumulative {
            is(held.min.expect("it is cumulative"), seconds("min"));
            is(held.max.expect("it is cumulative"), seconds("max"));
        }
    }
}

/// Whether the last report of the JobManager, which it made after the job, has come.
fn holds_the_cluster(received: &Received) -> bool {
    let last = |name: &str| match &metrics(received, name).last()?.1.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.first()?.value,
        other => panic!("{name} is {other:?}"),
    };
    last("jobmanager.num_registered_task_managers") == Some(Number::AsInt(2))
        && last("jobmanager.num_running_jobs") == Some(Number::AsInt(0))
}

/// Whether all spans and events have come.
fn tells_all(received: &Received) -> bool {
    !spans(received).is_empty() && events(received).len() >= 5
}

fn tells_of_the_job(received: &Received) {
    let job_id = tells_of_the_initialization(received);
    tells_of_the_states(received, &job_id);
}

/// All spans, each with its scope.
fn spans(received: &Received) -> Vec<(String, Span)> {
    let resources = messages(received).flat_map(|message| match message {
        Message::Traces(message) => &*message.resource_spans,
        Message::Metrics(_) | Message::Logs(_) => &[],
    });
    let scopes = resources.flat_map(|resource| &resource.scope_spans);
    let named = |scope: Option<&_>| {
        let scope: Option<&opentelemetry_proto::tonic::common::v1::InstrumentationScope> = scope;
        scope.map(|scope| scope.name.clone()).unwrap_or_default()
    };
    scopes
        .flat_map(|scope| scope.spans.iter().map(move |span| (named(scope.scope.as_ref()), span.clone())))
        .collect()
}

/// All events, in the order of their times.
fn events(received: &Received) -> Vec<LogRecord> {
    let resources = messages(received).flat_map(|message| match message {
        Message::Logs(message) => &*message.resource_logs,
        Message::Metrics(_) | Message::Traces(_) => &[],
    });
    let scopes = resources.flat_map(|resource| &resource.scope_logs);
    let mut events: Vec<_> = scopes.flat_map(|scope| scope.log_records.iter().cloned()).collect();
    events.sort_by_key(|event| event.time_unix_nano);
    events
}

/// The attributes of all milestones of a job: its group's, and its id as Flink has it.
fn of_job(job_id: &str, more: [(&str, &str); 1]) -> Attributes {
    let common = [("host.name", "localhost"), ("job_id", job_id), ("job_name", "nexmark"), ("jobId", job_id)];
    common.into_iter().chain(more).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Returns the job's id.
fn tells_of_the_initialization(received: &Received) -> String {
    let spans = spans(received);
    assert_eq!(spans.len(), 1, "{spans:?}");
    let (scope, span) = &spans[0];
    assert_eq!(scope, "org.apache.flink.runtime.checkpoint.CheckpointStatsTracker");
    assert_eq!(span.name, "JobInitialization");
    let is_id = |id: &[u8], length: usize| id.len() == length && id.iter().any(|byte| *byte != 0);
    assert!(is_id(&span.trace_id, 16) && is_id(&span.span_id, 8), "{span:?}");
    assert_eq!(span.parent_span_id, Vec::<u8>::new());
    assert!(0 < span.start_time_unix_nano && span.start_time_unix_nano <= span.end_time_unix_nano);
    assert_eq!(span.status.as_ref().map(Status::code), Some(StatusCode::Ok));
    let attributes = attributes(&span.attributes);
    let job_id = attributes.get("job_id").cloned().unwrap_or_default();
    assert_eq!(job_id.len(), 32, "{attributes:?}");
    assert_eq!(attributes, of_job(&job_id, [("initializationStatus", "COMPLETED")]));
    job_id
}

fn tells_of_the_states(received: &Received, job_id: &str) {
    let told: Vec<_> =
        events(received).into_iter().map(|event| (event.event_name, attributes(&event.attributes))).collect();
    let status = |status| ("JobStatusChangeEvent".to_owned(), of_job(job_id, [(STATUS_CHANGED, status)]));
    let subtasks = |status| ("AllSubtasksStatusChangeEvent".to_owned(), of_job(job_id, [("status", status)]));
    let expected = [
        status("CREATED"),
        status("RUNNING"),
        subtasks("ALL_RUNNING_OR_FINISHED"),
        status("FINISHED"),
        subtasks("NOT_ALL_RUNNING_OR_FINISHED"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn by_grpc() {
    let (grpc, cumulative) = (Protocol::Grpc, Temporality::Cumulative);
    a_collector_passes_on_the_truth(CollectorKind::Rotel, "demo, gRPC", grpc, cumulative, "none");
}

#[test]
fn by_grpc_in_deltas() {
    let (grpc, delta) = (Protocol::Grpc, Temporality::Delta);
    a_collector_passes_on_the_truth(CollectorKind::Rotel, "demo, gRPC, deltas", grpc, delta, "gzip");
}

#[test]
fn by_grpc_to_the_official_collector() {
    let (grpc, delta) = (Protocol::Grpc, Temporality::Delta);
    a_collector_passes_on_the_truth(CollectorKind::Official, "demo, gRPC, official", grpc, delta, "gzip");
}

#[test]
fn by_http() {
    let (http, cumulative) = (Protocol::HttpProtobuf, Temporality::Cumulative);
    a_collector_passes_on_the_truth(CollectorKind::Rotel, "demo, HTTP", http, cumulative, "gzip");
}

#[test]
fn by_http_in_deltas() {
    let (http, delta) = (Protocol::HttpProtobuf, Temporality::Delta);
    a_collector_passes_on_the_truth(CollectorKind::Rotel, "demo, HTTP, deltas", http, delta, "none");
}

/// Rotel 0.0.1a15 takes metrics in JSON with success and loses what they say: numbers that are texts, which OTLP has all 64-bit
/// integers be, and histograms.
#[test]
fn by_json_to_the_official_collector() {
    let (json, cumulative) = (Protocol::HttpJson, Temporality::Cumulative);
    a_collector_passes_on_the_truth(CollectorKind::Official, "demo, JSON", json, cumulative, "none");
}

#[test]
fn by_json_to_the_official_collector_in_deltas() {
    let (json, delta) = (Protocol::HttpJson, Temporality::Delta);
    a_collector_passes_on_the_truth(CollectorKind::Official, "demo, JSON, deltas", json, delta, "gzip");
}

#[test]
fn by_json_to_a_receiver() {
    a_receiver_holds_the_truth(Temporality::Cumulative, "none");
}

#[test]
fn by_json_to_a_receiver_in_deltas() {
    a_receiver_holds_the_truth(Temporality::Delta, "gzip");
}

#[test]
fn rotel_passes_on_spans_and_events_in_json() {
    let receiver = OtlpReceiver::start();
    let collector = Collector::start(CollectorKind::Rotel, "spans and events, JSON", &receiver.http_url());
    let Some(collector) = collector else { return };
    let _truth = run(&collector.http(), Protocol::HttpJson, Temporality::Cumulative, "gzip");
    tells_of_the_job(&settled(&receiver, tells_all));
}

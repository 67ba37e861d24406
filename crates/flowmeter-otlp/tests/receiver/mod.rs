//! Reporters that send to a receiver of the tests, and what it took of them.

#![allow(dead_code, reason = "each test uses some of it")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{AttributeValue, Registry, Reporter, ReporterHandle};
use flowmeter_otlp::{OtlpOptions, OtlpReporter, Protocol, RetryOptions};
use flowmeter_testkit::otlp::{Message, OtlpReceiver, Received, Total};
use flowmeter_testkit::{MockClock, PATIENCE, on_request, quiet_registry_on};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, number_data_point};
use opentelemetry_proto::tonic::trace::v1::Span;

pub(crate) const ALL: [Protocol; 3] = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];

/// Longer than any test that is right takes, and shorter than its patience.
pub(crate) const LONG: Duration = Duration::from_secs(15);

pub(crate) fn url(receiver: &OtlpReceiver, protocol: Protocol) -> String {
    if protocol == Protocol::Grpc { receiver.grpc_url() } else { receiver.http_url() }
}

/// Options for a receiver, with retries that come soon and as much time as tests have.
pub(crate) fn options(receiver: &OtlpReceiver, protocol: Protocol) -> OtlpOptions {
    OtlpOptions::default()
        .with_protocol(protocol)
        .with_endpoint(url(receiver, protocol).parse().unwrap())
        .with_timeout(PATIENCE)
        .with_report_timeout(PATIENCE)
        .with_retry(RetryOptions::default().with_backoff(Duration::from_millis(1), Duration::from_millis(5)))
}

/// The same without retries: what is not taken at once fails.
pub(crate) fn options_of_one_attempt(receiver: &OtlpReceiver, protocol: Protocol) -> OtlpOptions {
    let never = Duration::from_secs(3600);
    options(receiver, protocol).with_retry(RetryOptions::default().with_backoff(never, never))
}

/// A registry on a clock of the test's, with a reporter that reports when it is told to.
pub(crate) struct Job {
    pub(crate) registry: Registry,
    pub(crate) clock: Arc<MockClock>,
    pub(crate) otlp: ReporterHandle,
}

impl Job {
    pub(crate) fn new(reporter: impl Into<OtlpReporter>) -> Self {
        let clock = Arc::new(MockClock::default());
        let registry = quiet_registry_on(Arc::clone(&clock) as _);
        let reporter: Box<dyn Reporter> = Box::new(reporter.into());
        let otlp = registry.add_reporter("otlp", reporter, on_request()).unwrap();
        Self { registry, clock, otlp }
    }

    /// Reports, a second after what was before.
    pub(crate) fn report(&self) -> Result<(), String> {
        self.clock.advance(Duration::from_secs(1));
        self.otlp.report_now(PATIENCE).map_err(|error| error.to_string())
    }
}

/// What a counter has come to, by the strict sums of the receiver.
#[track_caller]
pub(crate) fn total(received: &Received, name: &str) -> i64 {
    let totals = received.totals().unwrap_or_else(|error| panic!("{error}"));
    let mut named = totals.iter().filter(|(series, _)| series.name == name);
    match (named.next(), named.next()) {
        (Some((_, Total::Integers(total))), None) => *total,
        (None, _) => 0,
        other => panic!("{other:?}"),
    }
}

/// All metrics that were taken, in their order.
pub(crate) fn metrics(received: &Received) -> Vec<&Metric> {
    let taken = received.requests.iter().filter(|request| request.is_taken);
    let metrics = taken.filter_map(|request| match &request.message {
        Ok(Message::Metrics(message)) => Some(&message.resource_metrics),
        _ => None,
    });
    metrics.flatten().flat_map(|of| &of.scope_metrics).flat_map(|of| &of.metrics).collect()
}

/// All points of a sum that were taken, in their order.
pub(crate) fn points<'a>(received: &'a Received, name: &str) -> Vec<&'a NumberDataPoint> {
    let named = metrics(received).into_iter().filter(|metric| metric.name == name);
    let points = named.filter_map(|metric| match &metric.data {
        Some(Data::Sum(sum)) => Some(&sum.data_points),
        _ => None,
    });
    points.flatten().collect()
}

/// What the differences of a counter add up to, though some may be there twice.
pub(crate) fn sum_of_points(received: &Received, name: &str) -> i64 {
    points(received, name).into_iter().map(integer).sum()
}

#[track_caller]
pub(crate) fn integer(point: &NumberDataPoint) -> i64 {
    match point.value {
        Some(number_data_point::Value::AsInt(number)) => number,
        other => panic!("{other:?}"),
    }
}

/// A span or a record, with the attributes of its resource and the name of its scope.
#[derive(Clone, Debug)]
pub(crate) struct Told<T> {
    pub(crate) resource: BTreeMap<String, AttributeValue>,
    pub(crate) scope: String,
    pub(crate) told: T,
}

/// All spans that were taken, in their order.
pub(crate) fn spans(received: &Received) -> Vec<Told<Span>> {
    let mut spans = Vec::new();
    for request in received.requests.iter().filter(|request| request.is_taken) {
        let Ok(Message::Traces(message)) = &request.message else { continue };
        for of in &message.resource_spans {
            let resource = attributes(&of.resource.as_ref().unwrap().attributes);
            for of in &of.scope_spans {
                let scope = &of.scope.as_ref().unwrap().name;
                let told = |span: &Span| Told {
                    resource: resource.clone(),
                    scope: scope.clone(),
                    told: span.clone(),
                };
                spans.extend(of.spans.iter().map(told));
            }
        }
    }
    spans
}

/// All log records that were taken, in their order.
pub(crate) fn records(received: &Received) -> Vec<Told<LogRecord>> {
    let mut records = Vec::new();
    for request in received.requests.iter().filter(|request| request.is_taken) {
        let Ok(Message::Logs(message)) = &request.message else { continue };
        for of in &message.resource_logs {
            let resource = attributes(&of.resource.as_ref().unwrap().attributes);
            for of in &of.scope_logs {
                let scope = &of.scope.as_ref().unwrap().name;
                let told = |record: &LogRecord| Told {
                    resource: resource.clone(),
                    scope: scope.clone(),
                    told: record.clone(),
                };
                records.extend(of.log_records.iter().map(told));
            }
        }
    }
    records
}

/// Attributes, each key once.
#[track_caller]
pub(crate) fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, AttributeValue> {
    let attributes: BTreeMap<_, _> = pairs.iter().map(attribute).collect();
    assert_eq!(attributes.len(), pairs.len(), "a key is there twice: {pairs:?}");
    attributes
}

#[track_caller]
pub(crate) fn attribute(pair: &KeyValue) -> (String, AttributeValue) {
    let value = match pair.value.as_ref().unwrap().value.as_ref().unwrap() {
        any_value::Value::StringValue(text) => AttributeValue::Text(text.clone()),
        any_value::Value::IntValue(number) => AttributeValue::I64(*number),
        any_value::Value::DoubleValue(number) => AttributeValue::F64(*number),
        any_value::Value::BoolValue(value) => AttributeValue::Bool(*value),
        other => panic!("{other:?}"),
    };
    (pair.key.clone(), value)
}

//! Spans and log records of `tracing`, from a subscriber to a receiver.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod awkward;
mod content;
mod delivery;
mod environment;

use std::time::Duration;

use flowmeter_otlp::{
    OtlpOptions, OtlpTelemetry, OtlpTelemetryBuilder, Protocol, QueueOptions, RetryOptions,
};
use flowmeter_testkit::PATIENCE;
use flowmeter_testkit::otlp::{Message, OtlpReceiver, Received};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use tracing::Subscriber;
use tracing_subscriber::prelude::*;

const ALL: [Protocol; 3] = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];

/// Longer than any test that is right takes, and shorter than its patience.
const LONG: Duration = Duration::from_secs(15);

/// Options that retry soon, and wait for answers as long as tests do.
fn options(receiver: &OtlpReceiver, protocol: Protocol) -> OtlpOptions {
    let url = if protocol == Protocol::Grpc { receiver.grpc_url() } else { receiver.http_url() };
    let retry = RetryOptions::default().with_backoff(Duration::from_millis(1), Duration::from_millis(5));
    OtlpOptions::default()
        .with_protocol(protocol)
        .with_endpoint(url.parse().unwrap())
        .with_timeout(PATIENCE)
        .with_retry(retry)
}

/// What sends only at the end, or when there are many.
fn at_the_end(options: OtlpOptions) -> OtlpTelemetryBuilder {
    OtlpTelemetry::builder(options).with_queue(QueueOptions::default().with_delay(10 * PATIENCE))
}

/// What sends at once.
fn at_once(options: OtlpOptions) -> OtlpTelemetryBuilder {
    OtlpTelemetry::builder(options).with_queue(QueueOptions::default().with_delay(Duration::from_millis(1)))
}

fn subscriber(telemetry: &OtlpTelemetry) -> impl Subscriber + Send + Sync + use<> {
    tracing_subscriber::registry().with(telemetry.spans()).with(telemetry.logs())
}

/// Does something in which spans and events go to a receiver.
fn traced<T>(telemetry: &OtlpTelemetry, work: impl FnOnce() -> T) -> T {
    tracing::subscriber::with_default(subscriber(telemetry), work)
}

/// The spans that were taken, with their resources.
fn spans(received: &Received) -> Vec<(Resource, Span)> {
    let mut spans = Vec::new();
    for request in received.requests.iter().filter(|request| request.is_taken) {
        let Message::Traces(request) = request.message.clone().unwrap() else { continue };
        for resource in request.resource_spans {
            let of = resource.resource.unwrap();
            let all = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.extend(all.map(|span| (of.clone(), span)));
        }
    }
    spans
}

/// The log records that were taken, with their resources and the names of their scopes.
fn records(received: &Received) -> Vec<(Resource, String, LogRecord)> {
    let mut records = Vec::new();
    for request in received.requests.iter().filter(|request| request.is_taken) {
        let Message::Logs(request) = request.message.clone().unwrap() else { continue };
        for resource in request.resource_logs {
            let of = resource.resource.unwrap();
            for scope in resource.scope_logs {
                let name = scope.scope.unwrap_or_default().name;
                records
                    .extend(scope.log_records.into_iter().map(|record| (of.clone(), name.clone(), record)));
            }
        }
    }
    records
}

fn attribute(attributes: &[KeyValue], key: &str) -> Option<any_value::Value> {
    let mut found = attributes.iter().filter(|attribute| attribute.key == key);
    let value = found.next()?.value.clone()?.value;
    assert_eq!(found.next(), None, "{key} is there once");
    value
}

fn text(text: &str) -> Option<any_value::Value> {
    Some(any_value::Value::StringValue(text.to_owned()))
}

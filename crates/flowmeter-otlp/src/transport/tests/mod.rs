//! Requests to a receiver that answers what it is told.

mod awkward;
mod delivery;
mod requests;
mod retries;
#[cfg(feature = "tls")]
mod secure;

use std::time::{Duration, Instant};

use bytes::Bytes;
use flowmeter_testkit::PATIENCE;
use flowmeter_testkit::otlp::OtlpReceiver;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use prost::Message as _;

use super::{Client, Signal};
use crate::request::Delivery;
use crate::{OtlpOptions, Protocol, RetryOptions};

const ALL: [Protocol; 3] = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];

/// How many points the tests say that there are.
const POINTS: u64 = 9;

fn url(receiver: &OtlpReceiver, protocol: Protocol) -> String {
    if protocol == Protocol::Grpc { receiver.grpc_url() } else { receiver.http_url() }
}

/// Options that retry soon, and wait for answers as long as tests do.
fn options(protocol: Protocol, url: &str) -> OtlpOptions {
    let retry = RetryOptions::default().with_backoff(Duration::from_millis(1), Duration::from_millis(5));
    OtlpOptions::default()
        .with_protocol(protocol)
        .with_endpoint(url.parse().unwrap())
        .with_timeout(PATIENCE)
        .with_retry(retry)
}

fn client(receiver: &OtlpReceiver, protocol: Protocol) -> Client {
    Client::new(&options(protocol, &url(receiver, protocol))).unwrap()
}

/// A request with one metric of a name of this length.
fn request(length: usize) -> ExportMetricsServiceRequest {
    let metric = Metric { name: "x".repeat(length), ..Default::default() };
    let scope = ScopeMetrics { metrics: vec![metric], ..Default::default() };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics { scope_metrics: vec![scope], ..Default::default() }],
    }
}

fn body(protocol: Protocol) -> Bytes {
    match protocol {
        Protocol::HttpJson => {
            let json = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"xxxxxxx"}]}]}]}"#;
            Bytes::from_static(json.as_bytes())
        }
        Protocol::Grpc | Protocol::HttpProtobuf => request(7).encode_to_vec().into(),
    }
}

/// Sends what it should take no patience to take or refuse.
fn send(client: &mut Client, body: Bytes) -> Delivery {
    send_until(client, body, Instant::now() + PATIENCE)
}

fn send_until(client: &mut Client, body: Bytes, deadline: Instant) -> Delivery {
    client.send(Signal::Metrics, body, POINTS, deadline, &|| false)
}

fn taken() -> Delivery {
    Delivery::Taken { rejected: 0, message: String::new(), ambiguous: false }
}

fn taken_perhaps_twice() -> Delivery {
    Delivery::Taken { rejected: 0, message: String::new(), ambiguous: true }
}

#[track_caller]
fn assert_refused(delivery: &Delivery, said: &str) {
    match delivery {
        Delivery::Refused { message, .. } => assert!(message.contains(said), "{message}"),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_unknown(delivery: &Delivery, said: &str) {
    match delivery {
        Delivery::Unknown { message, .. } => assert!(message.contains(said), "{message}"),
        other => panic!("{other:?}"),
    }
}

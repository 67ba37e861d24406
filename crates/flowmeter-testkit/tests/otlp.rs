//! The official exporter sends to the receiver of OTLP, which must then hold what was counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use flowmeter_testkit::otlp::{Answer, OtlpReceiver, Protocol, Received, Total};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    Compression, MetricExporter, Protocol as OfficialProtocol, WithExportConfig as _, WithHttpConfig as _,
    WithTonicConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};

/// A client that needs no runtime.
struct Plain(ureq::Agent);

impl Plain {
    fn new() -> Self {
        Self(ureq::Agent::config_builder().http_status_as_error(false).build().into())
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = self.0.run(request.map(|body| body.to_vec()))?.into_parts();
        Ok(Response::from_parts(head, body.into_with_config().read_to_vec()?.into()))
    }
}

impl fmt::Debug for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Plain")
    }
}

impl HttpClient for Plain {
    fn send_bytes<'a, 'b>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move { self.send(request) })
    }
}

/// Counts twice and reports each time.
fn count(exporter: MetricExporter) {
    let resource = Resource::builder_empty().with_service_name("official").build();
    let provider = SdkMeterProvider::builder()
        .with_resource(resource)
        .with_reader(PeriodicReader::builder(exporter).build())
        .build();
    let meter = provider.meter("test");
    let (counter, histogram) = (meter.u64_counter("records").build(), meter.f64_histogram("latency").build());
    let operator = [KeyValue::new("operator", "map")];
    for (count, latency) in [(3, 0.5), (4, 1.5)] {
        counter.add(count, &operator);
        histogram.record(latency, &operator);
        provider.force_flush().unwrap();
    }
    provider.shutdown().unwrap();
}

fn assert_counted(received: &Received, protocol: Protocol) {
    assert!(received.requests.iter().all(|request| request.protocol == protocol), "{received:?}");
    let totals = received.totals().unwrap();
    let total = |name: &str| {
        let (series, total) = totals.iter().find(|(series, _)| series.name == name).unwrap();
        assert_eq!(series.resource["service.name"], "official");
        assert_eq!(series.attributes["operator"], "map");
        *total
    };
    assert_eq!(total("records"), Total::Integers(7));
    assert_eq!(total("latency"), Total::Histogram { count: 2, sum: 2.0 });
}

#[test]
fn what_comes_by_http_is_what_was_counted() {
    for (official, protocol, temporality) in [
        (OfficialProtocol::HttpBinary, Protocol::HttpProtobuf, Temporality::Cumulative),
        (OfficialProtocol::HttpBinary, Protocol::HttpProtobuf, Temporality::Delta),
        (OfficialProtocol::HttpJson, Protocol::HttpJson, Temporality::Delta),
    ] {
        let receiver = OtlpReceiver::start();
        let exporter = MetricExporter::builder()
            .with_http()
            .with_http_client(Plain::new())
            .with_protocol(official)
            .with_compression(Compression::Gzip)
            .with_endpoint(format!("{}/v1/metrics", receiver.http_url()))
            .with_temporality(temporality)
            .build()
            .unwrap();
        count(exporter);
        assert_counted(&receiver.received(), protocol);
    }
}

#[test]
fn what_comes_by_grpc_is_what_was_counted() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let _entered = runtime.enter();
    for (compression, temporality) in [
        (None, Temporality::Cumulative),
        (Some(Compression::Gzip), Temporality::Delta),
        (Some(Compression::Zstd), Temporality::Delta),
    ] {
        let receiver = OtlpReceiver::start();
        let builder = MetricExporter::builder()
            .with_tonic()
            .with_endpoint(receiver.grpc_url())
            .with_temporality(temporality);
        let exporter = match compression {
            Some(compression) => builder.with_compression(compression).build(),
            None => builder.build(),
        };
        count(exporter.unwrap());
        assert_counted(&receiver.received(), Protocol::Grpc);
    }
}

#[test]
fn what_is_refused_is_not_counted() {
    let receiver = OtlpReceiver::start();
    receiver.script([Answer::status(400), Answer::Partial { rejected: 1, message: "old".to_owned() }]);
    let client = Plain::new();
    let send = |content_type: &str, body: &'static [u8]| {
        let request = Request::post(format!("{}/v1/metrics", receiver.http_url()))
            .header("content-type", content_type)
            .body(Bytes::from_static(body))
            .unwrap();
        client.send(request).unwrap()
    };
    assert_eq!(send("application/x-protobuf", b"").status(), 400);
    assert_eq!(
        send("application/json", b"{}").body(),
        r#"{"partialSuccess":{"errorMessage":"old","rejectedDataPoints":"1"}}"#
    );
    assert_eq!(send("application/x-protobuf", b"\xff").status(), 400, "what is no message");
    let received = receiver.wait_for(|received| received.requests.len() == 3);
    assert_eq!(received.taken(), 1);
}

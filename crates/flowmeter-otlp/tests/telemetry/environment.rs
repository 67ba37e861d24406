//! Environment variables, which the exporter would read, in processes of their own.

use std::process::Command;

use flowmeter_otlp::{Compression, OtlpTelemetry};
use flowmeter_testkit::PATIENCE;
use flowmeter_testkit::otlp::OtlpReceiver;

use crate::{ALL, at_the_end, attribute, options, records, spans, text, traced};

const INNER: &str = "FLOWMETER_TEST_INNER";

/// Runs a test of this name once more, in a process with these variables.
fn run_again(test: &str, variables: &[(&str, &str)]) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(INNER, "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, error) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{variables:?}\n{out}\n{error}");
}

fn is_inner() -> bool {
    std::env::var_os(INNER).is_some()
}

#[test]
fn options_are_all_that_counts() {
    if !is_inner() {
        let compressions: &[&str] =
            if cfg!(feature = "zstd") { &["gzip", "zstd", "none", "lz4"] } else { &["gzip", "none", "lz4"] };
        for compression in compressions {
            run_again(
                "environment::options_are_all_that_counts",
                &[
                    ("OTEL_EXPORTER_OTLP_COMPRESSION", compression),
                    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1/elsewhere"),
                    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "no url"),
                    ("OTEL_EXPORTER_OTLP_HEADERS", "x-from=environment"),
                    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
                    ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc"),
                    ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
                    ("OTEL_BSP_MAX_QUEUE_SIZE", "1"),
                    ("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "1"),
                    ("OTEL_TRACES_SAMPLER", "always_off"),
                    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "0"),
                    ("OTEL_SERVICE_NAME", "environment"),
                    ("OTEL_RESOURCE_ATTRIBUTES", "from=environment"),
                ],
            );
        }
    }
    for protocol in ALL {
        for compression in [Compression::None, Compression::Gzip] {
            let receiver = OtlpReceiver::start();
            let options =
                options(&receiver, protocol).with_resource("service.name", "s").with_compression(compression);
            let telemetry = at_the_end(options).build().unwrap();
            traced(&telemetry, || {
                for number in 0..3 {
                    tracing::info_span!("s", number).in_scope(|| tracing::info!("r"));
                }
            });
            let counts = telemetry.shutdown(PATIENCE);
            assert_eq!((counts.spans.sent, counts.logs.sent), (3, 3));
            let received = receiver.received();
            assert_eq!(received.requests.len(), 2);
            for request in &received.requests {
                let encoding =
                    request.headers.get("grpc-encoding").or(request.headers.get("content-encoding"));
                assert_eq!(encoding.is_some(), compression == Compression::Gzip);
                assert!(!request.headers.contains_key("x-from"));
            }
            let (resource, span) = &spans(&received)[0];
            assert!(attribute(&span.attributes, "number").is_some());
            assert_eq!(attribute(&resource.attributes, "service.name"), text("s"));
            assert_eq!(attribute(&resource.attributes, "from"), None);
        }
    }
}

#[test]
fn the_environment_counts_where_it_is_asked() {
    if is_inner() {
        let telemetry = OtlpTelemetry::from_environment().build().unwrap();
        traced(&telemetry, || {
            for _ in 0..2 {
                tracing::info_span!("s", a = 1, b = 2).in_scope(|| tracing::info!("r"));
            }
        });
        let counts = telemetry.shutdown(PATIENCE);
        assert_eq!((counts.spans.sent, counts.logs.sent), (2, 2));
        return;
    }
    let (receiver, of_logs) = (OtlpReceiver::start(), OtlpReceiver::start());
    run_again(
        "environment::the_environment_counts_where_it_is_asked",
        &[
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.http_url()),
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", &of_logs.grpc_url()),
            ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-from=environment"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1"),
            ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1"),
            ("OTEL_SERVICE_NAME", "environment"),
        ],
    );
    let (received, logs) = (receiver.received(), of_logs.received());
    let (resource, span) = &spans(&received)[1];
    assert_eq!((received.requests.len(), span.attributes.len()), (2, 1));
    assert_eq!(attribute(&resource.attributes, "service.name"), text("environment"));
    assert_eq!((logs.requests.len(), records(&logs).len()), (1, 2));
    assert!(received.requests.iter().all(|request| request.headers["content-encoding"] == "gzip"));
    assert!(
        received
            .requests
            .iter()
            .chain(&logs.requests)
            .all(|request| request.headers["x-from"] == "environment")
    );
}

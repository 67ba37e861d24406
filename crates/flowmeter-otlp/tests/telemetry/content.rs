//! What spans and log records say.

use flowmeter_core::{Registry, TraceContext};
use flowmeter_otlp::{NamingPolicy, OtlpOptions, OtlpTelemetry, Protocol, current_trace_context};
use flowmeter_testkit::PATIENCE;
use flowmeter_testkit::otlp::OtlpReceiver;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::prelude::*;

use crate::{ALL, at_the_end, attribute, options, records, spans, text, traced};

#[test]
fn spans_and_log_records_arrive_with_all_that_is_in_them() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        let telemetry = at_the_end(options(&receiver, protocol)).build().unwrap();
        traced(&telemetry, || {
            tracing::info_span!("restore", bytes = 4096, ratio = 0.5, from = "s3").in_scope(|| {
                tracing::error_span!("read", otel.status_code = "ERROR", otel.status_description = "torn")
                    .in_scope(|| tracing::warn!(target: "state::reader", attempt = 3, "read {} of 2", 1));
            });
            tracing::debug!("outside");
        });
        let counts = telemetry.shutdown(PATIENCE);
        assert_eq!((counts.spans.recorded, counts.spans.sent), (2, 2));
        assert_eq!((counts.logs.recorded, counts.logs.sent), (2, 2));

        let received = receiver.received();
        let spans = spans(&received);
        let [(_, child), (_, parent)] = &spans[..] else { panic!("{spans:?}") };
        assert_eq!((&*parent.name, &*child.name), ("restore", "read"));
        assert_eq!((parent.trace_id.len(), parent.span_id.len()), (16, 8));
        assert_eq!(child.trace_id, parent.trace_id);
        assert_eq!((&child.parent_span_id, &*parent.parent_span_id), (&parent.span_id, &b""[..]));
        assert!(parent.start_time_unix_nano <= child.start_time_unix_nano);
        assert!(child.end_time_unix_nano <= parent.end_time_unix_nano);
        assert_eq!(attribute(&parent.attributes, "bytes"), Some(Value::IntValue(4096)));
        assert_eq!(attribute(&parent.attributes, "ratio"), Some(Value::DoubleValue(0.5)));
        assert_eq!(attribute(&parent.attributes, "from"), text("s3"));
        let status = child.status.clone().unwrap();
        assert_eq!((status.code(), &*status.message), (StatusCode::Error, "torn"));
        let [event] = &child.events[..] else { panic!("{child:?}") };
        assert_eq!(
            (&*event.name, attribute(&event.attributes, "attempt")),
            ("read 1 of 2", Some(Value::IntValue(3)))
        );

        let mut records = records(&received);
        // Their scopes are in no order.
        records.sort_by_key(|(_, _, record)| std::cmp::Reverse(record.severity_number));
        let [(_, scope, inside), (_, _, outside)] = &records[..] else { panic!("{records:?}") };
        assert_eq!((&**scope, inside.severity_number, &*inside.severity_text), ("state::reader", 13, "WARN"));
        assert_eq!(inside.body.clone().unwrap().value, text("read 1 of 2"));
        assert_eq!(attribute(&inside.attributes, "attempt"), Some(Value::IntValue(3)));
        assert_eq!((&inside.trace_id, &inside.span_id), (&child.trace_id, &child.span_id));
        assert!(
            (child.start_time_unix_nano..=child.end_time_unix_nano).contains(&inside.observed_time_unix_nano)
        );
        assert_eq!((outside.severity_number, &*outside.trace_id), (5, &b""[..]));
    }
}

#[test]
fn the_resource_is_that_of_metrics_and_of_groups() {
    let receiver = OtlpReceiver::start();
    let registry = Registry::new();
    let task_manager = registry.task_manager("host-1", "tm-1");
    let options = options(&receiver, Protocol::HttpProtobuf)
        .with_resource("zone", "a")
        .with_resource("service.name", "s");
    let flink = options.clone().with_naming(NamingPolicy::Flink).with_resource("tm_id", "mine");
    let telemetry = at_the_end(options).with_log_options(flink).with_group(&task_manager).build().unwrap();
    traced(&telemetry, || tracing::info_span!("s").in_scope(|| tracing::info!("r")));
    drop(telemetry);
    let received = receiver.received();
    let (of_spans, _) = &spans(&received)[0];
    let (of_records, ..) = &records(&received)[0];
    let keys = |host, mut keys: Vec<&'static str>| {
        keys.extend([
            "service.name",
            "telemetry.sdk.language",
            "telemetry.sdk.name",
            "telemetry.sdk.version",
            "zone",
            "tm_id",
            host,
        ]);
        keys.sort_unstable();
        keys
    };
    for (resource, host, tm) in [(of_spans, "host.name", "tm-1"), (of_records, "host", "mine")] {
        let mut found: Vec<_> = resource.attributes.iter().map(|attribute| &*attribute.key).collect();
        found.sort_unstable();
        assert_eq!(found, keys(host, Vec::new()));
        let said = |key| attribute(&resource.attributes, key);
        assert_eq!((said("service.name"), said("telemetry.sdk.name")), (text("s"), text("flowmeter")));
        assert_eq!((said(host), said("tm_id"), said("zone")), (text("host-1"), text(tm), text("a")));
    }
}

#[test]
fn filters_say_what_is_sent() {
    let receiver = OtlpReceiver::start();
    let telemetry = at_the_end(options(&receiver, Protocol::Grpc)).build().unwrap();
    let subscriber = tracing_subscriber::registry()
        .with(telemetry.spans().with_filter(filter_fn(|metadata| !metadata.is_event())))
        .with(telemetry.logs().with_filter(LevelFilter::INFO));
    tracing::subscriber::with_default(subscriber, || {
        tracing::trace_span!("fine").in_scope(|| {
            tracing::info!("seen");
            tracing::debug!("unseen");
        });
    });
    let counts = telemetry.shutdown(PATIENCE);
    assert_eq!((counts.spans.sent, counts.logs.sent), (1, 1));
    let (_, span) = &spans(&receiver.received())[0];
    assert_eq!(span.events, []);
}

#[test]
fn the_current_span_is_one_for_exemplars() {
    let receiver = OtlpReceiver::start();
    let telemetry = at_the_end(options(&receiver, Protocol::HttpProtobuf)).build().unwrap();
    let found = traced(&telemetry, || {
        assert_eq!(current_trace_context(), None);
        tracing::info_span!("s").in_scope(current_trace_context)
    });
    drop(telemetry);
    let (_, span) = &spans(&receiver.received())[0];
    let ids = (span.trace_id[..].try_into().unwrap(), span.span_id[..].try_into().unwrap());
    assert_eq!(found, Some(TraceContext::new(ids.0, ids.1)));
}

#[test]
fn what_is_not_sampled_is_neither_sent_nor_an_exemplar() {
    let receiver = OtlpReceiver::start();
    let telemetry = at_the_end(options(&receiver, Protocol::HttpProtobuf)).with_sampled(0.0).build().unwrap();
    traced(&telemetry, || {
        tracing::info_span!("s").in_scope(|| {
            assert_eq!(current_trace_context(), None);
            tracing::info!("a log record of it is sent all the same");
        });
    });
    let counts = telemetry.shutdown(PATIENCE);
    assert_eq!((counts.spans.recorded, counts.logs.sent), (0, 1));
}

#[test]
fn what_cannot_be_is_said_at_once() {
    let options = OtlpOptions::default().with_endpoint("collector:4317".parse().unwrap());
    let error = OtlpTelemetry::builder(options).build().unwrap_err();
    assert!(error.to_string().contains("give a URL that begins with `http://` or `https://`"), "{error}");
}

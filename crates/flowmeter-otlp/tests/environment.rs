//! What OpenTelemetry's environment variables switch off.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use flowmeter_core::{ConfigSection, ReporterFactory as _};
use flowmeter_otlp::OtlpFactory;
use flowmeter_testkit::otlp::OtlpReceiver;
use flowmeter_testkit::{PATIENCE, on_request, quiet_registry};

#[test]
fn the_environment_can_switch_metrics_off() {
    let receiver = OtlpReceiver::start();
    for (variable, value, expected) in [
        ("OTEL_SDK_DISABLED", "true", 0),
        ("OTEL_METRICS_EXPORTER", "none", 0),
        ("OTEL_METRICS_EXPORTER", "otlp", 1),
    ] {
        for (section, is_said) in [
            (ConfigSection::new("reporters.otlp"), false),
            (
                ConfigSection::new("reporters.otlp")
                    .with("metrics-endpoint", format!("{}/v1/metrics", receiver.http_url())),
                true,
            ),
        ] {
            let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*receiver.http_url()), (variable, value)]
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
            let reporter = OtlpFactory::with_environment(variables).build(&section).unwrap();
            let registry = quiet_registry();
            let handle = registry.add_reporter("otlp", reporter, on_request()).unwrap();
            registry.add_group("g").counter("n").inc();
            let before = receiver.received().requests.len();
            handle.report_now(PATIENCE).unwrap();
            // A section that says where they go has the last word, but on what is off altogether.
            let expected = if is_said && variable == "OTEL_METRICS_EXPORTER" { 1 } else { expected };
            assert_eq!(receiver.received().requests.len() - before, expected, "{variable} {value} {is_said}");
        }
    }
}

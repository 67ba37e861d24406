//! A server that keeps metrics, and takes nothing else.

use std::collections::BTreeMap;

use flowmeter_e2e::{Demo, VictoriaMetrics, program, wait_for};
use serde_json::Value;

const LATENCY: &str = "source_subtask_latency";

/// The latest values of a metric, summed by operator.
fn by_operator(server: &VictoriaMetrics, metric: &str) -> BTreeMap<String, f64> {
    server.sums(&format!("{{__name__=\"taskmanager.job.task.operator.{metric}\"}}"), "operator_name")
}

/// What the job counted itself, by operator.
fn truth(summary: &Value, of: &str, key: &str) -> BTreeMap<String, f64> {
    let operators = summary["truth"][of].as_object().expect("by operator");
    operators.iter().map(|(name, truth)| (name.clone(), truth[key].as_f64().expect("a number"))).collect()
}

/// Runs a job that reports to the server. Returns what its processes had to say.
fn a_server_holds_the_truth(server: &VictoriaMetrics, url: &[&str], environment: &[(&str, &str)]) -> String {
    let interval = [("OTEL_METRIC_EXPORT_INTERVAL", "2000")];
    let arguments = ["--events", "100000", "--rate", "50000", "--linger", "0s", "--otlp"];
    let mut demo = Demo::start_with(&[&arguments[..], url].concat(), &[&interval[..], environment].concat());
    let summary = demo.summary();
    assert!(demo.wait().success());
    for (metric, key) in [("num_records_in", "numRecordsIn"), ("num_records_out", "numRecordsOut")] {
        let truth = truth(&summary, "operators", key);
        wait_for(metric, || (by_operator(server, metric) == truth).then_some(()));
    }
    let counts = truth(&summary, "latencies", "count");
    assert_eq!(by_operator(server, &format!("{LATENCY}_count")), counts);
    // Exponential buckets are ranges there.
    assert_eq!(by_operator(server, &format!("{LATENCY}_bucket")), counts);
    let sums = truth(&summary, "latencies", "sum");
    let held = by_operator(server, &format!("{LATENCY}_sum"));
    assert_eq!(held.keys().collect::<Vec<_>>(), sums.keys().collect::<Vec<_>>());
    for (sink, sum) in sums {
        // The job has milliseconds, and OpenTelemetry seconds.
        assert!((held[&sink] * 1e3 / sum - 1.0).abs() < 1e-9, "{sink}: {} s for {sum} ms", held[&sink]);
    }
    demo.said()
}

#[test]
fn an_endpoint_for_metrics_gets_nothing_else() {
    let Some(program) = program("an endpoint for metrics", "victoria-metrics") else { return };
    let server = VictoriaMetrics::start(&program);
    let environment = [("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &*server.otlp())];
    assert_eq!(a_server_holds_the_truth(&server, &[], &environment), "");
}

#[test]
fn a_server_that_refuses_spans_and_events_has_all_metrics() {
    let Some(program) = program("no spans", "victoria-metrics") else { return };
    let server = VictoriaMetrics::start(&program);
    let url = server.otlp();
    let url = url.strip_suffix("/v1/metrics").expect("the path of the signal");
    let said = a_server_holds_the_truth(&server, &[url], &[]);
    let lines: Vec<_> = said.lines().collect();
    assert!(!lines.is_empty());
    let is_refusal =
        |line: &&str| line.contains("the receiver does not take spans or events, which are dropped");
    assert!(lines.iter().all(is_refusal), "{said}");
}

//! A real Prometheus scrapes a real job, and holds its truth.

use std::collections::BTreeMap;

use flowmeter_e2e::{Demo, Prometheus, check_metrics, program};
use serde_json::Value;

/// The counts of all operators by the job's own account, as Prometheus would write them.
fn truth(summary: &Value, metric: &str) -> BTreeMap<String, String> {
    let operators = summary["truth"]["operators"].as_object().expect("operators by name");
    operators.iter().map(|(name, records)| (name.clone(), records[metric].to_string())).collect()
}

/// Runs a job under the eyes of Prometheus, to the end of both, and compares.
fn prometheus_holds_the_truth_of(test: &str, arguments: &[&str]) -> Option<Value> {
    let (server, promtool) = (program(test, "prometheus")?, program(test, "promtool")?);
    let mut demo = Demo::start(arguments);
    let prometheus = Prometheus::start(&server, &demo.endpoints);
    for endpoint in &demo.endpoints {
        let mut response = ureq::get(format!("{endpoint}?peek")).call().expect("the endpoint is up");
        let text = response.body_mut().read_to_string().expect("metrics are text");
        assert_eq!(check_metrics(&promtool, &text), Ok(()), "{endpoint}");
    }
    let summary = demo.summary();
    // It stays up for Prometheus to see the end, and no longer.
    assert!(demo.wait().success());
    for (metric, name) in
        [("numRecordsIn", "num_records_in_total"), ("numRecordsOut", "num_records_out_total")]
    {
        let query =
            format!("sum by (operator_name) (last_over_time(taskmanager_job_task_operator_{name}[1h]))");
        assert_eq!(prometheus.query(&query, "operator_name"), truth(&summary, metric), "{metric}");
    }
    Some(summary)
}

#[test]
fn prometheus_holds_the_truth_of_nexmark() {
    let arguments = ["--events", "500000", "--rate", "100000", "--linger", "60s"];
    let Some(summary) = prometheus_holds_the_truth_of("nexmark", &arguments) else { return };
    assert_eq!(summary["truth"]["operators"]["Source: events"]["numRecordsOut"], 500_000);
}

#[test]
fn prometheus_holds_the_truth_of_a_word_count() {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates");
    let arguments = ["--job", "wordcount", "--input", source, "--linger", "60s"];
    prometheus_holds_the_truth_of("wordcount", &arguments);
}

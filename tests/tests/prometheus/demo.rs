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
    times_of_tasks_add_up(&prometheus, &summary);
    the_cluster_and_its_job_are_there(&prometheus);
    Some(summary)
}

fn number(value: &str) -> f64 {
    value.parse().expect("a number")
}

/// What each task did with its time is all of its time, in sums as in shares.
fn times_of_tasks_add_up(prometheus: &Prometheus, summary: &Value) {
    let last = |metric: &str| format!("last_over_time(taskmanager_job_task_{metric}[1h])");
    let parts = ["busy", "idle", "soft_back_pressured", "hard_back_pressured"];
    let sum = |suffix: &str| {
        let parts = parts.map(|part| last(&format!("{part}_time_{suffix}"))).join(" + ");
        prometheus.query(&format!("avg by (task_name) ({parts})"), "task_name")
    };
    let seconds = summary["seconds"].as_f64().expect("how long it took");
    let (total, share) = (sum("seconds_total"), sum("ratio"));
    assert!(total.len() >= 4, "{total:?}");
    for (task, total) in &total {
        // A task begins a moment after the job, and its last moments are after the last look.
        let missing = seconds - number(total);
        assert!((-0.5..2.0).contains(&missing), "{task}: {total} of {seconds} s");
    }
    for (task, share) in &share {
        assert!((0.9..=1.001).contains(&number(share)), "{task}: {share}");
    }
}

fn the_cluster_and_its_job_are_there(prometheus: &Prometheus) {
    let value = |query: &str| prometheus.query(query, "host").remove("localhost").map(|value| number(&value));
    assert_eq!(value("max_over_time(jobmanager_num_registered_task_managers[1h])"), Some(2.0));
    assert_eq!(value("last_over_time(jobmanager_job_num_restarts[1h])"), Some(0.0));
    let states = ["initializing", "created", "running", "restarting", "cancelling", "failing"];
    let total =
        |state: &str| value(&format!("last_over_time(jobmanager_job_{state}_time_total_seconds[1h])"));
    let totals = states.map(|state| (state, total(state).expect("each state has its time")));
    assert!(totals.iter().all(|(state, total)| (*total > 0.2) == (*state == "running")), "{totals:?}");
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

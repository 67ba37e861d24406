//! A real Prometheus scrapes a real job, and holds its truth.

use std::collections::BTreeMap;
use std::time::Duration;

use flowmeter_e2e::{Demo, Prometheus, Protocol, ScrapeJob, check_metrics, get, program, wait_for};
use serde_json::Value;

/// The counts of all operators by the job's own account, as Prometheus would write them.
fn truth(summary: &Value, metric: &str) -> BTreeMap<String, String> {
    let operators = summary["truth"]["operators"].as_object().expect("operators by name");
    operators.iter().map(|(name, records)| (name.clone(), records[metric].to_string())).collect()
}

/// The latest of all samples of a metric that a server has got in a format.
fn last(metric: &str, protocol: Protocol) -> String {
    format!("last_over_time({metric}{{job=\"{}\"}}[1h])", protocol.name())
}

/// Whether a server has the counts of all operators exactly.
fn holds_the_counts(prometheus: &Prometheus, protocol: Protocol, summary: &Value) -> bool {
    let sums = [("numRecordsIn", "num_records_in_total"), ("numRecordsOut", "num_records_out_total")];
    sums.into_iter().all(|(metric, name)| {
        let last = last(&format!("taskmanager_job_task_operator_{name}"), protocol);
        let query = format!("sum by (operator_name) ({last})");
        prometheus.query(&query, "operator_name") == truth(summary, metric)
    })
}

/// Runs a job under the eyes of Prometheus, which asks in all formats, each at an interval of its own, to the end of the job.
fn prometheus_holds_the_truth_of(test: &str, arguments: &[&str]) -> Option<Value> {
    let (server, promtool) = (program(test, "prometheus")?, program(test, "promtool")?);
    let mut demo = Demo::start(arguments);
    let job =
        |(protocol, interval)| ScrapeJob::new(protocol, Duration::from_millis(interval), &demo.endpoints);
    let jobs: Vec<_> = Protocol::ALL.into_iter().zip([2_000, 2_500, 3_000]).map(job).collect();
    let prometheus = Prometheus::start(&server, &jobs);
    for endpoint in &demo.endpoints {
        for protocol in Protocol::ALL {
            let answer = get(&format!("{endpoint}?peek"), &[("accept", protocol.accept())]);
            assert!(answer.content_type.starts_with(protocol.media_type()), "{}", answer.content_type);
            if protocol == Protocol::Text {
                assert_eq!(check_metrics(&promtool, answer.text()), Ok(()), "{endpoint}");
            }
        }
    }
    let summary = demo.summary();
    for protocol in Protocol::ALL {
        wait_for(protocol.name(), || holds_the_counts(&prometheus, protocol, &summary).then_some(()));
        times_of_tasks_add_up(&prometheus, protocol, &summary);
        wait_for(protocol.name(), || holds_the_cluster(&prometheus, protocol).then_some(()));
    }
    Some(summary)
}

fn number(value: &str) -> f64 {
    value.parse().expect("a number")
}

/// What each task did with its time is all of its time, in sums as in shares.
fn times_of_tasks_add_up(prometheus: &Prometheus, protocol: Protocol, summary: &Value) {
    let last = |metric: &str| last(&format!("taskmanager_job_task_{metric}"), protocol);
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

/// Whether a server has what the JobManager says at the end of a job.
fn holds_the_cluster(prometheus: &Prometheus, protocol: Protocol) -> bool {
    let last = |metric: &str| prometheus.number(&last(&format!("jobmanager_{metric}"), protocol));
    let states = ["initializing", "created", "running", "restarting", "cancelling", "failing"];
    let total = |state: &str| last(&format!("job_{state}_time_total_seconds"));
    last("num_registered_task_managers") == Some(2.0)
        && last("job_num_restarts") == Some(0.0)
        && states
            .into_iter()
            .all(|state| total(state).is_some_and(|total| (total > 0.2) == (state == "running")))
}

#[test]
fn prometheus_holds_the_truth_of_nexmark_in_every_format() {
    let arguments = ["--events", "500000", "--rate", "100000", "--linger", "120s", "--stay"];
    let Some(summary) = prometheus_holds_the_truth_of("nexmark", &arguments) else { return };
    assert_eq!(summary["truth"]["operators"]["Source: events"]["numRecordsOut"], 500_000);
}

#[test]
fn a_job_waits_for_the_only_prometheus_and_no_longer() {
    let Some(server) = program("wordcount", "prometheus") else { return };
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates");
    let mut demo = Demo::start(&["--job", "wordcount", "--input", source, "--linger", "60s"]);
    let protocol = Protocol::Protobuf;
    let job = ScrapeJob::new(protocol, Duration::from_secs(2), &demo.endpoints);
    let prometheus = Prometheus::start(&server, &[job]);
    let summary = demo.summary();
    assert!(demo.wait().success());
    assert!(holds_the_counts(&prometheus, protocol, &summary), "{summary}");
    times_of_tasks_add_up(&prometheus, protocol, &summary);
    assert!(holds_the_cluster(&prometheus, protocol));
}

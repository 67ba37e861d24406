//! Groups close and come back while several servers scrape, each at an interval and in a format of its own.

use std::path::Path;
use std::time::Duration;

use flowmeter::prometheus::PrometheusOptions;
use flowmeter::{ReporterOptions, TaskGroup, TaskInfo, TaskManagerJobGroup};
use flowmeter_e2e::{Prometheus, Protocol, ScrapeJob, Served, program, wait_for};

const RECORDS: &str = "taskmanager_job_task_records_total";

/// Has a server scrape in all formats.
fn watch(server: &Path, served: &Served) -> Prometheus {
    let job =
        |(protocol, interval)| ScrapeJob::new(protocol, Duration::from_millis(interval), &served.endpoints);
    let jobs: Vec<_> = Protocol::ALL.into_iter().zip([500, 700, 1_000]).map(job).collect();
    Prometheus::start(server, &jobs)
}

fn task(job: &TaskManagerJobGroup, id: &str) -> TaskGroup {
    job.task(TaskInfo { id, name: "count", subtask_index: 0, ..TaskInfo::default() })
}

/// Waits until all formats have the same value for a query.
fn wait_for_all(prometheus: &Prometheus, query: &str, expected: Option<&str>) {
    wait_for(query, || {
        let values = prometheus.query(query, "job");
        let found = Protocol::ALL.map(|protocol| values.get(protocol.name()).map(String::as_str));
        (found == [expected; 3]).then_some(())
    });
}

fn nothing_was_refused(prometheus: &Prometheus) {
    let refused = [
        "prometheus_target_scrapes_sample_duplicate_timestamp_total",
        "prometheus_target_scrapes_sample_out_of_order_total",
        "prometheus_target_scrapes_sample_out_of_bounds_total",
        "prometheus_target_scrapes_exemplar_out_of_order_total",
    ];
    assert_eq!(refused.map(|metric| prometheus.own(metric)), [0.0; 4], "{refused:?}");
}

#[test]
fn series_of_a_closed_task_end_with_their_final_values() {
    let Some(server) = program("staleness", "prometheus") else { return };
    let options = ReporterOptions::default().with_retention(Duration::from_secs(5), Duration::from_secs(60));
    let served = Served::new(PrometheusOptions::default(), options);
    let task_manager = served.registry.task_manager("host", "tm");
    let job = task_manager.job("a3f0", "wordcount");
    let (ending, other) = (task(&job, "1"), task(&job, "2"));
    let (records, others) = (ending.counter("records"), other.counter("records"));
    records.inc_by(40);
    others.inc_by(7);
    let prometheus = watch(&server, &served);
    let (of_ending, of_other) =
        (format!("{RECORDS}{{task_id=\"1\"}}"), format!("{RECORDS}{{task_id=\"2\"}}"));
    wait_for_all(&prometheus, &of_ending, Some("40"));

    records.inc_by(2);
    drop((records, ending));
    // Without a mark that says so, a series goes on for five minutes.
    wait_for_all(&prometheus, &of_ending, None);
    wait_for_all(&prometheus, &format!("last_over_time({of_ending}[1h])"), Some("42"));
    wait_for_all(&prometheus, &of_other, Some("7"));
    nothing_was_refused(&prometheus);
}

#[test]
fn a_task_that_restarts_between_scrapes_goes_on() {
    let Some(server) = program("restarts", "prometheus") else { return };
    let served = Served::new(PrometheusOptions::default(), ReporterOptions::default());
    let task_manager = served.registry.task_manager("host", "tm");
    let job = task_manager.job("a3f0", "wordcount");
    let prometheus = watch(&server, &served);
    let mut total = 0;
    for round in 1..=5 {
        // All but the last of these, most scrapes do not see.
        for _ in 0..round {
            let task = task(&job, "1");
            task.counter("records").inc_by(round);
            total += round;
        }
        wait_for_all(&prometheus, RECORDS, Some(&total.to_string()));
    }
    wait_for_all(&prometheus, &format!("resets({RECORDS}[1h])"), Some("0"));
    nothing_was_refused(&prometheus);
}

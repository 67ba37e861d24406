//! The facade with the Prometheus reporter.

#![cfg(all(feature = "derive", feature = "prometheus", feature = "stream"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::time::Duration;

use flowmeter::prometheus::{Ports, PrometheusOptions};
use flowmeter::stream::OperatorIoMetrics;
use flowmeter::{ConfigSection, Counter, Error, Flowmeter, MetricSet, TaskInfo, Unit};

fn any_port() -> PrometheusOptions {
    PrometheusOptions::default().with_ports(Ports::any())
}

#[test]
fn several_reporters_run_side_by_side() {
    let flowmeter =
        Flowmeter::builder().prometheus("a", any_port()).prometheus("b", any_port()).start().unwrap();
    let endpoints: Vec<_> =
        flowmeter.reporters().iter().map(|reporter| reporter.endpoint().unwrap()).collect();
    assert_eq!(endpoints.len(), 2);
    assert_ne!(endpoints[0], endpoints[1]);
    assert_eq!(flowmeter.reporter("b").unwrap().endpoint(), Some(endpoints[1].clone()));
    assert!(flowmeter.reporter("c").is_none());

    let task_manager = flowmeter.task_manager("h", "tm");
    let job = task_manager.job("j", "job");
    let task = job.task(TaskInfo::default());
    let operator = task.operator("o", "op");
    OperatorIoMetrics::register(&operator).num_records_in.inc();
    let outcomes = flowmeter.shutdown(Duration::from_secs(20));
    assert!(outcomes.len() == 2 && outcomes.iter().all(|(_, outcome)| outcome.is_ok()));
}

#[derive(MetricSet)]
struct JoinMetrics {
    /// Records that found a partner.
    #[metric(unit = RECORDS)]
    num_matched: Counter,
}

#[test]
fn metric_sets_are_derived_with_the_facade_alone() {
    let flowmeter = Flowmeter::builder().start().unwrap();
    let join = JoinMetrics::register(&flowmeter.add_group("join"));
    join.num_matched.inc();
    assert_eq!(JoinMetrics::DESCRIPTORS[0].metric().unit(), &Unit::RECORDS);
}

#[test]
fn reporters_are_made_from_sections_of_a_configuration() {
    let start = |section| {
        let factory = Arc::new(flowmeter::prometheus::PrometheusFactory);
        let builder = Flowmeter::builder().instance("tm-1").without_self_metrics();
        builder.configured_reporter("prom", factory, section).start()
    };
    let flowmeter = start(ConfigSection::new("reporters.prom").with("port", 0)).unwrap();
    let endpoint = flowmeter.reporter("prom").unwrap().endpoint().unwrap();
    assert!(endpoint.starts_with("http://127.0.0.1:"), "{endpoint}");
    let error = start(ConfigSection::new("reporters.prom").with("prot", 0)).unwrap_err().to_string();
    assert!(
        error.starts_with("reporter `prom`: unknown key `reporters.prom.prot`: did you mean `port`?"),
        "{error}"
    );
}

#[test]
fn a_reporter_that_cannot_start_stops_the_start() {
    let twice = Flowmeter::builder().prometheus("a", any_port()).prometheus("a", any_port()).start();
    assert!(matches!(twice, Err(Error::DuplicateReporter { name }) if name == "a"));
}

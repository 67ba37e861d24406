//! The same beans, answers and exceptions.

use std::time::Duration;

use flowmeter::TaskInfo;
use flowmeter::jmx::JmxOptions;
use flowmeter_e2e::{Folder, Jdk};

use super::Served;

#[test]
fn the_jdks_client_gets_the_same_as_from_the_jdks_server() {
    let test = "the_jdks_client_gets_the_same_as_from_the_jdks_server";
    let programs = ["tests/jmx/JMXReporter.java", "tests/jmx/Client.java"];
    let Some(jdk) = Jdk::with_programs(test, &programs) else { return };
    // All of it is of one report, so that both have the same rates.
    let served = Served::new(JmxOptions::default().with_freshness(Duration::from_secs(3600)));
    let job_manager = served.registry.job_manager("localhost");
    let running = job_manager.gauge::<i64>("numRunningJobs");
    running.set(3);
    let state = job_manager.job("00ff", "Word Count: all").text_gauge("state");
    state.set("RUNNING");
    let task_manager = served.registry.task_manager("localhost", "tm-1");
    let status = task_manager.add_group("Status");
    let (long, double, truth) = (
        status.gauge::<u64>("gaugeLong"),
        status.gauge::<f64>("gaugeDouble"),
        status.gauge::<bool>("gaugeBool"),
    );
    let (nan, infinite) = (status.gauge::<f64>("nan"), status.gauge::<f64>("infinite"));
    let text = status.text_gauge("text");
    long.set(123_456_789_012);
    double.set(0.25);
    truth.set(true);
    nan.set(f64::NAN);
    infinite.set(f64::NEG_INFINITY);
    text.set("\u{e9}\u{4e16}\u{1f980}");
    let job = task_manager.job("00ff", "Word Count: all");
    let task = job.task(TaskInfo { id: "1", name: "Source: \"lines\" -> <map>", ..TaskInfo::default() });
    let operator = task.operator("a1", "map?*");
    let (records, mails) = (operator.counter("numRecordsIn"), operator.meter("mails"));
    let (latency, empty) = (operator.histogram::<u64>("latency"), operator.histogram::<u64>("empty"));
    records.inc_by(42);
    mails.mark_by(7);
    (1..=100).for_each(|value| latency.record(value));

    let folder = Folder::new("jmx");
    let reference = jdk.serve("org.apache.flink.metrics.jmx.JMXReporter", &[&served.write(&folder)]);
    let expected = jdk.run(&[], "Client", &[reference.url()]);
    let ours = jdk.run(&[], "Client", &[&served.url()]);
    for (ours, expected) in ours.lines().zip(expected.lines()) {
        assert_eq!(ours, expected);
    }
    assert_eq!(ours, expected);
    assert!(expected.contains("numRecordsIn") && expected.contains("RUNNING") && expected.contains("closed"));
    drop((records, mails, latency, empty, running));
}

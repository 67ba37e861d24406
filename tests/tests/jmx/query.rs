//! What a client for Python reads.

use flowmeter::TaskInfo;
use flowmeter::jmx::JmxOptions;
use flowmeter_e2e::JmxQuery;

use super::Served;

#[test]
fn a_python_client_reads_wildcards_and_single_attributes() {
    let Some(client) = JmxQuery::find("a_python_client_reads_wildcards_and_single_attributes") else {
        return;
    };
    let served = Served::new(JmxOptions::default());
    let task_manager = served.registry.task_manager("localhost", "tm-1");
    let job = task_manager.job("00ff", "WordCount");
    let task = job.task(TaskInfo { id: "1", name: "map", ..TaskInfo::default() });
    let (records, latency) = (task.counter("numRecordsIn"), task.histogram::<u64>("latency"));
    let load = task.gauge::<f64>("load");
    records.inc_by(42);
    load.set(0.25);
    (1..=3).for_each(|value| latency.record(value));
    let url = &served.url();
    let mut all = client.query(url, &["org.apache.flink.*:*"]);
    all.sort_by(|a, b| (&a.bean, &a.attribute).cmp(&(&b.bean, &b.attribute)));
    let read: Vec<_> = all.iter().map(|read| (read.attribute.as_str(), read.value.as_f64())).collect();
    let expected = [
        ("75thPercentile", 3.0),
        ("95thPercentile", 3.0),
        ("98thPercentile", 3.0),
        ("999thPercentile", 3.0),
        ("99thPercentile", 3.0),
        ("Count", 3.0),
        ("Max", 3.0),
        ("Mean", 2.0),
        ("Median", 2.0),
        ("Min", 1.0),
        ("StdDev", f64::NAN),
        ("Value", 0.25),
        ("Count", 42.0),
    ];
    assert_eq!(read.len(), expected.len(), "{all:?}");
    for ((attribute, value), (name, number)) in read.into_iter().zip(expected) {
        assert_eq!(attribute, name);
        assert!(
            number.is_nan() || value.is_some_and(|value| (value - number).abs() < 0.05),
            "{name} is {value:?}"
        );
    }
    let one = all.iter().find(|read| read.value.as_f64() == Some(42.0)).expect("the counter was read");
    let again = client.query(url, &[&format!("{}/Count", one.bean)]);
    assert_eq!(again.len(), 1);
    assert_eq!((&again[0].attribute, again[0].value.as_f64()), (&"Count".to_owned(), Some(42.0)));
}

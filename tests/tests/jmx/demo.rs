//! A real job, read by the JDK's client.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use flowmeter_e2e::{Demo, Jdk, JmxQuery, wait_for};

/// The bean of an operator's counter, as far as it is not of one operator.
const COUNTERS: &str = "flowmeter:type=taskmanager.job.task.operator,name=";

/// Long enough for what reads it: beans of what has closed are there until all was read.
const ARGUMENTS: [&str; 7] = ["--events", "100000", "--rate", "50000", "--linger", "300s", "--stay"];

/// What the JDK's client adds up over all processes.
fn read(jdk: &Jdk, demo: &Demo, metric: &str) -> BTreeMap<String, u64> {
    let urls: Vec<_> = demo.jmx.iter().map(String::as_str).collect();
    let said = jdk.run(&[], "Records", &[&[metric], &urls[..]].concat());
    let line = |line: &str| {
        let (operator, sum) = line.split_once('\t').expect("two columns");
        (operator.to_owned(), sum.parse().expect("a count"))
    };
    said.lines().map(line).collect()
}

/// The same with a client for Python.
fn query(client: &JmxQuery, demo: &Demo, metric: &str) -> u64 {
    let query = format!("{COUNTERS}{metric},*/Count");
    let read = demo.jmx.iter().flat_map(|url| client.query(url, &[&query]));
    read.map(|read| read.value.as_u64().expect("a count")).sum()
}

#[test]
fn clients_hold_the_truth_of_nexmark() {
    let test = "clients_hold_the_truth_of_nexmark";
    let Some(jdk) = Jdk::with_programs(test, &["tests/jmx/Records.java"]) else { return };
    let Some(client) = JmxQuery::find(test) else { return };
    let mut demo = Demo::start(&ARGUMENTS);
    // While it runs there are counts already.
    let source = wait_for("the source", || read(&jdk, &demo, "numRecordsOut").remove("Source: events"));
    assert!(source <= 100_000, "{source}");
    let summary = demo.summary();
    for metric in ["numRecordsIn", "numRecordsOut"] {
        let truth = Demo::counts(&summary, metric);
        // What is read may be a moment old.
        wait_for(metric, || (read(&jdk, &demo, metric) == truth).then_some(()));
        assert_eq!(query(&client, &demo, metric), truth.values().sum::<u64>(), "{metric}");
    }
    assert_eq!(Demo::counts(&summary, "numRecordsOut")["Source: events"], 100_000);
}

/// How many threads a process has, and how many files are open in it.
fn held(pid: u32) -> (usize, usize) {
    let count = |what: &str| fs::read_dir(format!("/proc/{pid}/{what}")).expect("it runs").count();
    (count("task"), count("fd"))
}

/// How long they ask, unless the environment says otherwise.
const SECONDS: &str = "5";

#[test]
fn fifty_connectors_get_right_answers_and_leave_nothing_behind() {
    let test = "fifty_connectors_get_right_answers_and_leave_nothing_behind";
    let Some(jdk) = Jdk::with_programs(test, &["tests/jmx/Connectors.java"]) else { return };
    let mut demo = Demo::start(&ARGUMENTS);
    let _summary = demo.summary();
    let (url, pid) = (&*demo.jmx[1], demo.pids[1]);
    let ask = |connectors: &str, seconds: &str| {
        let said = jdk.run(&[], "Connectors", &[url, connectors, seconds]);
        said.trim().parse::<u64>().expect("how many answers")
    };
    // Whatever is made at the first request is there now, and stays.
    ask("1", "1");
    let settled = || {
        thread::sleep(Duration::from_millis(100));
        held(pid)
    };
    let before = wait_for("an end of all connections", || {
        let (once, again) = (held(pid), settled());
        (once == again).then_some(again)
    });
    let seconds = std::env::var("FLOWMETER_JMX_CONNECTORS").unwrap_or(SECONDS.to_owned());
    let answers = ask("50", &seconds);
    assert!(answers > 1000, "{answers}");
    wait_for("an end of what they held", || (settled() <= before).then_some(()));
}

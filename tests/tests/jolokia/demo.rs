//! A real job, read over HTTP.

use std::collections::BTreeMap;

use flowmeter::jmx::model::{ObjectName, unquoted};
use flowmeter_e2e::{Demo, JolokiaClient, wait_for};
use serde_json::{Value, json};

/// What a server answers to a request.
fn ask(url: &str, request: &Value) -> Value {
    let mut answer = ureq::post(url).send(request.to_string()).expect("it serves");
    let answer = answer.body_mut().read_to_string().expect("it is a text");
    serde_json::from_str(&answer).expect("it is JSON")
}

/// The beans of all of the metrics of each process, by name.
fn search(demo: &Demo) -> Vec<Vec<String>> {
    let request = json!({"type": "search", "mbean": "flowmeter:*"});
    let names = |url: &String| serde_json::from_value(ask(url, &request)["value"].take()).expect("names");
    let mut all: Vec<Vec<String>> = demo.jolokia.iter().map(names).collect();
    all.iter_mut().for_each(|names| names.sort());
    all
}

/// The sums of a counter of operators in what was read of all of the metrics of each process.
fn sums(answers: &[Value], metric: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (name, attributes) in answers.iter().filter_map(|answer| answer["value"].as_object()).flatten() {
        let name: ObjectName = name.parse().expect("the name of a bean");
        let is_it = name.property("type") == Some("taskmanager.job.task.operator");
        if is_it && name.property("name") == Some(metric) {
            let operator = unquoted(name.property("operator_name").expect("it is of an operator"));
            *sums.entry(operator.into_owned()).or_default() += attributes["Count"].as_u64().expect("a count");
        }
    }
    sums
}

#[test]
fn clients_read_all_metrics_of_nexmark_and_the_truth() {
    let test = "clients_read_all_metrics_of_nexmark_and_the_truth";
    let (Some(python), Some(node)) = (JolokiaClient::python(test), JolokiaClient::javascript(test)) else {
        return;
    };
    let mut demo = Demo::start(&["--events", "100000", "--linger", "300s", "--stay"]);
    let summary = demo.summary();
    let metrics = ["numRecordsIn", "numRecordsOut"];
    // What is read may be a moment old.
    for metric in metrics {
        wait_for(metric, || (read(&demo, metric) == Demo::counts(&summary, metric)).then_some(()));
    }
    for client in [python, node] {
        wait_for("the same beans", || {
            let names = search(&demo);
            let answers = client.read_beans(&demo.jolokia, "flowmeter:*");
            for metric in metrics {
                assert_eq!(sums(&answers, metric), Demo::counts(&summary, metric), "{metric}");
            }
            // Threads that come and go have metrics as well.
            let read = answers.iter().map(|answer| answer["value"].as_object().expect("beans").keys());
            let read: Vec<Vec<_>> = read.map(|names| names.cloned().collect()).collect();
            assert!(read.iter().all(|names| names.len() > 50), "{read:?}");
            (read == names).then_some(())
        });
    }
}

/// The sums of a counter of operators over all processes.
fn read(demo: &Demo, metric: &str) -> BTreeMap<String, u64> {
    let pattern = format!("flowmeter:type=taskmanager.job.task.operator,name={metric},*");
    let request = json!({"type": "read", "mbean": pattern, "attribute": "Count"});
    let mut sums = BTreeMap::new();
    for url in &demo.jolokia {
        let answer = ask(url, &request);
        // There is none at the JobManager.
        let beans = answer["value"].as_object().into_iter().flatten();
        for (name, attributes) in beans {
            let name: ObjectName = name.parse().expect("the name of a bean");
            let operator = name.property("operator_name").expect("it is of an operator");
            *sums.entry(unquoted(operator).into_owned()).or_default() +=
                attributes["Count"].as_u64().expect("a count");
        }
    }
    sums
}

#[test]
fn the_truth_of_nexmark_is_read_by_http() {
    let arguments = ["--events", "100000", "--rate", "50000", "--linger", "120s", "--stay"];
    let mut demo = Demo::start(&arguments);
    wait_for("the source", || read(&demo, "numRecordsOut").remove("Source: events"));
    let summary = demo.summary();
    for metric in ["numRecordsIn", "numRecordsOut"] {
        wait_for(metric, || (read(&demo, metric) == Demo::counts(&summary, metric)).then_some(()));
    }
    assert_eq!(read(&demo, "numRecordsOut")["Source: events"], 100_000);
    let all = json!([{"type": "search", "mbean": "java.lang:type=Runtime"}, {"type": "read", "mbean": "java.lang:type=Runtime", "attribute": "Pid"}]);
    for (url, pid) in demo.jolokia.iter().zip(&demo.pids) {
        let answers = ask(url, &all);
        assert_eq!(answers[0]["value"], json!(["java.lang:type=Runtime"]));
        assert_eq!(answers[1]["value"], json!(pid));
    }
}

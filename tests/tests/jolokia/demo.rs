//! A real job, read over HTTP.

use std::collections::BTreeMap;

use flowmeter::jmx::model::{ObjectName, unquoted};
use flowmeter_e2e::{Demo, wait_for};
use serde_json::{Value, json};

/// What a server answers to a request.
fn ask(url: &str, request: &Value) -> Value {
    let mut answer = ureq::post(url).send(request.to_string()).expect("it serves");
    let answer = answer.body_mut().read_to_string().expect("it is a text");
    serde_json::from_str(&answer).expect("it is JSON")
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

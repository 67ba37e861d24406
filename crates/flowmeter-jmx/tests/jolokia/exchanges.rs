//! What was recorded with Jolokia 1.7.1 is answered as Jolokia has answered it.

use flowmeter_jmx::JolokiaOptions;
use serde_json::{Map, Value, json};

use crate::beans::serve;
use crate::client::{Answer, send};

const EXCHANGES: &str = include_str!("../fixtures/jolokia-exchanges.json");

/// The two that have other answers here, which a test of their own looks at.
const NOT_HERE: [&str; 2] = [COMPOSITE_TEXT, LIST];
/// Composite data below the greatest depth are the text of Java's classes there, with the classes' own names for all of their types. Here it is
/// what the data say.
const COMPOSITE_TEXT: &str = "maxDepth read";
/// `InputArguments` of the virtual machine is cut to one. No process has those, and no attribute here is a list.
const LIST: &str = "maxCollectionSize";
/// Where Jolokia 1.7.1 does not do what it is asked for, and version 2 and this do.
const BETTER_HERE: [(&str, &str, Value); 2] =
    [("read long string", "/value", Value::Null), ("includeRequest false", "/request", Value::Null)];

fn exchange(url: &str, recorded: &Value) -> Answer {
    let body = match &recorded["body"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        body => body.to_string(),
    };
    let path = recorded["path"].as_str().unwrap();
    let headers = match recorded["name"].as_str().unwrap() {
        "cors preflight" => vec![("Origin", ORIGIN), ("Access-Control-Request-Headers", "content-type")],
        "cors get" => vec![("Origin", ORIGIN)],
        _ => Vec::new(),
    };
    send(url, recorded["method"].as_str().unwrap(), path, &headers, body.as_bytes())
}

const ORIGIN: &str = "http://x.example";

#[test]
fn recorded_exchanges_have_the_same_answers() {
    let server = serve(JolokiaOptions::default().with_origin(ORIGIN));
    let exchanges: Vec<Value> = serde_json::from_str(EXCHANGES).unwrap();
    assert_eq!(exchanges.len(), 62);
    let mut compared = 0;
    for recorded in &exchanges {
        let name = recorded["name"].as_str().unwrap();
        if NOT_HERE.contains(&name) {
            continue;
        }
        let answer = exchange(&server.url(), recorded);
        for (header, value) in recorded["headers"].as_object().unwrap() {
            assert_eq!(answer.header(&header.to_lowercase()), value.as_str(), "{name}: {header}");
        }
        compared += 1;
        if recorded["response"] == json!("") {
            assert_eq!(answer.body, "", "{name}");
            continue;
        }
        let (mut here, mut there) = (answer.json(), recorded["response"].clone());
        if let Some((_, path, _)) = BETTER_HERE.iter().find(|(known, ..)| *known == name) {
            let at = |value: &Value| value.pointer(path).cloned();
            assert_ne!(at(&here), at(&there), "{name}");
            for answer in [&mut here, &mut there] {
                answer.as_object_mut().unwrap().remove(&path[1..]);
            }
        }
        assert_eq!(comparable(&mut here), comparable(&mut there), "{name}");
    }
    assert_eq!(compared, 60);
}

#[test]
fn what_has_another_answer_differs_in_that_alone() {
    let server = serve(JolokiaOptions::default());
    let exchanges: Vec<Value> = serde_json::from_str(EXCHANGES).unwrap();
    let both = |name: &str| {
        let recorded = exchanges.iter().find(|recorded| recorded["name"] == name).unwrap();
        (exchange(&server.url(), recorded).json(), recorded["response"].clone())
    };
    let (here, there) = both(COMPOSITE_TEXT);
    assert_eq!((&here["request"], &here["status"]), (&there["request"], &there["status"]));
    for attribute in ["Verbose", "ObjectPendingFinalizationCount"] {
        assert_eq!(here["value"][attribute], there["value"][attribute], "{attribute}");
    }
    let usage = |answer: &Value| answer["value"]["HeapMemoryUsage"].as_str().unwrap().to_owned();
    assert_eq!(usage(&here), "{committed=41943040, init=-1, max=6320816128, used=6417864}");
    assert!(usage(&there).starts_with("javax.management.openmbean.CompositeDataSupport(compositeType="));
    let (here, there) = both(LIST);
    assert_eq!((&here["request"], &here["status"]), (&there["request"], &json!(404)));
    assert!(there["value"].is_array());
}

/// What does not depend on the machine, the time and the order of a hash.
fn comparable(answer: &mut Value) -> &Value {
    if let Some(fields) = answer.as_object_mut() {
        timeless(fields);
    }
    answer
}

fn timeless(fields: &mut Map<String, Value>) {
    fields.remove("timestamp");
    if let Some(trace) = fields.get_mut("stacktrace") {
        // Behind the first line are the frames.
        let first = trace.as_str().unwrap().lines().next().unwrap_or_default().to_owned();
        *trace = without_reader(&first).into();
    }
    if let Some(Value::String(error)) = fields.get_mut("error") {
        *error = without_reader(error);
    }
    let kind = fields.get("request").map(|request| request["type"].clone());
    match (kind.as_ref().and_then(Value::as_str), fields.get_mut("value")) {
        (Some("version"), Some(version)) => {
            let version = version.as_object_mut().unwrap();
            version.retain(|name, _| name == "protocol");
        }
        // The domains of a virtual machine are not all there.
        (Some("list"), Some(Value::Object(domains))) => {
            domains.retain(|domain, _| {
                let of_machine = ["java.", "jdk.", "com.sun.", "jmx4perl", "jolokia"];
                domain == "java.lang" || !of_machine.iter().any(|start| domain.starts_with(start))
            });
        }
        (Some("search"), Some(Value::Array(names))) => {
            names.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
        }
        _ => {}
    }
}

/// What is invalid about JSON is said in other words: Java's are the address of an object.
fn without_reader(error: &str) -> String {
    let start = "Invalid JSON request";
    error.find(start).map_or(error, |at| &error[..at + start.len()]).to_owned()
}

//! Who may ask, and how much.

use flowmeter_http::{Secret, ServerOptions};
use flowmeter_jmx::JolokiaOptions;
use serde_json::{Value, json};

use crate::beans::serve;
use crate::client::{get, post, send};

const GAUGE: &str = "org.apache.flink.jobmanager.numRunningJobs:host=localhost";

#[test]
fn pages_of_other_origins_are_refused() {
    let server = serve(JolokiaOptions::default());
    let url = server.url();
    for (origin, host) in [("http://x.example", None), ("null", None), ("", Some("x.example:8778"))] {
        let headers = [("Origin", origin), ("Host", host.unwrap_or("localhost"))];
        let headers = if host.is_some() { &headers[1..] } else { &headers[..] };
        let answer = send(&url, "GET", &format!("/read/{GAUGE}"), headers, b"");
        let json = answer.json();
        assert_eq!(
            (&json["status"], &json["error_type"]),
            (&json!(403), &json!("java.lang.SecurityException"))
        );
        assert_eq!((json.get("value"), answer.header("access-control-allow-origin")), (None, None));
        let ahead = send(&url, "OPTIONS", "/", headers, b"");
        assert_eq!((ahead.status, ahead.header("access-control-allow-origin")), (200, None));
    }
    let answer = send(&url, "GET", &format!("/read/{GAUGE}"), &[("Origin", "http://localhost:3000")], b"");
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:3000"));
    assert_eq!(answer.header("vary"), Some("Origin"));
    assert_eq!(answer.json()["value"], json!({"Value": 3}));
}

#[test]
fn there_is_no_jsonp_and_no_html() {
    let url = serve_url();
    let answer = send(&url.1, "GET", &format!("/read/{GAUGE}?callback=f&mimeType=text/html"), &[], b"");
    assert_eq!(answer.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(answer.json()["status"], 400);
}

fn serve_url() -> (flowmeter_jmx::JolokiaServer, String) {
    let server = serve(JolokiaOptions::default());
    let url = server.url();
    (server, url)
}

#[test]
fn whoever_is_known_may_only_read() {
    let options = ServerOptions::default();
    let auth = options.auth.clone().with_basic("me", Secret::new("p"));
    let server = serve(JolokiaOptions::default().with_server(options.with_auth(auth)));
    let refused = send(&server.url(), "GET", "/version", &[], b"");
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").unwrap().starts_with("Basic "));
    let ask = |request: Value| {
        let known = [("Authorization", "Basic bWU6cA==")];
        send(&server.url(), "POST", "", &known, request.to_string().as_bytes()).json()
    };
    assert_eq!(ask(json!({"type": "read", "mbean": GAUGE, "attribute": "Value"}))["value"], 3);
    let write = ask(json!({"type": "write", "mbean": GAUGE, "attribute": "Value", "value": 1}));
    assert_eq!(
        (&write["status"], &write["error"]),
        (
            &json!(403),
            &json!(format!(
                "java.lang.SecurityException : Writing attribute Value forbidden for MBean {GAUGE}"
            ))
        )
    );
    let exec = ask(json!({"type": "exec", "mbean": GAUGE, "operation": "gc()", "arguments": [1]}));
    assert_eq!(
        (&exec["status"], &exec["error"], &exec["request"]["arguments"]),
        (
            &json!(403),
            &json!(format!("java.lang.SecurityException : Operation gc() forbidden for MBean {GAUGE}")),
            &json!([1])
        )
    );
}

#[test]
fn requests_have_limits() {
    let (_server, url) = serve_url();
    let version = json!({"type": "version"});
    let bulk = |count: usize| post(&url, &Value::Array(vec![version.clone(); count]));
    assert_eq!(bulk(1_000).as_array().unwrap().len(), 1_000);
    let refused = bulk(1_001);
    assert_eq!(refused["status"], 400);
    assert!(refused["error"].as_str().unwrap().contains("1001 requests"), "{refused}");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(send(&url, "POST", "", &[], deep.as_bytes()).json()["status"], 400);
    let large = "x".repeat(256 * 1024 + 1);
    assert_eq!(send(&url, "POST", "", &[], large.as_bytes()).status, 413);
    assert_eq!(send(&url, "PUT", "", &[], b"").status, 405);
    for elsewhere in ["x", "x/read"] {
        assert_eq!(send(&url, "GET", elsewhere, &[], b"").status, 404, "{elsewhere}");
    }
}

#[test]
fn an_attribute_is_answered_once_however_often_it_is_asked_for() {
    let (_server, url) = serve_url();
    let asked = |mbean: &str, attributes: Vec<String>| {
        post(&url, &json!({"type": "read", "mbean": mbean, "attribute": attributes}))
    };
    // As many as fit in a body: of each bean that many times the value would be more than there is memory for.
    let again = asked("*:*", vec!["Value".to_owned(); 30_000]);
    assert_eq!(again["value"][GAUGE], json!({"Value": 3}));
    let one = asked(GAUGE, vec!["Value".to_owned(); 3]);
    assert_eq!(
        (&one["value"], &one["request"]["attribute"]),
        (&json!({"Value": 3}), &json!(["Value", "Value", "Value"]))
    );
    let text = send(&url, "GET", &format!("/read/{GAUGE}/Value,Value"), &[], b"").body;
    assert_eq!(text.matches("\"Value\":3").count(), 1, "{text}");
    let unknown = (0..20_000).map(|number| number.to_string()).chain(["Value".to_owned()]).collect();
    assert_eq!(asked("*:*", unknown)["value"][GAUGE], json!({"Value": 3}));
}

#[test]
fn patterns_are_not_longer_than_names() {
    let (_server, url) = serve_url();
    let stars = format!("{}:*", "*".repeat(5_000));
    for request in [json!({"type": "search", "mbean": stars}), json!({"type": "read", "mbean": stars})] {
        let answer = post(&url, &request);
        assert_eq!(answer["status"], 400);
        assert!(answer["error"].as_str().unwrap().ends_with("Pattern of more than 4096 bytes"), "{answer}");
    }
    assert_eq!(post(&url, &json!({"type": "list", "path": &stars[..5_000]}))["status"], 400);
    // It is looked up, whatever its length.
    let long = format!("d:k={}", "x".repeat(5_000));
    assert_eq!(post(&url, &json!({"type": "read", "mbean": long}))["status"], 404);
}

#[test]
fn requests_are_taken_as_clients_write_them() {
    let (_server, url) = serve_url();
    let read = json!({"type": "read", "mbean": GAUGE, "attribute": "Value", "path": null, "config": {}});
    // As Telegraf, `jolokia` for Python and jolokia.js do.
    for path in
        ["", "/", "/read", "/?maxDepth=7&maxCollectionSize=50000&ignoreErrors=true&canonicalNaming=false"]
    {
        let answer =
            send(&url, "POST", path, &[("Content-Type", "text/json")], json!([read]).to_string().as_bytes());
        let answer = answer.json();
        assert_eq!(
            (&answer[0]["value"], &answer[0]["request"]["mbean"]),
            (&json!(3), &json!(GAUGE)),
            "{path}"
        );
    }
    let escaped = "/read/org.apache.flink.jobmanager.numRunningJobs%3Ahost%3Dlocalhost/Value";
    assert_eq!(get(&url, escaped)["value"], 3);
    let unknown = get(&url, "/read/java.lang%3Aname%3DCode!!x!%2Fy%2Ctype%3DMemoryPool/A!%2Fb");
    assert_eq!(
        unknown["request"],
        json!({"type": "read", "mbean": "java.lang:name=Code!x/y,type=MemoryPool", "attribute": "A/b"})
    );
}

#[test]
fn lists_can_be_of_a_choice() {
    let (_server, url) = serve_url();
    let some = get(&url, "/list/org.apache.flink.jobmanager.*?maxDepth=2");
    assert_eq!(some["value"].as_object().unwrap().len(), 2, "{some}");
    let all = get(&url, "/list/java.lang/type=*/class");
    assert_eq!(
        all["value"]["java.lang"],
        json!({
            "type=Memory": "sun.management.MemoryImpl",
            "type=OperatingSystem": "com.sun.management.internal.OperatingSystemImpl",
        })
    );
    let task = "org.apache.flink.taskmanager.job.task.numRecordsInPerSecond";
    let keys = get(&url, &format!("/list/{task}/task_name=map,host=localhost/keys?listKeys=true"));
    assert_eq!(keys["value"], json!({"host": "localhost", "task_name": "map"}));
    assert_eq!(get(&url, &format!("/list/{task}/host=elsewhere"))["value"], json!({}));
    assert_eq!(get(&url, "/list/java.lang/nonsense")["status"], 400);
    let named = get(&url, &format!("/list/{task}?canonicalNaming=false"));
    assert!(named["value"]["host=localhost,task_name=map"].is_object(), "{named}");
}

#[test]
fn wrong_requests_are_told() {
    let (_server, url) = serve_url();
    for (request, error) in [
        (json!(3), "Invalid JSON Request. Expected Object or Array"),
        (json!([3]), "Not a request within the list of requests. Expected an object, but found: 3"),
        (json!({"type": 3}), "No type given"),
        (json!({"type": "read", "mbean": GAUGE, "attribute": 3}), "'attribute' is not a text"),
        (json!({"type": "read", "mbean": GAUGE, "attribute": [null]}), "'attribute' has a null"),
        (json!({"type": "write", "mbean": GAUGE}), "No attribute given"),
        (json!({"type": "exec", "mbean": GAUGE}), "No operation given"),
        (json!({"type": "version", "config": {"maxDepth": "x"}}), "For input string: \"x\""),
    ] {
        let answer = post(&url, &request);
        let said = answer["error"].as_str().unwrap().split_once(" : ").unwrap().1.to_owned();
        assert_eq!((said.as_str(), &answer["status"]), (error, &json!(400)), "{request}");
    }
    let none = post(&url, &json!({"type": "read", "mbean": "java.lang:*", "attribute": ["X", "Y"]}));
    assert_eq!(
        none["error"],
        "java.lang.IllegalArgumentException : No matching attributes [X, Y] found on MBeans java.lang:*"
    );
}

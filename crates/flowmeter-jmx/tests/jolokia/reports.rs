//! When values are read, and when the server is there.

use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use flowmeter_core::{ConfigSection, Registry, Reporter, ReporterFactory, ReporterHandle, ReporterOptions};
use flowmeter_http::Ports;
use flowmeter_jmx::{JmxFactory, JmxOptions, JmxReporter, JolokiaOptions, JolokiaServer, PlatformBeans};
use flowmeter_testkit::{Capture, PATIENCE, quiet_registry};
use serde_json::json;

use crate::client::{get, post};

const COUNTER: &str = "flowmeter:type=taskmanager,host=h,tm_id=t,name=n";

fn serve(registry: &Registry, freshness: Duration) -> (ReporterHandle, JolokiaServer) {
    let options = JmxOptions::default().with_ports(Ports::any()).with_freshness(freshness);
    let reporter = JmxReporter::new(options.with_platform(PlatformBeans::None));
    let options = JolokiaOptions::default().with_ports(Ports::any());
    let server = JolokiaServer::start("test", &options, reporter.beans()).unwrap();
    let handle = registry.add_reporter("jmx", Box::new(reporter), ReporterOptions::default()).unwrap();
    (handle, server)
}

#[test]
fn all_of_a_body_is_from_one_report() {
    let registry = quiet_registry();
    let (handle, server) = serve(&registry, Duration::ZERO);
    let counter = registry.task_manager("h", "t").counter("n");
    for count in 1..=10 {
        counter.inc();
        let read = json!({"type": "read", "mbean": COUNTER, "attribute": "Count"});
        let all = json!({"type": "read", "mbean": "flowmeter:*", "config": {"canonicalNaming": false}});
        let answers = post(&server.url(), &json!([read, all, {"type": "list"}, read]));
        assert_eq!((&answers[0]["value"], &answers[3]["value"]), (&json!(count), &json!(count)));
        assert_eq!(answers[1]["value"], json!({ COUNTER: {"Count": count} }));
        assert_eq!(handle.status().reports, count);
    }
}

#[test]
fn what_has_not_changed_is_not_told_again() {
    let registry = quiet_registry();
    let (_handle, server) = serve(&registry, Duration::ZERO);
    let counter = registry.task_manager("h", "t").counter("n");
    let asked = |kind: &str, since: i64| {
        let request = json!({"type": kind, "mbean": "flowmeter:*", "config": {"ifModifiedSince": since, "canonicalNaming": false}});
        post(&server.url(), &request)
    };
    let first = asked("search", 0);
    assert_eq!(first["value"], json!([COUNTER]));
    // A change in the very second of an answer may have been behind it, so that is told again until the next second.
    let now = first["timestamp"].as_i64().unwrap();
    for kind in ["search", "list"] {
        assert_eq!(asked(kind, now - 1)["status"], 200);
        let unchanged = asked(kind, now + 3600);
        let fields = unchanged.as_object().unwrap();
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["request", "status", "timestamp"]);
        assert_eq!((&fields["status"], &fields["request"]["type"]), (&json!(304), &json!(kind)));
    }
    counter.inc();
    assert_eq!(asked("read", now + 3600)["value"], json!({ COUNTER: {"Count": 1} }), "values are always new");
    let without = post(
        &server.url(),
        &json!([{"type": "list", "config": {"ifModifiedSince": now + 3600, "includeRequest": false}}]),
    );
    assert_eq!(without[0].as_object().unwrap().len(), 2, "{without}");
}

#[test]
fn a_bean_that_comes_is_a_change() {
    let registry = quiet_registry();
    let (_handle, server) = serve(&registry, Duration::ZERO);
    let search = |since: u64| {
        post(
            &server.url(),
            &json!({"type": "search", "mbean": "flowmeter:*", "config": {"ifModifiedSince": since, "canonicalNaming": false}}),
        )
    };
    // The second in which there are no beans yet is over.
    let second = search(0)["timestamp"].as_u64().unwrap() + 1;
    let deadline = Instant::now() + PATIENCE;
    while search(second)["timestamp"].as_u64().unwrap() < second {
        assert!(Instant::now() < deadline);
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(search(second)["status"], 304);
    let _counter = registry.task_manager("h", "t").counter("n");
    assert_eq!(search(second)["value"], json!([COUNTER]));
}

#[test]
fn what_says_nothing_of_beans_has_no_report_made() {
    let registry = quiet_registry();
    let (handle, server) = serve(&registry, Duration::ZERO);
    assert_eq!(get(&server.url(), "")["value"]["info"]["product"], "flowmeter");
    assert_eq!(get(&server.url(), "/frob")["status"], 400);
    assert_eq!(handle.status().reports, 0);
}

#[test]
fn bytes_are_counted() {
    let registry = quiet_registry();
    let (handle, server) = serve(&registry, Duration::ZERO);
    let _counter = registry.task_manager("h", "t").counter("n");
    let answer = get(&server.url(), &format!("/read/{COUNTER}")).to_string();
    let deadline = Instant::now() + PATIENCE;
    while handle.status().bytes < answer.len() as u64 {
        assert!(Instant::now() < deadline, "{:?}", handle.status());
        thread::sleep(Duration::from_millis(1));
    }
}

fn serves(url: &str) -> bool {
    let address = url.strip_prefix("http://").unwrap().strip_suffix("/jolokia").unwrap();
    TcpStream::connect(address).is_ok() && get(url, "/version")["value"]["protocol"] == "7.2"
}

/// Where a reporter serves JMX and Jolokia.
fn endpoints(handle: &ReporterHandle) -> [String; 2] {
    let all = handle.endpoints();
    let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, [handle.name(), "jolokia"]);
    [0, 1].map(|index| all[index].1.clone())
}

#[test]
fn a_reporter_serves_it_where_it_is_told_to() {
    let registry = quiet_registry();
    let section = ConfigSection::new("reporters.jmx").with("port", "0").with("jolokia.port", "0");
    let reporter = JmxFactory.build(&section).unwrap();
    let handle = registry.add_reporter("jmx", reporter, ReporterOptions::default()).unwrap();
    let [jmx, jolokia] = endpoints(&handle);
    assert_eq!(Some(jmx), handle.endpoint());
    assert!(serves(&jolokia));
    handle.restart(PATIENCE).unwrap();
    let [_, jolokia] = endpoints(&handle);
    assert!(serves(&jolokia));
    registry.remove_reporter("jmx", PATIENCE).unwrap();
    assert!(handle.endpoints().is_empty() && !serves(&jolokia));
}

#[test]
fn a_reporter_that_cannot_serve_one_of_both_keeps_no_port() {
    let port = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (jmx, jolokia) = (port(), port());
    let [first, second] = [&jmx, &jolokia].map(|listener| listener.local_addr().unwrap().port());
    drop(jmx);
    let options = JolokiaOptions::default().with_ports(Ports::one(second));
    let options = JmxOptions::default().with_ports(Ports::one(first)).with_jolokia(options);
    let (registry, capture) = (quiet_registry(), Capture::pull());
    registry.add_reporter("capture", capture.reporter(), ReporterOptions::default()).unwrap();
    let (context, mut reporter) = (capture.context(), JmxReporter::new(options));
    let error = reporter.start(&context).unwrap_err().to_string();
    assert!(error.contains(&format!("`{second}`")), "{error}");
    drop(jolokia);
    reporter.start(&context).unwrap();
    reporter.stop();
}

#[test]
fn its_keys_are_checked() {
    let said = |key: &str, value: &str| {
        let section = ConfigSection::new("r").with("jolokia.port", "8778").with(key, value);
        JmxFactory.build(&section).map(drop::<Box<dyn Reporter>>).map_err(|error| error.to_string())
    };
    for right in ["*", "https://console.example", "http://a.example:80/; https://b.example"] {
        assert_eq!(said("jolokia.origins", right), Ok(()), "{right}");
    }
    for wrong in ["console.example", "https://", "https://*.example", "https://a.example/path", "*; x"] {
        let error = said("jolokia.origins", wrong).unwrap_err();
        assert!(error.starts_with(&format!("`r.jolokia.origins` cannot be `{wrong}`")), "{error}");
        assert!(error.contains("is no origin"), "{error}");
    }
    assert!(said("jolokia.port", "x").unwrap_err().contains("a port such as"), "of the port");
}

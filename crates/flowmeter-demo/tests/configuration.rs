//! The demo with reporters of a configuration.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// A configuration in a file that goes with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flowmeter-demo-{}-{name}", std::process::id()));
        fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn demo(config: &File, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowmeter-demo"));
    command.args(["--ports", "0", "--json", "--config"]).arg(&config.0).args(arguments);
    command.stdin(Stdio::null());
    command
}

/// What an endpoint serves, by a request that only peeks.
fn get(endpoint: &str) -> String {
    let (host, path) = endpoint.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    write!(stream, "GET /{path}?peek HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn every_process_has_the_reporters_of_the_file_and_what_variables_say() {
    let text = "\
[reporters.prometheus]
port = 0
filter.includes = '*:numRecordsIn'

[reporters.as-flink]
type = 'prometheus'
port = 0
";
    let config = File::new("every.toml", text);
    let mut child = demo(&config, &["--events", "2000", "--linger", "1h"])
        .env("FLOWMETER_REPORTER_AS_FLINK_NAMING", "flink")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let events = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut started = Vec::new();
    for line in events.map_while(Result::ok) {
        let event: Value = serde_json::from_str(&line).unwrap();
        match event["event"].as_str().unwrap() {
            "started" => started.push(event["endpoints"].clone()),
            _ => break,
        }
    }
    assert_eq!(started.len(), 3);
    for endpoints in &started {
        let names: Vec<_> = endpoints.as_object().unwrap().keys().collect();
        assert_eq!(names, ["as-flink", "demo", "prometheus"]);
    }
    let served = |name: &str| get(started[1][name].as_str().unwrap());
    assert!(served("as-flink").contains("flink_taskmanager_job_task_operator_numRecordsIn{"));
    let few = served("prometheus");
    assert!(few.contains("taskmanager_job_task_operator_num_records_in_total{"), "{few}");
    assert!(!few.contains("num_records_out"), "{few}");
    assert!(served("demo").contains("num_records_out"), "what the demo compares with is all");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_is_wrong_with_it_is_said_in_one_line() {
    let said = |name: &str, text: &str, arguments: &[&str]| {
        let config = File::new(name, text);
        let output = demo(&config, arguments).output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty());
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        text.replace(config.0.to_str().unwrap(), "FILE").trim_end().to_owned()
    };
    let unknown = said("unknown.toml", "[reporters.prom]\ntype = 'prometheus'\nprot = 1\n", &[]);
    let expected =
        "flowmeter-demo: FILE, line 3: unknown key `reporters.prom.prot`: did you mean `port`? The keys are ";
    assert!(unknown.starts_with(expected) && unknown.ends_with(" (--config)"), "{unknown}");
    let off = said("off.toml", "", &["--instrument", "off"]);
    assert_eq!(off, "flowmeter-demo: --config is about what measures the job: leave out --instrument off");
    let taken = said("taken.toml", "[reporters.demo]\ntype = 'prometheus'\nport = 0\n", &[]);
    assert_eq!(
        taken,
        "flowmeter-demo: a reporter named `demo` exists already: choose another name (--config)"
    );
}

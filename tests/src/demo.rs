//! A run of the demo.

use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Lines, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The demo, running, with its events.
pub struct Demo {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    /// Where its processes serve Prometheus.
    pub endpoints: Vec<String>,
    /// Where they serve JMX.
    pub jmx: Vec<String>,
    /// Where they serve Jolokia.
    pub jolokia: Vec<String>,
    /// Their ids in the system.
    pub pids: Vec<u32>,
}

/// Any port that is free.
const PORTS: [&str; 6] = ["--ports", "0", "--jmx-ports", "0", "--jolokia-ports", "0"];

impl Demo {
    /// Starts a job on two TaskManagers and waits until all endpoints are up.
    ///
    /// # Panics
    ///
    /// When the demo cannot be built or does not start.
    #[must_use]
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_with(arguments, &[])
    }

    /// The same with variables in its environment.
    ///
    /// # Panics
    ///
    /// When the demo cannot be built or does not start.
    #[must_use]
    pub fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(binary())
            .arg("--json")
            .args(PORTS)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the demo was just built");
        let stdout = child.stdout.take().expect("it is piped");
        let mut demo = Self {
            child,
            lines: BufReader::new(stdout).lines(),
            endpoints: Vec::new(),
            jmx: Vec::new(),
            jolokia: Vec::new(),
            pids: Vec::new(),
        };
        for _ in 0..3 {
            let event = demo.event();
            let endpoint = |served: &str| {
                event["endpoints"][served].as_str().map(str::to_owned).expect("it is measured")
            };
            demo.endpoints.push(endpoint("prometheus"));
            demo.jmx.push(endpoint("jmx"));
            demo.jolokia.push(endpoint("jolokia"));
            let pid = event["pid"].as_u64().and_then(|pid| pid.try_into().ok());
            demo.pids.push(pid.expect("it is a process"));
        }
        demo
    }

    fn event(&mut self) -> Value {
        match self.lines.next() {
            Some(Ok(line)) => serde_json::from_str(&line).expect("events are JSON"),
            _ => panic!("the demo ended early: {}", self.said()),
        }
    }

    /// Waits for the job's end and gives the summary.
    ///
    /// # Panics
    ///
    /// When the demo ends without one.
    pub fn summary(&mut self) -> Value {
        let summary = self.event();
        assert_eq!(summary["event"], "summary");
        summary
    }

    /// What the operators have counted by the job's own account, as the summary has it.
    ///
    /// # Panics
    ///
    /// When it has no such counts.
    #[must_use]
    pub fn counts(summary: &Value, metric: &str) -> BTreeMap<String, u64> {
        let operators = summary["truth"]["operators"].as_object().expect("operators by name");
        let count = |records: &Value| records[metric].as_u64().expect("a count");
        operators.iter().map(|(name, records)| (name.clone(), count(records))).collect()
    }

    /// Waits for the demo's end.
    ///
    /// # Panics
    ///
    /// When the system cannot say how it ended.
    pub fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it was not waited for before")
    }

    /// What its processes had to say apart from events, once they have ended.
    pub fn said(&mut self) -> String {
        let mut said = String::new();
        let _ = self.child.stderr.take().map(|mut stderr| stderr.read_to_string(&mut said));
        said
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The demo's program, built with the profile that the tests have.
fn binary() -> &'static PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        // Tests are in `deps` of the folder of their profile.
        let test = env::current_exe().expect("a test is a program");
        let profile = test.ancestors().nth(2).expect("it is in a folder of the target folder");
        let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "--package", "flowmeter-demo"]);
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let status = build.status().expect("cargo runs these tests");
        assert!(status.success(), "the demo does not build");
        profile.join("flowmeter-demo")
    })
}

//! The demo as a program: what it counts, what it says, and how it ends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

/// The options for ports.
const PORTS: [&str; 3] = ["--ports", "--jmx-ports", "--jolokia-ports"];

fn demo(arguments: &[&str]) -> Command {
    demo_on(PORTS.map(|option| (option, "0")), arguments)
}

fn demo_on(ports: [(&str, &str); 3], arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowmeter-demo"));
    command.args(ports.iter().flat_map(|(option, ports)| [option, ports])).args(arguments);
    command.stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    demo(arguments).output().unwrap()
}

/// The events that a run printed.
fn events(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn summary(output: &Output) -> Value {
    events(output).pop().filter(|event| event["event"] == "summary").expect("a summary")
}

/// What a run that failed said: one line, and how it ended.
fn failure(output: &Output) -> String {
    assert!(!output.status.success());
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    text.trim_end().strip_prefix("flowmeter-demo: ").unwrap().to_owned()
}

/// A folder of the test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("flowmeter-demo-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Counts the words of all files of a folder, but not of those that it has links to, in another way: byte by byte, in one process.
fn count_words(path: &Path, counts: &mut BTreeMap<String, u64>) {
    for entry in fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            count_words(&path, counts);
            continue;
        }
        let mut word = String::new();
        for byte in fs::read(&path).unwrap().into_iter().chain([b' ']) {
            match byte {
                b'A'..=b'Z' => word.push((byte - b'A' + b'a') as char),
                b'a'..=b'z' | b'0'..=b'9' => word.push(byte as char),
                _ if word.is_empty() => {}
                _ => *counts.entry(std::mem::take(&mut word)).or_default() += 1,
            }
        }
    }
}

#[test]
fn words_are_counted_exactly_on_any_number_of_task_managers() {
    let folder = Folder::new("words");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let mut expected = BTreeMap::new();
    count_words(Path::new(source), &mut expected);
    let total: u64 = expected.values().sum();
    for task_managers in ["1", "2", "3"] {
        let result = folder.file(task_managers);
        let output = run(&[
            "--job",
            "wordcount",
            "--input",
            source,
            "--json",
            "--output",
            &result,
            "--linger",
            "0s",
            "--task-managers",
            task_managers,
        ]);
        let summary = summary(&output);
        assert_eq!(summary["truth"]["words"], total);
        assert_eq!(summary["truth"]["distinct_words"], expected.len() as u64);
        assert_eq!(summary["reported"]["operators"]["Count"]["numRecordsIn"], total);
        // Counted by a library that knows nothing of flowmeter, in the operator that uses it.
        assert_eq!(summary["reported"]["libraries"]["tokenizer_words"], total);
        assert_eq!(summary["reported"]["libraries"], summary["truth"]["libraries"]);
        assert_eq!(summary["reported"]["operators"], summary["truth"]["operators"]);
        assert_eq!(summary["equal"], true);
        let lines: Vec<_> = expected.iter().map(|(word, count)| format!("{word}\t{count}\n")).collect();
        assert!(fs::read_to_string(&result).unwrap() == lines.concat());
    }
}

#[test]
fn standard_input_is_read_to_its_end() {
    let mut child = demo(&["--job", "wordcount", "--input", "-", "--json", "--linger", "0s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let writer = thread::spawn(move || {
        for i in 0..50_000 {
            writeln!(stdin, "line {i}, word{} and Word{}", i % 7, i % 7).unwrap();
        }
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let summary = summary(&output);
    assert_eq!(summary["truth"]["words"], 5 * 50_000);
    assert_eq!(summary["equal"], true);
}

#[test]
fn nexmark_has_the_same_result_on_any_number_of_task_managers() {
    let folder = Folder::new("nexmark");
    let results: Vec<_> = ["1", "2", "4"]
        .map(|task_managers| {
            let result = folder.file(task_managers);
            let output = run(&[
                "--events",
                "400000",
                "--json",
                "--output",
                &result,
                "--linger",
                "0s",
                "--task-managers",
                task_managers,
            ]);
            let summary = summary(&output);
            assert_eq!(summary["reported"]["operators"], summary["truth"]["operators"]);
            assert_eq!(summary["truth"]["operators"]["Source: events"]["numRecordsOut"], 400_000);
            fs::read_to_string(&result).unwrap()
        })
        .into();
    assert!(results[0].lines().filter(|line| line.starts_with("hot\t")).count() == 4);
    assert!(results[0].contains("local\t"));
    assert!(results.iter().all(|result| *result == results[0]));
}

#[test]
fn a_rate_is_kept_and_a_time_ends_the_job() {
    let output = run(&["--rate", "20000", "--for", "1s", "--json", "--linger", "0s"]);
    let produced =
        summary(&output)["truth"]["operators"]["Source: events"]["numRecordsOut"].as_u64().unwrap();
    // Never more than the rate allows; less on a machine that has no time for it.
    assert!((1..=2 * 20_000).contains(&produced), "{produced}");
}

#[test]
fn without_instrumentation_nothing_is_reported() {
    let output = run(&["--events", "10000", "--instrument", "off", "--json"]);
    let events = events(&output);
    assert!(events[..3].iter().all(|event| event["endpoints"] == serde_json::json!({})));
    assert_eq!(events[3]["reported"], Value::Null);
    assert_eq!(events[3]["truth"]["operators"]["Source: events"]["numRecordsOut"], 10_000);
}

#[test]
fn a_receiver_that_cannot_be_is_named() {
    assert_eq!(
        failure(&run(&["--otlp", "collector:4318"])),
        "reporter `otlp` cannot start: requests by HTTP cannot go to `collector:4318`: give a URL that begins with `http://` or \
         `https://` (--otlp)"
    );
    let output = run(&["--otlp", "http://me:hunter2@collector:0"]);
    assert_eq!(failure(&output), "the URL of --otlp cannot be used: its port is not 1 to 65535");
}

#[test]
fn people_see_tables() {
    let output = run(&["--events", "10000", "--linger", "0s"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].starts_with("role         id           pid  metrics"), "{text}");
    assert!(lines[0].ends_with("jmx     jolokia"), "{text}");
    assert!(lines[1].starts_with("jobmanager   jm") && lines[1].contains("http://127.0.0.1:"), "{text}");
    let ports = lines[1].split_whitespace().skip(4).filter_map(|port| port.strip_prefix(':')?.parse().ok());
    assert!(ports.filter(|port: &u16| *port > 0).count() == 2 && lines[1].len() <= 80, "{text}");
    assert!(lines[3].starts_with("taskmanager  tm-1"), "{text}");
    assert!(lines.iter().any(|line| line.starts_with("Source: events ")), "{text}");
    assert!(lines.last().unwrap().starts_with("what the endpoints reported equals the job's own counts"));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn what_cannot_work_is_said_in_one_line() {
    for (arguments, expected) in [
        (
            &["--rate", "-1"][..],
            "invalid value '-1' for '--rate <RECORDS>': expected a whole number, 0 or more; try --help",
        ),
        (
            &["--job", "wordcount"],
            "--job wordcount needs --input PATH: a file, a folder, or `-` for standard input",
        ),
        (
            &["--job", "wordcount", "--input", "/nowhere"],
            "cannot read /nowhere: No such file or directory (os error 2) (--input)",
        ),
        (
            &["--events", "10", "--output", "/nowhere/result"],
            "cannot write /nowhere/result: No such file or directory (os error 2) (--output)",
        ),
        (
            &["--events", "100000", "--linger", "0s", "--output", "/dev/full"],
            "cannot write /dev/full: No space left on device (os error 28) (--output)",
        ),
    ] {
        assert_eq!(failure(&run(arguments)), expected, "{arguments:?}");
    }
}

#[test]
fn taken_ports_are_said_in_one_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let all = |option: &str, ports: &str| {
        let all = PORTS.map(|other| (other, if other == option { ports } else { "0" }));
        failure(&demo_on(all, &["--events", "10", "--task-managers", "1"]).output().unwrap())
    };
    let Some(below) = port.checked_sub(1) else { return };
    let range = format!("{below}-{port}");
    for (option, options) in [
        ("--ports", "--ports"),
        ("--jmx-ports", "--jmx-ports, --jolokia-ports"),
        ("--jolokia-ports", "--jmx-ports, --jolokia-ports"),
    ] {
        let said = all(option, &port.to_string());
        assert_eq!(
            said,
            format!("{option} {port} has too few ports: a JobManager and 1 TaskManagers need 2")
        );
        let said = all(option, &range);
        // The JobManager has the one below, unless that is taken as well.
        let last = format!("every port of `{port}` on 127.0.0.1 is taken");
        let both = format!("every port of `{range}` on 127.0.0.1 is taken");
        let is_said = said.contains(&last) || said.contains(&both);
        assert!(is_said && said.ends_with(&format!("({options})")), "{said}");
    }
}

#[test]
fn each_process_serves_all_on_ports_of_its_own() {
    let output = run(&["--events", "1000", "--json", "--linger", "0s"]);
    let mut ports = BTreeSet::new();
    for event in &events(&output)[..3] {
        let endpoints = event["endpoints"].as_object().unwrap();
        assert_eq!(endpoints.keys().collect::<Vec<_>>(), ["jmx", "jolokia", "prometheus"]);
        for (served, (before, behind)) in [
            ("jmx", ("service:jmx:rmi:///jndi/rmi://127.0.0.1:", "/jmxrmi")),
            ("jolokia", ("http://127.0.0.1:", "/jolokia")),
            ("prometheus", ("http://127.0.0.1:", "/metrics")),
        ] {
            let url = endpoints[served].as_str().unwrap();
            let port = url.strip_prefix(before).and_then(|url| url.strip_suffix(behind)).unwrap();
            ports.insert(port.parse::<u16>().unwrap());
        }
    }
    assert_eq!(ports.len(), 9, "{ports:?}");
}

#[test]
fn what_has_no_length_is_no_input() {
    let folder = Folder::new("fifo");
    let fifo = folder.file("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for input in [fifo.as_str(), "/proc/self/status"] {
        let said = failure(&run(&["--job", "wordcount", "--input", input]));
        let expected = "into pieces, since it has no length: give it to standard input, for `-` (--input)";
        assert_eq!(said, format!("cannot cut {input} {expected}"));
    }
}

#[test]
fn the_input_is_not_written_over_and_names_need_not_be_text() {
    let folder = Folder::new("names");
    let path = folder.0.join(std::ffi::OsStr::from_bytes(b"\xFF\xFE"));
    fs::write(&path, "two words").unwrap();
    let input = folder.file("");
    let output = run(&["--job", "wordcount", "--input", &input, "--json", "--linger", "0s"]);
    assert_eq!(summary(&output)["truth"]["words"], 2);
    let same = folder.file("same");
    fs::write(&same, "mine").unwrap();
    let said = failure(&run(&["--job", "wordcount", "--input", &same, "--output", &same]));
    assert_eq!(said, format!("--output {same} is the --input: give another file"));
    assert_eq!(fs::read_to_string(&same).unwrap(), "mine");
}

/// A run in the background, whose events are read as they come.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    pids: Vec<u32>,
    endpoints: Vec<String>,
}

impl Running {
    /// Starts a run and waits until all processes have started.
    fn start(arguments: &[&str]) -> Self {
        let mut command = demo(arguments);
        let mut child = command.arg("--json").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut running = Self { child, lines, pids: Vec::new(), endpoints: Vec::new() };
        for _ in 0..3 {
            let event = running.event();
            running.pids.push(event["pid"].as_u64().unwrap().try_into().unwrap());
            running.endpoints.push(event["endpoints"]["prometheus"].as_str().unwrap_or_default().to_owned());
        }
        running
    }

    fn event(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }

    fn signal(&self, index: usize, signal: Signal) {
        kill_process(Pid::from_raw(self.pids[index].try_into().unwrap()).unwrap(), signal).unwrap();
    }

    /// Waits until all processes have ended. Returns how the first did and what it said.
    fn ended(mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        let status = self.child.wait().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while self.pids.iter().any(|pid| is_running(*pid)) {
            assert!(Instant::now() < deadline, "a process is left behind");
            thread::sleep(Duration::from_millis(5));
        }
        (status.code(), said)
    }
}

/// Whether a process runs; one that has ended but was not waited for does not.
fn is_running(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    !stat.rsplit_once(") ").is_some_and(|(_, state)| state.starts_with('Z'))
}

#[test]
fn a_killed_task_manager_fails_the_job_and_nobody_is_left_behind() {
    for killed in [1, 2] {
        let running = Running::start(&["--for", "60s"]);
        let pid = running.pids[killed];
        running.signal(killed, Signal::KILL);
        let (code, said) = running.ended();
        assert_eq!(code, Some(1));
        let id = killed - 1;
        let expected =
            format!("flowmeter-demo: lost TaskManager tm-{id} (process {pid}): it was killed by signal 9\n");
        assert_eq!(said, expected);
    }
}

#[test]
fn task_managers_go_down_with_their_job_manager() {
    let running = Running::start(&["--for", "60s"]);
    running.signal(0, Signal::KILL);
    let (code, said) = running.ended();
    assert_eq!((code, said.as_str()), (None, ""));
}

#[test]
fn an_interrupt_ends_the_job_well() {
    let mut running = Running::start(&["--for", "60s", "--linger", "60s"]);
    // A terminal tells all processes.
    for index in [1, 2, 0] {
        running.signal(index, Signal::INT);
    }
    let summary = running.event();
    assert_eq!((&summary["event"], &summary["equal"]), (&"summary".into(), &true.into()));
    assert_eq!(summary["interrupted"], true);
    // Endpoints stay up for others all the same, until the next.
    for endpoint in &running.endpoints {
        assert!(get(endpoint).starts_with("HTTP/1.1 200 OK"));
    }
    running.signal(0, Signal::TERM);
    let (code, said) = running.ended();
    assert_eq!((code, said.as_str()), (Some(0), ""));
}

#[test]
fn a_second_interrupt_ends_all_at_once_even_what_is_stopped() {
    let mut running = Running::start(&["--for", "60s"]);
    running.signal(1, Signal::STOP);
    // It cannot end well without that TaskManager. Signals that come too soon after one another are one, so there are
    // as many as it takes.
    let deadline = Instant::now() + PATIENCE;
    while running.child.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "it does not end");
        running.signal(0, Signal::INT);
        thread::sleep(Duration::from_millis(20));
    }
    let (code, said) = running.ended();
    assert_eq!((code, said.as_str()), (Some(130), ""));
}

#[test]
fn an_interrupt_does_not_wait_for_standard_input() {
    let mut child = demo(&["--job", "wordcount", "--input", "-", "--json", "--linger", "0s"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"three little words\n").unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (0..3).for_each(|_| drop(lines.next().unwrap().unwrap()));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let summary: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!((&summary["interrupted"], &summary["equal"]), (&true.into(), &true.into()));
    assert!(child.wait().unwrap().success());
    drop(stdin);
}

#[test]
fn output_that_cannot_be_printed_is_a_failure() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = demo(&["--events", "10", "--linger", "0s"]).stdout(full).output().unwrap();
    assert_eq!(failure(&output), "cannot write to standard output: No space left on device (os error 28)");
}

/// The answer of an endpoint.
fn get(endpoint: &str) -> String {
    let address = endpoint.strip_prefix("http://").unwrap().strip_suffix("/metrics").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn endpoints_stay_up_until_their_final_values_were_scraped() {
    let mut running = Running::start(&["--events", "10000", "--linger", "60s"]);
    let summary = running.event();
    let began = Instant::now();
    let mut served = 0;
    for endpoint in running.endpoints.clone() {
        let text = get(&endpoint);
        let counts = text.lines().filter(|line| {
            line.starts_with("taskmanager_job_task_operator_num_records_in_total{")
                && line.contains("operator_name=\"Bids\"")
        });
        served += counts.map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum::<u64>();
    }
    assert_eq!(summary["truth"]["operators"]["Bids"]["numRecordsIn"], served);
    let (code, said) = running.ended();
    assert_eq!((code, said.as_str()), (Some(0), ""));
    assert!(began.elapsed() < Duration::from_secs(55), "nobody waits once all was scraped");
}

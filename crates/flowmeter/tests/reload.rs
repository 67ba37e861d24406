//! From one configuration to another while the program runs.

#![cfg(all(feature = "config", feature = "prometheus", feature = "statsd"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::{TcpListener, UdpSocket};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use flowmeter::config::{Config, Reload};
use flowmeter::prometheus::{Ports, PrometheusOptions};
use flowmeter::{
    ConfigError, ConfigSection, Error, Flowmeter, KeyInfo, Report, ReportError, Reporter, ReporterContext,
    ReporterFactory,
};

const PATIENCE: Duration = Duration::from_secs(20);

fn start(text: &str) -> Flowmeter {
    Flowmeter::builder().with_config(Config::from_toml(text).unwrap()).without_self_metrics().start().unwrap()
}

fn reload(flowmeter: &Flowmeter, text: &str) -> Result<Reload, Error> {
    flowmeter.reload(&Config::from_toml(text)?)
}

fn names(flowmeter: &Flowmeter) -> Vec<String> {
    let mut names: Vec<_> = flowmeter.reporters().iter().map(|reporter| reporter.name().to_owned()).collect();
    names.sort_unstable();
    names
}

fn endpoint(flowmeter: &Flowmeter, name: &str) -> String {
    flowmeter.reporter(name).unwrap().endpoint().unwrap()
}

const THREE: &str = "
    reporters.a = { type = 'prometheus', port = 0 }
    reporters.b = { type = 'prometheus', port = 0 }
    reporters.c = { type = 'prometheus', port = 0 }
";

#[test]
fn reporters_come_go_change_and_stay() {
    let flowmeter = start(THREE);
    let stays = endpoint(&flowmeter, "a");
    let reload = reload(
        &flowmeter,
        "
        metrics.latency.interval = '1s'
        reporters.a = { type = 'prometheus', port = 0 }
        reporters.b = { type = 'prometheus', port = 0, naming = 'flink' }
        reporters.d = { type = 'prometheus', port = 0 }
        ",
    )
    .unwrap();
    assert_eq!(reload.added, ["d"]);
    assert_eq!(reload.removed, ["c"]);
    assert_eq!(reload.replaced, ["b"]);
    assert_eq!(reload.unchanged, ["a"]);
    assert!(reload.settings_changed);
    assert_eq!(flowmeter.settings().latency_interval, Some(Duration::from_secs(1)));
    assert_eq!(names(&flowmeter), ["a", "b", "d"]);
    assert_eq!(endpoint(&flowmeter, "a"), stays);
}

#[test]
fn the_same_configuration_changes_nothing() {
    let flowmeter = start(THREE);
    let before = ["a", "b", "c"].map(|name| endpoint(&flowmeter, name));
    let reload = reload(&flowmeter, THREE).unwrap();
    assert_eq!(reload.unchanged, ["a", "b", "c"]);
    assert!(reload.added.is_empty() && reload.removed.is_empty() && reload.replaced.is_empty());
    assert!(!reload.settings_changed);
    assert_eq!(["a", "b", "c"].map(|name| endpoint(&flowmeter, name)), before);
}

#[test]
fn a_configuration_that_is_wrong_anywhere_changes_nothing() {
    let flowmeter = start(THREE);
    let before = ["a", "b", "c"].map(|name| endpoint(&flowmeter, name));
    for (wrong, expected) in [
        ("z = { type = 'nothing' }", "`reporters.z.type` cannot be `nothing`"),
        ("a = { type = 'prometheus', port = 'x' }", "`reporters.a.port` cannot be `x`"),
        ("a = { type = 'statsd', address = 'nowhere' }", "`reporters.a.address` cannot be `nowhere`"),
        ("a = { type = 'prometheus', prot = 1 }", "unknown key `reporters.a.prot`"),
    ] {
        let error = reload(&flowmeter, &format!("[reporters]\n{wrong}")).unwrap_err().to_string();
        assert!(error.starts_with("line 2: ") && error.contains(expected), "{error}");
    }
    let error = reload(&flowmeter, "metrics.latency.interval = 'x'").unwrap_err().to_string();
    assert!(error.contains("`metrics.latency.interval` cannot be `x`"), "{error}");
    assert_eq!(names(&flowmeter), ["a", "b", "c"]);
    assert_eq!(["a", "b", "c"].map(|name| endpoint(&flowmeter, name)), before);
}

#[test]
fn scope_formats_need_a_restart() {
    let flowmeter = start("\nmetrics.scope.tm = '<tm_id>'");
    let said = |text: &str| reload(&flowmeter, text).unwrap_err().to_string();
    let what =
        "`metrics.scope.tm` cannot change while the program runs: restart it, or leave the key as it was";
    assert_eq!(said("metrics.scope.tm = '<host>'"), format!("line 1: {what}"));
    assert_eq!(said(""), format!("line 2: {what}"));
    reload(&flowmeter, "metrics.scope.tm = '<tm_id>'").unwrap();
    // Flink's own format is what there is without a key.
    reload(&flowmeter, "metrics.scope = { tm = '<tm_id>', jm = '<host>.jobmanager' }").unwrap();
}

#[test]
fn what_code_added_stays() {
    let options = PrometheusOptions::default().with_ports(Ports::any());
    let builder = Flowmeter::builder().prometheus("mine", options);
    let flowmeter = builder.with_config(Config::from_toml(THREE).unwrap()).start().unwrap();
    let stays = endpoint(&flowmeter, "mine");
    flowmeter.remove_reporter("c", PATIENCE).unwrap();
    let error = reload(&flowmeter, "reporters.mine = { type = 'prometheus', port = 0 }").unwrap_err();
    assert!(matches!(error, Error::DuplicateReporter { name } if name == "mine"));
    assert_eq!(names(&flowmeter), ["a", "b", "mine"]);
    let again = reload(&flowmeter, THREE).unwrap();
    assert_eq!((again.added, again.unchanged.len()), (vec!["c".to_owned()], 2));
    assert_eq!(reload(&flowmeter, "").unwrap().removed, ["a", "b", "c"]);
    assert_eq!(names(&flowmeter), ["mine"]);
    assert_eq!(endpoint(&flowmeter, "mine"), stays);
}

#[test]
fn a_port_that_is_taken_leaves_all_as_it_was() {
    let flowmeter = start("reporters.a = { type = 'prometheus', port = 0 }");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let text = format!(
        "
        reporters.a = {{ type = 'prometheus', port = 0, naming = 'flink' }}
        reporters.b = {{ type = 'prometheus', port = {port} }}
        "
    );
    let error = reload(&flowmeter, &text).unwrap_err();
    assert!(matches!(&error, Error::ReporterStart { name, .. } if name == "b"), "{error}");
    assert_eq!(names(&flowmeter), ["a"]);
    let again = reload(&flowmeter, "reporters.a = { type = 'prometheus', port = 0 }").unwrap();
    assert_eq!(again.unchanged, ["a"]);
}

#[test]
fn one_that_comes_can_have_the_port_of_one_that_goes() {
    let flowmeter = start("reporters.old = { type = 'prometheus', port = 0 }");
    let port = port(&flowmeter, "old");
    let text = format!("reporters.new = {{ type = 'prometheus', port = {port} }}");
    let reload = reload(&flowmeter, &text).unwrap();
    assert_eq!((reload.added, reload.removed), (vec!["new".to_owned()], vec!["old".to_owned()]));
}

fn port(flowmeter: &Flowmeter, name: &str) -> u16 {
    let endpoint = endpoint(flowmeter, name);
    endpoint.rsplit(':').next().unwrap().split('/').next().unwrap().parse().unwrap()
}

#[test]
fn one_that_changes_can_have_the_port_of_another_that_changes() {
    let flowmeter = start(
        "reporters.a = { type = 'prometheus', port = 0 }\nreporters.b = { type = 'prometheus', port = 0 }",
    );
    let port_of_b = port(&flowmeter, "b");
    let text = format!(
        "
        reporters.a = {{ type = 'prometheus', port = {port_of_b} }}
        reporters.b = {{ type = 'statsd', port = 1, interval = '1h' }}
        "
    );
    assert_eq!(reload(&flowmeter, &text).unwrap().replaced, ["a", "b"]);
    assert_eq!(port(&flowmeter, "a"), port_of_b);
}

#[test]
fn one_that_cannot_start_when_others_have_gone_keeps_nothing_else_from_changing() {
    let flowmeter = start("reporters.old = { type = 'prometheus', port = 0 }");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (taken, port_of_old) = (listener.local_addr().unwrap().port(), port(&flowmeter, "old"));
    let text = format!(
        "
        metrics.latency.interval = '1s'
        reporters.x = {{ type = 'prometheus', port = {taken} }}
        reporters.y = {{ type = 'prometheus', port = {port_of_old} }}
        "
    );
    let error = reload(&flowmeter, &text).unwrap_err();
    assert!(matches!(&error, Error::ReporterStart { name, .. } if name == "x"), "{error}");
    assert_eq!(names(&flowmeter), ["y"]);
    assert_eq!(flowmeter.settings().latency_interval, Some(Duration::from_secs(1)));
}

/// Makes reporters that ask for the settings when they start.
struct Curious(Arc<OnceLock<Arc<Flowmeter>>>);

impl ReporterFactory for Curious {
    fn reporter_type(&self) -> &str {
        "curious"
    }

    fn keys(&self) -> &[KeyInfo] {
        &[]
    }

    fn build(&self, _: &ConfigSection) -> Result<Box<dyn Reporter>, ConfigError> {
        Ok(Box::new(Self(Arc::clone(&self.0))))
    }
}

impl Reporter for Curious {
    fn start(&mut self, _: &ReporterContext) -> Result<(), ReportError> {
        self.0.get().inspect(|flowmeter| drop(flowmeter.settings()));
        Ok(())
    }

    fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> {
        Ok(())
    }
}

#[test]
fn reporters_that_start_may_ask_for_settings() {
    let cell = Arc::new(OnceLock::new());
    let builder = Flowmeter::builder().with_reporter_type(Curious(Arc::clone(&cell)));
    let flowmeter = Arc::new(builder.without_self_metrics().start().unwrap());
    cell.set(Arc::clone(&flowmeter)).unwrap();
    let (reloaded, outcome) = mpsc::channel();
    thread::spawn(move || reloaded.send(reload(&flowmeter, "reporters.c.type = 'curious'").unwrap().added));
    assert_eq!(outcome.recv_timeout(PATIENCE).unwrap(), ["c"]);
}

/// Lines that have come until now and until a report has been sent.
fn lines(daemon: &UdpSocket, flowmeter: &Flowmeter) -> Vec<String> {
    flowmeter.reporter("statsd").unwrap().report_now(PATIENCE).unwrap();
    daemon.set_nonblocking(true).unwrap();
    let mut buffer = [0; 9000];
    let mut lines = Vec::new();
    // On this host a datagram is there when it was sent.
    while let Ok(length) = daemon.recv(&mut buffer) {
        lines.extend(String::from_utf8_lossy(&buffer[..length]).lines().map(str::to_owned));
    }
    lines.retain(|line| !line.is_empty());
    lines
}

#[test]
fn no_count_is_lost_or_doubled() {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = daemon.local_addr().unwrap().port();
    let text = |more: &str| {
        format!(
            "reporters.statsd = {{ host = '127.0.0.1', port = {port}, interval = '1h', spread = '0s'{more} }}"
        )
    };
    let flowmeter = start(&text(""));
    let counter = flowmeter.add_group("g").shared_counter("n");
    counter.inc_by(5);
    let sum = |lines: &[String], line: &str| -> u64 {
        let values = lines.iter().filter_map(|other| other.strip_prefix(line)?.split('|').next());
        values.map(|value| value.parse::<u64>().unwrap()).sum()
    };
    assert_eq!(sum(&lines(&daemon, &flowmeter), "g.n:"), 5);
    counter.inc_by(2);
    assert_eq!(reload(&flowmeter, &text(", prefix = 'p'")).unwrap().replaced, ["statsd"]);
    counter.inc_by(4);
    let lines = lines(&daemon, &flowmeter);
    assert_eq!(sum(&lines, "g.n:") + sum(&lines, "p.g.n:"), 6, "{lines:?}");
}

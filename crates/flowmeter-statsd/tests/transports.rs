//! What becomes of counts while daemons come and go, hang, and are not there: nothing is counted twice, and nothing is lost
//! that is not counted as uncertain.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod daemon;

use std::io::Read as _;
use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use daemon::{Running, State, settle, silent_peer, take_connection, wait_until};
use flowmeter_core::{Counter, Registry, ReporterHandle};
use flowmeter_statsd::{Address, StatsdOptions, StatsdReporter};
use flowmeter_testkit::statsd::{Daemon, Dialect, parse};
use flowmeter_testkit::{PATIENCE, on_request, quiet_registry};

/// Counters that all count one for each report.
struct Job {
    registry: Registry,
    reporter: ReporterHandle,
    counters: Vec<Counter>,
    truth: u64,
}

impl Job {
    fn new(options: StatsdOptions, counters: usize) -> Self {
        let registry = quiet_registry();
        let reporter = Box::new(StatsdReporter::new(options));
        let reporter = registry.add_reporter("statsd", reporter, on_request()).unwrap();
        let group = registry.add_group("job");
        let counter = |number: usize| group.add_group_kv("task", &number.to_string()).counter("records");
        Self { counters: (0..counters).map(counter).collect(), registry, reporter, truth: 0 }
    }

    fn count(&mut self) {
        self.counters.iter().for_each(Counter::inc);
        self.truth += self.counters.len() as u64;
    }

    /// Counts one everywhere, and reports.
    fn report(&mut self) -> Result<(), String> {
        self.count();
        self.report_again()
    }

    fn report_again(&self) -> Result<(), String> {
        self.reporter.report_now(PATIENCE).map_err(|error| error.to_string())
    }

    fn report_until_it_works(&self) {
        wait_until(|| self.report_again().is_ok()).expect("a daemon that is there takes a report");
    }

    fn uncertain(&self) -> u64 {
        self.reporter.status().uncertain_values
    }
}

fn total(state: &Mutex<State>) -> u64 {
    settle(state);
    let state = state.lock().unwrap();
    assert_eq!(state.errors, [""; 0]);
    state.daemon.counters.values().sum()
}

fn options(address: &Address) -> StatsdOptions {
    StatsdOptions::default().with_address(address.clone()).with_packet_size(512)
}

/// Has a daemon leave and come back several times.
fn comes_and_goes(listen: impl Fn(&Arc<Mutex<State>>, u16) -> Running) {
    let state: Arc<Mutex<State>> = Arc::default();
    let running = listen(&state, 0);
    let mut job = Job::new(options(&running.address), 300);
    for _ in 0..5 {
        job.report().unwrap();
    }
    assert_eq!(total(&state), job.truth, "undisturbed");
    assert_eq!(job.uncertain(), 0);
    let mut running = Some(running);
    for _ in 0..3 {
        let port = running.as_ref().map_or(0, Running::port);
        running.take().unwrap().kill();
        let (mut failures, before) = (0, job.truth);
        for _ in 0..5 {
            failures += u32::from(job.report().is_err());
        }
        assert!(failures >= 4, "nobody was there");
        assert!(job.uncertain() <= before + 300, "what was sent to nobody is not sent again and again");
        running = Some(listen(&state, port));
        job.report_until_it_works();
        job.report().unwrap();
        let total = total(&state);
        let least = job.truth - job.uncertain();
        assert!((least..=job.truth).contains(&total), "{total} is not in {least} to {}", job.truth);
    }
    let (uncertain, lost) = (job.uncertain(), job.truth - total(&state));
    job.count();
    let outcomes = job.registry.shutdown(PATIENCE);
    assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok()), "{outcomes:?}");
    assert_eq!(total(&state), job.truth - lost, "the last report arrives as well");
    assert_eq!(job.uncertain(), uncertain);
}

#[test]
fn udp_daemons_come_and_go() {
    comes_and_goes(|state, port| Running::udp(Dialect::Plain, state, port));
}

#[test]
fn tcp_daemons_come_and_go() {
    comes_and_goes(|state, port| Running::tcp(Dialect::Plain, state, port));
}

#[test]
fn unix_datagram_daemons_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    comes_and_goes(|state, _| Running::unix_datagrams(Dialect::Plain, state, folder.path().join("s")));
}

#[test]
fn unix_stream_daemons_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    // Those that read lines; Datadog's Agent is in the tests of compatibility.
    comes_and_goes(|state, _| Running::unix_stream(Dialect::Plain, state, folder.path().join("s")));
}

/// Starts reporting before the daemon is there.
fn is_awaited(address: &Address, listen: impl Fn(&Arc<Mutex<State>>) -> Running) {
    let mut job = Job::new(options(address), 50);
    for _ in 0..3 {
        let error = job.report().unwrap_err();
        assert!(error.contains(&address.to_string()), "{error}");
    }
    let state: Arc<Mutex<State>> = Arc::default();
    let _running = listen(&state);
    job.report_until_it_works();
    assert_eq!((total(&state), job.uncertain()), (job.truth, 0), "nothing was sent to nobody");
}

#[test]
fn daemons_that_come_late_get_all() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    is_awaited(&Address::UnixDatagram(path.clone()), |state| {
        Running::unix_datagrams(Dialect::Plain, state, path.clone())
    });
    let path = folder.path().join("t");
    is_awaited(&Address::UnixStream(path.clone()), |state| {
        Running::unix_stream(Dialect::Plain, state, path.clone())
    });
    // A port that was free a moment ago.
    let port = |address: &Address| match address {
        Address::Udp(_, port) | Address::Tcp(_, port) => *port,
        _ => unreachable!(),
    };
    let udp = Running::udp(Dialect::Plain, &Arc::default(), 0).address.clone();
    is_awaited(&udp, |state| Running::udp(Dialect::Plain, state, port(&udp)));
    let tcp = Running::tcp(Dialect::Plain, &Arc::default(), 0).address.clone();
    is_awaited(&tcp, |state| Running::tcp(Dialect::Plain, state, port(&tcp)));
}

#[test]
fn hosts_have_names_and_ipv6() {
    let state: Arc<Mutex<State>> = Arc::default();
    let mut truth = 0;
    for (host, listens) in [("localhost", "localhost"), ("::1", "::1")] {
        if UdpSocket::bind((listens, 0)).is_err() {
            // This machine does not have it.
            continue;
        }
        let running = Running::udp_on(listens, Dialect::Plain, &state, 0);
        let address = Address::Udp(host.to_owned(), running.port());
        let mut job = Job::new(options(&address), 10);
        job.report().unwrap();
        truth += job.truth;
        assert_eq!(total(&state), truth);
    }
    let nowhere = Address::Udp("no-such-host.invalid".to_owned(), 8125);
    let error = Job::new(options(&nowhere), 1).report().unwrap_err();
    assert!(error.contains("cannot resolve `no-such-host.invalid`"), "{error}");
}

#[test]
fn a_daemon_that_hangs_gets_all_when_it_goes_on() {
    let (listener, address) = silent_peer();
    let timeout = Duration::from_millis(100);
    let mut job = Job::new(options(&address).with_timeout(timeout).with_packet_size(8192), 20_000);
    let mut reports = 0;
    let error = loop {
        match job.report() {
            Ok(()) => reports += 1,
            Err(error) => break error,
        }
        assert!(reports < 1_000, "the buffers of a connection end somewhere");
    };
    assert!(error.contains("did not take it in time"), "{error}");
    for _ in 0..3 {
        job.report().unwrap_err();
    }
    assert_eq!(job.uncertain(), 0, "the connection stands");
    let mut connection = take_connection(&listener);
    let reader = thread::spawn(move || {
        let mut text = Vec::new();
        connection.read_to_end(&mut text).unwrap();
        text
    });
    job.report_until_it_works();
    job.report().unwrap();
    let truth = job.truth;
    job.registry.shutdown(PATIENCE);
    let mut daemon = Daemon::default();
    for line in reader.join().unwrap().split_inclusive(|byte| *byte == b'\n') {
        daemon.take(Dialect::Plain, line).unwrap();
    }
    assert_eq!(daemon.counters.values().sum::<u64>(), truth);
    assert_eq!(job.uncertain(), 0);
}

#[test]
fn a_connection_that_breaks_within_a_line_is_gone_on_with_at_a_new_one() {
    let (listener, address) = silent_peer();
    // More than the buffers of a connection hold.
    let prefix = format!("begin{}", "x".repeat(1_000));
    let long = StatsdOptions::default().with_address(address.clone()).with_prefix(prefix.clone());
    let mut job = Job::new(long.with_timeout(Duration::from_millis(100)), 16_000);
    job.report().unwrap_err();
    // It reads a part, and resets the rest.
    let mut connection = take_connection(&listener);
    let mut first = vec![0; 100_001];
    connection.read_exact(&mut first).unwrap();
    drop(connection);
    let whole = first.iter().rposition(|byte| *byte == b'\n').unwrap();
    let mut daemon = Daemon::default();
    for line in first[..=whole].split_inclusive(|byte| *byte == b'\n') {
        daemon.take(Dialect::Plain, line).unwrap();
    }
    let reader = thread::spawn(move || {
        let (mut connection, mut text) = (take_connection(&listener), Vec::new());
        connection.read_to_end(&mut text).unwrap();
        text
    });
    job.report_until_it_works();
    let (truth, uncertain) = (job.truth, job.uncertain());
    job.registry.shutdown(PATIENCE);
    let second = reader.join().unwrap();
    let lines = parse(Dialect::Plain, &second).unwrap();
    assert!(lines.iter().all(|line| line.name.starts_with(&prefix)), "from the beginning of each");
    for line in second.split_inclusive(|byte| *byte == b'\n') {
        daemon.take(Dialect::Plain, line).unwrap();
    }
    let total = daemon.counters.values().sum::<u64>();
    assert!(total <= truth && total + uncertain >= truth, "{total} of {truth}, {uncertain} are uncertain");
    assert!(uncertain > 0);
}

#[test]
fn the_end_does_not_wait_for_a_report_that_is_spread() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = Address::Udp("127.0.0.1".to_owned(), receiver.local_addr().unwrap().port());
    let options = StatsdOptions::default().with_address(address).with_spread(Duration::from_secs(3600));
    let mut job = Job::new(options, 20_000);
    let before = job.reporter.status().bytes;
    job.count();
    let reporter = job.reporter.clone();
    let asked = thread::spawn(move || reporter.report_now(PATIENCE));
    // It has begun, and waits.
    wait_until(|| job.reporter.status().bytes > before).unwrap();
    job.count();
    let outcomes = job.registry.shutdown(PATIENCE);
    assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok()), "{outcomes:?}");
    let _ = asked.join().unwrap();
    let sent = job.reporter.status().bytes - before;
    // What was not read yet when it was counted again goes out once, with both.
    assert!(sent >= 20_000 * "job.task.1.records:1|c".len() as u64, "all of it: {sent} bytes");
}

#[test]
fn options_can_be_anything() {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = Address::Udp("127.0.0.1".to_owned(), receiver.local_addr().unwrap().port());
    let options = StatsdOptions::default()
        .with_address(address)
        .with_dialect(flowmeter_statsd::Dialect::DogStatsd)
        .with_timeout(Duration::MAX)
        .with_spread(Duration::MAX)
        .with_heartbeat(Duration::MAX)
        .with_resolve_interval(Duration::MAX)
        .with_histogram_values(usize::MAX)
        .with_packet_size(256);
    let mut job = Job::new(options, 10);
    let histogram = job.registry.add_group("job").histogram::<f64>("sizes");
    (0..2_000).for_each(|n| histogram.record(1.03_f64.powi(n) * 1e-9));
    job.report().unwrap();
    job.report().unwrap();
}

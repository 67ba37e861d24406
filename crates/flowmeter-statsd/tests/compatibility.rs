//! The reporter does what every reporter must, in every dialect and by every transport, as a strict reader of the lines sees it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod daemon;

use std::sync::{Arc, Mutex};

use daemon::{Running, State, settle, wait_until};
use flowmeter_core::{ConfigSection, Number, Reporter, ReporterHandle};
use flowmeter_statsd::{Dialect, StatsdFactory, StatsdOptions, StatsdReporter};
use flowmeter_testkit::compatibility::{Abilities, Held, Scenario, Subject, check, check_factory};
use flowmeter_testkit::statsd::{self, Identity};
use flowmeter_testkit::{Observed, PATIENCE};
use tempfile::TempDir;

/// How the packets come.
#[derive(Clone, Copy, Debug)]
enum By {
    Datagrams,
    Tcp,
    Stream,
}

/// A daemon that reads, and a reporter that sends to it.
struct Listening {
    options: StatsdOptions,
    dialect: statsd::Dialect,
    by: By,
    state: Arc<Mutex<State>>,
    running: Option<Running>,
    folder: TempDir,
}

impl Listening {
    fn new(dialect: Dialect, by: By) -> Self {
        let read = match dialect {
            Dialect::Plain => statsd::Dialect::Plain,
            Dialect::DogStatsd => statsd::Dialect::DogStatsd,
            Dialect::Graphite => statsd::Dialect::Graphite,
            _ => statsd::Dialect::Flink,
        };
        // Large enough for the longest names.
        let options = StatsdOptions::default().with_dialect(dialect).with_packet_size(60_000);
        let mut listening = Self {
            options,
            dialect: read,
            by,
            state: Arc::default(),
            running: None,
            folder: tempfile::tempdir().unwrap(),
        };
        listening.listen(0);
        listening
    }

    fn listen(&mut self, port: u16) {
        let path = self.folder.path().join("statsd");
        let running = match self.by {
            By::Datagrams => Running::unix_datagrams(self.dialect, &self.state, path),
            By::Tcp => Running::tcp(self.dialect, &self.state, port),
            By::Stream => Running::unix_stream(self.dialect, &self.state, path),
        };
        self.options.address = running.address.clone();
        self.running = Some(running);
    }
}

impl Subject for Listening {
    fn reporter(&mut self) -> Box<dyn Reporter> {
        Box::new(StatsdReporter::new(self.options.clone()))
    }

    fn report(&mut self, reporter: &ReporterHandle) -> Result<(), String> {
        // A connection that failed is not tried again at once, unless it is the end.
        let mut result = Ok(());
        let is_tried = || {
            result = reporter.report_now(PATIENCE).map_err(|error| error.to_string());
            !result.as_ref().is_err_and(|error| error.contains("the next is tried in"))
        };
        wait_until(is_tried).map_err(|()| "no connection is tried".to_owned())?;
        result
    }

    fn held(&mut self) -> Result<Vec<Held>, String> {
        settle(&self.state);
        let state = self.state.lock().unwrap();
        if let Some(error) = state.errors.first() {
            return Err(error.clone());
        }
        let held = |((name, tags), value): (&Identity, Observed)| Held {
            name: name.clone(),
            labels: tags.clone().into_iter().collect(),
            value,
        };
        let counters = state.daemon.counters.iter().filter(|((name, _), _)| !name.ends_with(".count"));
        let counters = counters.map(|(identity, sum)| held((identity, Observed::Number(Number::U64(*sum)))));
        let is_flink = self.dialect == statsd::Dialect::Flink;
        let is_part = |name: &str| is_statistic(name) || (is_flink && name.ends_with(".rate"));
        let gauges = state.daemon.gauges.iter().filter(|((name, _), _)| !is_part(name));
        let gauges = gauges.map(|(identity, value)| held((identity, observed(value, is_flink))));
        Ok(counters.chain(gauges).collect())
    }

    fn abilities(&self) -> Abilities {
        let is_flink = self.dialect == statsd::Dialect::Flink;
        // The histograms have tests of their own.
        Abilities {
            integers: true,
            texts: is_flink,
            truths: true,
            histograms: false,
            non_finite: is_flink,
            labels: false,
            forgets: false,
        }
    }

    fn longest_name(&self) -> usize {
        // Datadog has 200 for all of the name.
        if self.dialect == statsd::Dialect::DogStatsd { 150 } else { usize::MAX }
    }

    fn refuse(&mut self, refuse: bool) -> bool {
        if refuse {
            let running = self.running.take().unwrap();
            let port = running.port();
            running.kill();
            let _ = std::fs::remove_file(self.folder.path().join("statsd"));
            self.running = None;
            // The port stays the reporter's.
            self.options.address = match self.by {
                By::Tcp => flowmeter_statsd::Address::Tcp("127.0.0.1".to_owned(), port),
                _ => self.options.address.clone(),
            };
        } else {
            let port = match self.options.address {
                flowmeter_statsd::Address::Tcp(_, port) => port,
                _ => 0,
            };
            self.listen(port);
        }
        true
    }
}

/// Whether a name is that of a histogram's statistic. No metric of the kit has such a name.
fn is_statistic(name: &str) -> bool {
    const STATISTICS: [&str; 10] =
        [".min", ".max", ".mean", ".stddev", ".p50", ".p75", ".p95", ".p98", ".p99", ".p999"];
    STATISTICS.iter().any(|statistic| name.ends_with(statistic))
        || (name.ends_with(".count")
            && (name.contains("istogram") || name.contains("floats") || name.contains("empty")))
}

fn observed(value: &str, is_flink: bool) -> Observed {
    let unsigned = value.parse().map(Number::U64);
    let integer = unsigned.or_else(|_| value.parse().map(Number::I64)).map_err(drop);
    let number = integer.or_else(|()| value.parse().map(Number::F64).map_err(drop));
    match (number, value) {
        (Ok(number), _) => Observed::Number(number),
        (Err(()), "true") => Observed::Bool(true),
        (Err(()), "false") => Observed::Bool(false),
        (Err(()), text) if is_flink => Observed::Text(text.to_owned()),
        (Err(()), text) => panic!("{text} is no number"),
    }
}

fn passes(dialect: Dialect, by: By) {
    let skipped = check(|| Listening::new(dialect, by)).unwrap_or_else(|failures| panic!("{failures}"));
    let expected: &[Scenario] = if dialect == Dialect::Flink { &[Scenario::Clash] } else { &[] };
    assert_eq!(skipped, expected);
}

#[test]
fn plain_lines_are_compatible() {
    passes(Dialect::Plain, By::Datagrams);
}

#[test]
fn dogstatsd_is_compatible() {
    passes(Dialect::DogStatsd, By::Datagrams);
}

#[test]
fn graphite_is_compatible() {
    passes(Dialect::Graphite, By::Datagrams);
}

#[test]
fn flinks_lines_are_compatible() {
    passes(Dialect::Flink, By::Datagrams);
}

#[test]
fn tcp_is_compatible() {
    passes(Dialect::Plain, By::Tcp);
}

#[test]
fn streams_to_unix_sockets_are_compatible() {
    passes(Dialect::DogStatsd, By::Stream);
}

#[test]
fn the_factory_is_as_all_are() {
    let section = ConfigSection::new("reporters.statsd")
        .with("address", "udp://[::1]:8125")
        .with("dialect", "dogstatsd")
        .with("histograms", "distributions")
        .with("packet-size", 1400)
        .with("heartbeat", "1min");
    check_factory(&StatsdFactory, &section).unwrap();
    let of_flink = ConfigSection::new("reporters.statsd").with("host", "localhost").with("port", 8125);
    check_factory(&StatsdFactory, &of_flink).unwrap();
}

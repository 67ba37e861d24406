//! What the dialects look like, and what is sent when.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod job;

use std::path::Path;
use std::time::Duration;

use flowmeter_statsd::{Dialect, HistogramMode, StatsdOptions};
use flowmeter_testkit::on_request;
use flowmeter_testkit::statsd::{self, Daemon};
use job::Job;

fn options(dialect: Dialect) -> StatsdOptions {
    StatsdOptions::default().with_dialect(dialect)
}

fn read_as(dialect: Dialect) -> statsd::Dialect {
    match dialect {
        Dialect::Plain => statsd::Dialect::Plain,
        Dialect::DogStatsd => statsd::Dialect::DogStatsd,
        Dialect::Graphite => statsd::Dialect::Graphite,
        _ => statsd::Dialect::Flink,
    }
}

/// Compares packets with a file, or writes that anew.
fn compare(packets: &[Vec<u8>], golden: &str) {
    let mut text = packets.join(&b"\n--\n"[..]);
    text.push(b'\n');
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(golden);
    if std::env::var_os("FLOWMETER_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read(&path).unwrap_or_default();
    let shown = String::from_utf8_lossy(&text);
    assert!(text == expected, "differs from {golden}; FLOWMETER_WRITE_GOLDEN=1 rewrites it:\n{shown}");
}

#[test]
fn each_dialect_is_as_its_golden_file_has_it() {
    for (options, golden) in [
        (options(Dialect::Plain), "plain.txt"),
        (options(Dialect::Plain).with_histograms(HistogramMode::Timers), "plain_timers.txt"),
        (options(Dialect::DogStatsd), "dogstatsd.txt"),
        (options(Dialect::DogStatsd).with_histograms(HistogramMode::Histograms), "dogstatsd_histograms.txt"),
        (options(Dialect::Graphite), "graphite.txt"),
        (options(Dialect::Flink), "flink.txt"),
        (options(Dialect::Plain).with_prefix("a job").with_packet_size(256), "plain_prefix.txt"),
    ] {
        let job = Job::full();
        let dialect = read_as(options.dialect);
        let wire = job.send(options);
        let packets = wire.report();
        let mut daemon = Daemon::default();
        for packet in &packets {
            daemon.take(dialect, packet).unwrap();
        }
        compare(&packets, golden);
    }
}

#[test]
fn what_stands_still_is_said_once_and_with_each_heartbeat() {
    let mut job = Job::empty();
    let group = job.registry.add_group("g");
    let (grows, stands, gauge) =
        (group.counter("grows"), group.counter("stands"), group.gauge::<i64>("gauge"));
    let histogram = group.histogram::<u64>("histogram");
    let wire = job.send(options(Dialect::Plain).with_heartbeat(Duration::from_secs(60)));
    let report = || {
        grows.inc();
        job.clock.advance(Duration::from_secs(10));
        wire.lines()
    };
    let first = ["g.gauge:0|g", "g.grows:1|c", "g.histogram.count:0|c", "g.stands:0|c"];
    assert_eq!(report(), first, "each begins");
    for _ in 0..5 {
        assert_eq!(report(), ["g.gauge:0|g", "g.grows:1|c"]);
    }
    assert_eq!(report(), first, "the heart beats");
    let new = group.counter("new");
    assert_eq!(report(), ["g.gauge:0|g", "g.grows:1|c", "g.new:0|c"], "this one begins");
    assert_eq!(report(), ["g.gauge:0|g", "g.grows:1|c"]);
    job.hold((stands, gauge, histogram, new));
}

#[test]
fn without_a_heart_there_are_no_beats() {
    let mut job = Job::empty();
    let counter = job.registry.add_group("g").counter("n");
    let wire = job.send(options(Dialect::Plain));
    job.clock.advance(Duration::from_secs(5));
    assert_eq!(wire.lines(), ["g.n:0|c"]);
    for _ in 0..100 {
        job.clock.advance(Duration::from_secs(60));
        assert!(wire.report().is_empty());
    }
    counter.inc();
    assert_eq!(wire.lines(), ["g.n:1|c"]);
    job.hold(counter);
}

#[test]
fn a_beginning_is_told_of_once_however_fast_reports_are() {
    let mut job = Job::empty();
    let group = job.registry.add_group("g");
    let metrics = (group.counter("n"), group.histogram::<u64>("h"));
    let wire = job.send(options(Dialect::Plain));
    assert_eq!(wire.lines(), ["g.h.count:0|c", "g.n:0|c"]);
    for _ in 0..5 {
        job.clock.advance(Duration::from_millis(100));
        assert_eq!(wire.lines(), [""; 0]);
    }
    let later = group.counter("later");
    assert_eq!(wire.lines(), ["g.later:0|c"]);
    assert_eq!(wire.lines(), [""; 0]);
    job.hold((metrics, later));
}

#[test]
fn what_cannot_be_said_is_dropped_and_counted() {
    let mut job = Job::empty();
    let group = job.registry.add_group("g");
    let (text, nan) = (group.text_gauge("text"), group.gauge::<f64>("nan"));
    text.set("a text");
    nan.set(f64::NAN);
    let (long, fits) = (group.counter("x".repeat(300)), group.counter("fits"));
    let distribution = group.histogram::<u64>("y".repeat(300));
    distribution.record(5);
    let timers = options(Dialect::Plain).with_histograms(HistogramMode::Timers);
    let wire = job.send(timers.with_packet_size(256));
    assert_eq!(wire.lines(), ["g.fits:0|c"]);
    assert_eq!(wire.handle.status().dropped_values, 4);
    nan.set(1.0);
    assert_eq!(wire.lines(), ["g.nan:1|g"]);
    assert_eq!(wire.handle.status().dropped_values, 5);
    job.hold((text, nan, long, fits, distribution));
}

#[test]
fn what_is_named_as_a_statistic_of_a_histogram_is_dropped_and_counted() {
    for dialect in [Dialect::Plain, Dialect::Graphite, Dialect::DogStatsd] {
        let mut job = Job::empty();
        let group = job.registry.add_group("g");
        let histogram = group.histogram::<u64>("x");
        (0..5).for_each(|value| histogram.record(value));
        let below = group.add_group("x");
        let (count, greatest) = (below.counter("count"), below.gauge::<i64>("max"));
        let other = below.counter("other");
        let apart = job.registry.add_group("apart").counter("count");
        [&count, &other, &apart].into_iter().for_each(|counter| counter.inc_by(1_000));
        let wire = job.send(options(dialect).with_histograms(HistogramMode::Statistics));
        let lines = wire.lines();
        let of = |name: &str| lines.iter().filter(|line| line.starts_with(name)).cloned().collect::<Vec<_>>();
        assert_eq!(of("g.x.count:"), ["g.x.count:5|c"], "{dialect:?}");
        assert_eq!(of("g.x.max:"), ["g.x.max:4|g"]);
        assert_eq!(of("g.x.other:"), ["g.x.other:1000|c"]);
        assert_eq!(of("apart.count:"), ["apart.count:1000|c"]);
        assert_eq!(wire.handle.status().dropped_values, 2);
        job.hold((histogram, count, greatest, other, apart));
    }
}

#[test]
fn delimiters_are_those_of_the_reporter() {
    let job = Job::full();
    let wire =
        job.send_as(options(Dialect::Plain).with_delimiter('_'), on_request().with_scope_delimiter('_'));
    let line = "host-1_taskmanager_tm.1-7_word-count_count_1_numRecordsIn:18446744073709551612|c";
    let lines = wire.lines();
    assert!(lines.iter().any(|found| found == line), "{lines:#?}");
}

#[test]
fn what_means_something_else_to_graphite_is_no_key_of_a_tag() {
    let mut job = Job::empty();
    let group = job.registry.add_group("g");
    let counters = ["a", "b"].map(|name| group.add_group_kv("name", name).counter("n"));
    let wire = job.send(options(Dialect::Graphite));
    assert_eq!(wire.lines(), ["g.name.n;name_=a:0|c", "g.name.n;name_=b:0|c"]);
    job.hold(counters);
}

#[test]
fn names_are_those_that_datadog_takes() {
    let mut job = Job::empty();
    let group = job.registry.add_group("my-group");
    let other = group.counter("a-b");
    let (fits, long) = (group.counter("x".repeat(184)), group.counter("x".repeat(185)));
    let statistics = group.histogram::<u64>("y".repeat(179));
    let datadog = options(Dialect::DogStatsd).with_prefix("my-job");
    let datadog = datadog.with_histograms(HistogramMode::Statistics).with_packet_size(1432);
    let wire = job.send(datadog);
    let expected = ["my_job.my_group.a_b:0|c".to_owned(), format!("my_job.my_group.{}:0|c", "x".repeat(184))];
    assert_eq!(wire.lines(), expected);
    assert_eq!(wire.handle.status().dropped_values, 2);
    job.hold((other, fits, long, statistics));
}

#[test]
fn statistics_are_of_what_was_recorded_since() {
    let mut job = Job::empty();
    let histogram = job.registry.add_group("g").histogram::<u64>("size");
    let wire = job.send(options(Dialect::Plain));
    let value_of = |lines: &[String], name: &str| -> f64 {
        let line = lines.iter().find(|line| line.starts_with(&format!("g.size.{name}:")));
        line.unwrap().split([':', '|']).nth(1).unwrap().parse().unwrap()
    };
    (1..=100).for_each(|value| histogram.record(value));
    let lines = wire.lines();
    for (name, expected) in [("count", 100.0), ("min", 1.0), ("max", 100.0), ("mean", 50.5)] {
        assert_eq!(value_of(&lines, name), expected, "{name}");
    }
    assert!((value_of(&lines, "p95") / 95.0 - 1.0).abs() < 0.02);
    (1_000..1_010).for_each(|value| histogram.record(value));
    let lines = wire.lines();
    assert_eq!((value_of(&lines, "count"), value_of(&lines, "max")), (10.0, 1009.0));
    assert!((value_of(&lines, "min") / 1000.0 - 1.0).abs() < 0.05, "all of it is new");
    assert!(wire.report().is_empty(), "and nothing more");
    job.hold(histogram);
}

//! No name and no value makes a daemon see what is not there.

use flowmeter::statsd::{Dialect, HistogramMode, StatsdOptions};
use flowmeter_e2e::{Statsd, StatsdConfig};
use flowmeter_testkit::{PATIENCE, on_request};

use crate::{address, reporting};

/// Names and values that have a meaning in some line, or none anywhere.
const AWKWARD: [&str; 18] = [
    " ",
    "a b",
    "a\nb:1|c",
    "a\r\nb",
    "a|b",
    "a:1|c",
    "a:b",
    "#a",
    "a|#k:v",
    "a@0.1",
    "a|@0.1",
    "a,b",
    "a;k=v",
    "~a",
    "a/b\\c\"d'{e}",
    "\u{1f980}",
    "\u{e9}\u{4e16}\u{301}",
    "\u{0}\u{7f}\u{85}\u{2028}",
];

fn no_name_does_harm(test: &str, dialect: Dialect, histograms: HistogramMode, scheme: &str) {
    let Some(statsd) = Statsd::start(test, StatsdConfig::default()) else { return };
    let options = StatsdOptions::default()
        .with_address(address(scheme, &statsd))
        .with_dialect(dialect)
        .with_prefix("p|q: r")
        .with_histograms(histograms);
    let (registry, reporter) = reporting(options, on_request());
    let long = "x".repeat(10_000);
    let texts: Vec<_> = AWKWARD.into_iter().chain([long.as_str()]).collect();
    let mut handles = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        // Texts that become one are in groups that do not.
        let group = registry.add_group(&format!("g{number}"));
        for group in [group.add_group(text), group.add_group_kv("k", text), group.add_group_kv(text, "v")] {
            let (counter, gauge) = (group.counter("n"), group.gauge::<f64>("v"));
            let histogram = group.histogram::<u64>("h");
            counter.inc_by(2);
            gauge.set(-1.0);
            histogram.record(3);
            handles.push((group, gauge, histogram, counter));
        }
        group.counter(format!("n{text}")).inc_by(3);
        group.text_gauge("text").set(*text);
        group.counter("fine").inc_by(5);
    }
    reporter.report_now(PATIENCE).expect("the daemon is there");

    let state = statsd.settled();
    assert_eq!(state.bad_lines, 0.0, "{state:?}");
    for (number, text) in texts.iter().enumerate() {
        let is_its_own = |name: &str| name.starts_with(&format!("p_q__r.g{number}."));
        let counts = state.counters.iter().filter(|(name, _)| is_its_own(name) && !name.contains(".h.count"));
        let mut counts: Vec<_> = counts.map(|(_, count)| *count).collect();
        counts.sort_by(f64::total_cmp);
        let gauges = state.gauges.iter().filter(|(name, _)| is_its_own(name) && !name.contains(".h."));
        let gauges: Vec<_> = gauges.map(|(_, value)| *value).collect();
        // What is longer than a packet is not sent.
        let expected: (&[f64], &[f64]) = match number < AWKWARD.len() {
            true => (&[2.0, 2.0, 2.0, 3.0, 5.0], &[-1.0; 3]),
            false => (&[5.0], &[]),
        };
        assert_eq!((&*counts, &*gauges), expected, "{text:?}");
    }
    // Texts, and what is too long: three of each kind, and the counter.
    let of_a_histogram = if histograms == HistogramMode::Statistics { 10 } else { 1 };
    let of_histograms = match dialect {
        // Two have names that are too long for Datadog, in whatever statistic.
        Dialect::DogStatsd => 2 + of_a_histogram,
        _ => 3 * of_a_histogram,
    };
    let dropped = texts.len() + 3 * 2 + of_histograms + 1;
    assert_eq!(reporter.status().dropped_values, dropped as u64);
}

#[test]
fn plain_by_udp() {
    no_name_does_harm("names, plain", Dialect::Plain, HistogramMode::Timers, "udp");
}

#[test]
fn graphite_by_tcp() {
    no_name_does_harm("names, Graphite", Dialect::Graphite, HistogramMode::Statistics, "tcp");
}

#[test]
fn dogstatsd_by_udp() {
    no_name_does_harm("names, DogStatsD", Dialect::DogStatsd, HistogramMode::Statistics, "udp");
}

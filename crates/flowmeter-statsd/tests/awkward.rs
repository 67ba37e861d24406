//! Any names and any values: no line breaks, nothing is mixed up, and what cannot be said is counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod job;

use std::collections::BTreeSet;

use flowmeter_statsd::{Dialect, HistogramMode, StatsdOptions};
use flowmeter_testkit::statsd::{self, Daemon};
use job::Job;
use proptest::prelude::*;

/// A text that some format has a meaning for.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            " ",
            "\n",
            "\r",
            "\t",
            "\0",
            "|",
            ":",
            "#",
            "@",
            ",",
            ";",
            "=",
            ".",
            "_",
            "-",
            "+",
            "/",
            "~",
            "\"",
            "|c",
            ":1|c",
            "|#a:b",
            "|@0.1",
            "\u{e4}",
            "\u{1f980}",
            "\u{202e}",
            "\u{2028}",
            "a",
            "A",
            "0"
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    let short = prop::collection::vec(piece, 1..12).prop_map(|pieces| pieces.concat());
    prop_oneof![20 => short, 1 => (1_usize..10_000).prop_map(|length| "\u{1f980}|".repeat(length))]
}

fn read_as(dialect: Dialect) -> statsd::Dialect {
    match dialect {
        Dialect::Plain => statsd::Dialect::Plain,
        Dialect::DogStatsd => statsd::Dialect::DogStatsd,
        Dialect::Graphite => statsd::Dialect::Graphite,
        _ => statsd::Dialect::Flink,
    }
}

#[derive(Clone, Debug)]
struct Awkward {
    name: String,
    group: String,
    key: String,
    value: String,
    float: f64,
}

fn awkward() -> impl Strategy<Value = Awkward> {
    let float = prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::NEG_INFINITY), Just(-0.0), Just(-1.0)];
    (text(), text(), text(), text(), float).prop_map(|(name, group, key, value, float)| Awkward {
        name,
        group,
        key,
        value,
        float,
    })
}

fn dialect() -> impl Strategy<Value = Dialect> {
    prop::sample::select(vec![Dialect::Plain, Dialect::DogStatsd, Dialect::Graphite, Dialect::Flink])
}

/// What a daemon reads back is what was counted, of all that is not said to be dropped.
fn arrives(all: &[Awkward], dialect: Dialect, size: usize) -> Result<(), TestCaseError> {
    let mut job = Job::empty();
    let (mut sums, mut floats, mut cannot) = (BTreeSet::new(), BTreeSet::new(), 0);
    for (number, awkward) in (1_000_u64..).zip(all) {
        let Awkward { name, group, key, value, float } = awkward;
        let group = job.registry.add_group(&format!("g{number}")).add_group(group).add_group_kv(key, value);
        let (counter, gauge) = (group.counter(name.clone()), group.gauge::<f64>(format!("{name}Gauge")));
        let histogram = group.histogram::<u64>(format!("{name}Histogram"));
        counter.inc_by(number);
        gauge.set(*float);
        histogram.record(number);
        sums.insert(number);
        if float.is_finite() || dialect == Dialect::Flink {
            floats.insert((*float + 0.0).to_bits());
        } else {
            cannot += 1;
        }
        job.hold((counter, gauge, histogram));
    }
    let options = StatsdOptions::default().with_dialect(dialect).with_packet_size(size);
    let options = match dialect {
        Dialect::Flink => options,
        _ => options.with_histograms(HistogramMode::Timers),
    };
    let wire = job.send(options);
    let mut daemon = Daemon::default();
    for packet in wire.report() {
        prop_assert!(packet.len() <= size);
        daemon.take(read_as(dialect), &packet).map_err(TestCaseError::fail)?;
    }
    let dropped = wire.handle.status().dropped_values;
    if dialect == Dialect::Flink {
        let arrived: Vec<_> = daemon.gauges.values().filter_map(|value| value.parse::<f64>().ok()).collect();
        // A counter, a gauge, and eleven statistics.
        prop_assert_eq!(daemon.gauges.len() as u64 + dropped, 13 * all.len() as u64);
        prop_assert!(dropped > 0 || sums.iter().all(|sum| arrived.contains(&(*sum as f64))));
        return Ok(());
    }
    let arrived: BTreeSet<_> = daemon.counters.values().copied().collect();
    prop_assert_eq!(arrived.len(), daemon.counters.len());
    prop_assert!(arrived.is_subset(&sums), "no other");
    let gauges = daemon.gauges.values().map(|value| value.parse::<f64>().unwrap().to_bits());
    prop_assert!(gauges.into_iter().all(|bits| floats.contains(&bits)), "no other");
    let samples = daemon.samples.values().flatten();
    prop_assert!(samples.into_iter().all(|(value, weight)| sums.contains(&(*value as u64)) && *weight == 1));
    let arrived = daemon.counters.len() + daemon.gauges.len() + daemon.samples.len();
    prop_assert_eq!(arrived as u64 + dropped, 3 * all.len() as u64);
    prop_assert!(dropped >= cannot);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_name_and_no_value_breaks_anything(
        all in prop::collection::vec(awkward(), 1..20),
        dialect in dialect(),
        size in prop_oneof![256_usize..2_000, Just(65_507)],
    ) {
        arrives(&all, dialect, size)?;
    }
}

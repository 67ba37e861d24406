//! A real job, whose processes report to a daemon.

use std::collections::BTreeMap;

use flowmeter::HistogramSnapshot;
use flowmeter_e2e::{Demo, State, Statsd, StatsdConfig, Timer};
use serde_json::Value;

#[test]
fn a_daemon_holds_the_truth_of_nexmark() {
    for scheme in ["udp", "tcp"] {
        let Some(statsd) = Statsd::start("demo", StatsdConfig::default()) else { return };
        let address = format!("{scheme}://{}", statsd.address());
        let mut demo = Demo::start(&["--events", "300000", "--linger", "0s", "--statsd", &address]);
        let summary = demo.summary();
        assert!(demo.wait().success());
        let state = statsd.settled();
        assert_eq!(state.bad_lines, 0.0);
        holds_the_counters(&state, &summary["truth"]);
        holds_the_gauges(&state, &summary["truth"]);
        holds_the_timers(&state, &summary["truth"], scheme == "tcp");
    }
}

fn holds_the_counters(state: &State, truth: &Value) {
    let operators = truth["operators"].as_object().expect("operators by name");
    for metric in ["numRecordsIn", "numRecordsOut"] {
        let truth: BTreeMap<_, _> =
            operators.iter().map(|(name, records)| (name, records[metric].as_f64())).collect();
        let held = truth
            .keys()
            .map(|operator| (*operator, Some(of_operator(&state.counters, operator, &[metric]).sum())));
        assert_eq!(held.collect::<BTreeMap<_, _>>(), truth, "{metric}");
    }
}

/// The last values are those that there were when the last report of each process was made.
fn holds_the_gauges(state: &State, truth: &Value) {
    // The join's state, over both TaskManagers.
    for (total, side) in [("known_persons", "persons"), ("awaited_sellers", "auctions")] {
        let keys: Vec<f64> =
            of_operator(&state.gauges, "Join", &["state_name", side, "numKeys"]).copied().collect();
        assert_eq!(keys.len(), 2, "{side}: {keys:?}");
        assert_eq!(Some(keys.iter().sum()), truth[total].as_f64(), "{side}");
    }
    let persons = of_operator(&state.gauges, "Join", &["state_name", "persons", "stateSize"]);
    assert_eq!(Some(persons.sum::<f64>() / 8.0), truth["known_persons"].as_f64());
    // What the JobManager knows of two TaskManagers of a slot each, after the job.
    for (metric, value) in [
        ("numRegisteredTaskManagers", 2.0),
        ("numPendingTaskManagers", 0.0),
        ("taskSlotsTotal", 2.0),
        ("taskSlotsAvailable", 2.0),
        ("numRunningJobs", 0.0),
    ] {
        assert_eq!(state.gauges.get(&format!("localhost.jobmanager.{metric}")), Some(&value), "{metric}");
    }
}

/// The daemon's own statistics of what each sink has seen, over both TaskManagers.
fn holds_the_timers(state: &State, truth: &Value, has_all: bool) {
    let error = HistogramSnapshot::default().relative_error();
    let sinks = truth["latencies"].as_object().expect("latencies by operator");
    assert_eq!(sinks.len(), 2);
    for (sink, latencies) in sinks {
        let timers: Vec<&Timer> = state
            .timers
            .iter()
            .filter_map(|(name, timer)| is_of_operator(name, sink, &["latency"]).then_some(timer))
            .collect();
        let sum = |of: fn(&Timer) -> f64| timers.iter().map(|timer| of(timer)).sum::<f64>();
        let truth = |key: &str| latencies[key].as_f64().expect("a number");
        // What sample rates stand for adds up but for the rounding of the rates.
        assert_eq!((timers.len(), sum(|timer| timer.count).round()), (2, truth("count")), "{sink}");
        let least = timers.iter().map(|timer| timer.lower).fold(f64::INFINITY, f64::min);
        let greatest = timers.iter().map(|timer| timer.upper).fold(0.0, f64::max);
        let is_near = |held: f64, truth: f64| (held / truth - 1.0).abs() <= error;
        if has_all {
            // Each value was sent, so the daemon's statistics are the truth but for the width of a bucket.
            assert_eq!(sum(|timer| timer.values.len() as f64), truth("count"), "{sink}");
            assert!(is_near(least, truth("min")), "{sink}: {least} of {latencies}");
            assert!(is_near(greatest, truth("max")), "{sink}: {greatest} of {latencies}");
            let held = sum(|timer| timer.sum);
            assert!(is_near(held, truth("sum")), "{sink}: {held} of {latencies}");
        } else {
            // A packet has room for a few values, each of which stands for some at even ranks.
            assert!(least >= truth("min") * (1.0 - error), "{sink}: {least} of {latencies}");
            assert!(greatest <= truth("max") * (1.0 + error), "{sink}: {greatest} of {latencies}");
        }
    }
}

/// What a daemon holds of an operator, of all subtasks on all TaskManagers.
fn of_operator<'a>(
    held: &'a BTreeMap<String, f64>,
    operator: &'a str,
    rest: &'a [&'a str],
) -> impl Iterator<Item = &'a f64> {
    held.iter().filter_map(move |(name, value)| is_of_operator(name, operator, rest).then_some(value))
}

/// Whether a name is an operator's: host, `taskmanager`, id, job, task, operator, subtask, and what the rest begins with.
fn is_of_operator(name: &str, operator: &str, rest: &[&str]) -> bool {
    let parts: Vec<_> = name.split('.').collect();
    let is_its_own = parts.get(5).is_some_and(|part| *part == plain(operator));
    is_its_own && parts.get(7..).is_some_and(|parts| parts.starts_with(rest))
}

/// A name as it is sent.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '_' }).collect()
}

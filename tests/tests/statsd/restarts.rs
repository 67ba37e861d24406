//! A daemon that goes and comes back.

use std::time::Duration;

use flowmeter::Counter;
use flowmeter::statsd::StatsdOptions;
use flowmeter_e2e::{Statsd, StatsdConfig, wait_for};
use flowmeter_testkit::{PATIENCE, on_request};

use crate::{address, reporting};

/// How many counters there are, each of which grows by one before each report.
const COUNTERS: usize = 50;
/// How often the daemon goes.
const TIMES: u32 = 3;

fn what_was_refused_comes_later(test: &str, scheme: &str) {
    let Some(mut statsd) = Statsd::start(test, StatsdConfig::default()) else { return };
    let options = StatsdOptions::default().with_address(address(scheme, &statsd));
    let (registry, reporter) = reporting(options, on_request());
    let group = registry.add_group("g");
    let counters: Vec<_> = (0..COUNTERS).map(|number| group.counter(format!("n{number}"))).collect();
    let reports = group.gauge::<u64>("reports");
    let mut truth = 0_u64;
    let mut report = || {
        truth += 1;
        counters.iter().for_each(Counter::inc);
        reports.set(truth);
        let outcome = reporter.report_now(PATIENCE);
        (truth, outcome)
    };
    for _ in 0..TIMES {
        let (_, outcome) = report();
        outcome.expect("the daemon is there");
        statsd.settled();
        statsd.kill();
        let failures = (0..5).filter(|_| report().1.is_err()).count();
        // The first one may be taken by a system that does not know yet.
        assert!(failures >= 4, "{failures}");
        statsd.start_again();
        // It need not try again at once.
        let told = wait_for("a report", || Some(report()).filter(|(_, outcome)| outcome.is_ok())).0;
        statsd.wait_for("the report", |state| state.gauges.get("g.reports") == Some(&(told as f64)));
    }
    let (truth, outcome) = report();
    outcome.expect("the daemon is there");
    let status = reporter.status();
    assert!(registry.shutdown(Duration::from_secs(10)).iter().all(|(_, outcome)| outcome.is_ok()));

    let state = statsd.settled();
    assert_eq!((state.bad_lines, state.counters.len()), (0.0, COUNTERS));
    assert!(state.counters.values().all(|total| *total <= truth as f64), "{:?}", state.counters);
    let missing = (truth * COUNTERS as u64) as f64 - state.counters.values().sum::<f64>();
    assert!(missing <= status.uncertain_values as f64, "{missing} {status:?}");
    // Each time no more than the last report that arrived and the first that did not.
    assert!(status.uncertain_values <= u64::from(TIMES) * 2 * (COUNTERS as u64 + 1), "{status:?}");
}

#[test]
fn a_connection_over_which_nothing_is_read_loses_nothing() {
    const MANY: usize = 8_000;
    let Some(statsd) = Statsd::start("a pause", StatsdConfig::default().forgetting()) else { return };
    let options = StatsdOptions::default()
        .with_address(address("tcp", &statsd))
        .with_timeout(Duration::from_millis(200));
    let (registry, reporter) = reporting(options, on_request());
    let group = registry.add_group("g");
    let counters: Vec<_> = (0..MANY).map(|number| group.counter(format!("counter{number}"))).collect();
    let mut truth = 0;
    let mut report = || {
        truth += 1;
        counters.iter().for_each(Counter::inc);
        (truth, reporter.report_now(PATIENCE))
    };
    report().1.expect("the daemon is there");
    statsd.settled();
    statsd.pause();
    // What the system takes meanwhile is in no hands.
    wait_for("a report that fails", || report().1.err());
    statsd.go_on();
    let (truth, _) = wait_for("a report", || Some(report()).filter(|(_, outcome)| outcome.is_ok()));
    let state = statsd.settled();
    let wrong: Vec<_> = state.counters.iter().filter(|(_, count)| **count != f64::from(truth)).collect();
    assert_eq!((state.counters.len(), wrong.len(), state.bad_lines), (MANY, 0, 0.0));
    assert_eq!(reporter.status().uncertain_values, 0);
}

#[test]
fn by_udp() {
    what_was_refused_comes_later("restarts, UDP", "udp");
}

#[test]
fn by_tcp() {
    what_was_refused_comes_later("restarts, TCP", "tcp");
}

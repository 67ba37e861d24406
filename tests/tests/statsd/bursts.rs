//! Reports that are longer than a packet, by far.

use flowmeter::Counter;
use flowmeter::statsd::StatsdOptions;
use flowmeter_e2e::{Statsd, StatsdConfig};
use flowmeter_testkit::{PATIENCE, on_request};

use crate::{address, reporting};

/// Too many for what a receiver has room for in packets of any size, were they sent at once, and not too many
/// in those that it has most room for.
const COUNTERS: usize = 8_000;

fn no_count_is_lost(test: &str, scheme: &str) {
    let Some(statsd) = Statsd::start(test, StatsdConfig::default().forgetting()) else { return };
    let options = StatsdOptions::default().with_address(address(scheme, &statsd));
    let (registry, reporter) = reporting(options, on_request());
    let group = registry.add_group("g");
    let counters: Vec<_> = (0..COUNTERS).map(|number| group.counter(format!("counter{number}"))).collect();
    for round in 1..=3 {
        counters.iter().for_each(Counter::inc);
        reporter.report_now(PATIENCE).expect("the daemon is there");
        let state = statsd.settled();
        let wrong: Vec<_> = state.counters.iter().filter(|(_, count)| **count != f64::from(round)).collect();
        assert_eq!((state.counters.len(), wrong), (COUNTERS, Vec::new()), "round {round}");
    }
}

#[test]
fn by_udp() {
    no_count_is_lost("bursts, UDP", "udp");
}

#[test]
fn by_tcp() {
    no_count_is_lost("bursts, TCP", "tcp");
}

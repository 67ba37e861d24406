//! A client that others have written leaves a daemon in the same state.

use std::collections::BTreeMap;

use flowmeter::Metric;
use flowmeter::Unit;
use flowmeter::statsd::{HistogramMode, StatsdOptions};
use flowmeter_e2e::{Statsd, StatsdConfig};
use flowmeter_testkit::{PATIENCE, on_request};
use statsd::Client;

use crate::{address, reporting};

/// What begins with a prefix, without it.
fn below<V: Clone>(prefix: &str, by_name: &BTreeMap<String, V>) -> BTreeMap<String, V> {
    let below = |(name, value): (&String, &V)| Some((name.strip_prefix(prefix)?.to_owned(), value.clone()));
    by_name.iter().filter_map(below).collect()
}

#[test]
fn a_peer_and_we_leave_a_daemon_in_the_same_state() {
    let Some(statsd) = Statsd::start("a peer", StatsdConfig::default()) else { return };
    let options =
        StatsdOptions::default().with_address(address("udp", &statsd)).with_histograms(HistogramMode::Timers);
    let (registry, reporter) = reporting(options, on_request());
    let ours = registry.add_group("ours");
    let theirs = Client::new(statsd.address(), "theirs").expect("a socket");

    let (orders, refunds) = (ours.counter("orders"), ours.meter("refunds"));
    let gauges: Vec<_> = (0..).map(|number| ours.gauge::<f64>(format!("gauge{number}"))).take(7).collect();
    let millis = ours.histogram::<u64>(Metric::new("latency").with_unit(Unit::MILLISECONDS));
    let rounds = [
        (3, 0, [0.0, 1.0, -2.5, 0.1, 1e21, 5e-324, 9_007_199_254_740_991.0], [1, 2, 30]),
        (1 << 52, 1, [-1.0, -0.5, 2.5, 1e-7, -1e21, 0.0, 123_456_789.125], [0, 5, 5]),
    ];
    for (ordered, refunded, values, latencies) in rounds {
        orders.inc_by(ordered);
        theirs.count("orders", ordered as f64);
        refunds.mark_by(refunded);
        theirs.count("refunds", refunded as f64);
        for (number, value) in values.into_iter().enumerate() {
            gauges[number].set(value);
            // With a sign it would be a change.
            if value < 0.0 {
                theirs.gauge(&format!("gauge{number}"), 0.0);
            }
            theirs.gauge(&format!("gauge{number}"), value);
        }
        for latency in latencies {
            millis.record(latency);
            theirs.timer("latency", latency as f64);
        }
        reporter.report_now(PATIENCE).expect("the daemon is there");
    }

    let state = statsd.settled();
    assert_eq!(state.bad_lines, 0.0);
    assert_eq!(below("ours.", &state.counters), below("theirs.", &state.counters));
    assert_eq!(state.counters["ours.orders"], ((1_u64 << 52) + 3) as f64);
    assert_eq!(below("ours.", &state.gauges), below("theirs.", &state.gauges));
    assert_eq!(state.gauges.len(), 14);
    let [mut ours, mut theirs] = ["ours.latency", "theirs.latency"].map(|name| state.timers[name].clone());
    for timer in [&mut ours, &mut theirs] {
        timer.values.sort_by(f64::total_cmp);
    }
    assert_eq!(ours, theirs);
    assert_eq!(ours.values, [0.0, 1.0, 2.0, 5.0, 5.0, 30.0]);
}

//! Datadog's own client and we send the same.

use std::collections::BTreeMap;

use flowmeter::statsd::{Dialect, HistogramMode, StatsdOptions};
use flowmeter_e2e::{Agent, DatadogClient, SocketKind};
use flowmeter_testkit::statsd::{self, Daemon, Identity};
use flowmeter_testkit::{PATIENCE, on_request};
use serde_json::{Value, json};

use crate::reporting;

/// What a daemon knows after some packets.
fn taken(packets: &[Vec<u8>]) -> Daemon {
    let mut daemon = Daemon::default();
    for packet in packets {
        daemon.take(statsd::Dialect::DogStatsd, packet).expect("lines of DogStatsD");
    }
    for samples in daemon.samples.values_mut() {
        samples.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    }
    daemon
}

/// The gauges, however their numbers are written.
fn numbers(daemon: &Daemon) -> BTreeMap<Identity, f64> {
    let number = |text: &str| text.parse().expect("the reader is strict");
    daemon.gauges.iter().map(|(identity, text)| (identity.clone(), number(text))).collect()
}

fn the_client_and_we_send_the_same(test: &str, kind: SocketKind, histograms: HistogramMode) {
    let Some(client) = DatadogClient::find(test) else { return };
    let agent = Agent::listen(kind);
    let counts = [0, 7, (1 << 53) + 1];
    let gauges = [0.0, 0.1, 1e21, 5e-324, 123_456_789.125];
    let recorded = [0, 1, 2, 2, 30];
    let tags = ["host:h-1", "tm_id:tm/1", "k:v:w", "user.key:\u{e9}\u{4e16}"];
    let method = match histograms {
        HistogramMode::Distributions => "distribution",
        HistogramMode::Histograms => "histogram",
        _ => "timing",
    };

    let mut calls = Vec::new();
    let mut call = |method: &str, name: &str, value: Value| {
        let name = format!("app.taskmanager.k.user.key.{name}");
        calls.push(json!({ "method": method, "metric": name, "value": value, "tags": tags }));
    };
    let options = StatsdOptions::default()
        .with_address(agent.url().parse().expect("an address"))
        .with_dialect(Dialect::DogStatsd)
        .with_prefix("app")
        .with_histograms(histograms);
    let ours = agent.receive(|| {
        let (registry, reporter) = reporting(options, on_request());
        let task_manager = registry.task_manager("h-1", "tm/1");
        let group = task_manager.add_group_kv("k", "v:w").add_group_kv("user.key", "\u{e9}\u{4e16}");
        for (number, count) in counts.into_iter().enumerate() {
            let name = format!("counter{number}");
            call("count", &name, json!(count));
            group.counter(name).inc_by(count);
        }
        for (number, value) in gauges.into_iter().enumerate() {
            let name = format!("gauge{number}");
            call("gauge", &name, json!(value));
            group.gauge::<f64>(name).set(value);
        }
        let histogram = group.histogram::<u64>("sizes");
        for value in recorded {
            call(method, "sizes", json!(value));
            histogram.record(value);
        }
        reporter.report_now(PATIENCE).expect("the agent is there");
        registry.shutdown(PATIENCE);
    });
    let theirs = agent.receive(|| client.send(&agent.url(), &calls));

    let (ours, theirs) = (taken(&ours), taken(&theirs));
    assert_eq!(ours.counters, theirs.counters);
    assert_eq!(numbers(&ours), numbers(&theirs));
    assert_eq!(ours.samples, theirs.samples);
    assert_eq!((ours.counters.len(), ours.gauges.len(), ours.samples.len()), (3, 5, 1));
}

#[test]
fn distributions_in_datagrams() {
    the_client_and_we_send_the_same(
        "Datadog, distributions",
        SocketKind::Datagram,
        HistogramMode::Distributions,
    );
}

#[test]
fn histograms_in_a_stream() {
    the_client_and_we_send_the_same("Datadog, histograms", SocketKind::Stream, HistogramMode::Histograms);
}

#[test]
fn timers_in_datagrams() {
    the_client_and_we_send_the_same("Datadog, timers", SocketKind::Datagram, HistogramMode::Timers);
}

//! Quantiles of what a collector passes on are those of what was recorded.

use std::f64::consts::TAU;
use std::time::Duration;

use flowmeter::otlp::{OtlpOptions, Protocol, Temporality};
use flowmeter_e2e::{Collector, CollectorKind};
use flowmeter_testkit::otlp::OtlpReceiver;
use flowmeter_testkit::{PATIENCE, on_request};

use crate::received::recorded;
use crate::{address, reporting, settled};

const COUNT: usize = 10_000;
const REPORTS: usize = 4;

/// Durations of a lognormal distribution around ten milliseconds, always the same.
fn durations() -> Vec<Duration> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut uniform = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        ((state >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    };
    let mut normal = || (-2.0 * uniform().ln()).sqrt() * (TAU * uniform()).cos();
    (0..COUNT).map(|_| Duration::from_secs_f64(0.01 * normal().exp())).collect()
}

fn a_collector_passes_on_the_quantiles(
    kind: CollectorKind,
    test: &str,
    protocol: Protocol,
    temporality: Temporality,
) {
    let receiver = OtlpReceiver::start();
    let Some(collector) = Collector::start(kind, test, &receiver.http_url()) else { return };
    let options = OtlpOptions::default()
        .with_protocol(protocol)
        .with_endpoint(address(&collector, protocol).parse().expect("a URL"))
        .with_temporality(temporality);
    let (registry, reporter) = reporting(options, on_request());
    let histogram = registry.add_group("g").histogram::<Duration>("latency");
    let mut durations = durations();
    for part in durations.chunks(COUNT / REPORTS) {
        part.iter().for_each(|duration| histogram.record(*duration));
        reporter.report_now(PATIENCE).expect("the collector is there");
    }
    let held = |received: &_| recorded(received, "g.latency", "").into_values().next().unwrap_or_default();
    let received = settled(&receiver, |received| held(received).count == COUNT as u64);
    let held = held(&received);
    assert_eq!((held.count, held.in_buckets()), (COUNT as u64, COUNT as u64));
    assert!((3..=5).contains(&held.scale), "{}", held.scale);
    durations.sort_unstable();
    for quantile in [0.0, 0.5, 0.9, 0.99, 0.999, 1.0] {
        // The first value with enough values up to it.
        let rank = (quantile * COUNT as f64).ceil() as usize;
        held.assert_quantile(quantile, durations[rank.max(1) - 1].as_secs_f64());
    }
}

#[test]
fn by_grpc() {
    let (grpc, cumulative) = (Protocol::Grpc, Temporality::Cumulative);
    a_collector_passes_on_the_quantiles(CollectorKind::Rotel, "quantiles, gRPC", grpc, cumulative);
}

#[test]
fn by_grpc_in_deltas() {
    let (grpc, delta) = (Protocol::Grpc, Temporality::Delta);
    a_collector_passes_on_the_quantiles(CollectorKind::Rotel, "quantiles, gRPC, deltas", grpc, delta);
}

#[test]
fn by_json() {
    let (json, cumulative) = (Protocol::HttpJson, Temporality::Cumulative);
    a_collector_passes_on_the_quantiles(CollectorKind::Official, "quantiles, JSON", json, cumulative);
}

#[test]
fn by_json_in_deltas() {
    let (json, delta) = (Protocol::HttpJson, Temporality::Delta);
    a_collector_passes_on_the_quantiles(CollectorKind::Official, "quantiles, JSON, deltas", json, delta);
}

//! Quantiles that Prometheus works out are those of what was recorded.

use std::f64::consts::TAU;
use std::time::Duration;

use flowmeter::ReporterOptions;
use flowmeter::prometheus::PrometheusOptions;
use flowmeter_e2e::{Prometheus, Protocol, ScrapeJob, Served, program, wait_for};

const COUNT: usize = 10_000;

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

/// The exact quantile, as Prometheus means it: the first value with enough values up to it.
fn quantile(sorted: &[Duration], quantile: f64) -> f64 {
    let rank = (quantile * sorted.len() as f64).ceil() as usize;
    sorted[rank.max(1) - 1].as_secs_f64()
}

#[test]
fn prometheus_works_out_the_quantiles_of_what_was_recorded() {
    let Some(server) = program("quantiles", "prometheus") else { return };
    let served = Served::new(PrometheusOptions::default(), ReporterOptions::default());
    let histogram = served.registry.add_group("g").histogram::<Duration>("latency");
    let mut durations = durations();
    durations.iter().for_each(|duration| histogram.record(*duration));
    durations.sort_unstable();
    let nanos: u128 = durations.iter().map(Duration::as_nanos).sum();
    let sum = nanos as f64 / 1e9;
    let job = |protocol| ScrapeJob::new(protocol, Duration::from_secs(1), &served.endpoints);
    let prometheus = Prometheus::start(&server, &Protocol::ALL.map(job));

    let native = format!("g_latency_seconds{{job=\"{}\"}}", Protocol::Protobuf.name());
    let count = wait_for("the native histogram", || prometheus.number(&format!("histogram_count({native})")));
    assert_eq!(count, COUNT as f64);
    assert_eq!(prometheus.number(&format!("histogram_sum({native})")), Some(sum));
    let scale = histogram.snapshot().scale();
    assert!((3..=5).contains(&scale), "{scale}");
    // Which bucket a value is in, and how far two values in one can be apart.
    let bucket = |value: f64| (value.log2() * 2_f64.powi(scale.cast_signed())).ceil();
    let bound = 2_f64.powf(0.5_f64.powi(scale.cast_signed())) - 1.0;
    let quantiles = [0.5, 0.9, 0.99, 0.999];
    for q in quantiles {
        let exact = quantile(&durations, q);
        let found = prometheus.number(&format!("histogram_quantile({q}, {native})")).expect("it has one");
        assert_eq!(bucket(found), bucket(exact), "{q}: {found} for {exact}");
        assert!((found / exact - 1.0).abs() <= bound, "{q}: {found}, not {exact} by {bound}");
    }

    for protocol in Protocol::ALL {
        let of = |suffix: &str| format!("g_latency_seconds_{suffix}{{job=\"{}\"}}", protocol.name());
        let count = wait_for(protocol.name(), || prometheus.number(&of("count")));
        assert_eq!((count, prometheus.number(&of("sum"))), (COUNT as f64, Some(sum)));
        let buckets = prometheus.query(&of("bucket"), "le");
        let mut edges: Vec<f64> = buckets.keys().map(|edge| edge.parse().expect("a number")).collect();
        edges.sort_by(f64::total_cmp);
        for (edge, count) in &buckets {
            let edge: f64 = edge.parse().expect("a number");
            let exact = durations.partition_point(|duration| duration.as_secs_f64() <= edge);
            assert_eq!(count, &exact.to_string(), "up to {edge}");
        }
        for q in quantiles {
            let exact = quantile(&durations, q);
            let query = format!("histogram_quantile({q}, {})", of("bucket"));
            let found = prometheus.number(&query).expect("it has one");
            let upper = edges.partition_point(|edge| *edge < exact);
            assert!(edges[upper - 1] <= found && found <= edges[upper], "{q}: {found} for {exact}");
        }
    }
}

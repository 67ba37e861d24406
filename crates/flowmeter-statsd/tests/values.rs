//! The values that stand for a histogram: their count and their shape, as daemons work them out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod job;

use std::time::Duration;

use flowmeter_core::TaskInfo;
use flowmeter_statsd::{Dialect, HistogramMode, StatsdOptions};
use flowmeter_testkit::statsd::{self, Daemon};
use job::{Job, Wire};

fn options(dialect: Dialect) -> StatsdOptions {
    StatsdOptions::default().with_dialect(dialect)
}

fn take(daemon: &mut Daemon, dialect: statsd::Dialect, wire: &Wire) -> usize {
    let packets = wire.report();
    packets.iter().for_each(|packet| daemon.take(dialect, packet).unwrap());
    packets.iter().map(Vec::len).max().unwrap_or(0)
}

/// The value at a rank from 0, in milliseconds, of so many that are exponentially distributed.
fn value(number: u64, values: u64) -> f64 {
    -(1.0 - (number as f64 + 0.5) / values as f64).ln() * 10.0
}

/// What the only histogram of a daemon has: values, ascending, and how many each stands for.
fn samples(daemon: &Daemon) -> Vec<(f64, u64)> {
    let mut samples: Vec<_> = daemon.samples.values().flatten().copied().collect();
    assert_eq!(daemon.samples.len(), 1);
    samples.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    samples
}

fn quantile(samples: &[(f64, u64)], quantile: f64) -> f64 {
    let count: u64 = samples.iter().map(|(_, weight)| weight).sum();
    let rank = (quantile * count as f64).ceil() as u64;
    let mut up_to = 0;
    let at = samples.iter().find(|(_, weight)| {
        up_to += weight;
        up_to >= rank
    });
    at.unwrap().0
}

#[test]
fn they_have_its_count_and_its_shape() {
    for mode in [HistogramMode::Distributions, HistogramMode::Histograms, HistogramMode::Timers] {
        let mut job = Job::empty();
        let latency = job.registry.add_group("g").histogram::<Duration>("latency");
        let wire = job.send(options(Dialect::DogStatsd).with_packet_size(8192).with_histograms(mode));
        let mut daemon = Daemon::default();
        const VALUES: u64 = 100_003;
        for number in 0..VALUES {
            // In another order, so that each report has all of the range.
            let value = value(number * 7_919 % VALUES, VALUES);
            latency.record(Duration::from_secs_f64(value / 1e3));
            if number % 40_000 == 0 {
                take(&mut daemon, statsd::Dialect::DogStatsd, &wire);
            }
        }
        take(&mut daemon, statsd::Dialect::DogStatsd, &wire);
        let samples = samples(&daemon);
        assert_eq!(samples.iter().map(|(_, weight)| weight).sum::<u64>(), VALUES, "the count is exact");
        for q in [0.5, 0.75, 0.95, 0.99, 0.999] {
            let (found, expected) = (quantile(&samples, q), value((q * VALUES as f64) as u64, VALUES));
            assert!((found / expected - 1.0).abs() < 0.05, "p{q}: {found} ms, not {expected}");
        }
        let (least, greatest) = (samples[0].0, samples[samples.len() - 1].0);
        assert!((greatest / value(VALUES - 1, VALUES) - 1.0).abs() < 0.05, "{greatest}");
        assert!(least < 0.1, "{least}");
        job.hold(latency);
    }
}

#[test]
fn real_tags_leave_room_for_enough_of_them() {
    for values in [10, 1_000, 1_009, 10_000, 100_000, 100_003] {
        let mut job = Job::empty();
        let id = "cbc357ccb763df2852fee8c4fc7d55f2";
        let host = "ip-10-0-12-34.eu-central-1.compute.internal";
        let task_manager = job.registry.task_manager(host, "10.0.12.34:41563-7a3f21");
        let of_job = task_manager.job("b7c5ed0d4fc0e8b7d3a1f6b2c9e84d11", "orders enrichment");
        let name = "Source: orders -> Map -> Filter";
        let task = of_job.task(TaskInfo { id, name, subtask_index: 3, ..TaskInfo::default() });
        let operator = task.operator("570f707193e0fe32f4d86d067aba243b", "Source: orders");
        let latency = operator.histogram::<Duration>("latency");
        let wire = job.send(options(Dialect::DogStatsd).with_packet_size(1432));
        (0..values).for_each(|number| latency.record(Duration::from_secs_f64(value(number, values) / 1e3)));
        let mut daemon = Daemon::default();
        assert!(take(&mut daemon, statsd::Dialect::DogStatsd, &wire) <= 1432);
        let samples = samples(&daemon);
        assert_eq!(samples.iter().map(|(_, weight)| weight).sum::<u64>(), values, "the count is exact");
        // What ranks may be off, and what a bucket is wide.
        for (q, off) in [(0.5, 0.03), (0.75, 0.03), (0.95, 0.006), (0.99, 0.006)] {
            let found = quantile(&samples, q);
            let at = |q: f64| value(((q * values as f64) as u64).min(values - 1), values);
            let (low, high) = (at(q - off - 1.0 / values as f64) * 0.98, at(q + off) * 1.02);
            assert!((low..=high).contains(&found), "{values}: p{q} is {found} ms, not {}", at(q));
        }
        let (least, greatest) = (samples[0].0, samples[samples.len() - 1].0);
        assert!((greatest / value(values - 1, values) - 1.0).abs() < 0.02, "{greatest}");
        assert!((least / value(0, values) - 1.0).abs() < 0.02, "{least}");
        job.hold((task_manager, of_job, task, operator, latency));
    }
}

#[test]
fn tags_that_leave_room_for_one_line_cost_some_of_the_count() {
    let mut job = Job::empty();
    let group = job.registry.add_group("g").add_group_kv("key", &"x".repeat(900));
    let latency = group.histogram::<Duration>("latency");
    let wire = job.send(options(Dialect::DogStatsd).with_packet_size(1432));
    const VALUES: u64 = 100_003;
    (0..VALUES).for_each(|number| latency.record(Duration::from_secs_f64(value(number, VALUES) / 1e3)));
    let mut daemon = Daemon::default();
    take(&mut daemon, statsd::Dialect::DogStatsd, &wire);
    let samples = samples(&daemon);
    let count: u64 = samples.iter().map(|(_, weight)| weight).sum();
    assert!(samples.len() > 30 && VALUES - count < 10, "{} values for {count}", samples.len());
    job.hold((group, latency));
}

#[test]
fn etsy_works_out_the_truth_without_weights() {
    for dialect in [Dialect::Plain, Dialect::Graphite] {
        for (size, values) in [(8192, 100), (8192, 100_003), (1432, 1_000), (1432, 100_003)] {
            let mut job = Job::empty();
            let latency = job.registry.add_group("g").histogram::<Duration>("latency");
            let timers = options(dialect).with_histograms(HistogramMode::Timers).with_packet_size(size);
            let wire = job.send(timers);
            (0..values)
                .for_each(|number| latency.record(Duration::from_secs_f64(value(number, values) / 1e3)));
            let mut daemon = Daemon::default();
            let read =
                if dialect == Dialect::Plain { statsd::Dialect::Plain } else { statsd::Dialect::Graphite };
            take(&mut daemon, read, &wire);
            let samples = samples(&daemon);
            assert_eq!(samples.iter().map(|(_, weight)| weight).sum::<u64>(), values);
            // Each value once: https://github.com/statsd/statsd/blob/master/lib/process_metrics.js
            let each: Vec<f64> = samples.iter().map(|(value, _)| *value).collect();
            let (count, middle) = (each.len(), each.len() / 2);
            let mean = each.iter().sum::<f64>() / count as f64;
            let median =
                if count % 2 == 1 { each[middle] } else { f64::midpoint(each[middle - 1], each[middle]) };
            let upper_90 = each[(0.9 * count as f64).round() as usize - 1];
            let truth = [("mean", mean, 10.0), ("median", median, 6.93), ("upper_90", upper_90, 23.03)];
            for (name, found, expected) in truth {
                let off = (found / expected - 1.0_f64).abs();
                assert!(off < 0.05, "{size} bytes, {values}: {name} of {count} is {found}, not {expected}");
            }
            job.hold(latency);
        }
    }
}

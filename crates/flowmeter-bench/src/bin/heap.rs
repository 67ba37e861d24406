//! Heap bytes of one series, with an allocator that counts: one JSON object of names and bytes.

#![forbid(unsafe_code)]

use std::alloc::System;
use std::collections::BTreeMap;
use std::io::{self, Write};

use clap::{Parser, ValueEnum};
use flowmeter_bench::data::{FAMILIES, LATENCIES, LabelSet, label_sets, latencies};
use flowmeter_bench::for_each_peer;
use flowmeter_bench::ours::{OperatorMetrics, Ours, Subtask, TextReporter};
use flowmeter_bench::peers::Peer;
use flowmeter_core::{Histogram, MetricGroup, MetricSet as _};
use hdrhistogram::Histogram as HdrHistogram;
use stats_alloc::{Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: StatsAlloc<System> = StatsAlloc::system();

type Results = BTreeMap<&'static str, f64>;

/// Measures heap.
#[derive(Parser)]
struct Arguments {
    what: What,
    /// How many of it.
    count: usize,
}

/// One of which to measure.
#[derive(Clone, ValueEnum)]
enum What {
    /// Counters in sets of twenty.
    Series,
    /// Counters registered one by one.
    RegisterOne,
    /// Histograms with values.
    Histogram,
}

fn main() -> io::Result<()> {
    let Arguments { what, count } = Arguments::parse();
    let mut results = Results::new();
    match what {
        What::Series => {
            let sets = label_sets(count / FAMILIES);
            our_series(&mut results, &sets);
            for_each_peer!(peer_series(&mut results, &sets));
        }
        What::RegisterOne => {
            let (few, many) = (label_sets(count / FAMILIES), label_sets(count));
            let name = "20 to a group, one by one, B";
            our_counters(&mut results, name, &few, FAMILIES, OperatorMetrics::register_one_by_one);
            our_counters(&mut results, "1 to a group, B", &many, 1, OperatorMetrics::register_one);
        }
        What::Histogram => {
            let (sets, values) = (label_sets(count), latencies());
            our_histograms(&mut results, &sets, &values);
            for_each_peer!(peer_histograms(&mut results, &sets, &values));
            hdr_histograms(&mut results, count, &values);
        }
    }
    writeln!(io::stdout(), "{}", serde_json::json!(results))
}

fn per_one(region: &Region<'_, System>, count: usize) -> f64 {
    let change = region.change();
    (change.bytes_allocated as f64 - change.bytes_deallocated as f64) / count as f64
}

/// A registry for label sets. The text itself is not part of it: it goes out in chunks.
fn new_ours(sets: &[LabelSet]) -> Ours {
    let ours = Ours::new(&TextReporter::chunked(), sets);
    ours.report();
    ours
}

fn our_series(results: &mut Results, sets: &[LabelSet]) {
    let series = sets.len() * FAMILIES;
    let ours = new_ours(sets);
    let region = Region::new(&ALLOCATOR);
    let subtasks = ours.register_all(sets, OperatorMetrics::register);
    results.insert("before the first report, B", per_one(&region, series));
    ours.report();
    results.insert("ours", per_one(&region, series));
    drop(subtasks);
    ours.report();
    ours.report();
    results.insert("after all closed, B", per_one(&region, series));
}

fn our_counters<M>(
    results: &mut Results,
    name: &'static str,
    sets: &[LabelSet],
    series_per_set: usize,
    metrics: impl Fn(&MetricGroup) -> M,
) {
    let ours = new_ours(sets);
    let region = Region::new(&ALLOCATOR);
    let _subtasks = ours.register_all(sets, metrics);
    ours.report();
    results.insert(name, per_one(&region, sets.len() * series_per_set));
}

fn our_histograms(results: &mut Results, sets: &[LabelSet], values: &[f64; LATENCIES]) {
    let ours = new_ours(sets);
    let region = Region::new(&ALLOCATOR);
    let subtasks: Vec<Subtask<Histogram<f64>>> = ours.register_all(sets, |group| group.histogram("latency"));
    ours.report();
    results.insert("before the first value, B", per_one(&region, sets.len()));
    for subtask in &subtasks {
        values.iter().for_each(|value| subtask.metrics.record(*value));
    }
    ours.report();
    results.insert("ours", per_one(&region, sets.len()));
}

fn peer_series<P: Peer>(results: &mut Results, sets: &[LabelSet]) {
    let region = Region::new(&ALLOCATOR);
    let peer = P::new(sets.len());
    let counters = peer.register_all(FAMILIES, sets);
    peer.scrape(&mut Vec::new());
    results.insert(P::NAME, per_one(&region, counters.len()));
}

fn peer_histograms<P: Peer>(results: &mut Results, sets: &[LabelSet], values: &[f64; LATENCIES]) {
    let peer = P::new(sets.len());
    let region = Region::new(&ALLOCATOR);
    for set in sets {
        peer.record_all(&P::labels(set), values);
    }
    peer.scrape(&mut Vec::new());
    results.insert(P::NAME, per_one(&region, sets.len()));
}

fn hdr_histograms(results: &mut Results, count: usize, values: &[f64; LATENCIES]) {
    let region = Region::new(&ALLOCATOR);
    let histograms = (0..count).map(|_| {
        let mut histogram = HdrHistogram::<u64>::new(2).expect("there are two digits");
        for value in values {
            histogram.record(*value as u64).expect("it grows");
        }
        histogram
    });
    let _histograms: Vec<_> = histograms.collect();
    results.insert("hdrhistogram", per_one(&region, count));
}

//! Heap bytes of one series, with an allocator that counts: one JSON object of names and bytes.

#![forbid(unsafe_code)]

use std::alloc::System;
use std::collections::BTreeMap;
use std::io::{self, Write};

use flowmeter_bench::data::{FAMILIES, LabelSet, label_sets};
use flowmeter_bench::for_each_peer;
use flowmeter_bench::ours::{Ours, TextReporter};
use flowmeter_bench::peers::Peer;
use stats_alloc::{Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: StatsAlloc<System> = StatsAlloc::system();

type Results = BTreeMap<&'static str, f64>;

fn main() -> io::Result<()> {
    let series = std::env::args().nth(1).and_then(|series| series.parse().ok()).unwrap_or(100_000);
    let sets = label_sets(series / FAMILIES);
    let mut results = Results::new();
    measure_ours(&mut results, &sets);
    for_each_peer!(measure_peer(&mut results, &sets));
    writeln!(io::stdout(), "{}", serde_json::json!(results))
}

fn per_series(region: &Region<'_, System>, sets: &[LabelSet]) -> f64 {
    let change = region.change();
    let bytes = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
    bytes / (sets.len() * FAMILIES) as f64
}

fn measure_ours(results: &mut Results, sets: &[LabelSet]) {
    // The text itself is not part of the registry: it goes out in chunks.
    let ours = Ours::new(&TextReporter::chunked(), sets);
    ours.report();
    let region = Region::new(&ALLOCATOR);
    let subtasks = ours.register_all(sets);
    results.insert("before the first report, B", per_series(&region, sets));
    ours.report();
    results.insert("ours", per_series(&region, sets));
    drop(subtasks);
    ours.report();
    ours.report();
    ours.report();
    results.insert("after all closed, B", per_series(&region, sets));
}

fn measure_peer<P: Peer>(results: &mut Results, sets: &[LabelSet]) {
    let region = Region::new(&ALLOCATOR);
    let peer = P::new(sets.len());
    let counters = peer.register_all(sets);
    peer.scrape(&mut Vec::new());
    results.insert(P::NAME, per_series(&region, sets));
    drop(counters);
}

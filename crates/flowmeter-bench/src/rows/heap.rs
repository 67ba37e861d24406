use std::env;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::Effort;
use crate::harness::{Better, Row, Side};

/// Heap of one series of sets of twenty counters with six variables: cells, labels, indexes and the handles themselves,
/// with the Prometheus reporter attached and after its first report.
pub(super) fn per_series(effort: Effort) -> Row {
    row("registry/heap-per-series", "series", effort.series)
}

/// Heap of one histogram with six variables in which 4096 latencies were recorded (a median of 1000, a sigma of 1.5: a
/// range of about 5 to 200,000), after a report: cells, labels, indexes and the groups or handles. Ours and
/// hdrhistogram's, which has neither variables nor registry, have buckets of a few percent; the peers' have ten.
pub(super) fn per_histogram(effort: Effort) -> Row {
    row("registry/heap-per-histogram", "histogram", effort.series / 100)
}

fn row(name: &'static str, what: &str, count: usize) -> Row {
    let mut row = Row::new(name, "B", Better::Smaller);
    const PEERS: [&str; 6] =
        ["prometheus", "prometheus-client", "metrics", "opentelemetry_sdk", "measured", "hdrhistogram"];
    for (name, bytes) in heap(what, count) {
        match PEERS.into_iter().find(|peer| *peer == name) {
            Some(peer) => row.add(Side::Peer(peer), bytes),
            None if name == "ours" => row.add(Side::Ours, bytes),
            None => row.notes.set(name, bytes),
        }
    }
    row
}

/// Names and bytes, measured by a program of its own, whose allocator counts requested bytes.
pub(super) fn heap(what: &str, count: usize) -> Vec<(String, f64)> {
    let program = env::current_exe().expect("this program has a path").with_file_name("heap");
    let output = Command::new(program).arg(what).arg(count.to_string()).stderr(Stdio::inherit()).output();
    let output = output.expect("the program that measures heap is built with this one, into the same folder");
    let results = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    let Value::Object(results) = results else { unreachable!("it prints an object") };
    results.into_iter().filter_map(|(name, bytes)| Some((name, bytes.as_f64()?))).collect()
}

use std::process::Command;

use serde_json::Value;

use super::Effort;
use crate::data::{FAMILIES, LabelSet, label_sets};
use crate::for_each_peer;
use crate::harness::{Better, Row, Side, Turns, process_cpu, thread_cpu};
use crate::ours::{Ours, TextReporter};
use crate::peers::Peer;

/// Registers sets of twenty counters with six variables. Ours includes the Prometheus reporter's part: taking the series
/// into its index, rendering labels, looking for clashes; the peers' reporters do theirs later, in every scrape.
pub(super) fn register(effort: Effort) -> Row {
    let mut row = Row::new("registry/register", "M series/s", Better::Greater);
    let sets = label_sets(effort.series / FAMILIES);
    let series = (sets.len() * FAMILIES) as f64;
    let (mut alone, mut closing) = (Vec::new(), Vec::new());
    let mut turns = Turns::default();
    turns.add(Side::Ours, || {
        let ours = Ours::new(&TextReporter::mute(), &sets);
        ours.report();
        let (process, thread) = (process_cpu(), thread_cpu());
        let subtasks = ours.register_all(&sets);
        alone.push(series * 1e3 / (thread_cpu() - thread));
        ours.report();
        let result = series * 1e3 / (process_cpu() - process);
        let process = process_cpu();
        drop(subtasks);
        ours.report();
        ours.report();
        closing.push(series * 1e3 / (process_cpu() - process));
        result
    });
    for_each_peer!(add_register(&mut turns, &sets));
    turns.run(&mut row, effort.rounds);
    row.detail("the registering thread's part, M series/s", &alone);
    row.detail("closing, last report and freeing, M series/s", &closing);
    row
}

fn add_register<'a, P: Peer>(turns: &mut Turns<'a>, sets: &'a [LabelSet]) {
    turns.add(Side::Peer(P::NAME), || {
        let peer = P::new(sets.len());
        let start = thread_cpu();
        let counters = peer.register_all(sets);
        counters.len() as f64 * 1e3 / (thread_cpu() - start)
    });
}

/// Heap of one series of such sets: cells, labels, indexes and the handles themselves, with the Prometheus reporter
/// attached and after its first report. Measured by a program of its own, whose allocator counts requested bytes.
pub(super) fn heap_per_series(effort: Effort) -> Row {
    let mut row = Row::new("registry/heap-per-series", "B", Better::Smaller);
    let program = std::env::current_exe().ok().and_then(|path| Some(path.parent()?.join("heap")));
    let output =
        program.and_then(|program| Command::new(program).arg(effort.series.to_string()).output().ok());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let Ok(Value::Object(results)) = serde_json::from_str(&text) else { return row };
    const PEERS: [&str; 5] = ["prometheus", "prometheus-client", "metrics", "opentelemetry", "measured"];
    for (name, value) in results {
        let Some(value) = value.as_f64() else { continue };
        match PEERS.into_iter().find(|peer| *peer == name) {
            Some(peer) => row.add(Side::Peer(peer), value),
            None if name == "ours" => row.add(Side::Ours, value),
            None => drop(row.details.insert(name, value)),
        }
    }
    row
}

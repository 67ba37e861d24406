use flowmeter_core::{Counter, MetricGroup, MetricSet as _};

use super::Effort;
use super::heap::heap;
use crate::data::{FAMILIES, LabelSet, label_sets};
use crate::for_each_peer;
use crate::harness::{Better, Row, Side, Turns, process_cpu, thread_cpu};
use crate::ours::{OperatorMetrics, Ours, Subtask, TextReporter};
use crate::peers::Peer;

const UNIT: &str = "M series/s";

/// Registers sets of twenty counters with six variables. Ours includes the Prometheus reporter's part: taking the series
/// into its index, rendering labels, looking for clashes; the peers' reporters do theirs later, in every scrape.
pub(super) fn register(effort: Effort) -> Row {
    let mut row = Row::new("registry/register", UNIT, Better::Greater);
    let sets = label_sets(effort.series / FAMILIES);
    let mut turns = Turns::default();
    turns.add_with_notes(Side::Ours, |notes| {
        let registered = register_ours(&sets, FAMILIES, OperatorMetrics::register);
        notes.add("the registering thread's part, M series/s", registered.alone);
        registered.rate
    });
    for_each_peer!(add_register(&mut turns, FAMILIES, &sets));
    turns.run(&mut row, effort.rounds);
    row
}

/// Registers one counter for each label set: for us a task, an operator and their groups for one series.
pub(super) fn register_one(effort: Effort) -> Row {
    let mut row = Row::new("registry/register-one", UNIT, Better::Greater);
    let (few, many) = (label_sets(effort.series / FAMILIES), label_sets(effort.series));
    let mut turns = Turns::default();
    turns.add_with_notes(Side::Ours, |notes| {
        let one_by_one = register_ours(&few, FAMILIES, OperatorMetrics::register_one_by_one);
        notes.add("20 to a group, one by one, M series/s", one_by_one.rate);
        let registered = register_ours(&many, 1, OperatorMetrics::register_one);
        notes.add("the registering thread's part, M series/s", registered.alone);
        registered.rate
    });
    for_each_peer!(add_register(&mut turns, 1, &many));
    turns.run(&mut row, effort.rounds);
    for (name, bytes) in heap("register-one", effort.series) {
        row.notes.set(name, bytes);
    }
    row
}

/// What registering took, in millions of series a second.
struct Registered<M> {
    /// With the reporter's part.
    rate: f64,
    /// The registering thread's part.
    alone: f64,
    subtasks: Vec<Subtask<M>>,
    ours: Ours,
}

fn register_ours<M>(
    sets: &[LabelSet],
    series_per_set: usize,
    metrics: impl Fn(&MetricGroup) -> M,
) -> Registered<M> {
    let series = (sets.len() * series_per_set) as f64;
    let ours = Ours::new(&TextReporter::mute(), sets);
    ours.report();
    let (process, thread) = (process_cpu(), thread_cpu());
    let subtasks = ours.register_all(sets, metrics);
    let alone = series * 1e3 / (thread_cpu() - thread);
    ours.report();
    Registered { rate: series * 1e3 / (process_cpu() - process), alone, subtasks, ours }
}

fn add_register<'a, P: Peer>(turns: &mut Turns<'a>, families: usize, sets: &'a [LabelSet]) {
    turns.add(Side::Peer(P::NAME), move || {
        let peer = P::new(sets.len());
        let start = thread_cpu();
        let counters = peer.register_all(families, sets);
        counters.len() as f64 * 1e3 / (thread_cpu() - start)
    });
}

/// Closes groups of twenty counters that have counted, until their memory is free or will be used again. Ours includes
/// the report of the last values and the reporter's part. Of the peers, some forget a series at once, with its value,
/// and some while they are scraped, which their figures include.
pub(super) fn unregister(effort: Effort) -> Row {
    let mut row = Row::new("registry/unregister", UNIT, Better::Greater);
    let sets = label_sets(effort.series / FAMILIES);
    let mut turns = Turns::default();
    turns.add(Side::Ours, || {
        let Registered { subtasks, ours, .. } = register_ours(&sets, FAMILIES, OperatorMetrics::register);
        subtasks.iter().flat_map(|subtask| &subtask.metrics.0).for_each(Counter::inc);
        let start = process_cpu();
        drop(subtasks);
        // The last values, and then nothing.
        ours.report();
        ours.report();
        (sets.len() * FAMILIES) as f64 * 1e3 / (process_cpu() - start)
    });
    for_each_peer!(add_unregister(&mut turns, &sets));
    turns.run(&mut row, effort.rounds);
    row
}

fn add_unregister<'a, P: Peer>(turns: &mut Turns<'a>, sets: &'a [LabelSet]) {
    turns.add(Side::Peer(P::NAME), || {
        let peer = P::new_forgetful(sets.len());
        let counters = peer.register_all(FAMILIES, sets);
        peer.scrape(&mut Vec::new());
        counters.iter().for_each(P::inc);
        let (labels, series): (Vec<_>, _) = (sets.iter().map(P::labels).collect(), counters.len());
        let start = thread_cpu();
        peer.unregister_all(&labels, counters);
        series as f64 * 1e3 / (thread_cpu() - start)
    });
}

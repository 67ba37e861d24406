use std::hint::black_box;

use super::Effort;
use crate::data::{FAMILIES, LabelSet, Numbers, label_sets};
use crate::for_each_peer;
use crate::harness::{Better, Row, Side, Turns, thread_cpu};
use crate::ours::{Ours, TextReporter};
use crate::peers::Peer;

/// Writes all series as Prometheus text, into the chunks that the endpoint sends. The limit is a copy of that text. Each
/// side runs twice, and the second time counts: the first finds the caches full of what others left, which costs more
/// than the work on some machines.
pub(super) fn text(effort: Effort) -> Row {
    let mut row = Row::new("scrape/text-100k", "ms", Better::Smaller);
    let sets = label_sets(effort.series / FAMILIES);
    let (whole, chunked) = (TextReporter::whole(), TextReporter::chunked());
    let all = [&whole, &chunked].map(|reporter| {
        let ours = Ours::new(reporter, &sets);
        let subtasks = ours.register_all(&sets);
        let mut numbers = Numbers::new(1);
        for counter in subtasks.iter().flat_map(|subtask| &subtask.metrics.0) {
            counter.inc_by(numbers.next_u64() >> 24 >> (numbers.next_u64() % 24));
        }
        ours.report();
        (ours, subtasks)
    });
    let text = whole.text();
    let mut copy = vec![0; text.len()];
    let (mut at_once, mut cold) = (Vec::new(), Vec::new());

    let mut turns = Turns::default();
    turns.add(Side::Ours, || {
        all[0].0.report();
        all[0].0.report();
        at_once.push(whole.last_report() / 1e6);
        all[1].0.report();
        cold.push(chunked.last_report() / 1e6);
        all[1].0.report();
        chunked.last_report() / 1e6
    });
    turns.add(Side::Limit, || {
        second_time(|| {
            copy.copy_from_slice(black_box(&text));
            black_box(&mut copy);
        })
    });
    for_each_peer!(add_scrape(&mut turns, &sets));
    turns.run(&mut row, effort.rounds);
    row.detail("into one buffer of the text's size, ms", &at_once);
    row.detail("with caches full of other things, ms", &cold);
    row.detail("the text, MB", &[text.len() as f64 / 1e6]);
    row
}

fn add_scrape<P: Peer + 'static>(turns: &mut Turns<'_>, sets: &[LabelSet]) {
    let peer = P::new(sets.len());
    let counters = peer.register_all(sets);
    let mut numbers = Numbers::new(1);
    for counter in &counters {
        (0..numbers.next_u64() % 3).for_each(|_| P::inc(counter));
    }
    let mut text = Vec::new();
    turns.add(Side::Peer(P::NAME), move || {
        let _ = &counters;
        second_time(|| peer.scrape(&mut text))
    });
}

/// CPU milliseconds of the second of two calls.
fn second_time(mut work: impl FnMut()) -> f64 {
    work();
    let start = thread_cpu();
    work();
    (thread_cpu() - start) / 1e6
}

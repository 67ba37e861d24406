use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use flowmeter_core::SharedCounter;

use super::Effort;
use crate::data::{LabelSet, label_sets};
use crate::for_each_peer;
use crate::harness::{Better, Padded, Row, Side, Turns, each, each_of_two};
use crate::ours::{Ours, TextReporter};
use crate::peers::Peer;

const CALLS: u64 = 1 << 22;

/// One thread counts with a resolved handle. The limit is `count += 1` on a `u64` in memory.
pub(super) fn single_writer(effort: Effort) -> Row {
    let mut row = Row::new("counter/single-writer", "ns", Better::Smaller);
    let sets = label_sets(1);
    let ours = Ours::new(&TextReporter::whole(), &sets);
    let subtask = ours.register(&sets[0], 0);
    ours.report();
    let counter = black_box(&subtask.metrics.0[3]);
    let mut plain = Box::new(0_u64);

    let mut turns = Turns::default();
    turns.add(Side::Ours, || each(CALLS, |_| counter.inc()));
    turns.add(Side::Limit, || {
        let plain: &mut u64 = black_box(&mut plain);
        each(CALLS, |_| *plain += 1)
    });
    for_each_peer!(add_single_writer(&mut turns, &sets));
    turns.run(&mut row, effort.rounds);
    row
}

fn add_single_writer<P: Peer + 'static>(turns: &mut Turns<'_>, sets: &[LabelSet]) {
    let peer = P::new(1);
    let counters = peer.register_all(sets);
    turns.add(Side::Peer(P::NAME), move || {
        let _ = &peer;
        let counter = black_box(&counters[3]);
        each(CALLS / 8, |_| P::inc(counter))
    });
}

/// Two threads count with handles of one series. The limit is an atomic addition to a line of the thread's own.
pub(super) fn shared_2_threads(effort: Effort) -> Row {
    let mut row = Row::new("counter/shared-2-threads", "ns", Better::Smaller);
    let sets = label_sets(1);
    let ours = Ours::new(&TextReporter::whole(), &sets);
    let shared: SharedCounter = ours.registry.add_group("bench").shared_counter("shared");
    ours.report();
    let (cells, next) = (<[Padded; 2]>::default(), AtomicUsize::new(0));

    let mut turns = Turns::default();
    turns.add(Side::Ours, || {
        each_of_two(CALLS, || {
            let counter = shared.clone();
            move |_| black_box(&counter).inc()
        })
    });
    turns.add(Side::Limit, || {
        each_of_two(CALLS, || {
            let cell = &cells[next.fetch_add(1, Relaxed) % 2].0;
            move |_| {
                black_box(cell).fetch_add(1, Relaxed);
            }
        })
    });
    for_each_peer!(add_shared(&mut turns, &sets));
    turns.run(&mut row, effort.rounds);
    row
}

fn add_shared<P: Peer + 'static>(turns: &mut Turns<'_>, sets: &[LabelSet]) {
    let peer = P::new(1);
    let counters = peer.register_all(sets);
    turns.add(Side::Peer(P::NAME), move || {
        let _ = &peer;
        each_of_two(CALLS / 8, || {
            let counter = &counters[3];
            move |_| P::inc(black_box(counter))
        })
    });
}

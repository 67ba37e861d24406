use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use flowmeter_core::{Meter, MetricGroup, MetricSet as _, SharedCounter};

use super::Effort;
use crate::data::{LabelSet, label_sets};
use crate::for_each_peer;
use crate::harness::{Better, Padded, Row, Side, Turns, each, each_of_two};
use crate::ours::{OperatorMetrics, Ours, TextReporter};
use crate::peers::Peer;

const CALLS: u64 = 1 << 22;

/// One thread counts with a resolved handle. The limit is `count += 1` on a `u64` in memory.
pub(super) fn single_writer(effort: Effort) -> Row {
    let row = Row::new("counter/single-writer", "ns", Better::Smaller);
    one_writer(row, effort, OperatorMetrics::register, |metrics| metrics.0[3].inc())
}

/// One thread marks events of a meter. The limit is `count += 1` on a `u64` in memory. The peers have no meters: their
/// users count events, and their backends work out the rates.
pub(super) fn mark(effort: Effort) -> Row {
    let row = Row::new("meter/mark", "ns", Better::Smaller);
    one_writer(row, effort, |group| group.meter("events"), Meter::mark)
}

fn one_writer<M>(
    mut row: Row,
    effort: Effort,
    register: impl Fn(&MetricGroup) -> M,
    count: impl Fn(&M),
) -> Row {
    let sets = label_sets(1);
    let ours = Ours::new(&TextReporter::whole(), &sets);
    let subtask = ours.register(&sets[0], 0, register);
    ours.report();
    let metrics = black_box(&subtask.metrics);
    let mut plain = Box::new(0_u64);
    let calls = effort.calls(CALLS);

    let mut turns = Turns::default();
    turns.add(Side::Ours, || each(calls, |_| count(metrics)));
    turns.add(Side::Limit, || {
        let plain: &mut u64 = black_box(&mut plain);
        each(calls, |_| *plain += 1)
    });
    for_each_peer!(add_one_writer(&mut turns, &sets, calls / 8));
    turns.run(&mut row, effort.rounds);
    row
}

fn add_one_writer<P: Peer + 'static>(turns: &mut Turns<'_>, sets: &[LabelSet], calls: u64) {
    let (peer, counter) = reported::<P>(sets);
    turns.add(Side::Peer(P::NAME), move || {
        let _ = &peer;
        let counter = black_box(&counter);
        each(calls, |_| P::inc(counter))
    });
}

/// A counter that has been in a scrape.
fn reported<P: Peer>(sets: &[LabelSet]) -> (P, P::Counter) {
    let peer = P::new(sets.len());
    let counter = peer.register_all(4, sets).pop().expect("there is a label set");
    peer.scrape(&mut Vec::new());
    (peer, counter)
}

/// Two threads count with handles of one series. The limit is an atomic addition to a line of the thread's own.
pub(super) fn shared_2_threads(effort: Effort) -> Row {
    let mut row = Row::new("counter/shared-2-threads", "ns", Better::Smaller);
    let sets = label_sets(1);
    let ours = Ours::new(&TextReporter::whole(), &sets);
    let shared: SharedCounter = ours.registry.add_group("bench").shared_counter("shared");
    ours.report();
    let (cells, next) = (<[Padded; 2]>::default(), AtomicUsize::new(0));
    let calls = effort.calls(CALLS);

    let mut turns = Turns::default();
    turns.add(Side::Ours, || {
        each_of_two(calls, || {
            let counter = shared.clone();
            move |_| black_box(&counter).inc()
        })
    });
    turns.add(Side::Limit, || {
        each_of_two(calls, || {
            let cell = &cells[next.fetch_add(1, Relaxed) % 2].0;
            move |_| {
                black_box(cell).fetch_add(1, Relaxed);
            }
        })
    });
    for_each_peer!(add_shared(&mut turns, &sets, calls / 8));
    turns.run(&mut row, effort.rounds);
    row
}

fn add_shared<P: Peer + 'static>(turns: &mut Turns<'_>, sets: &[LabelSet], calls: u64) {
    let (peer, counter) = reported::<P>(sets);
    turns.add(Side::Peer(P::NAME), move || {
        let _ = &peer;
        each_of_two(calls, || {
            let counter = &counter;
            move |_| P::inc(black_box(counter))
        })
    });
}

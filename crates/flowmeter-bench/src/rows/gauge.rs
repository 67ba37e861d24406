use std::hint::black_box;

use flowmeter_core::Gauge;

use super::Effort;
use crate::data::{LATENCIES, label_sets, latencies};
use crate::for_each_peer;
use crate::harness::{Better, Row, Side, Turns, each};
use crate::ours::{Ours, TextReporter};
use crate::peers::Peer;

const CALLS: u64 = 1 << 22;

/// One thread sets a gauge of floats, to another value each time. The limit is a store of the same values to an `f64` in
/// memory.
pub(super) fn set(effort: Effort) -> Row {
    let mut row = Row::new("gauge/set", "ns", Better::Smaller);
    let values = latencies();
    let values = &*values;
    let ours = Ours::new(&TextReporter::whole(), &label_sets(1));
    let gauge: Gauge<f64> = ours.registry.add_group("bench").gauge("depth");
    ours.report();
    let mut plain = Box::new(0_f64);
    let calls = effort.calls(CALLS);

    let mut turns = Turns::default();
    let gauge = &gauge;
    turns.add(Side::Ours, move || {
        let gauge = black_box(gauge);
        each(calls, |i| gauge.set(value(values, i)))
    });
    turns.add(Side::Limit, || {
        let plain: &mut f64 = black_box(&mut plain);
        each(calls, |i| *plain = value(values, i))
    });
    for_each_peer!(add_gauge(&mut turns, values, calls / 8));
    turns.run(&mut row, effort.rounds);
    row
}

#[inline(always)]
fn value(values: &[f64; LATENCIES], i: u64) -> f64 {
    values[i as usize & (LATENCIES - 1)]
}

fn add_gauge<'a, P: Peer + 'static>(turns: &mut Turns<'a>, values: &'a [f64; LATENCIES], calls: u64) {
    let peer = P::new(1);
    let gauge = peer.gauge();
    peer.scrape(&mut Vec::new());
    turns.add(Side::Peer(P::NAME), move || {
        let _ = &peer;
        let gauge = black_box(&gauge);
        each(calls, |i| P::set(gauge, value(values, i)))
    });
}

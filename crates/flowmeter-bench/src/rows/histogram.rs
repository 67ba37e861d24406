use std::hint::black_box;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use hdrhistogram::Histogram as HdrHistogram;
use hdrhistogram::sync::SyncHistogram;

use super::Effort;
use crate::data::{LATENCIES, label_sets, latencies};
use crate::for_each_peer;
use crate::harness::{Better, Padded, Row, Side, Turns, each, each_of_two};
use crate::ours::{Ours, TextReporter};
use crate::peers::Peer;

const CALLS: u64 = 1 << 20;

/// One thread records latencies, as floats; hdrhistogram's is one that no other thread can read. The limit is an array of counts indexed by the top bits of the float, and a
/// sum: what any histogram must do, without exact exponential edges, least and greatest value, or growth.
pub(super) fn single_writer(effort: Effort) -> Row {
    let mut row = Row::new("histogram/single-writer", "ns", Better::Smaller);
    let sets = label_sets(1);
    let values = latencies();
    let value = |i: u64| values[i as usize & (LATENCIES - 1)];
    let ours = Ours::new(&TextReporter::whole(), &sets);
    let histogram = ours.registry.add_group("bench").histogram::<f64>("latency");
    ours.report();
    let counts: Vec<AtomicU64> = (0..1 << 17).map(|_| AtomicU64::new(0)).collect();
    let sum = Box::new(AtomicU64::new(0));
    let mut hdr = hdr_histogram();
    let calls = effort.calls(CALLS);

    let mut turns = Turns::default();
    turns.add(Side::Ours, || {
        let histogram = black_box(&histogram);
        each(calls, |i| histogram.record(value(i)))
    });
    turns.add(Side::Limit, || {
        let (counts, sum) = (black_box(&counts[..]), black_box(&*sum));
        each(calls, |i| {
            let value = value(i);
            let count = &counts[(value.to_bits() >> 47) as usize];
            count.store(count.load(Relaxed) + 1, Relaxed);
            sum.store((f64::from_bits(sum.load(Relaxed)) + value).to_bits(), Relaxed);
        })
    });
    turns.add(Side::Peer("hdrhistogram"), || {
        each(calls, |i| {
            let _ = black_box(&mut hdr).record(value(i) as u64);
        })
    });
    for_each_peer!(add_histogram(&mut turns, &values, calls / 8));
    turns.run(&mut row, effort.rounds);
    row
}

fn hdr_histogram() -> HdrHistogram<u64> {
    HdrHistogram::new_with_bounds(1, 10_000_000, 2).expect("the bounds are in order")
}

fn add_histogram<'a, P: Peer + 'static>(turns: &mut Turns<'a>, values: &'a [f64; LATENCIES], calls: u64) {
    let peer = P::new(1);
    let histogram = peer.histogram();
    turns.add(Side::Peer(P::NAME), move || {
        let histogram = black_box(&histogram);
        let result = each(calls, |i| P::record(histogram, values[i as usize & (LATENCIES - 1)]));
        // What the peer put off is part of its price elsewhere; here it only must not pile up.
        peer.scrape(&mut Vec::new());
        result
    });
}

/// Two threads record latencies in one series; hdrhistogram's have a recorder each. The limit is an array and a sum for each thread, changed atomically.
pub(super) fn shared_2_threads(effort: Effort) -> Row {
    let mut row = Row::new("histogram/shared-2-threads", "ns", Better::Smaller);
    let sets = label_sets(1);
    let values = latencies();
    let value = |i: u64| values[i as usize & (LATENCIES - 1)];
    let ours = Ours::new(&TextReporter::whole(), &sets);
    let shared = ours.registry.add_group("bench").shared_histogram::<f64>("latency");
    ours.report();
    let of_thread = |_| ((0..1 << 17).map(|_| AtomicU64::new(0)).collect::<Vec<_>>(), Padded::default());
    let (cells, next) = ([0, 1].map(of_thread), AtomicUsize::new(0));
    let mut hdr = SyncHistogram::from(hdr_histogram());
    let calls = effort.calls(CALLS);

    let mut turns = Turns::default();
    turns.add(Side::Ours, || {
        each_of_two(calls, || {
            let histogram = shared.clone();
            move |i| black_box(&histogram).record(value(i))
        })
    });
    turns.add(Side::Limit, || {
        each_of_two(calls, || {
            let (counts, sum) = &cells[next.fetch_add(1, Relaxed) % 2];
            move |i| {
                let value = value(i);
                counts[(value.to_bits() >> 47) as usize].fetch_add(1, Relaxed);
                let add = |bits| Some((f64::from_bits(bits) + value).to_bits());
                let _ = black_box(&sum.0).fetch_update(Relaxed, Relaxed, add);
            }
        })
    });
    turns.add(Side::Peer("hdrhistogram"), || {
        let recorder = hdr.recorder().into_idle();
        let result = each_of_two(calls, || {
            let mut recorder = recorder.recorder();
            move |i| {
                let _ = black_box(&mut recorder).record(value(i) as u64);
            }
        });
        drop(recorder);
        // What ended recorders left behind must not pile up.
        hdr.refresh();
        result
    });
    for_each_peer!(add_shared(&mut turns, &values, calls / 8));
    turns.run(&mut row, effort.rounds);
    row
}

fn add_shared<'a, P: Peer + 'static>(turns: &mut Turns<'a>, values: &'a [f64; LATENCIES], calls: u64) {
    let peer = P::new(1);
    let histogram = peer.histogram();
    turns.add(Side::Peer(P::NAME), move || {
        let result = each_of_two(calls, || {
            let histogram = &histogram;
            move |i| P::record(black_box(histogram), values[i as usize & (LATENCIES - 1)])
        });
        peer.scrape(&mut Vec::new());
        result
    });
}

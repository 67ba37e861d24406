//! The macros of the `metrics` crate, as libraries use them, with recorders behind them.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use flowmeter_core::Registry;
use flowmeter_metrics::GroupRecorder;
use metrics::{Recorder, counter, with_local_recorder};
use metrics_exporter_prometheus::PrometheusBuilder;

use super::Effort;
use crate::harness::{Better, Padded, Row, Side, Turns, each, each_of_two};

const CALLS: u64 = 1 << 19;
const PEER: &str = "metrics";

/// One call of the macro: a key with two labels is looked up, and counted.
fn count() {
    counter!("http_requests", "code" => "200", "method" => "GET").increment(1);
}

/// Both recorders, with a thousand other series that they have to find it among.
fn recorders() -> (Registry, GroupRecorder, impl Recorder + Sync) {
    let registry = Registry::new();
    let ours = GroupRecorder::new(registry.add_group("libraries"));
    let peer = PrometheusBuilder::new().build_recorder();
    for recorder in [&ours as &dyn Recorder, &peer] {
        with_local_recorder(recorder, || {
            (0..1000).for_each(|i| counter!("lookups", "shard" => i.to_string()).increment(1));
        });
    }
    (registry, ours, peer)
}

/// One thread. The limit is an atomic addition.
pub(super) fn macro_call(effort: Effort) -> Row {
    let mut row = Row::new("bridge/macro", "ns", Better::Smaller);
    let (_registry, ours, peer) = recorders();
    let (calls, cell) = (effort.calls(CALLS), Padded::default());
    let mut turns = Turns::default();
    turns.add(Side::Ours, || with_local_recorder(&ours, || each(calls, |_| count())));
    turns.add(Side::Limit, || {
        each(calls, |_| {
            cell.0.fetch_add(1, Relaxed);
        })
    });
    turns.add(Side::Peer(PEER), || with_local_recorder(&peer, || each(calls, |_| count())));
    turns.run(&mut row, effort.rounds);
    row
}

/// Two threads, one series. The limit is an atomic addition to a line of the thread's own.
pub(super) fn macro_call_2_threads(effort: Effort) -> Row {
    let mut row = Row::new("bridge/macro-2-threads", "ns", Better::Smaller);
    let (_registry, ours, peer) = recorders();
    let (cells, next) = (<[Padded; 2]>::default(), AtomicUsize::new(0));
    let calls = effort.calls(CALLS);
    let of_two = |recorder: &(dyn Recorder + Sync)| {
        each_of_two(calls, || {
            let local = metrics::set_default_local_recorder(recorder);
            move |_| {
                let _ = &local;
                count();
            }
        })
    };
    let mut turns = Turns::default();
    turns.add(Side::Ours, || of_two(&ours));
    turns.add(Side::Limit, || {
        each_of_two(calls, || {
            let cell = &cells[next.fetch_add(1, Relaxed) % 2].0;
            move |_| {
                cell.fetch_add(1, Relaxed);
            }
        })
    });
    turns.add(Side::Peer(PEER), || of_two(&peer));
    turns.run(&mut row, effort.rounds);
    row
}

//! What is kept while a receiver is away does not grow with time. Alone in its process, since all of its memory is counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod receiver;

use std::alloc::System;
use std::time::Duration;

use flowmeter_core::Counter;
use flowmeter_otlp::{NamingPolicy, OtlpOptions, Protocol, Temporality};
use flowmeter_testkit::otlp::{OtlpReceiver, Total};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use receiver::{ALL, Job, options_of_one_attempt};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many bytes there are more by now than are given back.
fn held() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated.saturating_sub(stats.bytes_deallocated)
}

fn look(protocol: Protocol, change: fn(OtlpOptions) -> OtlpOptions) {
    let receiver = OtlpReceiver::start();
    let job = Job::new(change(options_of_one_attempt(&receiver, protocol)));
    let nobody = receiver.stop();
    let group = job.registry.add_group("g");
    let counters: Vec<_> = (0..100).map(|number| group.counter(format!("n{number}"))).collect();
    let histogram = group.histogram::<Duration>("h");
    let round = || {
        counters.iter().for_each(Counter::inc);
        histogram.record(Duration::from_millis(5));
        job.report().unwrap_err();
    };
    (0..20).for_each(|_| round());
    let before = held();
    (0..200).for_each(|_| round());
    let more = held().saturating_sub(before);
    // One report has more than that, and two hundred would have two hundred times as much.
    assert!(more < 4096, "{more} bytes by {protocol:?}");
    let receiver = nobody.start();
    job.report().unwrap();
    let totals = receiver.received().totals().unwrap();
    assert_eq!(totals.values().filter(|total| **total == Total::Integers(220)).count(), 100);
}

#[test]
fn nothing_grows_while_the_receiver_is_away() {
    for protocol in ALL {
        // One after the other, since all of the memory is counted.
        look(protocol, |options| options);
        look(protocol, |options| options.with_temporality(Temporality::Delta));
        look(protocol, |options| options.with_temporality(Temporality::LowMemory));
        look(protocol, |options| options.with_naming(NamingPolicy::Flink));
    }
}

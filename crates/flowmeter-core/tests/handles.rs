//! Who can have a handle: one thread at a time, or any number of them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use flowmeter_core::{
    Counter, CounterWriter, Gauge, Histogram, HistogramWriter, Meter, MeterWriter, Registry, SharedCounter,
    SharedGauge, SharedHistogram, SharedMeter, SharedUpDownCounter, TextGauge, TimeMeter, UpDownCounter,
    UpDownCounterWriter,
};

macro_rules! assert_all {
    ([$($bound:ident),+] $($handle:ty),+ $(,)?) => {{
        fn assert<T: $($bound +)+>() {}
        $(assert::<$handle>();)+
    }};
}

/// Does not compile if a type has the trait, since it is ambiguous then which of the two calls is meant.
macro_rules! assert_none {
    ([$bound:ident] $($handle:ty),+ $(,)?) => {{
        trait Ambiguous<Case> {
            fn assert() {}
        }
        struct Never;
        impl<T> Ambiguous<()> for T {}
        impl<T: $bound> Ambiguous<Never> for T {}
        $(<$handle as Ambiguous<_>>::assert();)+
    }};
}

#[test]
fn a_handle_with_one_writer_moves_and_is_not_shared() {
    macro_rules! of_one_writer {
        ($assert:ident $bounds:tt) => {
            $assert!($bounds Counter, UpDownCounter, Meter, TimeMeter, Gauge<f64>, Histogram<u64>, Histogram<Duration>);
            $assert!($bounds CounterWriter, UpDownCounterWriter, MeterWriter, HistogramWriter<f64>);
        };
    }
    of_one_writer!(assert_all[Send]);
    of_one_writer!(assert_none[Sync]);
    of_one_writer!(assert_none[Clone]);
}

#[test]
fn a_shared_handle_is_for_everybody() {
    assert_all!([Clone, Send, Sync] SharedCounter, SharedUpDownCounter, SharedMeter, TextGauge);
    assert_all!([Clone, Send, Sync] SharedGauge<f64>, SharedHistogram<u64>, SharedHistogram<Duration>);
}

#[test]
fn threads_that_ask_for_a_shared_metric_together_have_the_same() {
    let (registry, threads) = (Registry::new(), 3);
    for round in 0..2_000 {
        let (group, together) = (registry.add_group(&round.to_string()), Barrier::new(threads));
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    together.wait();
                    group.shared_counter("n").inc();
                });
            }
        });
        assert_eq!(group.shared_counter("n").get(), threads as u64, "round {round}");
        group.close();
    }
    assert_eq!(registry.statistics().refused_registrations, 0);
}

/// What a task does with its metrics, by `&mut` across each await.
async fn work(counter: &mut Counter, latency: &mut Histogram<u64>) {
    for i in 0..100 {
        counter.inc();
        tokio::task::yield_now().await;
        latency.record(i);
    }
}

#[test]
fn a_task_takes_its_handles_from_thread_to_thread() {
    let group = Registry::new().add_group("g");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|i| {
            let group = group.add_group_kv("task", &i.to_string());
            let (mut counter, mut latency) = (group.counter("n"), group.histogram("latency"));
            runtime.spawn(async move {
                work(&mut counter, &mut latency).await;
                (counter, latency)
            })
        })
        .collect();
    for task in tasks {
        let (counter, latency) = runtime.block_on(task).unwrap();
        assert_eq!((counter.get(), latency.snapshot().count()), (100, 100));
    }
}

//! Series that are removed while their group stays open.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use flowmeter_core::{Counter, Error, MetricSet, ReporterOptions};
use flowmeter_testkit::{Capture, PATIENCE, Pair, driven, on_request, quiet_registry};

fn lines(expected: &[(&str, f64)]) -> Vec<(String, f64)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

#[test]
fn a_removed_series_is_reported_until_it_is_final_and_then_gone() {
    let capture = Capture::push();
    let (registry, clock, handle) = driven(&capture);
    let group = registry.add_group("g");
    let (stays, goes) = (group.counter("stays"), group.counter("goes"));
    handle.report_now(PATIENCE).unwrap();
    group.remove("goes").unwrap();
    goes.inc_by(3);
    stays.inc();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), lines(&[("g.goes{}", 3.0), ("g.stays{}", 1.0)]));
    // The handle still records, within the grace time.
    goes.inc();
    clock.advance(Duration::from_secs(1));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), lines(&[("g.goes{}", 4.0), ("g.stays{}", 1.0)]));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), lines(&[("g.stays{}", 1.0)]));
    assert!(!group.is_closed());
    assert_eq!(registry.statistics().dropped_unread_series, 0);
}

#[test]
fn a_pull_reporter_keeps_it_until_it_was_delivered() {
    let capture = Capture::pull();
    let (registry, clock, handle) = driven(&capture);
    let group = registry.add_group("g");
    drop(group.counter("goes"));
    group.remove("goes").unwrap();
    clock.advance(Duration::from_secs(1));
    for _ in 0..2 {
        handle.report_now(PATIENCE).unwrap();
        assert_eq!(capture.last(), lines(&[("g.goes{}", 0.0)]));
    }
    capture.context().delivered(capture.numbers()[1]);
    handle.wait_delivered(PATIENCE).unwrap();
    clock.advance(ReporterOptions::default().keep_delivered);
    handle.wait_delivered(PATIENCE).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), []);
}

#[test]
fn what_is_registered_under_its_name_goes_on_from_it() {
    let capture = Capture::push();
    let (registry, clock, handle) = driven(&capture);
    let group = registry.add_group("g");
    let mut total = 0.0;
    for round in 0..5 {
        let counter = group.counter("n");
        counter.inc_by(3);
        total += 3.0;
        if round % 2 == 0 {
            handle.report_now(PATIENCE).unwrap();
        }
        group.remove("n").unwrap();
        clock.advance(Duration::from_secs(1));
    }
    let shared = group.shared_counter("n");
    shared.inc();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), lines(&[("g.n{}", total + 1.0)]), "one series, and all of it");
    let statistics = registry.statistics();
    assert_eq!((statistics.clashes, statistics.refused_registrations), (0, 0));
}

#[test]
fn of_many_metrics_the_right_one_goes() {
    let capture = Capture::push();
    let (registry, clock, handle) = driven(&capture);
    let group = registry.add_group("g");
    // More than are looked through one by one.
    let names: Vec<_> = (0..100).map(|i| format!("n{i:02}")).collect();
    let counters: Vec<_> = names.iter().map(|name| group.counter(name.clone())).collect();
    counters.iter().zip(1..).for_each(|(counter, n)| counter.inc_by(n));
    for name in names.iter().step_by(3) {
        group.remove(name).unwrap();
        assert!(matches!(group.remove(name), Err(Error::UnknownMetric { .. })), "{name}");
    }
    clock.advance(Duration::from_secs(1));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last().len(), 100);
    handle.report_now(PATIENCE).unwrap();
    let left = names.iter().zip(1..).enumerate().filter(|(i, _)| i % 3 > 0);
    let left: Vec<_> = left.map(|(_, (name, n))| (format!("g.{name}{{}}"), f64::from(n))).collect();
    assert_eq!(capture.last(), left);
    for (name, i) in names.iter().zip(0..) {
        let again = group.try_register::<Counter>(name.clone());
        assert_eq!(again.is_ok(), i % 3 == 0, "{name}");
    }
}

#[test]
fn a_removed_callback_is_not_called_again() {
    let capture = Capture::push();
    let (registry, clock, handle) = driven(&capture);
    let group = registry.add_group("g");
    let calls = Arc::new(AtomicU64::new(0));
    let counting = Arc::clone(&calls);
    group.gauge_callback("calls", move || counting.fetch_add(1, Ordering::Relaxed) + 1);
    handle.report_now(PATIENCE).unwrap();
    group.remove("calls").unwrap();
    assert_eq!(Arc::strong_count(&calls), 1, "it is dropped at once");
    clock.advance(Duration::from_secs(1));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), lines(&[("g.calls{}", 1.0)]), "the last value is final");
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), []);
}

#[test]
fn what_cannot_be_removed_is_said() {
    let registry = quiet_registry();
    let group = registry.add_group("g");
    let pair = Pair::register(&group);
    let errors = [group.remove("a").unwrap_err(), group.remove("c").unwrap_err()];
    assert_eq!(
        errors.map(|error| error.to_string()),
        [
            "metric `a` of group `g` is part of a metric set: register it alone, or close a group that has nothing but \
             the set",
            "group `g` has no metric `c`: it was never registered there, or is removed already",
        ]
    );
    group.close();
    assert!(matches!(group.remove("a"), Err(Error::GroupClosed { .. })));
    assert_eq!((pair.0.get(), pair.1.get()), (0, 0));
}

#[test]
fn the_same_series_of_other_groups_stay() {
    let capture = Capture::push();
    let (registry, clock, handle) = driven(&capture);
    // Two groups of one identity, of which the second waits for the first.
    let (first, second) = (registry.task_manager("h", "1"), registry.task_manager("h", "1"));
    let counters = [first.counter("n"), second.counter("n")];
    counters[0].inc_by(5);
    counters[1].inc_by(7);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last().iter().map(|(_, value)| *value).collect::<Vec<_>>(), [5.0]);
    first.remove("n").unwrap();
    clock.advance(Duration::from_secs(1));
    handle.report_now(PATIENCE).unwrap();
    counters[1].inc_by(2);
    handle.report_now(PATIENCE).unwrap();
    let values: Vec<_> = capture.last().iter().map(|(_, value)| *value).collect();
    assert_eq!(values, [7.0], "it goes on, without what it counted beside the first");
    assert_eq!(registry.statistics().clashes, 1);
}

#[test]
fn without_a_report_for_long_what_comes_and_goes_is_dropped_and_counted() {
    const CYCLES: u64 = 200_000;
    let registry = quiet_registry();
    let capture = Capture::push();
    let handle = registry.add_reporter("capture", capture.reporter(), on_request()).unwrap();
    let group = registry.add_group("g");
    for _ in 0..CYCLES {
        group.counter("n").inc();
        group.remove("n").unwrap();
    }
    handle.report_now(PATIENCE).unwrap();
    registry.shutdown(PATIENCE);
    let dropped = registry.statistics().dropped_unread_series;
    let kept = capture.latest().values().sum::<f64>() as u64;
    assert!(dropped > 0, "the inbox has a limit");
    assert_eq!(dropped + kept, CYCLES);
}

#[test]
fn every_reporter_lets_a_removed_series_go() {
    let registry = quiet_registry();
    let captures = [Capture::push(), Capture::push()];
    let names = ["first", "second"];
    let handles: Vec<_> = names
        .iter()
        .zip(&captures)
        .map(|(name, capture)| {
            registry.add_reporter(name, capture.reporter(), on_request().with_grace(Duration::ZERO)).unwrap()
        })
        .collect();
    let group = registry.add_group("g");
    let counters = [group.counter("goes"), group.counter("stays")];
    group.remove("goes").unwrap();
    for (handle, capture) in handles.iter().zip(&captures) {
        handle.report_now(PATIENCE).unwrap();
        assert_eq!(capture.last().len(), 2);
        handle.report_now(PATIENCE).unwrap();
        assert_eq!(capture.last(), lines(&[("g.stays{}", 0.0)]));
    }
    drop(counters);
}

#[test]
fn what_has_gone_while_it_waited_for_room_is_not_let_in() {
    let capture = Capture::push();
    let registry = quiet_registry();
    let options = on_request().with_series_limit(1).with_grace(Duration::ZERO);
    let handle = registry.add_reporter("capture", capture.reporter(), options).unwrap();
    let group = registry.add_group("g");
    let keeps = group.counter("keeps");
    handle.report_now(PATIENCE).unwrap();
    // More than wait for room at most, and all of them gone again.
    let crowd = group.add_group("crowd");
    let counters: Vec<_> =
        (0..66_000).map(|i| crowd.add_group_kv("i", &i.to_string()).counter("n")).collect();
    handle.report_now(PATIENCE).unwrap();
    crowd.close();
    drop(counters);
    for _ in 0..3 {
        drop(group.counter("removed"));
        handle.report_now(PATIENCE).unwrap();
        group.remove("removed").unwrap();
    }
    let waits = group.counter("waits");
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), lines(&[("g.keeps{}", 0.0)]));
    group.remove("keeps").unwrap();
    for _ in 0..3 {
        handle.report_now(PATIENCE).unwrap();
    }
    assert_eq!(capture.last(), lines(&[("g.waits{}", 0.0)]));
    drop((keeps, waits));
}

#[test]
fn a_callback_that_is_removed_while_it_runs_goes_when_it_returns() {
    let capture = Capture::push();
    let registry = quiet_registry();
    let options = on_request().with_callback_patience(Duration::from_millis(20));
    let handle = registry.add_reporter("capture", capture.reporter(), options).unwrap();
    let group = registry.add_group("g");
    let ((begin, began), (end, go_on)) = (mpsc::channel(), mpsc::channel::<()>());
    let calls = Arc::new(AtomicU64::new(0));
    let counting = Arc::clone(&calls);
    group.gauge_callback("slow", move || {
        counting.fetch_add(1, Ordering::Relaxed);
        begin.send(()).unwrap();
        let _ = go_on.recv();
        1_u64
    });
    handle.report_now(PATIENCE).unwrap();
    began.recv_timeout(PATIENCE).unwrap();
    group.remove("slow").unwrap();
    // Another of the name is another callback.
    group.gauge_callback("slow", || 2_u64);
    drop(end);
    let deadline = Instant::now() + PATIENCE;
    while Arc::strong_count(&calls) > 1 || capture.value("g.slow{}") != Some(2.0) {
        assert!(Instant::now() < deadline, "{:?}", capture.last());
        handle.report_now(PATIENCE).unwrap();
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

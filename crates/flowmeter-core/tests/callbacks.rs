//! Callbacks: values that are computed when a report wants them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use flowmeter_core::{Counter, Descriptor, Error, Gauge, Metric, MetricFilter, MetricSet, SetCells};
use flowmeter_testkit::{Capture, PATIENCE, driven, names, on_request, quiet_registry};

#[test]
fn a_callback_that_panics_is_missing_until_it_returns() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let group = registry.add_group("g");
    let broken = Arc::new(AtomicBool::new(true));
    let breaks = Arc::clone(&broken);
    group.gauge_callback("breaks", move || {
        assert!(!breaks.load(Ordering::Relaxed), "told to");
        1.0
    });
    group.gauge_callback("works", || 2_u64);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(names(&capture.last()), ["g.works{}"]);
    broken.store(false, Ordering::Relaxed);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(names(&capture.last()), ["g.breaks{}", "g.works{}"]);
    assert_eq!(registry.statistics().callback_panics, 1);
}

#[test]
fn a_callback_that_hangs_holds_up_its_group_alone() {
    let capture = Capture::push();
    let registry = quiet_registry();
    let mut options = on_request();
    options.callback_patience = Duration::from_millis(200);
    let handle = registry.add_reporter("capture", capture.reporter(), options).unwrap();
    let (release, gate) = mpsc::channel::<()>();
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    registry.add_group("hangs").gauge_callback("n", move || {
        if counted.fetch_add(1, Ordering::Relaxed) == 1 {
            let _ = gate.recv();
        }
        counted.load(Ordering::Relaxed)
    });
    let other = Arc::new(AtomicU64::new(10));
    let seen = Arc::clone(&other);
    registry.add_group("works").gauge_callback("n", move || seen.load(Ordering::Relaxed));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), [("hangs.n{}".to_owned(), 1.0), ("works.n{}".to_owned(), 10.0)]);
    // This one waits for its patience, and the next runs all but the stuck group.
    handle.report_now(PATIENCE).unwrap();
    other.store(11, Ordering::Relaxed);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), [("hangs.n{}".to_owned(), 1.0), ("works.n{}".to_owned(), 11.0)]);
    assert_eq!(registry.statistics().callback_timeouts, 1);
    release.send(()).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while capture.value("hangs.n{}") == Some(1.0) {
        assert!(Instant::now() < deadline, "the callback never came back");
        handle.report_now(PATIENCE).unwrap();
    }
    drop(release);
}

#[test]
fn callbacks_may_use_the_registry_and_are_dropped_after_their_group() {
    struct Dropped(Arc<AtomicBool>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let group = registry.add_group("g");
    let (inner, dropped) = (group.clone(), Arc::new(AtomicBool::new(false)));
    let guard = Dropped(Arc::clone(&dropped));
    group.gauge_callback("n", move || {
        let _ = &guard;
        inner.shared_counter("calls").inc();
        inner.gauge_callback("fresh", || 1.0);
        1.0
    });
    handle.report_now(PATIENCE).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(names(&capture.last()), ["g.calls{}", "g.fresh{}", "g.n{}"]);
    group.close();
    let deadline = Instant::now() + PATIENCE;
    while !dropped.load(Ordering::Relaxed) {
        assert!(Instant::now() < deadline, "the callback was never dropped");
        handle.report_now(PATIENCE).unwrap();
    }
}

#[test]
fn texts_are_set_and_computed() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let group = registry.add_group("g");
    let state = group.text_gauge("state");
    let broken = Arc::new(AtomicBool::new(false));
    let breaks = Arc::clone(&broken);
    group.text_callback("version", move || {
        assert!(!breaks.load(Ordering::Relaxed), "told to");
        "1.2"
    });
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(names(&capture.last()), ["g.state{}=", "g.version{}=1.2"]);
    state.set("running");
    assert_eq!(group.text_gauge("state").get(), "running", "the same one each time");
    broken.store(true, Ordering::Relaxed);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(names(&capture.last()), ["g.state{}=running"]);
}

#[test]
fn only_what_a_report_has_is_computed() {
    let (all, none) = (Capture::push(), Capture::push());
    let (registry, _, handle) = driven(&all);
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let group = registry.add_group("g");
    group.gauge_callback("n", move || counted.fetch_add(1, Ordering::Relaxed));
    let options = on_request().with_metrics(MetricFilter::default().excluding("g:n").unwrap());
    let without = registry.add_reporter("without", none.reporter(), options).unwrap();
    without.report_now(PATIENCE).unwrap();
    without.report_now(PATIENCE).unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 0, "nobody who reported has it");
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    without.report_now(PATIENCE).unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 1);
    // Its last value is for whoever may come by to read it.
    group.close();
    without.report_now(PATIENCE).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!((calls.load(Ordering::Relaxed), all.value("g.n{}")), (2, Some(1.0)));
}

#[test]
fn a_pass_that_hangs_is_made_again_for_those_who_asked() {
    let capture = Capture::push();
    let registry = quiet_registry();
    let mut options = on_request();
    options.callback_patience = Duration::from_millis(50);
    let handle = registry.add_reporter("capture", capture.reporter(), options).unwrap();
    let (release, gate) = mpsc::channel::<()>();
    registry.add_group("hangs").gauge_callback("n", move || gate.recv().is_ok());
    let (called, calls) = mpsc::channel();
    for group in 0..16 {
        let called = called.clone();
        registry
            .add_group("works")
            .add_group(&group.to_string())
            .gauge_callback("n", move || called.send(group).is_ok());
    }
    // Whichever comes first, and whoever is given up meanwhile: the others are called without another report.
    handle.report_now(PATIENCE).unwrap();
    let mut missing: Vec<_> = (0..16).collect();
    while !missing.is_empty() {
        let group = calls.recv_timeout(PATIENCE).unwrap();
        missing.retain(|other| *other != group);
    }
    drop(release);
}

#[test]
fn a_collector_without_a_source_leaves_its_metrics_out() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let is_there = Arc::new(AtomicBool::new(false));
    let there = Arc::clone(&is_there);
    registry.add_group("g").collector(move |memory: &Memory| {
        memory.used.set(1);
        if there.load(Ordering::Relaxed) { Ok(()) } else { Err("no such file") }
    });
    handle.report_now(PATIENCE).unwrap();
    assert!(capture.last().is_empty());
    is_there.store(true, Ordering::Relaxed);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(names(&capture.last()), ["g.reads{}", "g.used{}"]);
    is_there.store(false, Ordering::Relaxed);
    handle.report_now(PATIENCE).unwrap();
    assert!(capture.last().is_empty());
    assert_eq!(registry.statistics().callback_panics, 0);
}

/// What a collector fills.
struct Memory {
    used: Gauge<u64>,
    reads: Counter,
}

impl MetricSet for Memory {
    const DESCRIPTORS: &'static [Descriptor] =
        &[Descriptor::of::<Gauge<u64>>(Metric::new("used")), Descriptor::of::<Counter>(Metric::new("reads"))];

    fn from_cells(cells: &mut SetCells) -> Self {
        Self { used: cells.take(), reads: cells.take() }
    }
}

#[test]
fn a_collector_fills_a_set_for_each_report() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let group = registry.add_group("g");
    let broken = Arc::new(AtomicBool::new(false));
    let breaks = Arc::clone(&broken);
    group.collector(move |memory: &Memory| {
        memory.reads.inc();
        assert!(!breaks.load(Ordering::Relaxed), "told to");
        memory.used.set(100 + memory.reads.get());
    });
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), [("g.reads{}".to_owned(), 1.0), ("g.used{}".to_owned(), 101.0)]);
    broken.store(true, Ordering::Relaxed);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), [], "all of it is missing");
    broken.store(false, Ordering::Relaxed);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), [("g.reads{}".to_owned(), 3.0), ("g.used{}".to_owned(), 103.0)]);

    let again = group.try_collector(|_: &Memory| {}).unwrap_err();
    assert!(matches!(&again, Error::DuplicateMetric { metric, .. } if metric == "used"), "{again}");
    // A collector has its say in the last report of its group, and goes.
    group.close();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), [("g.reads{}".to_owned(), 4.0), ("g.used{}".to_owned(), 104.0)]);
}

#[test]
fn what_a_collector_gave_last_is_final_in_the_report_that_it_ran_for() {
    let capture = Capture::pull();
    let (registry, _, handle) = driven(&capture);
    let group = registry.add_group("g");
    group.collector(|memory: &Memory| memory.used.set(1));
    group.close();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(names(&capture.last()), ["g.reads{}", "g.used{}"]);
    // The clock stands still, so no grace time passes: nobody has the handles any more.
    capture.context().delivered(capture.numbers()[0]);
    handle.wait_delivered(PATIENCE).unwrap();
}

#[test]
fn a_collector_that_finds_nothing_at_the_end_leaves_what_it_found_last() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let group = registry.add_group("g");
    let mut left = 1;
    group.collector(move |memory: &Memory| {
        memory.used.set(7);
        left -= 1;
        left >= 0
    });
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.value("g.used{}"), Some(7.0));
    group.close();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.value("g.used{}"), Some(7.0), "the final value");
    handle.report_now(PATIENCE).unwrap();
    assert!(capture.last().is_empty());
}

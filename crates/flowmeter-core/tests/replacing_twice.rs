//! Reporters that are replaced again, at once, or by what is not as it should be.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use flowmeter_core::{Error, Family, MetricFilter, Report, ReportError, Reporter, ReporterContext};
use flowmeter_testkit::{Capture, PATIENCE, driven, on_request, quiet_registry};

/// Sends differences, which add up by name.
#[derive(Clone, Default)]
struct Sender(Arc<Mutex<BTreeMap<String, u64>>>);

impl Sender {
    fn total(&self, name: &str) -> u64 {
        self.0.lock().unwrap().get(name).copied().unwrap_or(0)
    }

    fn boxed(&self) -> Box<dyn Reporter> {
        Box::new(self.clone())
    }
}

impl Reporter for Sender {
    fn deltas(&self) -> bool {
        true
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        out.extend_from_slice(family.name().as_bytes());
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        for family in report.families() {
            family.for_each(|series| {
                let name = String::from_utf8(family.prepared().to_vec()).unwrap();
                *self.0.lock().unwrap().entry(name).or_default() += series.delta().unwrap_or(0);
                Ok::<_, ReportError>(())
            })?;
        }
        Ok(())
    }
}

/// Does something else at its start, its stop and its end.
struct Odd {
    at_start: Option<Box<dyn FnOnce() + Send + Sync>>,
    fails: bool,
    panics_as_it_goes: bool,
}

impl Reporter for Odd {
    fn start(&mut self, _: &ReporterContext) -> Result<(), ReportError> {
        self.at_start.take().into_iter().for_each(|at_start| at_start());
        if self.fails { Err("the port is taken".into()) } else { Ok(()) }
    }

    fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> {
        Ok(())
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        assert!(!self.panics_as_it_goes, "told to");
    }
}

#[test]
fn what_was_not_wanted_for_a_time_goes_on_where_it_was() {
    let registry = quiet_registry();
    let sender = Sender::default();
    let only = |name: &str| {
        on_request().with_metrics(MetricFilter::default().including(&format!("*:{name}")).unwrap())
    };
    let handle = registry.add_reporter("s", sender.boxed(), on_request()).unwrap();
    let group = registry.add_group("g");
    let (a, b) = (group.counter("a"), group.counter("b"));
    a.inc_by(1);
    handle.report_now(PATIENCE).unwrap();
    for options in [only("b"), only("nothing"), on_request()] {
        registry.replace_reporter("s", sender.boxed(), options, PATIENCE).unwrap();
        a.inc_by(10);
        b.inc_by(100);
        handle.report_now(PATIENCE).unwrap();
    }
    assert_eq!((sender.total("a"), sender.total("b")), (31, 300));
}

#[test]
fn what_had_no_room_for_a_time_goes_on_where_it_was() {
    let registry = quiet_registry();
    let sender = Sender::default();
    let limited = |limit| on_request().with_series_limit(limit).with_grace(Duration::ZERO);
    let handle = registry.add_reporter("s", sender.boxed(), limited(10)).unwrap();
    let (first, second) = (registry.add_group("first"), registry.add_group("second"));
    let (a, b) = (first.counter("a"), second.counter("b"));
    a.inc_by(1);
    b.inc_by(5);
    handle.report_now(PATIENCE).unwrap();
    registry.replace_reporter("s", sender.boxed(), limited(1), PATIENCE).unwrap();
    b.inc_by(10);
    first.close();
    for _ in 0..3 {
        handle.report_now(PATIENCE).unwrap();
    }
    assert_eq!((sender.total("a"), sender.total("b"), handle.status().series), (1, 15, 1));
}

#[test]
fn differences_go_on_behind_a_reporter_without_any() {
    let registry = quiet_registry();
    let (sender, between) = (Sender::default(), Capture::push());
    let handle = registry.add_reporter("s", sender.boxed(), on_request()).unwrap();
    let counter = registry.add_group("g").counter("n");
    counter.inc_by(10);
    handle.report_now(PATIENCE).unwrap();
    registry.replace_reporter("s", between.reporter(), on_request(), PATIENCE).unwrap();
    counter.inc_by(5);
    handle.report_now(PATIENCE).unwrap();
    registry.replace_reporter("s", sender.boxed(), on_request(), PATIENCE).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(sender.total("n"), 15);
}

#[test]
fn what_a_reporter_that_is_asked_has_not_delivered_is_delivered_by_one_that_sends() {
    let asked = Capture::pull();
    let (registry, clock, handle) = driven(&asked);
    let group = registry.add_group("g");
    group.counter("n").inc();
    group.close();
    clock.advance(Duration::from_secs(5));
    handle.report_now(PATIENCE).unwrap();
    let sends = Capture::push();
    registry.replace_reporter(handle.name(), sends.reporter(), on_request(), PATIENCE).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(sends.last().len(), 1);
    handle.wait_delivered(PATIENCE).unwrap();
    assert_eq!(handle.status().undelivered_groups, 0);
}

#[test]
fn one_that_cannot_start_may_panic_as_it_goes() {
    let registry = quiet_registry();
    let sender = Sender::default();
    let handle = registry.add_reporter("s", sender.boxed(), on_request()).unwrap();
    let odd = Odd { at_start: None, fails: true, panics_as_it_goes: true };
    let error = registry.replace_reporter("s", Box::new(odd), on_request(), PATIENCE).unwrap_err();
    assert!(matches!(error, Error::ReporterStart { .. }), "{error}");
    registry.add_group("g").counter("n").inc();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(sender.total("n"), 1);
    let odd = Odd { at_start: None, fails: false, panics_as_it_goes: true };
    registry.replace_reporter("unknown", Box::new(odd), on_request(), PATIENCE).unwrap_err();
}

#[test]
fn each_of_several_replacements_hears_of_itself() {
    let registry = quiet_registry();
    registry.add_reporter("s", Capture::push().reporter(), on_request()).unwrap();
    let ((begins, has_begun), (go, may_go)) = (mpsc::channel(), mpsc::channel());
    let may_go = Mutex::new(may_go);
    let hangs = Odd {
        at_start: Some(Box::new(move || {
            begins.send(()).unwrap();
            may_go.lock().unwrap().recv().unwrap();
        })),
        fails: false,
        panics_as_it_goes: false,
    };
    std::thread::scope(|scope| {
        let registry = &registry;
        let first = scope.spawn(move || {
            registry.replace_reporter("s", Box::new(hangs), on_request(), Duration::from_millis(1))
        });
        has_begun.recv().unwrap();
        let error = first.join().unwrap().unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{error}");
        let error = registry
            .replace_reporter("s", Capture::push().reporter(), on_request(), Duration::from_millis(1))
            .unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{error}");
        let last = Capture::push();
        let reporter = last.reporter();
        let (calls, called) = mpsc::channel();
        let second = scope.spawn(move || {
            calls.send(()).unwrap();
            registry.replace_reporter("s", reporter, on_request(), PATIENCE)
        });
        called.recv().unwrap();
        // So that it is likely, and need not be, that the second waits when the first is done.
        (0..1_000).for_each(|_| std::thread::yield_now());
        go.send(()).unwrap();
        second.join().unwrap().unwrap();
        assert_eq!(last.starts(), 1);
    });
}

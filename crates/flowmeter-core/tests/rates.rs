//! Rates: from values and times that were really seen.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flowmeter_core::{
    Clock, CollectedCounter, Meter, Registry, Report, ReportError, Reporter, ReporterHandle,
};
use flowmeter_testkit::{MockClock, PATIENCE, on_request, quiet_registry_on};

/// Rate and start of each series.
type Seen = BTreeMap<String, (Option<f64>, Duration)>;

/// What the last report had.
#[derive(Clone, Default)]
struct Rates(Arc<Mutex<Seen>>);

impl Reporter for Rates {
    fn rates(&self) -> bool {
        true
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let mut rates = BTreeMap::new();
        for family in report.families() {
            let name = family.family().name();
            family.for_each(|series| {
                rates.insert(name.to_owned(), (series.rate(), series.start_time()));
                Ok::<_, ReportError>(())
            })?;
        }
        *self.0.lock().unwrap() = rates;
        Ok(())
    }
}

impl Rates {
    fn of(&self, name: &str) -> Option<f64> {
        self.0.lock().unwrap()[name].0
    }
}

fn with_rates() -> (Registry, Arc<MockClock>, ReporterHandle, Rates) {
    let (clock, rates) = (Arc::new(MockClock::default()), Rates::default());
    let registry = quiet_registry_on(clock.clone());
    let handle = registry.add_reporter("rates", Box::new(rates.clone()), on_request()).unwrap();
    (registry, clock, handle, rates)
}

/// Marks so many events a second for some seconds.
fn run(clock: &MockClock, meter: &Meter, seconds: u64, a_second: u64) {
    for _ in 0..seconds {
        meter.mark_by(a_second);
        clock.advance(Duration::from_secs(1));
    }
}

#[test]
fn a_rate_is_right_from_the_first_report_and_at_any_pace() {
    let (registry, clock, handle, rates) = with_rates();
    let meter = registry.add_group("g").meter("events");
    for seconds in [7, 10, 1, 33, 10, 200, 10] {
        run(&clock, &meter, seconds, 200);
        handle.report_now(PATIENCE).unwrap();
        assert_eq!(rates.of("events"), Some(200.0), "after {seconds} s more");
    }
}

#[test]
fn a_rate_forgets_what_is_older_than_the_window() {
    let (registry, clock, handle, rates) = with_rates();
    let meter = registry.add_group("g").meter("events");
    let report = |a_second| {
        run(&clock, &meter, 10, a_second);
        handle.report_now(PATIENCE).unwrap();
        rates.of("events").unwrap()
    };
    (0..10).for_each(|_| assert_eq!(report(600), 600.0));
    let falling: Vec<f64> = (0..8).map(|_| report(0)).collect();
    assert_eq!(falling, [500.0, 400.0, 300.0, 200.0, 100.0, 0.0, 0.0, 0.0]);
}

#[test]
fn what_began_long_before_has_a_rate_from_the_second_report_on() {
    let (registry, clock, _, _) = with_rates();
    let meter = registry.add_group("g").meter("events");
    run(&clock, &meter, 1_000, 5);
    let late = Rates::default();
    let handle = registry.add_reporter("late", Box::new(late.clone()), on_request()).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(late.of("events"), None);
    run(&clock, &meter, 2, 70);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(late.of("events"), Some(70.0));
}

#[test]
fn a_restart_keeps_start_time_and_rate() {
    let (registry, clock, handle, rates) = with_rates();
    let began = Duration::from_secs(1_700_000_000 + 5);
    clock.advance(Duration::from_secs(5));
    let group = registry.add_group("g");
    let meter = group.meter("events");
    run(&clock, &meter, 10, 30);
    handle.report_now(PATIENCE).unwrap();
    drop(meter);
    group.close();
    let meter = registry.add_group("g").meter("events");
    run(&clock, &meter, 10, 30);
    handle.report_now(PATIENCE).unwrap();
    let rates = rates.0.lock().unwrap();
    assert_eq!(rates["events"], (Some(30.0), began));
}

#[test]
fn a_callback_that_begins_anew_has_no_negative_rate() {
    let (registry, clock, handle, rates) = with_rates();
    let values = Mutex::new(vec![5, 3, 1_000, 100]);
    registry.add_group("g").counter_callback("n", move || values.lock().unwrap().pop().unwrap_or(0));
    let mut seen = Vec::new();
    for _ in 0..4 {
        clock.advance(Duration::from_secs(10));
        handle.report_now(PATIENCE).unwrap();
        seen.push(rates.of("n"));
    }
    assert_eq!(seen, [Some(10.0), Some(50.0), None, Some(0.2)]);
}

#[test]
fn what_something_else_keeps_may_have_begun_before_its_metric() {
    let (registry, clock, handle, rates) = with_rates();
    let count: CollectedCounter = registry.add_group("g").try_register("n").unwrap();
    let mut seen = Vec::new();
    for value in [1_000_000, 1_000_050, 20, 30] {
        clock.advance(Duration::from_secs(10));
        count.set(value);
        handle.report_now(PATIENCE).unwrap();
        seen.push(rates.of("n"));
    }
    assert_eq!(seen, [None, Some(5.0), None, Some(1.0)]);
}

#[test]
fn a_callback_that_panics_stops_no_rate() {
    let (registry, clock, handle, rates) = with_rates();
    let group = registry.add_group("g");
    let (meter, calls) = (group.meter("events"), Mutex::new(0));
    group.counter_callback("n", move || {
        let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls += 1;
        assert!(*calls != 2, "told to");
        100 * *calls
    });
    for round in 1..=10 {
        run(&clock, &meter, 10, 200);
        handle.report_now(PATIENCE).unwrap();
        assert_eq!(rates.of("events"), Some(200.0));
        if round == 2 {
            assert!(!rates.0.lock().unwrap().contains_key("n"));
        } else {
            assert_eq!(rates.of("n"), Some(10.0), "once a report");
        }
    }
    // And they still fall.
    (0..7).for_each(|_| {
        clock.advance(Duration::from_secs(10));
        handle.report_now(PATIENCE).unwrap();
    });
    assert_eq!((rates.of("events"), rates.of("n")), (Some(0.0), Some(10.0)));
}

#[test]
fn the_rate_of_a_time_meter_is_the_share_of_time_also_of_an_interval_that_lasts() {
    let (registry, clock, handle, rates) = with_rates();
    let group = registry.add_group("g");
    let meter = group.time_meter("backPressuredTime");
    let report = |seconds: u64| {
        clock.advance(Duration::from_secs(seconds));
        handle.report_now(PATIENCE).unwrap();
        rates.of("backPressuredTime").unwrap() / 1e9
    };
    meter.add(Duration::from_secs(5));
    assert_eq!(report(10), 0.5);
    let guard = meter.time();
    assert_eq!(report(10), 0.75, "stuck for the last ten seconds");
    let rate = report(20);
    assert!((rate - 35.0 / 40.0).abs() < 1e-9, "{rate}");
    drop(guard);
    assert_eq!((meter.total(), meter.longest()), (Duration::from_secs(35), Duration::from_secs(30)));
    assert!(report(20) < rate);
    // What is open when the handle goes is over.
    meter.start();
    drop(meter);
    group.close();
    report(0);
}

#[test]
fn no_rate_is_made_of_a_moment() {
    let (registry, clock, handle, rates) = with_rates();
    let meter = registry.add_group("g").meter("events");
    meter.mark_by(5);
    for (milliseconds, expected) in [(1, None), (998, None), (1, Some(5.0))] {
        clock.advance(Duration::from_millis(milliseconds));
        handle.report_now(PATIENCE).unwrap();
        assert_eq!(rates.of("events"), expected);
    }
}

/// A wall clock that somebody sets, beside a monotonic one.
struct Set(MockClock, AtomicI64);

impl Clock for Set {
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn unix(&self) -> Duration {
        let seconds = i64::try_from(self.0.unix().as_secs()).unwrap() + self.1.load(Ordering::Relaxed);
        Duration::from_secs(u64::try_from(seconds).unwrap())
    }
}

#[test]
fn a_series_has_one_start_however_the_wall_clock_moves_while_that_is_in_the_past() {
    let (clock, rates) = (Arc::new(Set(MockClock::default(), AtomicI64::new(0))), Rates::default());
    let registry = quiet_registry_on(Arc::clone(&clock) as _);
    let handle = registry.add_reporter("rates", Box::new(rates.clone()), on_request()).unwrap();
    clock.0.advance(Duration::from_secs(7));
    let meter = registry.add_group("g").meter("events");
    for step in [0, 3_600, -3_603, 10] {
        clock.0.advance(Duration::from_millis(1_500));
        clock.1.fetch_add(step, Ordering::Relaxed);
        handle.report_now(PATIENCE).unwrap();
        assert_eq!(rates.0.lock().unwrap()["events"].1, Duration::from_secs(1_700_000_007));
    }
    drop(meter);
}

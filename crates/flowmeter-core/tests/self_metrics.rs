//! What reporters and the registry report of themselves.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use flowmeter_core::{
    Family, Number, Report, ReportError, Reporter, ReporterHandle, SELF_CATALOGUE, ScopeKind, Value,
};
use flowmeter_testkit::{Capture, MockClock, PATIENCE, on_request};

/// Keeps what it gets of the group `flowmeter`, by the last part of the name.
#[derive(Clone, Default)]
struct Watcher(Arc<Mutex<Vec<(String, f64)>>>);

impl Watcher {
    fn value(&self, name: &str) -> f64 {
        let values = self.0.lock().unwrap();
        let found = values.iter().filter(|(known, _)| known == name).map(|(_, value)| *value);
        let found: Vec<_> = found.collect();
        assert_eq!(found.len(), 1, "{name} in {values:?}");
        found[0]
    }
}

impl Reporter for Watcher {
    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let mut values = Vec::new();
        for family in report.families() {
            family.for_each(|series| {
                let group = series.group();
                let reporter =
                    group.variables().find(|(key, _)| *key == "reporter").map_or("", |(_, value)| value);
                let number = match series.value() {
                    Value::Number(number) => number.to_f64(),
                    Value::Histogram(snapshot) => Number::U64(snapshot.count()).to_f64(),
                    other => return Err(format!("{other:?}")),
                };
                values.push((format!("{reporter}/{}", family.family().name()), number));
                Ok(())
            })?;
        }
        *self.0.lock().unwrap() = values;
        Ok(())
    }
}

fn until(handle: &ReporterHandle, condition: impl Fn(&ReporterHandle) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition(handle) {
        assert!(Instant::now() < end, "{:?}", handle.status());
        std::thread::yield_now();
    }
}

#[test]
fn reporters_and_the_registry_report_on_themselves() {
    let clock = Arc::new(MockClock::default());
    let registry = flowmeter_core::Registry::with_clock(Arc::clone(&clock) as _);
    let (watcher, capture) = (Watcher::default(), Capture::push());
    let watching = registry.add_reporter("watcher", Box::new(watcher.clone()), on_request()).unwrap();
    let handle = registry.add_reporter("capture", capture.reporter(), on_request()).unwrap();
    let group = registry.add_group("g");
    let counter = group.counter("n");
    let refused = group.counter("n");
    handle.report_now(PATIENCE).unwrap();
    capture.fail(true);
    clock.advance(Duration::from_secs(5));
    handle.report_now(PATIENCE).unwrap_err();
    capture.fail(false);
    capture.panic(true);
    handle.report_now(PATIENCE).unwrap_err();
    let context = capture.context();
    context.count_bytes(1_000);
    context.count_dropped(20);
    context.count_uncertain(3);
    context.count_dropped_milestones(2);
    watching.report_now(PATIENCE).unwrap();
    for (name, expected) in [
        ("capture/reports", 1.0),
        ("capture/failures", 2.0),
        ("capture/panics", 1.0),
        ("capture/restarts", 1.0),
        ("capture/skippedReports", 0.0),
        ("capture/written", 1_000.0),
        ("capture/droppedValues", 20.0),
        ("capture/uncertainValues", 3.0),
        ("capture/reportedMilestones", 0.0),
        ("capture/droppedMilestones", 2.0),
        ("capture/lastErrorTime", 1_700_000_005.0),
        ("capture/reportDuration", 3.0),
        // Its own, the registry's, and those of both reporters.
        ("capture/series", 1.0 + 7.0 + 2.0 * 13.0),
        ("watcher/reports", 0.0),
        ("/refusedRegistrations", 1.0),
        ("/clashes", 0.0),
        ("/cutMilestones", 0.0),
    ] {
        assert_eq!(watcher.value(name), expected, "{name}");
    }
    // What is known of a reporter leaves with it, after it was reported to the end.
    registry.remove_reporter("capture", PATIENCE).unwrap_err();
    watching.report_now(PATIENCE).unwrap();
    assert_eq!(watcher.value("capture/failures"), 3.0);
    watching.report_now(PATIENCE).unwrap();
    let left = watcher.0.lock().unwrap().iter().filter(|(name, _)| name.starts_with("capture")).count();
    assert_eq!(left, 0);
    drop((counter, refused));
}

#[test]
fn a_name_is_free_at_once_and_its_new_reporter_reports_on_itself() {
    let registry = flowmeter_core::Registry::new();
    let (end, go_on) = mpsc::channel::<()>();
    struct Hanging(mpsc::Receiver<()>);
    impl Reporter for Hanging {
        fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> {
            let _ = self.0.recv();
            Ok(())
        }
    }
    let old = registry.add_reporter("r", Box::new(Hanging(go_on)), on_request()).unwrap();
    old.report_now(Duration::from_millis(20)).unwrap_err();
    registry.remove_reporter("r", Duration::ZERO).unwrap_err();
    let watcher = Watcher::default();
    let new = registry.add_reporter("r", Box::new(watcher.clone()), on_request()).unwrap();
    drop(end);
    until(&old, |old| matches!(old.report_now(PATIENCE), Err(flowmeter_core::Error::Stopped { .. })));
    // The old one's are final when their grace time is over, and the new one's go on from them.
    until(&new, |new| {
        new.report_now(PATIENCE).unwrap();
        let values = watcher.0.lock().unwrap();
        values.iter().any(|(name, value)| name == "r/reports" && *value >= 1.0)
    });
    assert_eq!(registry.statistics().refused_registrations, 0);
    // A user's group of the name is another one.
    registry.add_group("flowmeter").close();
    new.report_now(PATIENCE).unwrap();
    watcher.value("r/reports");
}

#[test]
fn the_catalogue_has_what_is_reported_of_oneself() {
    #[derive(Clone, Default)]
    struct Families(Arc<Mutex<BTreeSet<String>>>);
    fn line(family: &Family) -> String {
        let (scope, name, unit) = (family.logical_scope(), family.name(), family.unit());
        format!("{scope}.{name} {:?} {:?} {unit}", family.kind(), family.value_type())
    }
    impl Reporter for Families {
        fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
            self.0.lock().unwrap().extend(report.families().map(|view| line(view.family())));
            Ok(())
        }
    }
    let (registry, families) = (flowmeter_core::Registry::new(), Families::default());
    let handle = registry.add_reporter("r", Box::new(families.clone()), on_request()).unwrap();
    handle.report_now(PATIENCE).unwrap();
    let known = SELF_CATALOGUE.iter().flat_map(|entry| entry.families(ScopeKind::Root));
    assert_eq!(known.map(|family| line(&family)).collect::<BTreeSet<_>>(), *families.0.lock().unwrap());
}

//! A reporter that remembers, a clock that stands still, and a registry with both.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test binary uses its part")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowmeter_core::{
    Clock, Family, GroupView, Naming, Number, Registry, Report, ReportError, ReportMode, ReportNumber,
    Reporter, ReporterContext, ReporterHandle, ReporterOptions, Value,
};

pub const PATIENCE: Duration = Duration::from_secs(20);

/// Options under which nothing happens by itself.
pub fn on_request() -> ReporterOptions {
    ReporterOptions::default().with_interval(Duration::from_secs(3600))
}

/// What one report held: `scope.name{variables}` and the value, in the order of the report.
pub type Lines = Vec<(String, f64)>;

/// Shared with the test while the reporter itself belongs to its thread.
#[derive(Clone, Default)]
pub struct Capture(Arc<Inner>);

#[derive(Default)]
struct Inner {
    reports: Mutex<Vec<(ReportNumber, Lines)>>,
    fail: AtomicBool,
    panic: AtomicBool,
    pull: AtomicBool,
    context: Mutex<Option<ReporterContext>>,
    stopped: AtomicU64,
}

impl Capture {
    pub fn push() -> Self {
        Self::default()
    }

    /// A pull reporter, whose reports are delivered when the test says so.
    pub fn pull() -> Self {
        let capture = Self::default();
        capture.0.pull.store(true, Ordering::Relaxed);
        capture
    }

    pub fn reporter(&self) -> Box<dyn Reporter> {
        Box::new(self.clone())
    }

    pub fn fail(&self, fail: bool) {
        self.0.fail.store(fail, Ordering::Relaxed);
    }

    pub fn panic(&self, panic: bool) {
        self.0.panic.store(panic, Ordering::Relaxed);
    }

    pub fn context(&self) -> ReporterContext {
        self.0.context.lock().unwrap().clone().expect("started")
    }

    pub fn stopped(&self) -> u64 {
        self.0.stopped.load(Ordering::Relaxed)
    }

    pub fn reports(&self) -> Vec<Lines> {
        self.0.reports.lock().unwrap().iter().map(|(_, lines)| lines.clone()).collect()
    }

    /// The numbers of all reports.
    pub fn numbers(&self) -> Vec<ReportNumber> {
        self.0.reports.lock().unwrap().iter().map(|(number, _)| *number).collect()
    }

    pub fn last(&self) -> Lines {
        self.reports().pop().expect("a report")
    }

    /// The value of the one series with this name in the last report.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.last().iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// The last value that each series ever had.
    pub fn latest(&self) -> BTreeMap<String, f64> {
        self.reports().into_iter().flatten().collect()
    }
}

impl Reporter for Capture {
    fn mode(&self) -> ReportMode {
        if self.0.pull.load(Ordering::Relaxed) { ReportMode::Pull } else { ReportMode::Push }
    }

    fn naming(&self) -> Naming {
        Naming::Labeled
    }

    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        *self.0.context.lock().unwrap() = Some(context.clone());
        Ok(())
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        let variables: Vec<_> = group.variables().map(|(key, value)| format!("{key}={value}")).collect();
        out.extend_from_slice(variables.join(",").as_bytes());
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{}.{}", family.logical_scope(), family.name()).as_bytes());
    }

    fn accepts(&self, family: &Family) -> bool {
        family.name() != "unwanted"
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        if self.0.panic.load(Ordering::Relaxed) {
            panic!("told to");
        }
        if self.0.fail.load(Ordering::Relaxed) {
            return Err("told to".into());
        }
        let mut lines = Lines::new();
        for family in report.families() {
            family.for_each(|series| {
                let name = String::from_utf8_lossy(family.prepared());
                let labels = String::from_utf8_lossy(series.prepared());
                let mut name = format!("{name}{{{labels}}}");
                let value = match series.value() {
                    Value::Number(number) => number.to_f64(),
                    Value::Bool(value) => f64::from(u8::from(value)),
                    Value::Histogram(snapshot) => Number::U64(snapshot.count()).to_f64(),
                    Value::Text(text) => {
                        name.push('=');
                        name.push_str(text);
                        1.0
                    }
                    other => panic!("unknown value {other:?}"),
                };
                lines.push((name, value));
                Ok::<_, ReportError>(())
            })?;
        }
        self.0.reports.lock().unwrap().push((report.number(), lines));
        Ok(())
    }

    fn stop(&mut self) {
        self.0.stopped.fetch_add(1, Ordering::Relaxed);
    }
}

/// Moves only when told.
#[derive(Default)]
pub struct MockClock(AtomicU64);

impl MockClock {
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_nanos()).unwrap(), Ordering::Relaxed);
    }
}

impl Clock for MockClock {
    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn unix(&self) -> Duration {
        Duration::from_secs(1_700_000_000) + self.monotonic()
    }
}

/// A registry that a test drives: its clock stands still, its reporter reports on request.
pub fn driven(capture: &Capture) -> (Registry, Arc<MockClock>, ReporterHandle) {
    let clock = Arc::new(MockClock::default());
    let registry = Registry::with_clock(clock.clone());
    let handle = registry.add_reporter("capture", capture.reporter(), on_request()).unwrap();
    (registry, clock, handle)
}

/// The names without the values.
pub fn names(lines: &Lines) -> Vec<&str> {
    lines.iter().map(|(name, _)| name.as_str()).collect()
}

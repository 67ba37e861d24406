//! A reporter that remembers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flowmeter_core::{
    Family, GroupView, Naming, Report, ReportError, ReportMode, ReportNumber, Reporter, ReporterContext,
};

use crate::Observed;

/// What one report held, in its order: names such as `windows.lateRecords{host=h,tm_id=1}`, to which a text gauge adds
/// its text, and [one number](Observed::to_f64) for each.
pub type Lines = Vec<(String, f64)>;

/// Names as in [`Lines`], but of texts too, and what was seen.
type Series = Vec<(String, Observed)>;

/// A reporter that remembers what it was given. Clones are one; the test keeps one while the registry has another.
///
/// Metrics named `unwanted` it does not accept.
#[derive(Clone, Debug, Default)]
pub struct Capture(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    reports: Mutex<Vec<(ReportNumber, Series)>>,
    fail: AtomicBool,
    panic: AtomicBool,
    pull: AtomicBool,
    context: Mutex<Option<ReporterContext>>,
    starts: AtomicU64,
    stops: AtomicU64,
}

impl Capture {
    /// One that reports at intervals.
    #[must_use]
    pub fn push() -> Self {
        Self::default()
    }

    /// One that reports on request, whose reports are delivered when the test says so, through its
    /// [`context`](Self::context).
    #[must_use]
    pub fn pull() -> Self {
        let capture = Self::default();
        capture.0.pull.store(true, Relaxed);
        capture
    }

    /// The reporter, for a registry.
    #[must_use]
    pub fn reporter(&self) -> Box<dyn Reporter> {
        Box::new(self.clone())
    }

    /// Whether reports fail from now on.
    pub fn fail(&self, fail: bool) {
        self.0.fail.store(fail, Relaxed);
    }

    /// Whether reports panic from now on.
    pub fn panic(&self, panic: bool) {
        self.0.panic.store(panic, Relaxed);
    }

    /// What it was started with last.
    ///
    /// # Panics
    ///
    /// If it was never started.
    #[must_use]
    pub fn context(&self) -> ReporterContext {
        lock(&self.0.context).clone().expect("the reporter was never started")
    }

    /// How often it was started.
    #[must_use]
    pub fn starts(&self) -> u64 {
        self.0.starts.load(Relaxed)
    }

    /// How often it was stopped.
    #[must_use]
    pub fn stops(&self) -> u64 {
        self.0.stops.load(Relaxed)
    }

    /// All reports that succeeded.
    #[must_use]
    pub fn reports(&self) -> Vec<Lines> {
        lock(&self.0.reports).iter().map(|(_, series)| lines(series)).collect()
    }

    /// Their numbers.
    #[must_use]
    pub fn numbers(&self) -> Vec<ReportNumber> {
        lock(&self.0.reports).iter().map(|(number, _)| *number).collect()
    }

    /// The last report.
    ///
    /// # Panics
    ///
    /// If there was none.
    #[must_use]
    pub fn last(&self) -> Lines {
        lines(&self.last_series())
    }

    /// The series of the last report.
    ///
    /// # Panics
    ///
    /// If there was none.
    #[must_use]
    pub fn last_series(&self) -> Vec<(String, Observed)> {
        lock(&self.0.reports).last().expect("there was no report").1.clone()
    }

    /// What the last report had under a name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<f64> {
        self.observed(name).map(|value| value.to_f64())
    }

    /// The same, as it was.
    #[must_use]
    pub fn observed(&self, name: &str) -> Option<Observed> {
        self.last_series().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// The last that any report had under each name.
    #[must_use]
    pub fn latest(&self) -> BTreeMap<String, f64> {
        self.reports().into_iter().flatten().collect()
    }
}

impl Reporter for Capture {
    fn mode(&self) -> ReportMode {
        if self.0.pull.load(Relaxed) { ReportMode::Pull } else { ReportMode::Push }
    }

    fn naming(&self) -> Naming {
        Naming::Labeled
    }

    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        self.0.starts.fetch_add(1, Relaxed);
        *lock(&self.0.context) = Some(context.clone());
        Ok(())
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        // Plain where that is clear.
        let plain =
            |text: &str| if text.contains(['=', ',', '"']) { format!("{text:?}") } else { text.to_owned() };
        let variables = group.variables().map(|(key, value)| format!("{}={}", plain(key), plain(value)));
        let variables: Vec<_> = variables.collect();
        out.extend_from_slice(variables.join(",").as_bytes());
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{}.{}", family.logical_scope(), family.name()).as_bytes());
    }

    fn accepts(&self, family: &Family) -> bool {
        family.name() != "unwanted"
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        assert!(!self.0.panic.load(Relaxed), "told to");
        if self.0.fail.load(Relaxed) {
            return Err("told to".into());
        }
        let mut all = Vec::new();
        for family in report.families() {
            family.for_each(|series| {
                let name = String::from_utf8_lossy(family.prepared());
                let labels = String::from_utf8_lossy(series.prepared());
                all.push((format!("{name}{{{labels}}}"), Observed::of(series.value())));
                Ok::<_, ReportError>(())
            })?;
        }
        lock(&self.0.reports).push((report.number(), all));
        Ok(())
    }

    fn stop(&mut self) {
        self.0.stops.fetch_add(1, Relaxed);
    }
}

/// The names without the values.
#[must_use]
pub fn names(lines: &Lines) -> Vec<&str> {
    lines.iter().map(|(name, _)| name.as_str()).collect()
}

fn lines(series: &[(String, Observed)]) -> Lines {
    let line = |(name, value): &(String, Observed)| match value {
        Observed::Text(text) => (format!("{name}={text}"), value.to_f64()),
        _ => (name.clone(), value.to_f64()),
    };
    series.iter().map(line).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

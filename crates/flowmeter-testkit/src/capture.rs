//! A reporter that remembers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use flowmeter_core::{
    Family, GroupView, Milestone, MilestoneView, Milestones, Naming, Number, Report, ReportError, ReportMode,
    ReportNumber, Reporter, ReporterContext,
};

use crate::{Observed, PATIENCE};

/// What one report held, in its order: names such as `windows.lateRecords{host=h,tm_id=1}`, to which a text gauge adds
/// its text, and [one number](Observed::to_f64) for each.
pub type Lines = Vec<(String, f64)>;

/// Names as in [`Lines`], but of texts too, and what was seen.
type Series = Vec<(String, Observed)>;

/// A span or an event that a reporter got, with what it saw of the group.
#[derive(Clone, Debug, PartialEq)]
pub struct CapturedMilestone {
    /// Which of the registry's it is.
    pub number: u64,
    /// The logical scope of the group that reported it.
    pub logical_scope: String,
    /// Its variables.
    pub variables: Vec<(String, String)>,
    /// What was reported.
    pub milestone: Milestone,
}

impl CapturedMilestone {
    fn of(view: &MilestoneView<'_>) -> Self {
        let group = view.group();
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        Self {
            number: view.number(),
            logical_scope: group.logical_scope().to_owned(),
            variables: group.variables().map(owned).collect(),
            milestone: view.milestone().clone(),
        }
    }

    /// The name of the span or the event.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.milestone {
            Milestone::Span(span) => span.name(),
            Milestone::Event(event) => event.name(),
        }
    }
}

/// A reporter that remembers what it was given. Clones are one; the test keeps one while the registry has another.
///
/// Metrics named `unwanted` it does not accept.
#[derive(Clone, Debug, Default)]
pub struct Capture(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    reports: Mutex<Vec<(ReportNumber, Series)>>,
    wants_milestones: AtomicBool,
    milestones: Mutex<Vec<CapturedMilestone>>,
    milestones_came: Condvar,
    fail: AtomicBool,
    panic: AtomicBool,
    pull: AtomicBool,
    flink: AtomicBool,
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

    /// One that reports at intervals under [Flink's names](Family::flink_names), all that a metric has, with rates beside
    /// sums and in place of meters where Flink has them so.
    #[must_use]
    pub fn flink() -> Self {
        let capture = Self::default();
        capture.0.flink.store(true, Relaxed);
        capture
    }

    /// Wants spans and events as well, from before it is added to a registry.
    #[must_use]
    pub fn with_milestones(self) -> Self {
        self.0.wants_milestones.store(true, Relaxed);
        self
    }

    /// The reporter, for a registry.
    #[must_use]
    pub fn reporter(&self) -> Box<dyn Reporter> {
        Box::new(self.clone())
    }

    /// Whether reports, and those of spans and events, fail from now on.
    pub fn fail(&self, fail: bool) {
        self.0.fail.store(fail, Relaxed);
    }

    /// Whether reports, and those of spans and events, panic from now on.
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

    /// All spans and events that it took, in the order in which it did.
    #[must_use]
    pub fn all_milestones(&self) -> Vec<CapturedMilestone> {
        lock(&self.0.milestones).clone()
    }

    /// The same, once there are so many.
    ///
    /// # Panics
    ///
    /// If they do not come.
    #[must_use]
    pub fn wait_for_milestones(&self, count: usize) -> Vec<CapturedMilestone> {
        let taken = lock(&self.0.milestones);
        let waited = self.0.milestones_came.wait_timeout_while(taken, PATIENCE, |taken| taken.len() < count);
        let (taken, _) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(taken.len() >= count, "no more came than {taken:?}");
        taken.clone()
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

    fn rates(&self) -> bool {
        self.0.flink.load(Relaxed)
    }

    fn milestones(&self) -> bool {
        self.0.wants_milestones.load(Relaxed)
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
        match self.0.flink.load(Relaxed) {
            true => out.extend_from_slice(family.flink_names().join("|").as_bytes()),
            false => {
                out.extend_from_slice(format!("{}.{}", family.logical_scope(), family.name()).as_bytes());
            }
        }
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
            let flink = self.0.flink.load(Relaxed);
            let names = match flink {
                true => family.family().flink_names(),
                false => vec![String::from_utf8_lossy(family.prepared()).into_owned()],
            };
            let rate_names = if flink { family.family().flink_rate_names() } else { Vec::new() };
            let is_rate = flink && family.family().is_flink_meter();
            family.for_each(|series| {
                let labels = String::from_utf8_lossy(series.prepared());
                let mut see = |names: &[String], value: Option<Observed>| {
                    let Some(value) = value else { return };
                    all.extend(names.iter().map(|name| (format!("{name}{{{labels}}}"), value.clone())));
                };
                let rate = || series.rate().map(|rate| Observed::Number(Number::F64(rate)));
                see(&names, if is_rate { rate() } else { Some(Observed::of(series.value())) });
                if !rate_names.is_empty() {
                    see(&rate_names, rate());
                }
                Ok::<_, ReportError>(())
            })?;
        }
        lock(&self.0.reports).push((report.number(), all));
        Ok(())
    }

    fn report_milestones(&mut self, milestones: &Milestones<'_>) -> Result<(), ReportError> {
        assert!(!self.0.panic.load(Relaxed), "told to");
        if self.0.fail.load(Relaxed) {
            return Err("told to".into());
        }
        lock(&self.0.milestones).extend(milestones.iter().map(|view| CapturedMilestone::of(&view)));
        self.0.milestones_came.notify_all();
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use flowmeter_core::Metric;

    use super::*;
    use crate::{PATIENCE, driven};

    #[test]
    fn flinks_names_come_with_rates() {
        const RECORDS: Metric = Metric::new("records")
            .with_policy_names(&[("flink", "numRecordsIn"), ("flink", "old.numRecordsIn")])
            .with_rate_name("numRecordsInPerSecond");
        let capture = Capture::flink();
        let (registry, clock, reporter) = driven(&capture);
        let group = registry.add_group("io");
        let (records, mails) = (group.counter(RECORDS), group.meter("mails"));
        clock.advance(Duration::from_secs(10));
        records.inc_by(50);
        mails.mark_by(20);
        reporter.report_now(PATIENCE).unwrap();
        let seen = capture.latest();
        let expected = [
            ("io.mails{}", 2.0),
            ("numRecordsInPerSecond{}", 5.0),
            ("numRecordsIn{}", 50.0),
            ("old.numRecordsInPerSecond{}", 5.0),
            ("old.numRecordsIn{}", 50.0),
        ];
        assert_eq!(seen.iter().map(|(name, value)| (&**name, *value)).collect::<Vec<_>>(), expected);
    }
}

//! The contract between the core and reporters.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use crate::control::Control;
use crate::group_view::DEFAULT_DELIMITER;
use crate::{Family, GroupView, Milestones, Report, ReportError, ReporterOptions};

/// Brings series to one backend.
///
/// A reporter runs on a thread of its own. All it must do is write what a [`Report`] holds; the core keeps its index
/// of series, calls it when it is due, catches its panics and lets closed groups go after it has reported them:
///
/// ```
/// use std::io::Write;
/// use flowmeter_core::{Report, ReportError, Reporter};
///
/// struct Lines<W>(W);
///
/// impl<W: Write + Send> Reporter for Lines<W> {
///     fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
///         for family in report.families() {
///             family.for_each(|series| {
///                 self.0.write_all(series.prepared())?;
///                 self.0.write_all(b".")?;
///                 self.0.write_all(family.prepared())?;
///                 writeln!(self.0, " {:?}", series.value())
///             })?;
///         }
///         Ok(())
///     }
/// }
/// ```
///
/// What it writes for a group (labels, tags, a prefix) and for a family (a name) it prepares once, as bytes, which the
/// core keeps, hands back with every series, and compares to find series that would clash in the backend.
pub trait Reporter: Send {
    /// Whether reports are due at intervals or when the reporter asks for one.
    fn mode(&self) -> ReportMode {
        ReportMode::Push
    }

    /// What tells two series apart in the backend.
    fn naming(&self) -> Naming {
        Naming::Flat
    }

    /// What becomes of series that are not told apart.
    fn clashes(&self) -> Clashes {
        Clashes::Withheld
    }

    /// Whether the core is to keep for every series what the backend has accepted, so that
    /// [`SeriesView::delta`](crate::SeriesView::delta) can say what is new. Takes some dozens of bytes a series.
    fn deltas(&self) -> bool {
        false
    }

    /// Whether the core is to keep what reports have seen of every sum, so that [`SeriesView::rate`](crate::SeriesView::rate)
    /// can say how fast it grows. Takes some hundreds of bytes a sum whose rate is asked for.
    fn rates(&self) -> bool {
        false
    }

    /// Whether the reporter wants spans and events; asked once. They come through
    /// [`report_milestones`](Self::report_milestones).
    fn milestones(&self) -> bool {
        false
    }

    /// Opens what the reporter needs, on the thread that adds it. Called again, on the reporter's own thread, when it is
    /// restarted after a panic: what it prepares and says of itself must be the same then.
    ///
    /// # Errors
    ///
    /// Whatever keeps the reporter from working: adding it fails with this error, and a restart is tried again later.
    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        let _ = context;
        Ok(())
    }

    /// Where people find what the reporter serves, as a URL, once it has started.
    fn endpoint(&self) -> Option<String> {
        None
    }

    /// Where people find what it serves besides, once it has started: by another protocol than its [endpoint](Self::endpoint), whose name
    /// comes first.
    fn other_endpoints(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Writes what all series of a group have in common. By default the group's identifier.
    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(group.identifier().as_bytes());
    }

    /// Writes the name of a family. By default its name as registered, but for dots.
    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        out.extend_from_slice(family.identifier(DEFAULT_DELIMITER).as_bytes());
    }

    /// Whether the reporter wants this family at all; asked once.
    fn accepts(&self, family: &Family) -> bool {
        let _ = family;
        true
    }

    /// Reports all series.
    ///
    /// # Errors
    ///
    /// Whatever kept the backend from taking the report, or the rest of it if a part was [acknowledged](Report::acknowledge).
    /// Groups that closed meanwhile are kept for the next one.
    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError>;

    /// Reports spans and events, on the reporter's own thread: soon after they came, whenever reports are due, and those that
    /// are left before the last report. Several that came together are one batch. They are not told apart by the backend's names as
    /// series are, and [`ReporterOptions::metrics`](crate::ReporterOptions::metrics) is not about them;
    /// [`groups`](crate::ReporterOptions::groups) is, and so is what is said of variables.
    ///
    /// # Errors
    ///
    /// Whatever kept the backend from taking them, or the rest of them if some were [acknowledged](Milestones::acknowledge). The
    /// rest comes again with the next report, or after the [interval](crate::ReporterOptions::interval), with what has come
    /// since. After a panic it comes one by one, so what makes the reporter panic again costs itself alone: it is dropped.
    fn report_milestones(&mut self, milestones: &Milestones<'_>) -> Result<(), ReportError> {
        let _ = milestones;
        Ok(())
    }

    /// Closes what the reporter opened. The last call it gets, unless it is restarted.
    fn stop(&mut self) {}
}

/// Where people find what a running reporter serves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Endpoints {
    pub(crate) own: Option<String>,
    pub(crate) others: Vec<(&'static str, String)>,
}

impl Endpoints {
    pub(crate) fn of(reporter: &dyn Reporter) -> Self {
        Self { own: reporter.endpoint(), others: reporter.other_endpoints() }
    }
}

/// When reports are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportMode {
    /// At intervals. A report that succeeds was delivered.
    Push,
    /// When the reporter asks, with [`ReporterContext::request_report`], because a backend asked it. The reporter says
    /// what was delivered, with [`ReporterContext::delivered`].
    Pull,
}

/// What tells two series apart in a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// The group's bytes followed by the family's are one name.
    Flat,
    /// The family's bytes are a name that no other family may have; the group's bytes tell its series apart.
    Labeled,
}

/// What becomes of series that a backend does not tell apart, while the groups of several of them are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clashes {
    /// The first is reported; the later ones are withheld until it is gone, counted, and named in a log line. What they count
    /// until then is never reported.
    Withheld,
    /// All are reported, and a log line says so: for reporters with the names of another system, in which that is the rule.
    /// It is about [flat](Naming::Flat) names; the family that has a [labeled](Naming::Labeled) one is one in any case.
    Sent,
}

/// What a reporter can ask of the core.
#[derive(Clone)]
pub struct ReporterContext {
    control: Arc<Control>,
    interval: Duration,
    seed: u64,
}

impl ReporterContext {
    pub(crate) fn new(control: Arc<Control>, options: &ReporterOptions) -> Self {
        Self { control, interval: options.interval, seed: RandomState::new().hash_one(()) }
    }

    /// The same for a reporter that takes the place of this one.
    pub(crate) fn with_interval(&self, interval: Duration) -> Self {
        Self { interval, ..self.clone() }
    }

    pub(crate) fn control(&self) -> &Arc<Control> {
        &self.control
    }

    /// The reporter's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.control.name()
    }

    /// How often reports of a [push](ReportMode::Push) reporter are due: one that takes longer skips the next.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// A random number, which is the same after a restart, also of a reporter that another one takes the place of: so that what
    /// is made from it and from the [number](crate::MilestoneView::number) of a span or event is the same each time that it is
    /// sent, and another for each reporter of each process.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Asks for a report, to begin after this call, on the reporter's own thread. Requests that come in before it
    /// begins share it.
    pub fn request_report(&self) {
        self.control.request();
    }

    /// Tells how many bytes were sent to the backend.
    pub fn count_bytes(&self, bytes: u64) {
        self.control.counts.bytes.add(bytes);
    }

    /// Tells how many values the backend's format cannot say, or were given up.
    pub fn count_dropped(&self, values: u64) {
        self.control.counts.dropped.add(values);
    }

    /// Tells how many values were sent without knowing whether they arrived.
    pub fn count_uncertain(&self, values: u64) {
        self.control.counts.uncertain.add(values);
    }

    /// Tells how many spans and events were given up of those that the reporter has taken or is about to.
    pub fn count_dropped_milestones(&self, milestones: u64) {
        self.control.counts.dropped_milestones.add(milestones);
    }

    /// Waits for a time, on the reporter's own thread, or until the reporter is to stop, which it returns: a report that takes
    /// its time, so as not to overrun its backend, is to hurry then.
    #[must_use]
    pub fn pause(&self, time: Duration) -> bool {
        self.control.wait_for_stop(time)
    }

    /// How long what is being reported may still take, once the reporter is to stop; nothing while nobody stops it. Whoever
    /// does so waits for its last report until then, so an attempt that failed may be made again. What was begun before has no
    /// time left: the last report comes after it and has all that it has, and needs the time.
    #[must_use]
    pub fn time_left(&self) -> Option<Duration> {
        self.control.time_left()
    }

    /// Tells that a report of a pull reporter reached its backend in full, so that groups whose values were final in it may leave.
    pub fn delivered(&self, report: ReportNumber) {
        self.control.delivered(report);
    }
}

impl fmt::Debug for ReporterContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReporterContext").field("name", &self.name()).finish()
    }
}

/// A place in a report: behind a series whose difference was asked for; by default before all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReportMark(pub(crate) u64);

/// Which of a reporter's reports it is, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReportNumber(pub(crate) u64);

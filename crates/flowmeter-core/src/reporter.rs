//! The contract between the core and reporters.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::group_view::DEFAULT_DELIMITER;
use crate::runner::Control;
use crate::{Family, GroupView, MetricFilter, Report, ReportError, VariableFilter};

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

    /// Opens what the reporter needs, on the thread that adds it.
    ///
    /// # Errors
    ///
    /// Whatever keeps the reporter from working: adding it fails with this error.
    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        let _ = context;
        Ok(())
    }

    /// Where people find what the reporter serves, as a URL, once it has started.
    fn endpoint(&self) -> Option<String> {
        None
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

    /// Closes what the reporter opened. The last call it gets.
    fn stop(&mut self) {}
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

/// What a reporter can ask of the core.
#[derive(Clone)]
pub struct ReporterContext {
    control: Arc<Control>,
}

impl ReporterContext {
    pub(crate) fn new(control: Arc<Control>) -> Self {
        Self { control }
    }

    /// The reporter's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.control.name()
    }

    /// Asks for a report, to begin after this call, on the reporter's own thread. Requests that come in before it
    /// begins share it.
    pub fn request_report(&self) {
        self.control.request();
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

/// A place in a report: behind a series whose difference was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReportMark(pub(crate) u64);

/// Which of a reporter's reports it is, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReportNumber(pub(crate) u64);

/// How a reporter is run. The defaults suit most.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReporterOptions {
    /// The time between reports of a push reporter: 10 s.
    pub interval: Duration,
    /// How long a pull reporter keeps a closed group after its final values were delivered, for other scrapers: 60 s.
    pub keep_delivered: Duration,
    /// How long a pull reporter keeps a closed group whose final values nobody fetched: 10 min.
    pub keep_undelivered: Duration,
    /// How many closed groups wait for delivery at most; beyond it the oldest go undelivered, which is counted: 65 536.
    pub keep_groups: usize,
    /// How long a closed group's handles may go on recording before its values are taken for final: 1 s.
    pub grace: Duration,
    /// How long a report waits for callbacks, and up to twice as long if one has only just begun by then: 500 ms.
    pub callback_patience: Duration,
    /// Which metrics the reporter gets: all.
    pub metrics: MetricFilter,
    /// Which groups the reporter gets: all.
    pub groups: VariableFilter,
    /// Variables that the reporter does not see, by key: none. Groups that differ in nothing else then clash.
    pub excluded_variables: Vec<String>,
    /// Variables that the reporter sees in every group, behind the group's own: none. A group's own value comes first.
    pub additional_variables: Vec<(String, String)>,
    /// What is between the components of flat identifiers: a dot.
    pub scope_delimiter: char,
    /// The time over which rates are worked out: 60 s.
    pub rate_window: Duration,
    /// How many series the reporter takes at most; what comes beyond it is withheld, counted, and its group named: 2,000,000.
    pub series_limit: usize,
}

impl Default for ReporterOptions {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(10),
            keep_delivered: Duration::from_secs(60),
            keep_undelivered: Duration::from_secs(600),
            keep_groups: 65_536,
            grace: Duration::from_secs(1),
            callback_patience: Duration::from_millis(500),
            metrics: MetricFilter::default(),
            groups: VariableFilter::default(),
            excluded_variables: Vec::new(),
            additional_variables: Vec::new(),
            scope_delimiter: DEFAULT_DELIMITER,
            rate_window: Duration::from_secs(60),
            series_limit: 2_000_000,
        }
    }
}

impl ReporterOptions {
    /// Sets the time between reports.
    #[must_use]
    pub fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets how long a pull reporter keeps closed groups: after delivery, and if nobody fetches them.
    #[must_use]
    pub fn with_retention(mut self, delivered: Duration, undelivered: Duration) -> Self {
        self.keep_delivered = delivered;
        self.keep_undelivered = undelivered;
        self
    }

    /// Sets which metrics the reporter gets.
    #[must_use]
    pub fn with_metrics(mut self, filter: MetricFilter) -> Self {
        self.metrics = filter;
        self
    }

    /// Sets which groups the reporter gets.
    #[must_use]
    pub fn with_groups(mut self, filter: VariableFilter) -> Self {
        self.groups = filter;
        self
    }

    /// Hides a variable from the reporter.
    #[must_use]
    pub fn without_variable(mut self, key: impl Into<String>) -> Self {
        self.excluded_variables.push(key.into());
        self
    }

    /// Adds a variable to every group that the reporter sees.
    #[must_use]
    pub fn with_variable(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.additional_variables.push((key.into(), value.into()));
        self
    }

    /// Sets how long the handles of a closed group may go on recording.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }
}

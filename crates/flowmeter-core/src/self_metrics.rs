//! What a registry and its reporters report of themselves, in the group `flowmeter`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::block::Object;
use crate::node::Node;
use crate::variables::Variables;
use crate::{
    CatalogueEntry, Descriptor, Histogram, Metric, MetricGroup, ScopeKind, SharedCounter, SharedGauge, Unit,
};

/// What a registry and its reporters report of themselves.
pub const SELF_CATALOGUE: &[CatalogueEntry] = &[
    CatalogueEntry {
        registered_by: "Registry",
        scopes: &[ScopeKind::Root],
        groups: GROUP,
        descriptors: REGISTRY,
    },
    CatalogueEntry {
        registered_by: "Registry::add_reporter",
        scopes: &[ScopeKind::Root],
        groups: "flowmeter.reporter",
        descriptors: &ALL_OF_REPORTER,
    },
];

/// The name of the group.
const GROUP: &str = "flowmeter";

/// A number that the registry keeps of itself. What reads it and what reports it share it; neither holds the registry.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<AtomicU64>);

impl Tally {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }

    fn object(&self) -> Object {
        Object::Value(Arc::clone(&self.0))
    }
}

/// What is counted of one reporter.
#[derive(Default)]
pub(crate) struct ReporterCounts {
    pub(crate) reports: Tally,
    pub(crate) failures: Tally,
    pub(crate) panics: Tally,
    pub(crate) skipped: Tally,
    pub(crate) restarts: Tally,
    pub(crate) bytes: Tally,
    pub(crate) dropped: Tally,
    pub(crate) uncertain: Tally,
    pub(crate) reported_milestones: Tally,
    pub(crate) dropped_milestones: Tally,
    /// In seconds since the Unix epoch.
    pub(crate) last_error_time: Tally,
    pub(crate) series: Tally,
}

const fn counter(name: &'static str, description: &'static str) -> Descriptor {
    Descriptor::of::<SharedCounter>(Metric::new(name).with_description(description))
}

const REPORTER: &[Descriptor] = &[
    counter("reports", "Reports of this reporter that succeeded."),
    counter(
        "failures",
        "What failed or panicked of this reporter: reports, restarts, and the preparing of names.",
    ),
    counter("panics", "What panicked of it."),
    counter("skippedReports", "Reports that were due while another one ran or the reporter was down."),
    counter("restarts", "How often this reporter was restarted."),
    Descriptor::of::<SharedCounter>(
        Metric::new("written")
            .with_unit(Unit::BYTES)
            .with_description("What this reporter has sent to its backend."),
    ),
    counter("droppedValues", "Values that this reporter could not say or deliver, for ever."),
    counter("uncertainValues", "Values that were sent and of which it is not known whether they arrived."),
    counter("reportedMilestones", "Spans and events that this reporter has taken."),
    counter(
        "droppedMilestones",
        "Spans and events that came while too many waited for this reporter, or that were given up.",
    ),
    Descriptor::of::<SharedGauge<u64>>(
        Metric::new("lastErrorTime").with_unit(Unit::SECONDS).with_description(
            "When this reporter last failed, in seconds since the Unix epoch; 0 if none has.",
        ),
    ),
    Descriptor::of::<SharedGauge<u64>>(
        Metric::new("series").with_description("Series that this reporter has in its index."),
    ),
];

const REPORT_DURATION: Metric = Metric::new("reportDuration")
    .with_description("How long the reports of this reporter took, callbacks included.");

/// What has a handle.
const RECORDED: &[Descriptor] = &[Descriptor::of::<Histogram<Duration>>(REPORT_DURATION)];

const ALL_OF_REPORTER: [Descriptor; Descriptor::count(&[REPORTER, RECORDED])] =
    Descriptor::concat(&[REPORTER, RECORDED]);

/// The group of one reporter, which closes with it.
pub(crate) struct SelfReport {
    group: MetricGroup,
    duration: Histogram<Duration>,
}

impl SelfReport {
    pub(crate) fn new(root: &Arc<Node>, reporter: &str, counts: &ReporterCounts) -> Self {
        // Apart from other groups of these names: the user's, and that of a reporter of the name that has not ended yet.
        let group = root.group_apart(GROUP, Variables::name_only(GROUP));
        let group = MetricGroup::new(group.group_apart("reporter", Variables::user("reporter", reporter)));
        let tallies = [
            &counts.reports,
            &counts.failures,
            &counts.panics,
            &counts.skipped,
            &counts.restarts,
            &counts.bytes,
            &counts.dropped,
            &counts.uncertain,
            &counts.reported_milestones,
            &counts.dropped_milestones,
            &counts.last_error_time,
            &counts.series,
        ];
        register(&group, REPORTER, &tallies);
        let duration = group.histogram(REPORT_DURATION);
        Self { group, duration }
    }

    pub(crate) fn took(&self, duration: Duration) {
        self.duration.record(duration);
    }
}

impl Drop for SelfReport {
    fn drop(&mut self) {
        // With the group above it, which is its own.
        match self.group.node().parent() {
            Some(parent) => parent.close(),
            None => self.group.close(),
        }
    }
}

const REGISTRY: &[Descriptor] = &[
    counter(
        "refusedRegistrations",
        "Registrations that were refused; their handles work but nobody sees their values.",
    ),
    counter("droppedUnreadSeries", "Series whose final values a reporter never read."),
    counter("clashes", "Series, or families of them, withheld because another has the same identity."),
    counter("limitedSeries", "Series withheld because a reporter had as many as it takes."),
    counter("callbackPanics", "Callbacks that panicked."),
    counter("callbackTimeouts", "Callbacks that did not return in time."),
    counter("cutMilestones", "Spans and events that were cut, because they were larger than they can be."),
];

/// Registers what a registry counts, in the order of [`Statistics`](crate::Statistics).
pub(crate) fn register_registry(root: &Arc<Node>, tallies: &[&Tally; 7]) {
    let group = root.group_apart(GROUP, Variables::name_only(GROUP));
    register(&MetricGroup::new(group), REGISTRY, tallies);
}

fn register(group: &MetricGroup, descriptors: &'static [Descriptor], tallies: &[&Tally]) {
    let objects = tallies.iter().map(|tally| tally.object()).collect();
    let node = group.node();
    if let Err(error) = node.register_given(node.scope().table_set(descriptors), objects) {
        node.core().refused(&error);
    }
}

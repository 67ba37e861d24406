//! From the facade into a metric group.

mod descriptions;
mod kept;
mod labels;
mod options;
mod places;
mod series;
mod table;

use std::fmt;
use std::sync::Arc;

use flowmeter_core::{CatalogueEntry, Descriptor, Metric, MetricGroup, ScopeKind};
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SetRecorderError, SharedString, Unit,
};

use crate::unit;
use kept::Kept;
pub use options::{RecorderOptions, RecorderStatistics};

/// The gauge that tells how many keys there are, and has idle series removed.
const BRIDGED_SERIES: Metric = Metric::new("bridgedSeries")
    .with_unit(flowmeter_core::Unit::new("{series}"))
    .with_description("Series that libraries record in this group with the macros of the metrics crate.");

/// The metric of a [`GroupRecorder`] with an [`idle_timeout`](RecorderOptions::idle_timeout), for lists and dashboards. Those of libraries
/// are theirs.
pub const CATALOGUE: &[CatalogueEntry] = &[CatalogueEntry {
    registered_by: "GroupRecorder",
    scopes: ScopeKind::ALL,
    groups: "",
    descriptors: &[Descriptor::of::<flowmeter_core::Gauge<u64>>(BRIDGED_SERIES)],
}];

/// Records what libraries count with the macros of the `metrics` crate in a [`MetricGroup`], as series that all reporters have.
///
/// For all of a process it is [installed](Self::install); for what one operator does, it is the recorder of a scope:
///
/// ```
/// use flowmeter_core::Registry;
/// use flowmeter_metrics::GroupRecorder;
///
/// /// A library that knows nothing of flowmeter.
/// fn parse(line: &str) -> usize {
///     metrics::counter!("lines_parsed", "format" => "csv").increment(1);
///     line.split(',').count()
/// }
///
/// let registry = Registry::new();
/// let operator = registry.add_group("parse");
/// let recorder = GroupRecorder::new(operator.clone());
/// metrics::with_local_recorder(&recorder, || parse("a,b,c"));
///
/// // It is a shared metric of the group, which can be asked for as any other.
/// assert_eq!(operator.add_group_kv("format", "csv").shared_counter("lines_parsed").get(), 1);
/// ```
///
/// It is a plain recorder, so the layers of `metrics-util` go before it. Clones are one recorder.
///
/// # What becomes of keys
///
/// | facade | flowmeter |
/// |---|---|
/// | name | the name of the metric, as it is |
/// | labels | groups by key and value, sorted by key, whatever their order in the macro: so variables, and the keys are part of the logical scope |
/// | a label named like a system variable, such as `host`, or like nothing | the same with `exported_` before it, as Prometheus does with labels that its own hide |
/// | a label that is there twice | the greater value |
/// | a label named like a variable of a user group above | hides that, as in any group |
/// | unit, description | those of the metric, the first of each that is described, before or after it is used; but a unit that comes later than the first use of the name is not taken, since it is part of the identity of series |
///
/// | facade | flowmeter |
/// |---|---|
/// | counter | [`SharedCounter`](flowmeter_core::SharedCounter); `absolute` raises it and never lowers it |
/// | gauge | [`SharedGauge<f64>`](flowmeter_core::SharedGauge) |
/// | histogram | [`SharedHistogram<f64>`](flowmeter_core::SharedHistogram): buckets, not samples, so memory is bounded; some kilobytes for each thread that records |
///
/// Handles are these, in an `Arc`: recording does not look anything up. The macros look the key up each time, under a lock that
/// is held for reading and for nothing else; a handle that is kept spares that.
///
/// # What is refused
///
/// A metric without a name, a name that is there as another kind, and what comes when the group is closed: the handle works, nobody
/// reports it, and the core counts it and says why, once a key. Beyond [`series_limit`](RecorderOptions::series_limit) keys, handles record
/// nothing, which is counted and said once. So do handles for new keys within a registration or a report on the same thread, such as of a log
/// line that counts itself. [`statistics`](Self::statistics) has all of these.
///
/// # What is idle
///
/// The facade cannot remove anything. With an [`idle_timeout`](RecorderOptions::idle_timeout) a series goes when all its handles are dropped
/// and nobody has asked for it in this time: it is reported once more. A handle that is kept keeps its series, so none ever records
/// into what is gone. A counter that returns goes on from its count while a reporter still has it, as all identities do, and
/// later begins anew; a gauge begins at zero. A counter that was ever set by `absolute` stays, for its count must not be added to
/// what it was. The groups of labels are the recorder's and close with their last series; do not register metrics of your own there, nor
/// use two recorders with timeouts on one group.
#[derive(Clone)]
pub struct GroupRecorder(Arc<Kept>);

impl GroupRecorder {
    /// A recorder into a group, with the default options.
    #[must_use]
    pub fn new(group: MetricGroup) -> Self {
        Self::with_options(group, RecorderOptions::default())
    }

    /// A recorder into a group.
    #[must_use]
    pub fn with_options(group: MetricGroup, options: RecorderOptions) -> Self {
        let has_timeout = options.idle_timeout.is_some();
        let kept = Arc::new(Kept::new(group, options));
        if has_timeout {
            let of_gauge = Arc::downgrade(&kept);
            let keys = move || {
                let kept = of_gauge.upgrade()?;
                kept.maintain();
                Some(kept.statistics().keys as u64)
            };
            // The group may have it from a recorder before this one; series go when others are registered then.
            let _ = kept.group().try_gauge_callback(BRIDGED_SERIES, move || keys().unwrap_or(0));
        }
        Self(kept)
    }

    /// Makes it the recorder of the process, for all threads that have no local one.
    ///
    /// ```
    /// use flowmeter_core::Registry;
    /// use flowmeter_metrics::GroupRecorder;
    ///
    /// let registry = Registry::new();
    /// GroupRecorder::new(registry.add_group("libraries")).install()?;
    /// metrics::gauge!("pool_size").set(4.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the process has a recorder already, with this one.
    pub fn install(self) -> Result<(), SetRecorderError<Self>> {
        metrics::set_global_recorder(self)
    }

    /// The group that it records into.
    #[must_use]
    pub fn group(&self) -> &MetricGroup {
        self.0.group()
    }

    /// Removes what is idle, now, unless another thread is registering a series at the moment. It is done without this call as well, see
    /// [`with_idle_timeout`](RecorderOptions::with_idle_timeout); without a timeout nothing is removed.
    pub fn maintain(&self) {
        self.0.maintain();
    }

    /// What it holds, and what it did not take as it came.
    #[must_use]
    pub fn statistics(&self) -> RecorderStatistics {
        self.0.statistics()
    }
}

impl Recorder for GroupRecorder {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe(&self.0.counters, key.as_str(), &of_core(unit), &description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe(&self.0.gauges, key.as_str(), &of_core(unit), &description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.0.describe(&self.0.histograms, key.as_str(), &of_core(unit), &description);
    }

    fn register_counter(&self, key: &Key, _metadata: &Metadata<'_>) -> Counter {
        self.0.series(&self.0.counters, key).map_or_else(Counter::noop, Counter::from_arc)
    }

    fn register_gauge(&self, key: &Key, _metadata: &Metadata<'_>) -> Gauge {
        self.0.series(&self.0.gauges, key).map_or_else(Gauge::noop, Gauge::from_arc)
    }

    fn register_histogram(&self, key: &Key, _metadata: &Metadata<'_>) -> Histogram {
        self.0.series(&self.0.histograms, key).map_or_else(Histogram::noop, Histogram::from_arc)
    }
}

fn of_core(unit: Option<Unit>) -> flowmeter_core::Unit {
    unit.map_or(flowmeter_core::Unit::NONE, unit::from_facade)
}

impl fmt::Debug for GroupRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupRecorder")
            .field("group", self.group())
            .field("statistics", &self.statistics())
            .finish_non_exhaustive()
    }
}

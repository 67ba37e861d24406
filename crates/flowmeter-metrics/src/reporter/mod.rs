//! From flowmeter's groups to any recorder of the facade.

mod factory;
mod names;
mod told;

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;

use flowmeter_core::{
    Family, FamilyView, GroupView, HistogramSnapshot, MetricKind, Naming, Number, Report, ReportError,
    Reporter, ReporterContext, SeriesView, Value,
};
use metrics::{Key, Level, Metadata, Recorder};

use crate::inside::Inside;
use crate::unit;
pub use factory::MetricsFactory;
use told::{Series, Told};

/// What recorders are told of where a metric is from.
static METADATA: Metadata<'static> = Metadata::new("flowmeter", Level::INFO, Some("flowmeter"));

/// Reports to a recorder of the `metrics` crate, so that its exporters are reporters of flowmeter.
///
/// ```
/// use flowmeter_core::{Registry, ReporterOptions};
/// use flowmeter_metrics::MetricsReporter;
/// use metrics_exporter_prometheus::PrometheusBuilder;
/// use std::time::Duration;
///
/// let recorder = PrometheusBuilder::new().build_recorder();
/// let exporter = recorder.handle();
/// let registry = Registry::new();
/// let reporter = MetricsReporter::new(recorder);
/// let reporter = registry.add_reporter("metrics", Box::new(reporter), ReporterOptions::default())?;
///
/// registry.add_group("shop").counter("orders").inc_by(3);
/// reporter.report_now(Duration::from_secs(10))?;
/// assert!(exporter.render().contains("shop_orders 3"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What becomes of metrics
///
/// A name is the parts of the logical scope and the metric's name in snake case, joined by underscores; the variables that are not
/// empty are labels. Both have only characters that exporters leave as they are, so what would come out alike there clashes here: the
/// core withholds the later one and names it. Descriptions and units are told once a name.
///
/// | flowmeter | facade |
/// |---|---|
/// | counters, meters | counters, incremented by what is new since the last report: totals are exact, also after failures and restarts |
/// | up-down counters, gauges | gauges, set: floats, so integers beyond 2^53 are rounded |
/// | truth values | gauges, 1 or 0 |
/// | texts | gauges named `…_info` of 1, with the text as the label `value`; that of the text before is set to 0 |
/// | histograms | histograms: what was recorded since the last report, each value as the middle of its bucket. The count is exact; a value, and so the sum, is off by at most [`relative_error`](HistogramSnapshot::relative_error), 1.1 % as a rule. The least and the greatest value are those of the snapshot. Values without a bucket are not told |
///
/// Times keep their units, such as nanoseconds. Rates are the backend's to work out.
///
/// # What to mind
///
/// * The facade has no removal: an exporter holds the last values of series whose group has closed. Open ones are told of in every report,
///   counters with zero if need be, so an exporter's own idle timeout, longer than the report interval, removes those that are gone. A
///   histogram that records nothing is not told of.
/// * Most recorders take the values of a histogram one by one and keep each until they are asked: memory for as many values as are
///   recorded between. Leave out large histograms with the reporter's filter.
/// * Recorders tell of no failure, so all that was recorded counts as delivered.
/// * Over the [global](Self::global) recorder it must not be a [`GroupRecorder`](crate::GroupRecorder) that is installed, which would have what
///   is reported reported: it refuses that, and counts it as [nested](crate::RecorderStatistics::nested).
pub struct MetricsReporter {
    recorder: AnyRecorder,
    prefix: String,
    told: Told,
    delta: HistogramSnapshot,
}

/// The recorder of a reporter.
#[derive(Clone)]
pub(crate) enum AnyRecorder {
    Given(Arc<dyn Recorder + Send + Sync>),
    /// The one of the process, whatever it is at the time of a report.
    Global,
}

impl AnyRecorder {
    fn with(&self, report: impl FnOnce(&dyn Recorder)) {
        match self {
            Self::Given(recorder) => report(&**recorder),
            Self::Global => metrics::with_recorder(report),
        }
    }
}

impl MetricsReporter {
    /// A reporter to a recorder.
    #[must_use]
    pub fn new(recorder: impl Recorder + Send + Sync + 'static) -> Self {
        Self::of(AnyRecorder::Given(Arc::new(recorder)))
    }

    /// A reporter to the recorder that is installed in the process. While there is none, what is reported is lost.
    #[must_use]
    pub fn global() -> Self {
        Self::of(AnyRecorder::Global)
    }

    pub(crate) fn of(recorder: AnyRecorder) -> Self {
        Self { recorder, prefix: String::new(), told: Told::default(), delta: HistogramSnapshot::default() }
    }

    /// Sets what stands before all names, with an underscore behind it.
    #[must_use]
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }
}

impl Reporter for MetricsReporter {
    fn naming(&self) -> Naming {
        Naming::Labeled
    }

    fn deltas(&self) -> bool {
        true
    }

    fn start(&mut self, _context: &ReporterContext) -> Result<(), ReportError> {
        self.told = Told::default();
        Ok(())
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        for label in names::labels(group) {
            // With lengths, since values have any characters.
            for text in [label.key(), label.value()] {
                out.extend_from_slice(&text.len().to_be_bytes());
                out.extend_from_slice(text.as_bytes());
            }
        }
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        out.extend_from_slice(names::family_name(&self.prefix, family).as_bytes());
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let _inside = Inside::enter();
        let Self { recorder, told, delta, .. } = self;
        told.begin();
        recorder.with(|recorder| {
            for view in report.families() {
                let name = told.family(view.prepared(), |name| describe(recorder, &view, name));
                let Ok(()) = view.for_each(|series| {
                    let known = name.series(series);
                    record(recorder, view.family().kind(), series, known, delta);
                    // At once: if the recorder panics further on, what it has taken is not told again.
                    report.acknowledge(series.mark());
                    Ok::<(), Infallible>(())
                });
            }
        });
        told.end();
        Ok(())
    }
}

/// Tells the recorder what a family is.
fn describe(recorder: &dyn Recorder, view: &FamilyView<'_>, name: &metrics::SharedString) {
    let family = view.family();
    let (unit, text) = (unit::to_facade(family.unit()), family.description().to_owned().into());
    match family.kind() {
        MetricKind::Counter | MetricKind::Meter => recorder.describe_counter(name.clone().into(), unit, text),
        MetricKind::Histogram => recorder.describe_histogram(name.clone().into(), unit, text),
        _ => recorder.describe_gauge(name.clone().into(), unit, text),
    }
}

/// Tells the recorder of one series. It is asked for a handle each time, as by the macros: exporters that remove what is
/// idle leave handles behind that record into nothing.
fn record(
    recorder: &dyn Recorder,
    kind: MetricKind,
    series: &SeriesView<'_>,
    known: &mut Series,
    delta: &mut HistogramSnapshot,
) {
    let set = |key: &Key, value: f64| recorder.register_gauge(key, &METADATA).set(value);
    match series.value() {
        Value::Number(_) if kind.is_monotonic_sum() => {
            let counter = recorder.register_counter(&known.key, &METADATA);
            // Nothing new is told as well, so that the series is there, and is not idle.
            counter.increment(series.delta().unwrap_or(0));
        }
        Value::Number(number) => set(&known.key, number.to_f64()),
        Value::Bool(value) => set(&known.key, f64::from(u8::from(value))),
        Value::Text(text) => {
            let (of_text, before) = known.with_text(text);
            if let Some(before) = before {
                set(&before, 0.0);
            }
            set(of_text, 1.0);
        }
        Value::Histogram(_) => {
            let histogram = recorder.register_histogram(&known.key, &METADATA);
            if series.read_histogram_delta(delta) {
                each_value(delta, |value, count| histogram.record_many(value, count));
            }
        }
        _ => {}
    }
}

/// Calls `record` with values that stand for all of a snapshot, in ascending order: the least, the middles of buckets, the greatest.
fn each_value(snapshot: &HistogramSnapshot, mut record: impl FnMut(f64, usize)) {
    let float = |number: Option<Number>| number.map(Number::to_f64);
    let (least, greatest) = match (float(snapshot.min()), float(snapshot.max())) {
        (Some(least), Some(greatest)) => (least, greatest),
        _ => (f64::NEG_INFINITY, f64::INFINITY),
    };
    let is_known = least.is_finite();
    let mut left = snapshot.count();
    for (middle, mut count) in snapshot.middles().filter(|(_, count)| *count > 0) {
        if is_known && left == snapshot.count() {
            record(least, 1);
            (left, count) = (left - 1, count - 1);
        }
        let is_last = left == count && count > 0;
        if is_last && is_known {
            count -= 1;
        }
        if count > 0 {
            record(middle.max(least).min(greatest), usize::try_from(count).unwrap_or(usize::MAX));
        }
        if is_last && is_known {
            record(greatest, 1);
            return;
        }
        left = left.saturating_sub(count);
    }
}

impl fmt::Debug for MetricsReporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsReporter").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use flowmeter_core::Registry;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn values_that_stand_for_others_are_as_many_and_near(
            values in prop::collection::vec(prop_oneof![-1e6..1e6_f64, 0.0..1.0_f64, Just(0.0), Just(7.0)], 0..50)
        ) {
            let histogram = Registry::new().add_group("g").histogram::<f64>("h");
            values.iter().for_each(|value| histogram.record(*value));
            let snapshot = histogram.snapshot();
            let mut told = Vec::new();
            each_value(&snapshot, |value, count| told.extend(std::iter::repeat_n(value, count)));
            let mut sorted = values;
            sorted.sort_by(f64::total_cmp);
            prop_assert_eq!(told.len(), sorted.len());
            prop_assert_eq!((told.first(), told.last()), (sorted.first(), sorted.last()));
            let error = snapshot.relative_error() * (1.0 + 1e-9);
            for (told, value) in told.iter().zip(&sorted) {
                prop_assert!((told - value).abs() <= error * value.abs(), "{} for {}", told, value);
            }
        }
    }
}

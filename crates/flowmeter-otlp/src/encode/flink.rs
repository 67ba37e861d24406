//! Points as Flink's OpenTelemetry reporter sends them.
//!
//! Some things differ. It says the greatest quantile twice, which servers take for a mistake. Of what is no sum it says that it
//! began with the report before, where this says when the series did. It has an underscore for a dot in the name of a group,
//! which is a dot here, since a family's scope does not tell it from those between groups. And each of its points is in a metric
//! of its own, as here only those of families that are several metrics.

use std::collections::HashSet;
use std::convert::Infallible;

use flowmeter_core::{FamilyView, HistogramSnapshot, MetricKind, Number, Report, SeriesView, Value};

use super::head::{Data, Described, Heads};
use super::number::{Figure, Tail};
use super::requests::{Part, TooLong};
use super::wire::{write_double, write_fixed, write_length};
use super::{Memory, Writing, nanoseconds};
use crate::naming::{Attributes, FlinkMetrics};
use crate::request::Request;

/// The scope of all metrics.
pub(super) const SCOPE: &[u8] = b"io.confluent.flink.common.metrics";

/// The quantiles of a histogram, which is a summary there.
const QUANTILES: [f64; 6] = [0.0, 0.5, 0.75, 0.95, 0.99, 1.0];

/// What of a series a metric shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Value,
    Count,
    Rate,
}

impl<E: FnMut(Request)> Writing<'_, E> {
    pub(super) fn write_flink(&mut self, report: &Report<'_>) {
        // A family may be several metrics besides the one that it was prepared as, and those could be another's.
        let own: HashSet<&[u8]> = report.families().map(|family| family.prepared()).collect();
        let mut written: HashSet<String> = HashSet::new();
        for family in report.families() {
            self.write_flink_family(&family, |name| {
                let is_free = name.as_bytes() == family.prepared() || !own.contains(name.as_bytes());
                is_free && written.insert(name.to_owned())
            });
        }
    }

    fn write_flink_family(&mut self, view: &FamilyView<'_>, mut is_free: impl FnMut(&str) -> bool) {
        let kind = view.family().kind();
        let value = match kind {
            MetricKind::Histogram => Data::Summary,
            MetricKind::Gauge => Data::Gauge,
            kind => {
                let is_monotonic = kind.is_monotonic_sum();
                Data::Sum { is_delta: is_monotonic, is_monotonic }
            }
        };
        let sum = Data::Sum { is_delta: true, is_monotonic: true };
        let FlinkMetrics { values, meters } = FlinkMetrics::of(view.family());
        let values = values.into_iter().map(|name| (name, Shown::Value, value));
        let meters = meters.iter().flat_map(|name| {
            [(format!("{name}.count"), Shown::Count, sum), (format!("{name}.rate"), Shown::Rate, Data::Gauge)]
        });
        let (mut heads, mut shown) = (Heads::default(), Vec::new());
        for (name, what, data) in values.chain(meters).filter(|(name, ..)| is_free(name)) {
            let described = Described { name: name.as_bytes(), description: "", unit: "" };
            heads.add(described, data, self.next_head);
            shown.push(what);
        }
        let result: Result<(), Infallible> = view.for_each(|series| {
            self.write_flink_series((view, series), &heads, &shown);
            Ok(())
        });
        let Ok(()) = result;
    }

    /// Writes all points of a series, for which it is asked once.
    fn write_flink_series(
        &mut self,
        source: (&FamilyView<'_>, &SeriesView<'_>),
        heads: &Heads,
        shown: &[Shown],
    ) {
        let series = source.1;
        let Attributes { variables, points } = Attributes::of(series.prepared());
        let begun = nanoseconds(series.start_time());
        let (number, since) = match (series.delta(), series.value()) {
            (Some(delta), _) => (Number::U64(delta), nanoseconds(series.delta_start())),
            (None, Value::Number(number)) => (number, begun),
            // What has no number is a histogram.
            (None, _) => (Number::U64(0), begun),
        };
        let Memory { bytes, parts, .. } = &mut *self.memory;
        bytes.clear();
        parts.clear();
        for (head, what) in shown.iter().enumerate() {
            let start = bytes.len();
            bytes.extend_from_slice(points);
            match (what, series.value()) {
                (Shown::Rate, _) => {
                    // Flink's meters have a rate from the beginning on.
                    let rate = Figure::float(series.rate().unwrap_or(0.0));
                    bytes.extend_from_slice(Tail::new(since, self.time, rate).started());
                }
                (_, Value::Histogram(snapshot)) => write_summary(snapshot, begun, self.time, bytes),
                _ => {
                    let tail = Tail::new(since, self.time, Figure::of(number, 1.0));
                    bytes.extend_from_slice(tail.started());
                }
            }
            parts.push(Part { head, start, end: bytes.len() });
        }
        let put = self.requests.points(variables, &heads.0, (parts, bytes), self.emit);
        if let Err(TooLong) = put {
            self.note(shown.len() as u64, source);
        }
        self.requests.end_series(series.mark());
    }
}

/// Writes what is behind the attributes of a summary, which are the same field as those of a number.
fn write_summary(snapshot: &HistogramSnapshot, start: u64, time: u64, out: &mut Vec<u8>) {
    write_fixed(2, start, out);
    write_fixed(3, time, out);
    write_fixed(4, snapshot.count(), out);
    write_double(5, snapshot.sum().to_f64(), out);
    for quantile in QUANTILES {
        write_length(6, 2 * (1 + 8), out);
        write_double(1, quantile, out);
        write_double(2, snapshot.quantile(quantile).unwrap_or(f64::NAN), out);
    }
}

//! Histograms, in either form.

use std::convert::Infallible;

use flowmeter_core::{FamilyView, HistogramSnapshot, SeriesView, Value};

use super::explicit::Edges;
use super::head::{Data, Described, Heads};
use super::{Writing, is_delta, nanoseconds};
use crate::naming::Attributes;
use crate::options::HistogramForm;
use crate::request::Request;

/// What is sent of a series, in whichever form.
pub(super) struct Distribution<'a> {
    pub(super) attributes: Attributes<'a>,
    /// What was recorded, since the start.
    pub(super) recorded: &'a HistogramSnapshot,
    pub(super) start: u64,
    pub(super) time: u64,
    /// What of it is known exactly, in the unit of the buckets.
    pub(super) sum: Option<f64>,
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
    /// The fields that exemplars are.
    pub(super) exemplars: &'a [u8],
}

impl<E: FnMut(Request)> Writing<'_, E> {
    pub(super) fn write_histograms(&mut self, view: FamilyView<'_>) {
        let is_explicit = self.options.histograms == HistogramForm::Explicit;
        let view = &if is_explicit { view.for_classic_buckets() } else { view };
        let family = view.family();
        // Buckets of times are in seconds, and all else goes with them.
        let unit = match family.unit().as_str() {
            "ms" | "us" | "ns" => "s",
            unit => unit,
        };
        let described = Described { name: view.prepared(), description: family.description(), unit };
        let edges = is_explicit.then(|| Edges::of(family));
        let data = if is_explicit {
            |is_delta| Data::Explicit { is_delta }
        } else {
            |is_delta| Data::Exponential { is_delta }
        };
        let mut heads = Heads::default();
        heads.add_both(described, data, self.next_head);
        let result: Result<(), Infallible> = view.for_each(|series| {
            self.write_histogram((view, series), edges.as_ref(), &heads);
            Ok(())
        });
        let Ok(()) = result;
    }

    fn write_histogram(
        &mut self,
        source: (&FamilyView<'_>, &SeriesView<'_>),
        edges: Option<&Edges>,
        heads: &Heads,
    ) {
        let series = source.1;
        let Value::Histogram(all) = series.value() else { return };
        let is_delta = is_delta(self.options, series);
        // Taken out, because it is read beside the rest.
        let mut delta = std::mem::take(&mut self.memory.delta);
        if !is_delta || series.read_histogram_delta(&mut delta) {
            self.write_recorded(source, edges, heads, all, is_delta.then_some(&delta));
        }
        self.memory.delta = delta;
    }

    fn write_recorded(
        &mut self,
        source: (&FamilyView<'_>, &SeriesView<'_>),
        edges: Option<&Edges>,
        heads: &Heads,
        all: &HistogramSnapshot,
        delta: Option<&HistogramSnapshot>,
    ) {
        let series = source.1;
        let recorded = delta.unwrap_or(all);
        let count = edges.map_or(recorded.count(), |edges| edges.count(recorded));
        let is_known = delta.is_some() && series.is_known();
        if count == 0 && is_known {
            self.requests.end_series(series.mark());
            return;
        }
        let start = nanoseconds(if delta.is_some() { series.delta_start() } else { series.start_time() });
        let unit = recorded.bucket_unit();
        let in_unit = |number: flowmeter_core::Number| number.to_f64() / unit;
        // A sum that may go down is none, for a backend that works out rates of it.
        let is_signed = all.min().is_some_and(|least| least.to_f64() < 0.0);
        // Of a difference the least and the greatest value are known to the width of a bucket, but for the first one's.
        let extremes = Some(all).filter(|_| !is_known);
        let memory = &mut *self.memory;
        let exemplars = series.exemplars();
        memory.exemplars.clear();
        if !exemplars.is_empty() {
            let field = if edges.is_some() { Edges::EXEMPLARS } else { super::exponential::EXEMPLARS };
            let since = if delta.is_some() { start } else { 0 };
            super::exemplar::write_exemplars(field, &exemplars, unit, since, &mut memory.exemplars);
        }
        let attributes = Attributes::of(series.prepared());
        let distribution = Distribution {
            attributes,
            recorded,
            start,
            time: self.time,
            sum: (!is_signed).then(|| in_unit(recorded.sum())),
            min: extremes.and_then(HistogramSnapshot::min).map(in_unit),
            max: extremes.and_then(HistogramSnapshot::max).map(in_unit),
            exemplars: &memory.exemplars,
        };
        memory.bytes.clear();
        match edges {
            Some(edges) => edges.write(&distribution, count, &mut memory.counts, &mut memory.bytes),
            None => super::exponential::write(
                &distribution,
                self.options.bucket_limit,
                &mut memory.counts,
                &mut memory.bytes,
            ),
        }
        let head = if delta.is_some() { Heads::DELTA } else { Heads::CUMULATIVE };
        self.put_point(attributes.variables, heads, head, source);
    }
}

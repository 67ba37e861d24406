//! The series of a family in the text formats.

use std::convert::Infallible;

use flowmeter_core::{FamilyView, HistogramSnapshot, SeriesView, Value};

use super::edges::Edges;
use super::escape::write_label_value;
use super::exemplar::{latest_within, write_behind_sample};
use super::number::{write_number, write_u64};
use super::open_metrics::write_time;
use super::sample::{SampleName, escape_labels};
use super::{Described, Encoding, Output};
use crate::naming::Kind;

/// Writes the series of a family, in OpenMetrics if it is `OPEN`.
pub(super) fn write_series<const OPEN: bool>(
    encoding: &Encoding<'_>,
    family: &FamilyView<'_>,
    described: &Described<'_>,
    output: &mut Output<'_>,
) {
    if described.kind == Kind::Histogram {
        return write_histograms::<OPEN>(encoding, family, described, output);
    }
    let name = SampleName::new(&described.name, "");
    let created = SampleName::new(described.stem(), "_created");
    let decimals = described.decimals();
    for_each(encoding, family, output, |series, labels, out| match series.value() {
        Value::Number(number) => {
            name.write(labels, out);
            write_number(number, decimals, out);
            if OPEN && let Some(exemplar) = series.exemplars().first() {
                write_behind_sample(exemplar, decimals, out);
            }
            out.push(b'\n');
            if OPEN && encoding.created && described.kind == Kind::Counter {
                created.write(labels, out);
                write_time(series.start_time(), out);
                out.push(b'\n');
            }
        }
        Value::Bool(value) => {
            name.write(labels, out);
            out.extend_from_slice(if value { b"1\n" } else { b"0\n" });
        }
        Value::Text(text) => {
            name.write_with(labels, b"value", out);
            write_label_value(text, out);
            out.extend_from_slice(b"\"} 1\n");
        }
        _ => {}
    });
}

/// Calls `write` with each series and its labels, as they are for this answer.
#[inline(always)]
fn for_each(
    encoding: &Encoding<'_>,
    family: &FamilyView<'_>,
    output: &mut Output<'_>,
    mut write: impl FnMut(&SeriesView<'_>, &[u8], &mut Vec<u8>),
) {
    let changes_labels = encoding.changes_labels();
    let mut escaped = Vec::new();
    let result: Result<(), Infallible> = family.for_each(|series| {
        let mut labels = series.prepared();
        if changes_labels {
            escape_labels(labels, encoding.escaping, &mut escaped);
            labels = &escaped;
        }
        write(series, labels, output.bytes);
        output.flush_if_full();
        Ok(())
    });
    let Ok(()) = result;
}

/// What the lines of a family of histograms have in common.
struct Histograms {
    bucket: SampleName,
    sum: SampleName,
    count: SampleName,
    created: Option<SampleName>,
    edges: Edges,
    /// What follows the labels of each bucket's line, up to its count.
    ends: Vec<Vec<u8>>,
    decimals: u32,
    /// Kept to be used again.
    start: Vec<u8>,
    counts: Vec<u64>,
}

fn write_histograms<const OPEN: bool>(
    encoding: &Encoding<'_>,
    family: &FamilyView<'_>,
    described: &Described<'_>,
    output: &mut Output<'_>,
) {
    let decimals = described.decimals();
    let edges = Edges::of(family.family(), decimals);
    let end = |bound: &[u8]| [bound, b"\"} "].concat();
    let ends = edges.labels().iter().map(|bound| end(bound)).chain([end(b"+Inf")]).collect();
    let name = |suffix| SampleName::new(&described.name, suffix);
    let mut histograms = Histograms {
        bucket: name("_bucket"),
        sum: name("_sum"),
        count: name("_count"),
        created: encoding.created.then(|| name("_created")),
        edges,
        ends,
        decimals,
        start: Vec::new(),
        counts: Vec::new(),
    };
    for_each(encoding, family, output, |series, labels, out| {
        if let Value::Histogram(snapshot) = series.value() {
            histograms.write::<OPEN>(series, labels, snapshot, out);
        }
    });
}

impl Histograms {
    fn write<const OPEN: bool>(
        &mut self,
        series: &SeriesView<'_>,
        labels: &[u8],
        snapshot: &HistogramSnapshot,
        out: &mut Vec<u8>,
    ) {
        let total = self.edges.count(snapshot, &mut self.counts);
        self.start.clear();
        self.bucket.write_with(labels, b"le", &mut self.start);
        out.reserve(self.ends.len() * (self.start.len() + 32));
        let exemplars = if OPEN { series.exemplars() } else { Vec::new() };
        let mut above = f64::NEG_INFINITY;
        for (number, (end, count)) in self.ends.iter().zip(self.counts.iter().chain([&total])).enumerate() {
            out.extend_from_slice(&self.start);
            out.extend_from_slice(end);
            write_u64(*count, out);
            if OPEN {
                let bound = self.edges.bounds.get(number).copied().unwrap_or(f64::INFINITY);
                if let Some(exemplar) = latest_within(&exemplars, self.decimals, above, bound) {
                    write_behind_sample(exemplar, self.decimals, out);
                }
                above = bound;
            }
            out.push(b'\n');
        }
        // Where there are negative numbers OpenMetrics has no sum, because it may go down, and without a sum no count, which is
        // that of the last bucket.
        let is_signed = self.edges.bounds.first().is_some_and(|bound| *bound < 0.0)
            || snapshot.min().is_some_and(|least| least.to_f64() < 0.0);
        if !OPEN || !is_signed {
            self.sum.write(labels, out);
            write_number(snapshot.sum(), self.decimals, out);
            out.push(b'\n');
            self.count.write(labels, out);
            write_u64(total, out);
            out.push(b'\n');
        }
        if let Some(created) = self.created.as_ref().filter(|_| OPEN) {
            created.write(labels, out);
            write_time(series.start_time(), out);
            out.push(b'\n');
        }
    }
}

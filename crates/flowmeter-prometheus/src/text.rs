//! The text exposition format 0.0.4.

use std::convert::Infallible;

use flowmeter_core::{
    Family, FamilyView, GroupView, HistogramSnapshot, MetricKind, Report, Value, ValueType,
};

use crate::escape::{write_help, write_label_value};
use crate::naming::{base_unit, label_name, write_metric_name};
use crate::number::{write_f64, write_number, write_u64};

/// The content type of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes reports in the text format.
///
/// It is the part of the reporter that has no network: what it prepares and encodes can go anywhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct TextEncoder;

impl TextEncoder {
    /// Writes the labels of a group, as they stand between the name and the value of each of its series:
    /// `{host="h",tm_id="tm-1"} `.
    pub fn prepare_group(self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        let mut taken = Vec::with_capacity(12);
        // An empty label is the same as none.
        for (key, value) in group.variables().filter(|(_, value)| !value.is_empty()) {
            let label = label_name(key, &taken);
            out.push(if taken.is_empty() { b'{' } else { b',' });
            out.extend_from_slice(label.as_bytes());
            out.extend_from_slice(b"=\"");
            write_label_value(value, out);
            out.push(b'"');
            taken.push(label);
        }
        out.extend_from_slice(if taken.is_empty() { b" " } else { b"} " });
    }

    /// Writes the name of a family.
    pub fn prepare_family(self, family: &Family, out: &mut Vec<u8>) {
        write_metric_name(family, out);
    }

    /// Appends a report to `out`, which `full` may empty whenever it has grown by `chunk` bytes or a little more.
    pub fn encode(
        self,
        report: &Report<'_>,
        out: &mut Vec<u8>,
        chunk: usize,
        mut full: impl FnMut(&mut Vec<u8>),
    ) {
        for family in report.families() {
            write_header(&family, out);
            encode_family(&family, out, chunk, &mut full);
        }
    }
}

fn write_header(family: &FamilyView<'_>, out: &mut Vec<u8>) {
    let described = family.family();
    out.extend_from_slice(b"# HELP ");
    out.extend_from_slice(family.prepared());
    out.push(b' ');
    if described.description().is_empty() {
        // Linters ask for a help text; where the metric has none, say where it comes from.
        write_help(described.name(), out);
        out.extend_from_slice(b" (scope: ");
        write_help(described.logical_scope(), out);
        out.push(b')');
    } else {
        write_help(described.description(), out);
    }
    out.extend_from_slice(b"\n# TYPE ");
    out.extend_from_slice(family.prepared());
    out.extend_from_slice(match described.kind() {
        MetricKind::Counter | MetricKind::Meter => b" counter\n",
        MetricKind::Histogram => b" histogram\n",
        _ => b" gauge\n",
    });
}

fn encode_family(
    family: &FamilyView<'_>,
    out: &mut Vec<u8>,
    chunk: usize,
    full: &mut impl FnMut(&mut Vec<u8>),
) {
    let name = family.prepared();
    let decimals = base_unit(family.family().unit()).map_or(0, |unit| unit.decimals);
    let edges = match family.family().kind() {
        MetricKind::Histogram => Edges::of(family.family()),
        _ => Edges::default(),
    };
    let result: Result<(), Infallible> = family.for_each(|series| {
        let labels = series.prepared();
        out.reserve(name.len() + labels.len() + 32);
        match series.value() {
            Value::Number(number) => {
                out.extend_from_slice(name);
                out.extend_from_slice(labels);
                write_number(number, decimals, out);
                out.push(b'\n');
            }
            Value::Bool(value) => {
                out.extend_from_slice(name);
                out.extend_from_slice(labels);
                out.extend_from_slice(if value { b"1\n" } else { b"0\n" });
            }
            Value::Text(text) => {
                out.extend_from_slice(name);
                open_label(labels, b"value", out);
                write_label_value(text, out);
                out.extend_from_slice(b"\"} 1\n");
            }
            Value::Histogram(snapshot) => write_histogram(name, labels, snapshot, decimals, &edges, out),
            _ => {}
        }
        if out.len() >= chunk {
            full(out);
        }
        Ok(())
    });
    let Ok(()) = result;
}

/// The edges of classic buckets, the same for all series of a family at all times, since a bucket that appears later
/// has no past.
#[derive(Default)]
struct Edges {
    /// Powers of two, which are true edges of the exponential buckets, so that the counts are exact. Empty where the
    /// histogram has bounds of its own.
    exponents: Vec<i32>,
    labels: Vec<Vec<u8>>,
}

impl Edges {
    fn of(family: &Family) -> Self {
        let decimals = base_unit(family.unit()).map_or(0, |unit| unit.decimals);
        let label = |edge: f64, decimals: u32| {
            let mut label = Vec::new();
            write_f64(edge / 10_f64.powi(decimals.cast_signed()), &mut label);
            label
        };
        let bounds = family.histogram().bounds();
        if !bounds.is_empty() {
            return Self {
                exponents: Vec::new(),
                labels: bounds.iter().map(|bound| label(*bound, decimals)).collect(),
            };
        }
        // Times from a microsecond to twenty minutes, in seconds as their buckets are; bytes from 4 to 128 TiB; other integers
        // from 1 to a billion; other floats as if they were seconds, which in most cases they are.
        let (first, step, decimals) = match (family.unit().as_str(), family.value_type()) {
            ("ns" | "us" | "ms" | "s", _) => (-20, 2, 0),
            ("By", _) => (2, 3, 0),
            (_, ValueType::U64) => (0, 2, decimals),
            _ => (-20, 2, decimals),
        };
        let exponents: Vec<i32> = (0..16).map(|i| first + step * i).collect();
        let labels = exponents.iter().map(|exponent| label(2_f64.powi(*exponent), decimals)).collect();
        Self { exponents, labels }
    }

    /// How many values are up to each edge, and how many there are.
    fn counts<'a>(&'a self, snapshot: &'a HistogramSnapshot) -> (impl Iterator<Item = u64> + 'a, u64) {
        let classic = snapshot.classic().map_or(&[][..], |classic| classic.counts());
        let up_to = |sum: &mut u64, count: &u64| {
            *sum += count;
            Some(*sum)
        };
        let exponents = self.exponents.iter();
        let powers = exponents.map(|exponent| snapshot.count_up_to_power_of_two(*exponent));
        // A recording that is half done may be in one kind of buckets and not yet in the other.
        let total = if classic.is_empty() { snapshot.count() } else { classic.iter().sum() };
        (powers.chain(classic.iter().scan(0, up_to).take(self.labels.len())), total)
    }
}

/// Writes the labels of a group and one more label up to where its value begins.
fn open_label(labels: &[u8], label: &[u8], out: &mut Vec<u8>) {
    match labels.strip_suffix(b"} ") {
        Some(labels) => {
            out.extend_from_slice(labels);
            out.push(b',');
        }
        None => out.push(b'{'),
    }
    out.extend_from_slice(label);
    out.extend_from_slice(b"=\"");
}

fn write_histogram(
    name: &[u8],
    labels: &[u8],
    snapshot: &HistogramSnapshot,
    decimals: u32,
    edges: &Edges,
    out: &mut Vec<u8>,
) {
    let mut bucket = |edge: &[u8], count: u64| {
        out.extend_from_slice(name);
        out.extend_from_slice(b"_bucket");
        open_label(labels, b"le", out);
        out.extend_from_slice(edge);
        out.extend_from_slice(b"\"} ");
        write_u64(count, out);
        out.push(b'\n');
    };
    let (counts, total) = edges.counts(snapshot);
    for (edge, count) in edges.labels.iter().zip(counts) {
        bucket(edge, count);
    }
    bucket(b"+Inf", total);
    out.extend_from_slice(name);
    out.extend_from_slice(b"_sum");
    out.extend_from_slice(labels);
    write_number(snapshot.sum(), decimals, out);
    out.push(b'\n');
    out.extend_from_slice(name);
    out.extend_from_slice(b"_count");
    out.extend_from_slice(labels);
    write_u64(total, out);
    out.push(b'\n');
}

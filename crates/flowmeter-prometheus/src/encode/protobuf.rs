//! Delimited protocol buffers, with native histograms.
//!
//! Source: [`metrics.proto`](https://github.com/prometheus/client_model/blob/master/io/prometheus/client/metrics.proto).

use std::convert::Infallible;
use std::time::Duration;

use flowmeter_core::{BucketRange, FamilyView, HistogramSnapshot, Number, SeriesView, Value};

use super::edges::Edges;
use super::escape::unescape;
use super::exemplar::{latest_within, write_exemplar};
use super::sample::escape_labels;
use super::wire::{
    write_bytes, write_delimited, write_double, write_message, write_sint, write_uint, write_varint,
};
use super::{Buckets, Described, Encoding, Output};
use crate::naming::{Kind, Labels};

/// How large the message of a family may grow; it is kept until its length is known. A family that is larger takes several.
const MESSAGE: usize = 16 << 20;

pub(super) fn write_family(
    encoding: &Encoding<'_>,
    family: &FamilyView<'_>,
    described: &Described<'_>,
    output: &mut Output<'_>,
) {
    let mut help = Vec::new();
    described.help.write(&mut help, |text, out| out.extend_from_slice(text.as_bytes()));
    let head = |message: &mut Vec<u8>| {
        write_bytes(1, described.name.as_bytes(), message);
        write_bytes(2, &help, message);
        write_uint(3, type_of(described.kind), message);
    };
    let tail = |message: &mut Vec<u8>| {
        if let Some(unit) = described.unit {
            write_bytes(5, unit.suffix.as_bytes(), message);
        }
    };
    let mut metrics = Metrics {
        encoding,
        decimals: described.decimals(),
        edges: Edges::of(family.family(), described.decimals()),
        kind: described.kind,
        escaped: Vec::new(),
        counts: Vec::new(),
    };
    let mut message = Vec::new();
    let send = |message: &mut Vec<u8>, output: &mut Output<'_>| {
        tail(message);
        write_varint(message.len() as u64, output.bytes);
        for part in message.chunks(output.chunk) {
            output.bytes.extend_from_slice(part);
            output.flush_if_full();
        }
        message.clear();
    };
    head(&mut message);
    let mut is_empty = true;
    let result: Result<(), Infallible> = family.for_each(|series| {
        if message.len() >= MESSAGE {
            send(&mut message, output);
            head(&mut message);
        }
        is_empty = false;
        write_message(4, &mut message, |out| metrics.write(series, out));
        Ok(())
    });
    let Ok(()) = result;
    if !is_empty {
        send(&mut message, output);
    }
}

fn type_of(kind: Kind) -> u64 {
    match kind {
        Kind::Counter => 0,
        Kind::Gauge | Kind::Info => 1,
        Kind::Histogram => 4,
    }
}

/// Writes the message of a family with one gauge that is 1, behind its length.
pub(super) fn write_info<'a>(
    name: &str,
    help: &str,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
    out: &mut Vec<u8>,
) {
    write_delimited(out, |out| {
        write_bytes(1, name.as_bytes(), out);
        write_bytes(2, help.as_bytes(), out);
        write_uint(3, type_of(Kind::Info), out);
        write_message(4, out, |out| {
            for (name, value) in labels {
                write_label(name.as_bytes(), value.as_bytes(), out);
            }
            write_message(2, out, |out| write_double(1, 1.0, out));
        });
    });
}

pub(super) fn write_label(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    write_message(1, out, |out| {
        write_bytes(1, name, out);
        write_bytes(2, value, out);
    });
}

struct Metrics<'a> {
    encoding: &'a Encoding<'a>,
    decimals: u32,
    edges: Edges,
    kind: Kind,
    /// Kept to be used again.
    escaped: Vec<u8>,
    counts: Vec<u64>,
}

impl Metrics<'_> {
    fn write(&mut self, series: &SeriesView<'_>, out: &mut Vec<u8>) {
        let mut labels = series.prepared();
        if self.encoding.changes_labels() {
            escape_labels(labels, self.encoding.escaping, &mut self.escaped);
            labels = &self.escaped;
        }
        for (name, value) in Labels::of(labels) {
            write_message(1, out, |out| {
                write_unescaped(1, name, out);
                write_unescaped(2, value, out);
            });
        }
        match series.value() {
            Value::Number(number) if self.kind == Kind::Counter => write_message(3, out, |out| {
                write_double(1, self.in_base_unit(number), out);
                if let Some(exemplar) = series.exemplars().first() {
                    write_exemplar(2, exemplar, self.decimals, out);
                }
                write_message(3, out, |out| write_timestamp(series.start_time(), out));
            }),
            Value::Number(number) => {
                write_message(2, out, |out| write_double(1, self.in_base_unit(number), out));
            }
            Value::Bool(value) => {
                write_message(2, out, |out| write_double(1, f64::from(u8::from(value)), out));
            }
            Value::Text(text) => {
                write_label(b"value", text.as_bytes(), out);
                write_message(2, out, |out| write_double(1, 1.0, out));
            }
            Value::Histogram(snapshot) => {
                write_message(7, out, |out| self.write_histogram(series, snapshot, out));
            }
            _ => {}
        }
    }

    fn in_base_unit(&self, number: Number) -> f64 {
        number.to_f64() / 10_f64.powi(self.decimals.cast_signed())
    }

    fn write_histogram(&mut self, series: &SeriesView<'_>, snapshot: &HistogramSnapshot, out: &mut Vec<u8>) {
        // What all buckets add up to, or a server would take the native histogram for a broken one.
        let count = match self.encoding.buckets {
            Buckets::Classic => self.edges.count(snapshot, &mut self.counts),
            Buckets::Native => snapshot.count(),
            Buckets::Both => {
                self.edges.count(snapshot, &mut self.counts);
                snapshot.count()
            }
        };
        let exemplars = series.exemplars();
        write_uint(1, count, out);
        write_double(2, self.in_base_unit(snapshot.sum()), out);
        if self.encoding.buckets != Buckets::Native {
            let mut above = f64::NEG_INFINITY;
            // The last bucket is not needed but for its exemplar.
            let infinite = latest_within(&exemplars, self.decimals, self.edges.last(), f64::INFINITY);
            let last = infinite.map(|_| (&f64::INFINITY, &count));
            for (bound, up_to) in self.edges.bounds.iter().zip(&self.counts).chain(last) {
                write_message(3, out, |out| {
                    write_uint(1, count.min(*up_to), out);
                    write_double(2, *bound, out);
                    if let Some(exemplar) = latest_within(&exemplars, self.decimals, above, *bound) {
                        write_exemplar(3, exemplar, self.decimals, out);
                    }
                });
                above = *bound;
            }
        }
        if self.encoding.buckets != Buckets::Classic {
            write_native(snapshot, out);
            // There they need times.
            for exemplar in exemplars.iter().filter(|exemplar| exemplar.context().unix_time().is_some()) {
                write_exemplar(16, exemplar, self.decimals, out);
            }
        }
        write_message(15, out, |out| write_timestamp(series.start_time(), out));
    }
}

/// Writes the exponential buckets. The bucket that ends at `2^(i / 2^scale)` is number `i` here.
fn write_native(snapshot: &HistogramSnapshot, out: &mut Vec<u8>) {
    write_sint(5, i64::from(snapshot.scale()), out);
    // Only zeros are in the bucket of zeros.
    write_double(6, 0.0, out);
    write_uint(7, snapshot.zero_count(), out);
    write_buckets(snapshot.negative(), 9, out);
    write_buckets(snapshot.positive(), 12, out);
    if snapshot.count() == snapshot.zero_count() {
        // An empty span says that this is a native histogram, though no bucket does.
        write_message(12, out, |out| {
            write_sint(1, 0, out);
            write_uint(2, 0, out);
        });
    }
}

/// Writes the buckets of a sign: where there are some in a row, as spans, and in the next field what each has more than
/// the one before it.
fn write_buckets(range: &BucketRange, field: u32, out: &mut Vec<u8>) {
    let buckets = || range.iter().filter(|(_, count)| *count > 0).map(|(index, count)| (index + 1, count));
    let mut rest = buckets().peekable();
    let mut end = 0;
    while let Some((first, _)) = rest.next() {
        let mut length = 1;
        while rest.next_if(|(index, _)| *index == first + length).is_some() {
            length += 1;
        }
        write_message(field, out, |out| {
            write_sint(1, i64::from(first - end), out);
            write_uint(2, u64::from(length.cast_unsigned()), out);
        });
        end = first + length;
    }
    let mut before = 0;
    for (_, count) in buckets() {
        let count = count.cast_signed();
        write_sint(field + 1, count.wrapping_sub(before), out);
        before = count;
    }
}

fn write_unescaped(field: u32, escaped: &[u8], out: &mut Vec<u8>) {
    if escaped.contains(&b'\\') {
        let mut plain = Vec::with_capacity(escaped.len());
        unescape(escaped, &mut plain);
        write_bytes(field, &plain, out);
    } else {
        write_bytes(field, escaped, out);
    }
}

pub(super) fn write_timestamp(time: Duration, out: &mut Vec<u8>) {
    write_uint(1, time.as_secs(), out);
    write_uint(2, u64::from(time.subsec_nanos()), out);
}

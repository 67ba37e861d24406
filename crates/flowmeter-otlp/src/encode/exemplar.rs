//! Exemplars.

use flowmeter_core::Exemplar;

use super::nanoseconds;
use super::number::Figure;
use super::wire::{write_bytes, write_fixed, write_length};

/// Writes exemplars as fields, but none that was recorded before a time, or says not when, unless that is 0. Of the values so
/// many are one in the metric's unit.
pub(super) fn write_exemplars(
    field: u8,
    exemplars: &[Exemplar],
    divisor: f64,
    since: u64,
    out: &mut Vec<u8>,
) {
    for exemplar in exemplars {
        let context = exemplar.context();
        let time = context.unix_time().map_or(0, nanoseconds);
        if time < since {
            continue;
        }
        let span = context.span_id();
        let span: &[u8] = if span == [0; 8] { &[] } else { &span };
        let trace = context.trace_id();
        let trace: &[u8] = if trace == [0; 16] { &[] } else { &trace };
        // A field of eight bytes takes nine, and one of bytes two more than these.
        let length = usize::from(time > 0) * 9
            + 9
            + [span, trace].into_iter().filter(|id| !id.is_empty()).map(|id| 2 + id.len()).sum::<usize>();
        write_length(field, length, out);
        if time > 0 {
            write_fixed(2, time, out);
        }
        match Figure::of(exemplar.value(), divisor) {
            Figure::Integer(bits) => write_fixed(6, bits, out),
            Figure::Float(bits) => write_fixed(3, bits, out),
        }
        for (field, id) in [(4, span), (5, trace)] {
            if !id.is_empty() {
                write_bytes(field, id, out);
            }
        }
    }
}

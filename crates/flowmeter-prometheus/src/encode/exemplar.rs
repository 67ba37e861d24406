//! Exemplars in the formats that have them.

use flowmeter_core::{Exemplar, TraceContext};

use super::number::write_number;
use super::open_metrics::write_time;
use super::protobuf::{write_label, write_timestamp};
use super::wire::{write_double, write_message};

/// The labels of an exemplar.
fn labels(context: &TraceContext) -> impl Iterator<Item = (&'static str, String)> {
    let trace = (context.trace_id() != [0; 16]).then(|| ("trace_id", context.trace_id_hex().to_string()));
    let span = (context.span_id() != [0; 8]).then(|| ("span_id", context.span_id_hex().to_string()));
    trace.into_iter().chain(span)
}

/// Writes an exemplar behind a sample: ` # {trace_id="..",span_id=".."} 0.03 1795332757.250`.
pub(super) fn write_behind_sample(exemplar: &Exemplar, decimals: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(b" # {");
    for (number, (name, value)) in labels(exemplar.context()).enumerate() {
        out.extend_from_slice(if number > 0 { b"," } else { b"" });
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"=\"");
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
    }
    out.extend_from_slice(b"} ");
    write_number(exemplar.value(), decimals, out);
    if let Some(time) = exemplar.context().unix_time() {
        out.push(b' ');
        write_time(time, out);
    }
}

/// Writes an exemplar as a message.
pub(super) fn write_exemplar(field: u32, exemplar: &Exemplar, decimals: u32, out: &mut Vec<u8>) {
    write_message(field, out, |out| {
        for (name, value) in labels(exemplar.context()) {
            write_label(name.as_bytes(), value.as_bytes(), out);
        }
        write_double(2, in_base_unit(exemplar, decimals), out);
        if let Some(time) = exemplar.context().unix_time() {
            write_message(3, out, |out| write_timestamp(time, out));
        }
    });
}

/// The value in the unit of the bounds.
pub(super) fn in_base_unit(exemplar: &Exemplar, decimals: u32) -> f64 {
    exemplar.value().to_f64() / 10_f64.powi(decimals.cast_signed())
}

/// The latest of the exemplars in a bucket, whose upper bound belongs to it. They are sorted by value.
pub(super) fn latest_within(
    exemplars: &[Exemplar],
    decimals: u32,
    above: f64,
    up_to: f64,
) -> Option<&Exemplar> {
    let within = |exemplar: &&Exemplar| {
        let value = in_base_unit(exemplar, decimals);
        above < value && value <= up_to
    };
    exemplars.iter().filter(within).max_by_key(|exemplar| exemplar.context().unix_time())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowmeter_core::Number;
    use std::time::Duration;

    #[test]
    fn an_exemplar_is_behind_its_sample() {
        let written = |context| {
            let mut out = Vec::new();
            write_behind_sample(&Exemplar::new(Number::U64(30_000_000), context), 9, &mut out);
            String::from_utf8(out).unwrap()
        };
        let span = TraceContext::from_hex("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7").unwrap();
        let ids = "trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\",span_id=\"00f067aa0ba902b7\"";
        assert_eq!(written(span.at(Duration::from_millis(1_250))), format!(" # {{{ids}}} 0.03 1.250"));
        assert_eq!(written(span), format!(" # {{{ids}}} 0.03"));
        assert_eq!(written(TraceContext::new([0; 16], [0; 8])), " # {} 0.03");
    }

    #[test]
    fn a_bucket_has_the_latest_of_its_exemplars() {
        let exemplar = |value, seconds| {
            let context = TraceContext::new([1; 16], [1; 8]).at(Duration::from_secs(seconds));
            Exemplar::new(Number::U64(value), context)
        };
        let exemplars = [exemplar(1_000, 5), exemplar(2_000, 3), exemplar(3_000, 4)];
        let found = |above, up_to| latest_within(&exemplars, 3, above, up_to).map(Exemplar::value);
        assert_eq!(found(0.0, 1.0), Some(Number::U64(1_000)), "the bound belongs to the bucket");
        assert_eq!(found(1.0, f64::INFINITY), Some(Number::U64(3_000)));
        assert_eq!(found(3.0, f64::INFINITY), None);
    }
}

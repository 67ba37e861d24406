//! Lines as Flink's StatsD reporter sends them: gauges alone, with Java's spelling of numbers.
//!
//! It sends all but texts and truth values twice, for an `else` that it has not; once is enough.

use flowmeter_core::{FamilyView, HistogramSnapshot, Number, Report, SeriesView, Value};

use super::Encoding;
use super::native::QUANTILES;
use super::number::{write_java, write_java_f64};
use crate::naming::FlinkFamily;
use crate::packets::Packets;
use crate::unsaid::Reason;

pub(super) fn encode<E>(
    encoding: &mut Encoding<'_>,
    report: &Report<'_>,
    packets: &mut Packets,
    full: &mut impl FnMut(&mut Packets) -> Result<(), E>,
) -> Result<(), E> {
    let mut whole = Vec::new();
    for family in report.families() {
        let FlinkFamily { names, rates } = FlinkFamily::of(encoding.options, family.family());
        let is_meter = family.family().is_flink_meter();
        family.for_each(|series| {
            let mut lines =
                Lines { encoding: &mut *encoding, source: (&family, series), packets: &mut *packets };
            for name in &names {
                whole.clear();
                name.write(lines.encoding.options, series.prepared(), series.group(), &mut whole);
                match series.value() {
                    value if is_meter => lines.write_meter(&whole, value),
                    Value::Number(number) => lines.write_number(&whole, b"", number),
                    Value::Bool(value) => lines.write_text(&whole, if value { "true" } else { "false" }),
                    Value::Text(text) => lines.write_text(&whole, text),
                    Value::Histogram(snapshot) => lines.write_histogram(&whole, snapshot),
                    _ => {}
                }
            }
            for rate in &rates {
                whole.clear();
                rate.write(lines.encoding.options, series.prepared(), series.group(), &mut whole);
                lines.write_meter(&whole, series.value());
            }
            if packets.is_lot() { full(packets) } else { Ok(()) }
        })?;
    }
    Ok(())
}

/// The lines of a series.
struct Lines<'a, 'b, 'c> {
    encoding: &'a mut Encoding<'c>,
    source: (&'a FamilyView<'b>, &'a SeriesView<'b>),
    packets: &'a mut Packets,
}

impl Lines<'_, '_, '_> {
    fn begin(&mut self, name: &[u8], suffix: &[u8]) {
        let out = self.packets.out();
        out.extend_from_slice(name);
        out.extend_from_slice(suffix);
        out.push(b':');
    }

    fn end(&mut self) {
        if self.packets.end_unit(None, 1).is_err() {
            self.encoding.note(Reason::TooLong, self.source);
        }
    }

    /// Writes a number, behind a zero if it has a sign.
    fn write_number(&mut self, name: &[u8], suffix: &[u8], number: Number) {
        let is_negative = match number {
            Number::F64(number) => number.is_sign_negative() && !number.is_nan(),
            number => number.to_f64() < 0.0,
        };
        if is_negative {
            self.begin(name, suffix);
            self.packets.out().extend_from_slice(b"0|g\n");
        }
        self.begin(name, suffix);
        write_java(number, self.packets.out());
        self.packets.out().extend_from_slice(b"|g\n");
        self.end();
    }

    fn write_text(&mut self, name: &[u8], text: &str) {
        // It would be another line, or a value of another type.
        if text.contains(['\n', '\r', '|']) {
            return self.encoding.note(Reason::Text, self.source);
        }
        self.begin(name, b"");
        self.packets.out().extend_from_slice(text.as_bytes());
        self.packets.out().extend_from_slice(b"|g\n");
        self.end();
    }

    /// Writes a rate, which meters have from the beginning on, and the count.
    fn write_meter(&mut self, name: &[u8], value: Value<'_>) {
        self.begin(name, b".rate");
        write_java_f64(self.source.1.rate().unwrap_or(0.0), self.packets.out());
        self.packets.out().extend_from_slice(b"|g\n");
        self.end();
        if let Value::Number(count) = value {
            self.write_number(name, b".count", count);
        }
    }

    fn write_histogram(&mut self, name: &[u8], snapshot: &HistogramSnapshot) {
        // What nothing was recorded in has these statistics in Flink.
        let (min, max) = (snapshot.min().unwrap_or(Number::U64(0)), snapshot.max().unwrap_or(Number::U64(0)));
        self.write_number(name, b".count", Number::U64(snapshot.count()));
        self.write_number(name, b".max", max);
        self.write_number(name, b".min", min);
        let float = |value: Option<f64>| Number::F64(value.unwrap_or(f64::NAN));
        self.write_number(name, b".mean", float(snapshot.mean()));
        self.write_number(name, b".stddev", float(snapshot.standard_deviation()));
        for (quantile, suffix) in QUANTILES {
            self.write_number(name, suffix, float(snapshot.quantile(quantile)));
        }
    }
}

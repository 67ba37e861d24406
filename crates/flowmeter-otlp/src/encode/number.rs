//! Sums and gauges.

use std::convert::Infallible;

use flowmeter_core::{Family, FamilyView, MetricKind, Number, SeriesView, Value};

use super::exemplar::write_exemplars;
use super::head::{Data, Described, Heads};
use super::requests::TooLong;
use super::wire::{WireType, tag};
use super::{Writing, is_delta, nanoseconds};
use crate::naming::{Attributes, has_convention, is_up_down, write_text_attribute};
use crate::request::Request;

/// The field of exemplars.
const EXEMPLARS: u8 = 5;

/// A number by its bits, in one of the two types that points have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    Integer(u64),
    Float(u64),
}

impl Figure {
    /// A number, of which so many are one in the metric's unit. OTLP's integers are signed: from 2^63 on they are floats, in
    /// which they lose their last digits.
    #[inline]
    pub(super) fn of(number: Number, divisor: f64) -> Self {
        match number {
            Number::U64(number) if divisor == 1.0 && number <= i64::MAX.cast_unsigned() => {
                Self::Integer(number)
            }
            Number::I64(number) if divisor == 1.0 => Self::Integer(number.cast_unsigned()),
            // As it is, whatever it is: a division would change some of what is not a number.
            number if divisor == 1.0 => Self::float(number.to_f64()),
            number => Self::float(number.to_f64() / divisor),
        }
    }

    pub(super) fn float(number: f64) -> Self {
        Self::Float(number.to_bits())
    }

    /// The field of a point.
    #[inline]
    fn field(self) -> (u8, u64) {
        const AS_DOUBLE: u8 = tag(4, WireType::Fixed64);
        const AS_INT: u8 = tag(6, WireType::Fixed64);
        match self {
            Self::Integer(bits) => (AS_INT, bits),
            Self::Float(bits) => (AS_DOUBLE, bits),
        }
    }
}

/// What is behind the attributes of a point: since when, when, and the number.
pub(super) struct Tail([u8; Self::STARTED]);

impl Tail {
    /// How long it is, and how long without a start.
    pub(super) const STARTED: usize = 27;
    pub(super) const UNSTARTED: usize = 18;

    #[inline]
    pub(super) fn new(start: u64, time: u64, figure: Figure) -> Self {
        let mut bytes = [0; Self::STARTED];
        bytes[0] = tag(2, WireType::Fixed64);
        bytes[1..9].copy_from_slice(&start.to_le_bytes());
        bytes[9] = tag(3, WireType::Fixed64);
        bytes[10..18].copy_from_slice(&time.to_le_bytes());
        let (tag, bits) = figure.field();
        bytes[18] = tag;
        bytes[19..27].copy_from_slice(&bits.to_le_bytes());
        Self(bytes)
    }

    #[inline]
    pub(super) fn started(&self) -> &[u8; Self::STARTED] {
        &self.0
    }

    /// Without a start, which gauges have not.
    #[inline]
    fn unstarted(&self) -> &[u8; Self::UNSTARTED] {
        self.0.last_chunk().unwrap_or(&[0; Self::UNSTARTED])
    }
}

/// By what a family's numbers are divided, and the unit in which they are then: semantic conventions have times in seconds.
fn unit_of(family: &Family) -> (f64, &str) {
    match family.unit().as_str() {
        "ms" if has_convention(family) => (1e3, "s"),
        "us" if has_convention(family) => (1e6, "s"),
        "ns" if has_convention(family) => (1e9, "s"),
        unit => (1.0, unit),
    }
}

impl<E: FnMut(Request)> Writing<'_, E> {
    pub(super) fn write_numbers(&mut self, view: &FamilyView<'_>) {
        let family = view.family();
        let (divisor, unit) = unit_of(family);
        let described = Described { name: view.prepared(), description: family.description(), unit };
        let mut heads = Heads::default();
        let result: Result<(), Infallible> = match family.kind() {
            MetricKind::Counter | MetricKind::Meter => {
                let sum = |is_delta| Data::Sum { is_delta, is_monotonic: true };
                heads.add_both(described, sum, self.next_head);
                view.for_each(|series| {
                    self.write_sum((view, series), divisor, &heads);
                    Ok(())
                })
            }
            kind => {
                let is_sum = kind == MetricKind::UpDownCounter || is_up_down(family);
                let sum = Data::Sum { is_delta: false, is_monotonic: false };
                heads.add(described, if is_sum { sum } else { Data::Gauge }, self.next_head);
                view.for_each(|series| {
                    self.write_value((view, series), divisor, &heads, is_sum);
                    Ok(())
                })
            }
        };
        let Ok(()) = result;
    }

    /// Writes a sum that only grows.
    #[inline(always)]
    fn write_sum(&mut self, (view, series): (&FamilyView<'_>, &SeriesView<'_>), divisor: f64, heads: &Heads) {
        let (number, start, head) = if is_delta(self.options, series) {
            let Some(delta) = series.delta() else { return };
            if delta == 0 && series.is_known() {
                self.requests.end_series(series.mark());
                return;
            }
            (Number::U64(delta), series.delta_start(), Heads::DELTA)
        } else {
            let Value::Number(number) = series.value() else { return };
            (number, series.start_time(), Heads::CUMULATIVE)
        };
        let start = nanoseconds(start);
        let exemplars = series.exemplars();
        self.memory.exemplars.clear();
        if !exemplars.is_empty() {
            let since = if head == Heads::DELTA { start } else { 0 };
            write_exemplars(EXEMPLARS, &exemplars, divisor, since, &mut self.memory.exemplars);
        }
        let Attributes { variables, points } = Attributes::of(series.prepared());
        let length = points.len() + Tail::STARTED + self.memory.exemplars.len();
        match self.requests.point(variables, &heads.0[head], length, self.emit) {
            Ok(out) => {
                out.extend_from_slice(points);
                let tail = Tail::new(start, self.time, Figure::of(number, divisor));
                out.extend_from_slice(tail.started());
                if !self.memory.exemplars.is_empty() {
                    out.extend_from_slice(&self.memory.exemplars);
                }
            }
            Err(TooLong) => self.note(1, (view, series)),
        }
        self.requests.end_series(series.mark());
    }

    /// Writes what may go down.
    fn write_value(
        &mut self,
        source: (&FamilyView<'_>, &SeriesView<'_>),
        divisor: f64,
        heads: &Heads,
        is_sum: bool,
    ) {
        let series = source.1;
        let Attributes { variables, points } = Attributes::of(series.prepared());
        let bytes = &mut self.memory.bytes;
        bytes.clear();
        bytes.extend_from_slice(points);
        let figure = match series.value() {
            Value::Number(number) => Figure::of(number, divisor),
            Value::Bool(value) => Figure::Integer(value.into()),
            Value::Text(text) => {
                write_text_attribute(text, bytes);
                Figure::Integer(1)
            }
            _ => return,
        };
        if is_sum {
            let tail = Tail::new(nanoseconds(series.start_time()), self.time, figure);
            bytes.extend_from_slice(tail.started());
        } else {
            bytes.extend_from_slice(Tail::new(0, self.time, figure).unstarted());
        }
        self.put_point(variables, heads, 0, source);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_they_were_and_integers_that_are_too_large_are_floats() {
        let of = |number| Figure::of(number, 1.0);
        assert_eq!(of(Number::U64(i64::MAX as u64)), Figure::Integer(i64::MAX as u64));
        assert_eq!(of(Number::U64(1 << 63)), Figure::float(2_f64.powi(63)));
        assert_eq!(of(Number::I64(-1)), Figure::Integer(u64::MAX));
        let signaling = f64::from_bits(0x7FF0_0000_0000_0001);
        assert_eq!(of(Number::F64(signaling)), Figure::Float(signaling.to_bits()));
        assert_eq!(Figure::of(Number::U64(1_500), 1e3), Figure::float(1.5));
    }
}

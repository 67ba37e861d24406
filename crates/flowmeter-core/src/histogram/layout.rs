//! What the cells of a histogram are made for.

use super::HistogramOptions;
use super::exponential::octave_f64;
use crate::exemplars::ExemplarSlot;
use crate::{Family, Number, ValueType};

/// What all cells of a family's histograms have in common.
#[derive(Clone, Copy)]
pub(crate) struct HistogramLayout {
    pub(super) value_type: ValueType,
    pub(super) options: HistogramOptions,
    /// What part of a second the recorded unit is, where it is one. The buckets of such times are in seconds, in which
    /// backends want them: a power of two of nanoseconds is none of seconds, so that what was counted up to the one says
    /// nothing exact about the other.
    ///
    /// Values are multiplied by it, which keeps their order, and integers below 2^52 on their side of each power of two of
    /// seconds. For this float is off by less than half a step of floats. So is the product of a value that is right there,
    /// which rounds to it; and a greater one, which is more than a step away, is left with more than half a step.
    pub(super) second_part: Option<f64>,
}

impl HistogramLayout {
    pub(crate) fn of(family: &Family) -> Self {
        Self {
            value_type: family.value_type(),
            options: family.histogram(),
            second_part: family.unit().second_part(),
        }
    }

    /// One unit of the edges of buckets, in the recorded unit.
    pub(super) fn bucket_unit(&self) -> f64 {
        // A whole number, of which the part is only as near to the reciprocal as a float can be.
        self.second_part.map_or(1.0, |part| (1.0 / part).round())
    }

    /// Where the exemplar of a value is kept: with those of its classic bucket, or of its octave.
    pub(super) fn exemplar_slot(&self, value: Number) -> ExemplarSlot {
        /// Below all octaves, of which those of negative numbers are behind it.
        const ZERO: i32 = -2_000;
        let bounds = self.options.bounds();
        let value = value.to_f64();
        if !bounds.is_empty() {
            return ExemplarSlot::new(bounds.partition_point(|bound| value > *bound) as i32);
        }
        let size = value.abs() * self.second_part.unwrap_or(1.0);
        ExemplarSlot::new(match size {
            0.0 => ZERO,
            size if value > 0.0 => octave_f64(size),
            size => 2 * ZERO - octave_f64(size),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exemplars_share_a_slot_only_if_they_share_a_bucket() {
        let layout = |bounds, second_part| HistogramLayout {
            value_type: ValueType::F64,
            options: HistogramOptions::DEFAULT.with_bounds(bounds),
            second_part,
        };
        let slots = |layout: HistogramLayout, values: &[f64]| {
            values.iter().map(|value| layout.exemplar_slot(Number::F64(*value))).collect::<Vec<_>>()
        };
        let exponential = slots(layout(&[], None), &[-8.0, -1.0, 0.0, 1e-300, 0.5, 0.75, 4.0]);
        for (i, slot) in exponential.iter().enumerate() {
            assert!(!exponential[..i].contains(slot), "{exponential:?}");
        }
        let same = slots(layout(&[], None), &[4.0, 2.1]);
        assert_eq!(same[0], same[1], "the bound belongs to the octave below it");
        // An eighth of a second is in milliseconds within an octave, and in seconds the end of one.
        let times = slots(layout(&[], Some(1e-3)), &[125.0, 125.1]);
        assert_ne!(times[0], times[1]);
        let classic = slots(layout(&[1.0, 5.0], None), &[0.5, 1.0, 4.5, 5.5, 900.0]);
        assert_eq!(classic, [0, 0, 1, 2, 2].map(ExemplarSlot::new));
    }
}

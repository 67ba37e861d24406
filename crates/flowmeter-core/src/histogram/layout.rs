//! What the cells of a histogram are made for.

use super::HistogramOptions;
use crate::{Family, ValueType};

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
}

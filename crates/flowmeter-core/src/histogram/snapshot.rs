//! What a histogram held at one moment.

use std::borrow::Cow;

use super::{BucketRange, ClassicBuckets, HistogramOptions};
use crate::Number;

/// The state of a histogram: exact counts in base-2 exponential buckets.
///
/// Bucket `i` of scale `s` counts the values in `(2^(i / 2^s), 2^((i + 1) / 2^s)]`; negative values count in the
/// bucket of their absolute value. The edges are in the unit of the values, but in seconds where that is `ms`, `us` or `ns`,
/// as [`bucket_unit`](Self::bucket_unit) says; all else is in the unit of the values. These are the buckets of
/// [OTLP's exponential histograms](https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram)
/// with the same indices, and of Prometheus native histograms with indices higher by one.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramSnapshot {
    pub(super) scale: u32,
    pub(super) bucket_unit: f64,
    pub(super) count: u64,
    pub(super) zero_count: u64,
    pub(super) unrecorded: u64,
    pub(super) sum: Number,
    pub(super) extremes: Option<(Number, Number)>,
    pub(super) positive: BucketRange,
    pub(super) negative: BucketRange,
    pub(super) classic: Option<ClassicBuckets>,
}

impl Default for HistogramSnapshot {
    fn default() -> Self {
        Self {
            scale: 0,
            bucket_unit: 1.0,
            count: 0,
            zero_count: 0,
            unrecorded: 0,
            sum: Number::U64(0),
            extremes: None,
            positive: BucketRange::default(),
            negative: BucketRange::default(),
            classic: None,
        }
    }
}

impl HistogramSnapshot {
    /// The scale of all buckets, 0 to 5: there are `2^scale` of them between two powers of two.
    #[must_use]
    pub fn scale(&self) -> u32 {
        self.scale
    }

    /// The unit of the buckets' edges, in that of the values: 1, but for times in a part of a second how many of it make
    /// one, such as 1e9 for nanoseconds, since their edges are in seconds.
    ///
    /// A time is put into the bucket of what it is in seconds, as nearly as a float can tell.
    #[must_use]
    pub fn bucket_unit(&self) -> f64 {
        self.bucket_unit
    }

    /// How many values were recorded: the sum of all buckets and the zeros.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many zeros were recorded.
    #[must_use]
    pub fn zero_count(&self) -> u64 {
        self.zero_count
    }

    /// How many values had no bucket, because they were not a number or infinite. They count nowhere else.
    #[must_use]
    pub fn unrecorded(&self) -> u64 {
        self.unrecorded
    }

    /// The sum of the recorded values. Sums of integers wrap.
    #[must_use]
    pub fn sum(&self) -> Number {
        self.sum
    }

    /// The least recorded value; nothing before the first. After [`subtract`](Self::subtract) it may be off by the width of a bucket.
    #[must_use]
    pub fn min(&self) -> Option<Number> {
        self.extremes.map(|(min, _)| min)
    }

    /// The greatest recorded value; nothing before the first. After [`subtract`](Self::subtract) it may be off by the width of a bucket.
    #[must_use]
    pub fn max(&self) -> Option<Number> {
        self.extremes.map(|(_, max)| max)
    }

    /// The buckets of values above zero.
    #[must_use]
    pub fn positive(&self) -> &BucketRange {
        &self.positive
    }

    /// The buckets of values below zero, by absolute value.
    #[must_use]
    pub fn negative(&self) -> &BucketRange {
        &self.negative
    }

    /// The classic buckets of a histogram with [bounds of its own](HistogramOptions::with_bounds).
    #[must_use]
    pub fn classic(&self) -> Option<&ClassicBuckets> {
        self.classic.as_ref()
    }

    /// How many values are at most `2^exponent`, in the unit of the buckets, which is the second for times: a classic bucket
    /// whose edge is a true edge of the exponential ones, so the count is exact. (But for times above 2^52 of their unit, such
    /// as 52 days in nanoseconds: of these, one right beside an edge may count on its other side.)
    #[must_use]
    pub fn count_up_to_power_of_two(&self, exponent: i32) -> u64 {
        let end = exponent << self.scale;
        let below = self.positive.iter().take_while(|(index, _)| *index < end).map(|(_, count)| count);
        self.zero_count + self.negative.count() + below.sum::<u64>()
    }

    /// Becomes the same as another, in the memory that it has.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        self.positive.copy_from(&other.positive);
        self.negative.copy_from(&other.negative);
        match (&mut self.classic, &other.classic) {
            (Some(mine), Some(theirs)) => mine.copy_from(theirs),
            (mine, theirs) => mine.clone_from(theirs),
        }
        let Self { scale, bucket_unit, count, zero_count, unrecorded, sum, extremes, .. } = *other;
        (self.scale, self.bucket_unit, self.count, self.zero_count) = (scale, bucket_unit, count, zero_count);
        (self.unrecorded, self.sum, self.extremes) = (unrecorded, sum, extremes);
    }

    /// Reads the same values at a coarser scale. Does nothing if this one is not finer.
    pub fn coarsen(&mut self, scale: u32) {
        let Some(steps) = self.scale.checked_sub(scale).filter(|steps| *steps > 0) else { return };
        self.positive.coarsen(steps);
        self.negative.coarsen(steps);
        self.scale = scale;
    }

    /// Coarsens to what the options ask for.
    pub(super) fn limit(&mut self, options: HistogramOptions) {
        self.coarsen(options.scale());
        while self.scale > 0 && self.positive.len().max(self.negative.len()) > options.bucket_limit() {
            self.coarsen(self.scale - 1);
        }
    }

    /// Adds what another histogram recorded, at the coarser of both scales. No count is lost, and it makes no difference
    /// which histograms are merged first. Classic buckets stay if both have the same bounds.
    ///
    /// Times in different units have the same buckets; what else is in the other's unit is converted to this one's. A
    /// default snapshot takes on the other's unit.
    pub fn merge(&mut self, other: &Self) {
        if self.count == 0 && self.bucket_unit == 1.0 {
            self.bucket_unit = other.bucket_unit;
        }
        let other = &*other.in_unit(self.bucket_unit);
        self.align(other, BucketRange::merge);
        self.count += other.count;
        self.zero_count += other.zero_count;
        self.unrecorded += other.unrecorded;
        self.sum = match (self.sum, other.sum) {
            (Number::U64(a), Number::U64(b)) => Number::U64(a.wrapping_add(b)),
            (a, b) => Number::F64(a.to_f64() + b.to_f64()),
        };
        self.extremes = match (self.extremes, other.extremes) {
            (Some((min, max)), Some((other_min, other_max))) => {
                let lower = other_min.to_f64() < min.to_f64();
                let higher = other_max.to_f64() > max.to_f64();
                Some((if lower { other_min } else { min }, if higher { other_max } else { max }))
            }
            (mine, theirs) => mine.or(theirs),
        };
        self.combine_classic(other, u64::wrapping_add);
    }

    /// Takes off what was recorded up to an earlier snapshot of the same histogram, which leaves what was recorded since.
    ///
    /// Least and greatest value of that are known to the width of a bucket, unless they were the least or greatest of
    /// all.
    pub fn subtract(&mut self, earlier: &Self) {
        let earlier = &*earlier.in_unit(self.bucket_unit);
        let in_buckets = |own: &Self| own.zero_count + own.positive.count() + own.negative.count();
        // What was read for its classic buckets alone has no others to count.
        let is_classic = [&*self, earlier].into_iter().any(|own| own.count != in_buckets(own));
        self.align(earlier, BucketRange::subtract);
        self.zero_count = self.zero_count.saturating_sub(earlier.zero_count);
        self.unrecorded = self.unrecorded.saturating_sub(earlier.unrecorded);
        self.count = if is_classic { self.count.saturating_sub(earlier.count) } else { in_buckets(self) };
        self.sum = match (self.sum, earlier.sum) {
            (Number::U64(a), Number::U64(b)) => Number::U64(a.wrapping_sub(b)),
            (a, b) => Number::F64(a.to_f64() - b.to_f64()),
        };
        self.extremes = self.extremes_since(earlier);
        self.combine_classic(earlier, u64::saturating_sub);
    }

    fn extremes_since(&self, earlier: &Self) -> Option<(Number, Number)> {
        let (min, max) = self.extremes.filter(|_| self.count > 0)?;
        let Some((earlier_min, earlier_max)) = earlier.extremes else { return Some((min, max)) };
        let estimate = |rank: u64| Number::F64(self.value_at_rank(rank).clamp(min.to_f64(), max.to_f64()));
        let new_min = if min == earlier_min { estimate(1) } else { min };
        let new_max = if max == earlier_max { estimate(self.count) } else { max };
        Some((new_min, new_max))
    }

    /// The same with values in another unit, of which so many make one of the buckets.
    fn in_unit(&self, bucket_unit: f64) -> Cow<'_, Self> {
        if self.bucket_unit == bucket_unit || self.count == 0 {
            return Cow::Borrowed(self);
        }
        let convert = |number: Number| Number::F64(number.to_f64() * bucket_unit / self.bucket_unit);
        Cow::Owned(Self {
            bucket_unit,
            sum: convert(self.sum),
            extremes: self.extremes.map(|(min, max)| (convert(min), convert(max))),
            // Their bounds are in the unit that the values had.
            classic: None,
            ..self.clone()
        })
    }

    /// Brings both sides to one scale and combines their buckets.
    fn align(&mut self, other: &Self, combine: impl Fn(&mut BucketRange, &BucketRange)) {
        self.coarsen(other.scale);
        let steps = other.scale - self.scale;
        let coarse = |range: &BucketRange| {
            let mut range = range.clone();
            range.coarsen(steps);
            range
        };
        if steps == 0 {
            combine(&mut self.positive, &other.positive);
            combine(&mut self.negative, &other.negative);
        } else {
            combine(&mut self.positive, &coarse(&other.positive));
            combine(&mut self.negative, &coarse(&other.negative));
        }
    }

    fn combine_classic(&mut self, other: &Self, change: impl Fn(u64, u64) -> u64) {
        match (&mut self.classic, &other.classic) {
            (Some(mine), Some(theirs)) if mine.bounds == theirs.bounds => mine.combine(theirs, change),
            (mine, _) => *mine = None,
        }
    }
}

//! What a histogram held at one moment.

use crate::Number;

/// The state of a histogram: exact counts in base-2 exponential buckets.
///
/// Bucket `i` of scale `s` counts the values in `(2^(i / 2^s), 2^((i + 1) / 2^s)]`; negative values count in the
/// bucket of their absolute value. These are the buckets of
/// [OTLP's exponential histograms](https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram)
/// with the same indices, and of Prometheus native histograms with indices higher by one.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramSnapshot {
    pub(super) scale: i32,
    pub(super) count: u64,
    pub(super) zero_count: u64,
    pub(super) unrecorded: u64,
    pub(super) sum: Number,
    pub(super) extremes: Option<(Number, Number)>,
    pub(super) positive: BucketRange,
    pub(super) negative: BucketRange,
}

impl Default for HistogramSnapshot {
    fn default() -> Self {
        Self {
            scale: 0,
            count: 0,
            zero_count: 0,
            unrecorded: 0,
            sum: Number::U64(0),
            extremes: None,
            positive: BucketRange::default(),
            negative: BucketRange::default(),
        }
    }
}

impl HistogramSnapshot {
    /// The scale of all buckets: there are `2^scale` of them between two powers of two.
    #[must_use]
    pub fn scale(&self) -> i32 {
        self.scale
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

    /// The least recorded value; nothing before the first.
    #[must_use]
    pub fn min(&self) -> Option<Number> {
        self.extremes.map(|(min, _)| min)
    }

    /// The greatest recorded value; nothing before the first.
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

    /// How many values are at most `2^exponent`: a classic bucket whose edge is a true edge of these.
    ///
    /// Exact for a scale of 0 or more, which is what cells give.
    #[must_use]
    pub fn count_up_to_power_of_two(&self, exponent: i32) -> u64 {
        let end = exponent << self.scale.max(0);
        let below = self.positive.iter().take_while(|(index, _)| *index < end).map(|(_, count)| count);
        self.zero_count + self.negative.count() + below.sum::<u64>()
    }
}

/// The buckets of one sign, from the lowest that holds a value to the highest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketRange {
    offset: i32,
    counts: Vec<u64>,
}

impl BucketRange {
    /// The index of the first bucket; of no meaning when there is none.
    #[must_use]
    pub fn offset(&self) -> i32 {
        self.offset
    }

    /// The counts from the first bucket on, without gaps.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Index and count of each bucket in between, empty ones included.
    pub fn iter(&self) -> impl Iterator<Item = (i32, u64)> + '_ {
        (self.offset..).zip(self.counts.iter().copied())
    }

    pub(super) fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    pub(super) fn clear(&mut self) {
        self.counts.clear();
    }

    /// Adds to a bucket. Indices come in ascending order, equal ones in a row.
    pub(super) fn add(&mut self, index: i32, count: u64) {
        if self.counts.is_empty() {
            self.offset = index;
        }
        let position = (index - self.offset) as usize;
        self.counts.resize(self.counts.len().max(position + 1), 0);
        self.counts[position] += count;
    }

    /// Adds all buckets of another range of the same scale.
    pub(super) fn merge(&mut self, other: &Self) {
        if other.counts.is_empty() {
            return;
        }
        if self.counts.is_empty() {
            self.offset = other.offset;
        }
        if other.offset < self.offset {
            let missing = (self.offset - other.offset) as usize;
            self.counts.splice(0..0, std::iter::repeat_n(0, missing));
            self.offset = other.offset;
        }
        let shift = (other.offset - self.offset) as usize;
        self.counts.resize(self.counts.len().max(shift + other.counts.len()), 0);
        for (mine, theirs) in self.counts[shift..].iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
    }
}

//! Statistics that are worked out from buckets.

use super::HistogramSnapshot;

impl HistogramSnapshot {
    /// The value that a share `q` of all values do not exceed, such as 0.99: of `n` values in order, the one at
    /// `ceil(q * n)`, counted from 1. Nothing before the first value.
    ///
    /// The result is off by at most a factor of [`relative_error`](Self::relative_error): 1.1 % at scale 5. The least and
    /// the greatest value are exact. A `q` below 0 is taken for 0, one above 1 for 1, and what is no number for 0.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a rank among more than 2^53 values may round"
    )]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let (min, max) = self.extremes.filter(|_| self.count > 0)?;
        let (min, max) = (min.to_f64(), max.to_f64());
        let rank = ((q * self.count as f64).ceil() as u64).clamp(1, self.count);
        Some(match rank {
            1 => min,
            rank if rank == self.count => max,
            rank => self.value_at_rank(rank).clamp(min, max),
        })
    }

    /// By which part of itself a value can be off that was taken from a bucket: `2^(2^-(scale + 1)) - 1`. Values below
    /// 2^-1022, which floats do not resolve either, are off by more.
    #[must_use]
    pub fn relative_error(&self) -> f64 {
        half_bucket(self.scale).exp2() - 1.0
    }

    /// The mean of all values, exact but for rounding; nothing before the first. That of integers is wrong once their
    /// sum has wrapped.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a float is asked for")]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum.to_f64() / self.count as f64)
    }

    /// The standard deviation of all values, as if each lay in the middle of its bucket; nothing before the first.
    ///
    /// It is off by at most [`relative_error`](Self::relative_error) times the root mean square of the values.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a float is asked for")]
    pub fn standard_deviation(&self) -> Option<f64> {
        let n = self.count as f64;
        let middle = self.middles().map(|(middle, count)| middle * (count as f64 / n)).sum::<f64>();
        let square = |(value, count): (f64, u64)| (value - middle).powi(2) * (count as f64 / n);
        (self.count > 0).then(|| self.middles().map(square).sum::<f64>().sqrt())
    }

    /// The middle of the bucket of the value at a rank, from 1 to the count.
    pub(super) fn value_at_rank(&self, rank: u64) -> f64 {
        let mut left = rank;
        for (middle, count) in self.middles() {
            if count >= left {
                return middle;
            }
            left -= count;
        }
        0.0
    }

    /// The middle of each bucket, in the unit of the values, and how many values it holds, in ascending order; empty buckets, too.
    /// The middle is the geometric one, which has the same distance as a factor to both edges: a value is off from it by no
    /// more than [`relative_error`](Self::relative_error).
    pub fn middles(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let scale = f64::from(1_u32 << self.scale);
        let middle =
            move |index: i32| (f64::from(index) / scale + half_bucket(self.scale)).exp2() * self.bucket_unit;
        let negative = self.negative.iter_down().map(move |(index, count)| (-middle(index), count));
        let positive = self.positive.iter().map(move |(index, count)| (middle(index), count));
        negative.chain([(0.0, self.zero_count)]).chain(positive)
    }
}

/// Half the width of a bucket, as a power of two: from an edge to the middle.
fn half_bucket(scale: u32) -> f64 {
    0.5 / f64::from(1_u32 << scale)
}

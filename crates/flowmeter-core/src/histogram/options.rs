//! What can be chosen for a histogram.

use super::exponential::FINEST_SCALE;

/// How the buckets of a histogram are read, and whether it has classic ones of its own.
///
/// Cells always record at the finest scale; what is chosen here is how reporters see them, so a coarser scale saves
/// space in the backend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistogramOptions {
    scale: u32,
    bucket_limit: usize,
    bounds: &'static [f64],
}

impl HistogramOptions {
    /// Scale 5, 160 buckets, no classic bounds.
    ///
    /// 160 is [OpenTelemetry's default](https://opentelemetry.io/docs/specs/otel/metrics/sdk/#base2-exponential-bucket-histogram-aggregation).
    pub const DEFAULT: Self = Self { scale: FINEST_SCALE, bucket_limit: 160, bounds: &[] };

    /// Sets the finest scale that is read, from 0 (a bucket is a power of two wide) to 5 (2.2 % wide); what is above
    /// is taken for 5.
    #[must_use]
    pub const fn with_scale(mut self, scale: u32) -> Self {
        self.scale = if scale > FINEST_SCALE { FINEST_SCALE } else { scale };
        self
    }

    /// Sets how many buckets are read at most for each sign. Values that lie too far apart for it are read at a
    /// coarser scale, all of them at once, but at no coarser one than 0: powers of two stay edges of buckets.
    #[must_use]
    pub const fn with_bucket_limit(mut self, limit: usize) -> Self {
        self.bucket_limit = limit;
        self
    }

    /// Adds classic buckets of these upper bounds, which are counted in cells of their own: a recording then costs a
    /// search of the bounds more. Without them, classic buckets come from the exponential ones, at powers of two.
    /// The bucket to infinity is implied. The bounds are in the unit of the recorded values; nanoseconds for durations.
    ///
    /// # Panics
    ///
    /// If the bounds do not ascend or one is not finite; in a constant, the compiler says so.
    #[must_use]
    pub const fn with_bounds(mut self, bounds: &'static [f64]) -> Self {
        let mut i = 0;
        while i < bounds.len() {
            assert!(bounds[i].is_finite(), "the bounds of a histogram must be finite");
            assert!(i == 0 || bounds[i - 1] < bounds[i], "the bounds of a histogram must ascend");
            i += 1;
        }
        self.bounds = bounds;
        self
    }

    /// The finest scale that is read.
    #[must_use]
    pub const fn scale(&self) -> u32 {
        self.scale
    }

    /// How many buckets are read at most for each sign.
    #[must_use]
    pub const fn bucket_limit(&self) -> usize {
        self.bucket_limit
    }

    /// The bounds of the classic buckets; empty when it has none of its own.
    #[must_use]
    pub const fn bounds(&self) -> &'static [f64] {
        self.bounds
    }
}

impl Default for HistogramOptions {
    fn default() -> Self {
        Self::DEFAULT
    }
}

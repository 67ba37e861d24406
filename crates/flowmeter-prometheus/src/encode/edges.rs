//! The bounds of classic buckets.

use flowmeter_core::{Family, HistogramSnapshot, ValueType};

use super::number::write_bound;

/// The bounds of a family's classic buckets, the same for all of its series at all times, since a bucket that appears
/// later has no past.
pub(super) struct Edges {
    /// Powers of two, which are true edges of the exponential buckets, so that the counts are exact. Empty where the
    /// histogram has bounds of its own.
    exponents: Vec<i32>,
    pub(super) bounds: Vec<f64>,
}

impl Edges {
    /// The bounds of a family whose values are divided by a power of ten.
    pub(super) fn of(family: &Family, decimals: u32) -> Self {
        let own = family.histogram().bounds();
        if !own.is_empty() {
            let unit = 10_f64.powi(decimals.cast_signed());
            return Self { exponents: Vec::new(), bounds: own.iter().map(|bound| bound / unit).collect() };
        }
        // Times from a microsecond to twenty minutes, whose buckets are in seconds whatever they are recorded in; bytes from 4 to
        // 128 TiB; other integers from 1 to a billion; other floats as if they were seconds, which in most cases they are.
        let (first, step) = match (family.unit().as_str(), family.value_type()) {
            ("s" | "ms" | "us" | "ns", _) => (-20, 2),
            ("By", _) => (2, 3),
            (_, ValueType::U64) => (0, 2),
            _ => (-20, 2),
        };
        let exponents: Vec<i32> = (0..16).map(|i| first + step * i).collect();
        let bounds = exponents.iter().map(|exponent| 2_f64.powi(*exponent)).collect();
        Self { exponents, bounds }
    }

    /// The last of the bounds, above which all else is.
    pub(super) fn last(&self) -> f64 {
        self.bounds.last().copied().unwrap_or(f64::NEG_INFINITY)
    }

    /// The bounds as values of the label `le`.
    pub(super) fn labels(&self) -> Vec<Vec<u8>> {
        let label = |bound: &f64| {
            let mut label = Vec::new();
            write_bound(*bound, &mut label);
            label
        };
        self.bounds.iter().map(label).collect()
    }

    /// Writes how many values are up to each bound into `counts`. Returns how many there are.
    pub(super) fn count(&self, snapshot: &HistogramSnapshot, counts: &mut Vec<u64>) -> u64 {
        counts.clear();
        if let Some(classic) = snapshot.classic().filter(|_| self.exponents.is_empty()) {
            let mut sum = 0;
            counts.extend(classic.counts().iter().map(|count| {
                sum += count;
                sum
            }));
            counts.truncate(self.bounds.len());
            // A recording that is half done may be in one kind of buckets and not yet in the other.
            return sum;
        }
        let mut sum = snapshot.zero_count() + snapshot.negative().iter().map(|(_, count)| count).sum::<u64>();
        let mut buckets = snapshot.positive().iter().peekable();
        for exponent in &self.exponents {
            let end = exponent << snapshot.scale();
            while let Some((_, count)) = buckets.next_if(|(index, _)| *index < end) {
                sum += count;
            }
            counts.push(sum);
        }
        snapshot.count()
    }
}

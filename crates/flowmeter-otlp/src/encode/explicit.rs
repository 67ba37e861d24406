//! Points of histograms with explicit buckets.

use flowmeter_core::{ClassicBuckets, Family, HistogramSnapshot, ValueType};

use super::histogram::Distribution;
use super::wire::{write_bytes, write_double, write_fixed, write_length};

/// The field of attributes.
const ATTRIBUTES: u8 = 9;

/// The bounds of a family's buckets, the same for all of its series at all times.
pub(super) struct Edges {
    /// Powers of two, which are true edges of the exponential buckets, so that the counts are exact. Empty where the
    /// histogram has bounds of its own.
    exponents: Vec<i32>,
    /// The bounds as bytes.
    bounds: Vec<u8>,
}

impl Edges {
    /// The field of exemplars.
    pub(super) const EXEMPLARS: u8 = 8;

    pub(super) fn of(family: &Family) -> Self {
        let own = family.histogram().bounds();
        let bytes = |bounds: &mut dyn Iterator<Item = f64>| bounds.flat_map(f64::to_le_bytes).collect();
        if !own.is_empty() {
            let unit = match family.unit().as_str() {
                "ms" => 1e3,
                "us" => 1e6,
                "ns" => 1e9,
                _ => 1.0,
            };
            return Self { exponents: Vec::new(), bounds: bytes(&mut own.iter().map(|bound| bound / unit)) };
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
        let bounds = bytes(&mut exponents.iter().map(|exponent| 2_f64.powi(*exponent)));
        Self { exponents, bounds }
    }

    fn is_own(&self) -> bool {
        self.exponents.is_empty()
    }

    /// How many values were recorded: as many as all buckets have.
    pub(super) fn count(&self, recorded: &HistogramSnapshot) -> u64 {
        match recorded.classic().filter(|_| self.is_own()) {
            Some(classic) => classic.counts().iter().sum(),
            None => recorded.count(),
        }
    }

    pub(super) fn write(
        &self,
        point: &Distribution<'_>,
        count: u64,
        counts: &mut Vec<u64>,
        out: &mut Vec<u8>,
    ) {
        point.attributes.write_as(ATTRIBUTES, out);
        write_fixed(2, point.start, out);
        write_fixed(3, point.time, out);
        write_fixed(4, count, out);
        if let Some(sum) = point.sum {
            write_double(5, sum, out);
        }
        self.divide(point.recorded, counts);
        // A point without buckets has no bounds.
        if !counts.is_empty() {
            write_length(6, counts.len() * 8, out);
            counts.iter().for_each(|count| out.extend_from_slice(&count.to_le_bytes()));
            write_bytes(7, &self.bounds, out);
        }
        out.extend_from_slice(point.exemplars);
        if let Some(min) = point.min {
            write_double(11, min, out);
        }
        if let Some(max) = point.max {
            write_double(12, max, out);
        }
    }

    /// Writes how many values each bucket has into `counts`: one more than there are bounds.
    fn divide(&self, recorded: &HistogramSnapshot, counts: &mut Vec<u64>) {
        counts.clear();
        if self.is_own() {
            counts.extend(recorded.classic().into_iter().flat_map(ClassicBuckets::counts));
            return;
        }
        let mut below = recorded.zero_count() + recorded.negative().counts().iter().sum::<u64>();
        let mut buckets = recorded.positive().iter().peekable();
        for exponent in &self.exponents {
            let end = exponent << recorded.scale();
            while let Some((_, count)) = buckets.next_if(|(index, _)| *index < end) {
                below += count;
            }
            counts.push(std::mem::take(&mut below));
        }
        counts.push(buckets.map(|(_, count)| count).sum());
    }
}

//! A few values that stand for all that a histogram recorded.
//!
//! A daemon takes a value with the sample rate `r` for `1 / r` values. So a distribution of any size can be told by a bounded
//! number of values, each of which stands for as many as its rate says. The rates are powers of a quarter, which decimal numbers
//! and floats say exactly, so the counts come out exact whichever way a daemon divides.

use flowmeter_core::{HistogramSnapshot, Number};

use super::scale::Scale;

/// How often the ranks that a value stands for are a quarter of what they could be, at most: weights up to `4^31`.
const POWERS: u32 = 31;

/// A value, and how many it stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sampled {
    pub(crate) value: f64,
    pub(crate) weight: Weight,
}

/// How many values one stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Weight {
    /// So many fours multiplied.
    Fours(u32),
    /// Any number.
    Any(u64),
}

impl Weight {
    /// The sample rate. Nothing for a value that stands for itself.
    pub(crate) fn rate(self) -> Option<f64> {
        match self {
            Self::Fours(0) | Self::Any(..=1) => None,
            Self::Fours(fours) => Some(0.25_f64.powi(fours.cast_signed())),
            Self::Any(weight) => {
                // Some daemons cut the quotient off, so it must not come out just below the weight.
                let mut rate = 1.0 / weight as f64;
                while 1.0 / rate < weight as f64 {
                    rate = rate.next_down();
                }
                Some(rate)
            }
        }
    }
}

/// Chooses the values. Keeps its memory from one histogram to the next.
#[derive(Default)]
pub(crate) struct Sampler {
    /// The middle of each bucket that has values, ascending, and how many.
    levels: Vec<(f64, u64)>,
    count: u64,
    extremes: (f64, f64),
    sampled: Vec<Sampled>,
}

/// How many shares there are to choose from: down to a 64th, four to each half.
const SHARES: usize = 25;

/// How much of the ranks between a value and the nearer end one value may stand for.
fn share(number: usize) -> f64 {
    (-((SHARES - 1 - number.min(SHARES - 1)) as f64) / 4.0).exp2()
}

impl Sampler {
    /// Reads what was recorded, values that are `integers` or not.
    pub(crate) fn read(&mut self, recorded: &HistogramSnapshot, scale: Scale, integers: bool) {
        let steps = f64::from(1_u32 << recorded.scale());
        let middle = |index: i32| {
            let middle = ((f64::from(index) + 0.5) / steps).exp2() * recorded.bucket_unit();
            // The only integer in a narrow bucket is the nearest to its middle.
            if integers { middle.round() } else { middle }
        };
        // Extremes of a time may be middles too.
        let extreme = |number: Option<Number>| {
            let number = number.map_or(0.0, Number::to_f64);
            if integers { number.round() } else { number }
        };
        let (min, max) = (extreme(recorded.min()), extreme(recorded.max()));
        self.count = recorded.count();
        self.extremes = (scale.apply(min), scale.apply(max));
        self.levels.clear();
        self.levels.extend(recorded.negative().iter().map(|(index, count)| (-middle(index), count)));
        // Those of greater absolute value come first.
        self.levels.reverse();
        self.levels.push((0.0, recorded.zero_count()));
        self.levels.extend(recorded.positive().iter().map(|(index, count)| (middle(index), count)));
        self.levels.retain(|(_, count)| *count > 0);
        for (value, _) in &mut self.levels {
            *value = match *value {
                value if value <= min => self.extremes.0,
                value if value >= max => self.extremes.1,
                value => shortened(scale.apply(value)),
            };
        }
    }

    /// At most so many values, ordered by weight, that stand for all. As the buckets have them where that is possible, else
    /// the ranks in blocks, which are small at both ends and greater in between; or one value in the middle for all.
    pub(crate) fn sample(&mut self, most: usize) -> &[Sampled] {
        self.sampled.clear();
        let in_buckets: u64 = self.levels.iter().map(|(_, count)| digits_of(*count)).sum();
        if in_buckets <= most as u64 {
            self.sample_buckets();
        } else if self.count <= most as u64 {
            self.sample_blocks(0.0);
        } else if let Some(share) = self.least_share(most) {
            self.sample_blocks(share);
        } else {
            let middle = self.count.div_ceil(2);
            let value = self.values_at([middle].into_iter()).next().unwrap_or(0.0);
            self.sampled.push(Sampled { value, weight: Weight::Any(self.count) });
        }
        self.sampled.sort_by_key(|sampled| sampled.weight);
        &self.sampled
    }

    fn sample_buckets(&mut self) {
        for (value, count) in &self.levels {
            let digits = (0..=POWERS).map(|power| (power, count >> (2 * power) & 3));
            for (power, digit) in digits {
                let sampled = Sampled { value: *value, weight: Weight::Fours(power) };
                self.sampled.extend((0..digit).map(|_| sampled));
            }
        }
        // The least and the greatest are known better than their buckets.
        let is_single = |sampled: &Sampled, level: Option<&(f64, u64)>| {
            sampled.weight == Weight::Fours(0) && level.is_some_and(|(value, _)| *value == sampled.value)
        };
        let (first, last) = (self.levels.first(), self.levels.last());
        if let Some(greatest) = self.sampled.iter_mut().rev().find(|sampled| is_single(sampled, last)) {
            greatest.value = self.extremes.1;
        }
        if let Some(least) = self.sampled.iter_mut().find(|sampled| is_single(sampled, first)) {
            least.value = self.extremes.0;
        }
    }

    /// The least share with which there are not more blocks.
    fn least_share(&self, most: usize) -> Option<f64> {
        let fits = |number: usize| blocks(self.count, share(number)).nth(most).is_none();
        let (mut too_small, mut enough) = (0, SHARES);
        while too_small < enough {
            let middle = usize::midpoint(too_small, enough);
            if fits(middle) {
                enough = middle;
            } else {
                too_small = middle + 1;
            }
        }
        // It does so but for the rounding of blocks.
        (enough..SHARES).find(|number| fits(*number)).map(share)
    }

    fn sample_blocks(&mut self, share: f64) {
        let count = self.count;
        let middles = blocks(count, share).map(|(first, power)| first + ((1 << (2 * power)) - 1) / 2);
        let mut sampled = std::mem::take(&mut self.sampled);
        let values = self.values_at(middles).zip(blocks(count, share));
        sampled.extend(values.map(|(value, (_, power))| Sampled { value, weight: Weight::Fours(power) }));
        // Blocks at the ends are of one value.
        if let [least, .., greatest] = &mut *sampled {
            (least.value, greatest.value) = self.extremes;
        }
        self.sampled = sampled;
    }

    /// The values at ascending ranks, from 1.
    fn values_at(&self, ranks: impl Iterator<Item = u64>) -> impl Iterator<Item = f64> {
        let mut levels = self.levels.iter();
        let (mut value, mut up_to) = (0.0, 0);
        ranks.map(move |rank| {
            while rank > up_to
                && let Some((next, count)) = levels.next()
            {
                (value, up_to) = (*next, up_to + count);
            }
            value
        })
    }
}

/// To five digits: a bucket says no more, and each digit is sent.
pub(super) fn shortened(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let digits = 4 - value.abs().log10().floor() as i32;
    let rounded = if digits > 0 {
        (value * 10_f64.powi(digits)).round() / 10_f64.powi(digits)
    } else {
        (value / 10_f64.powi(-digits)).round() * 10_f64.powi(-digits)
    };
    if rounded.is_finite() { rounded } else { value }
}

/// The digits of a number to the base four, added up: how many powers of four make it.
fn digits_of(count: u64) -> u64 {
    (0..=POWERS).map(|power| count >> (2 * power) & 3).sum()
}

/// Ranks from 1 to a number in blocks: the first of each, and which power of four its size is. A block is at most a share of
/// what lies between it and the nearer end, as if that were never more than an eighth of all.
fn blocks(count: u64, share: f64) -> impl Iterator<Item = (u64, u32)> {
    let mut before = 0;
    std::iter::from_fn(move || {
        let left = count - before;
        if left == 0 {
            return None;
        }
        let most = (share * left.min(before + 1).min(count.div_ceil(8)) as f64) as u64;
        let power = most.checked_ilog2().unwrap_or(0) / 2;
        let first = before + 1;
        before += 1 << (2 * power);
        Some((first, power))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a sampler makes of values: the samples, each as value and weight.
    fn sampled(levels: &[(f64, u64)], most: usize) -> Vec<(f64, u64)> {
        let count = levels.iter().map(|(_, count)| count).sum();
        let extremes = (levels[0].0, levels[levels.len() - 1].0);
        let mut sampler = Sampler { levels: levels.to_vec(), count, extremes, sampled: Vec::new() };
        let weight = |sampled: &Sampled| sampled.weight.rate().map_or(1, |rate| (1.0 / rate) as u64);
        sampler.sample(most).iter().map(|sampled| (sampled.value, weight(sampled))).collect()
    }

    #[test]
    fn buckets_are_told_as_they_are_where_there_is_room() {
        let levels = [(1.0, 3), (2.0, 21)];
        assert_eq!(sampled(&levels, 6), [(1.0, 1), (1.0, 1), (1.0, 1), (2.0, 1), (2.0, 4), (2.0, 16)]);
    }

    #[test]
    fn one_value_stands_for_all_where_there_is_room_for_no_more() {
        assert_eq!(sampled(&[(1.0, 10), (2.0, 49), (3.0, 10)], 1), [(2.0, 69)]);
    }

    #[test]
    fn rates_are_those_that_any_division_gets_right() {
        for power in 0..=POWERS {
            let rate = Weight::Fours(power).rate().unwrap_or(1.0);
            let text = format!("{rate}");
            assert!(!text.contains('e'), "{text}");
            assert_eq!(1.0 / text.parse::<f64>().unwrap(), 4_f64.powi(power.cast_signed()));
        }
        for weight in (2..100_000_u64).chain([1 << 40, 999_999_999_989, 1 << 52]) {
            let rate: f64 = format!("{}", Weight::Any(weight).rate().unwrap()).parse().unwrap();
            assert_eq!((1.0 / rate) as u64, weight);
        }
    }

    fn levels() -> impl Strategy<Value = Vec<(f64, u64)>> {
        let count = prop_oneof![1..10_u64, 1..1_000_000_u64, 1..(1_u64 << 40)];
        prop::collection::vec(count, 1..80).prop_map(|counts| {
            counts.into_iter().enumerate().map(|(number, count)| (number as f64, count)).collect()
        })
    }

    proptest! {
        #[test]
        fn counts_are_exact_and_ranks_near(levels in levels(), most in 1_usize..400) {
            let sampled = sampled(&levels, most);
            let count: u64 = levels.iter().map(|(_, count)| count).sum();
            prop_assert_eq!(sampled.iter().map(|(_, weight)| weight).sum::<u64>(), count);
            prop_assert!(sampled.len() <= most);
            // At the end of each bucket, ranks are off by no more than one value stands for.
            let greatest = sampled.iter().map(|(_, weight)| *weight).max().unwrap_or(0);
            let mut up_to = 0;
            for (level, count) in &levels {
                up_to += count;
                let of_level = sampled.iter().filter(|(value, _)| value <= level);
                let sampled_up_to: u64 = of_level.map(|(_, weight)| weight).sum();
                prop_assert!(sampled_up_to.abs_diff(up_to) < greatest.max(1), "{} {}", sampled_up_to, up_to);
            }
            if sampled.len() > 1 {
                let value = |choose: fn(f64, f64) -> f64| sampled.iter().map(|(value, _)| *value).reduce(choose);
                prop_assert_eq!(value(f64::min), Some(levels[0].0));
                prop_assert_eq!(value(f64::max), Some(levels[levels.len() - 1].0));
            }
        }
    }
}

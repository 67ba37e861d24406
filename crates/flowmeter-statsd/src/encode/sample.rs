//! A few values that stand for all that a histogram recorded.
//!
//! A daemon takes a value with the sample rate `r` for `1 / r` values. So a distribution of any size can be told by a bounded
//! number of values, each of which stands for as many as its rate says.

use flowmeter_core::{HistogramSnapshot, Number};

use super::scale::Scale;

/// How often the ranks that a value stands for are a quarter of what they could be, at most: weights up to `4^31`.
const POWERS: u32 = 31;

/// A value, and how many it stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sampled {
    pub(crate) value: f64,
    pub(crate) weight: u64,
}

impl Sampled {
    /// The sample rate. Nothing for a value that stands for itself.
    pub(crate) fn rate(self) -> Option<f64> {
        if self.weight <= 1 {
            return None;
        }
        // Some daemons cut the quotient off, so it must not come out just below the weight.
        let mut rate = 1.0 / self.weight as f64;
        while 1.0 / rate < self.weight as f64 {
            rate = rate.next_down();
        }
        Some(rate)
    }
}

/// How values are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Of as many weights as it takes, all of them powers of four, which decimal numbers and floats say exactly: as the buckets
    /// have them where that is possible, else the ranks in blocks, which are small at both ends and greater in between.
    Detailed,
    /// Of so many weights at most. With two, the least and the greatest value stand for themselves, and the others for
    /// as many as each other; with three, those at both ends for fewer than those in between. With one alone the
    /// extremes are not there, and the weight is cut off: the count may be less by what a division leaves.
    Weights(usize),
    /// All of one weight but for the rounding, at even ranks, so that they have the shape of the whole without their weights.
    Even,
}

/// Chooses the values. Keeps its memory from one histogram to the next.
#[derive(Default)]
pub(crate) struct Sampler {
    /// The middle of each bucket that has values, ascending, and how many; the extremes apart.
    levels: Vec<(f64, u64)>,
    count: u64,
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
        let extremes = (scale.apply(min), scale.apply(max));
        self.levels.clear();
        self.levels.extend(recorded.negative().iter().map(|(index, count)| (-middle(index), count)));
        // Those of greater absolute value come first.
        self.levels.reverse();
        self.levels.push((0.0, recorded.zero_count()));
        self.levels.extend(recorded.positive().iter().map(|(index, count)| (middle(index), count)));
        self.levels.retain(|(_, count)| *count > 0);
        for (value, _) in &mut self.levels {
            *value = match *value {
                value if value <= min => extremes.0,
                value if value >= max => extremes.1,
                value => shortened(scale.apply(value)),
            };
        }
        self.set_apart(extremes);
    }

    /// Counts, and takes one each off the first and the last level for the extremes, which are known better than their buckets.
    fn set_apart(&mut self, (least, greatest): (f64, f64)) {
        self.count = self.levels.iter().map(|(_, count)| count).sum();
        if let Some((_, count)) = self.levels.last_mut().filter(|(value, _)| *value != greatest) {
            *count -= 1;
            self.levels.push((greatest, 1));
        }
        self.levels.retain(|(_, count)| *count > 0);
        if let Some((_, count)) = self.levels.first_mut().filter(|(value, _)| *value != least) {
            *count -= 1;
            self.levels.insert(0, (least, 1));
        }
        self.levels.retain(|(_, count)| *count > 0);
    }

    /// At most so many values, ordered by weight, that stand for all; or one value in the middle for all.
    pub(crate) fn sample(&mut self, manner: Manner, most: usize) -> &[Sampled] {
        self.sampled.clear();
        let (count, values) = (self.count, most as u64);
        match manner {
            Manner::Detailed
                if self.levels.iter().map(|(_, count)| digits_of(*count)).sum::<u64>() <= values =>
            {
                self.sample_buckets();
            }
            _ if count <= values => self.sample_blocks((1..=count).map(|rank| (rank, 1))),
            Manner::Detailed => match self.least_share(most) {
                Some(share) => self.sample_blocks(blocks(count, share)),
                None => self.sample_blocks(std::iter::once((1, count))),
            },
            Manner::Weights(1) => self.sample_blocks(alike(count, values)),
            Manner::Weights(weights) => match Parts::of(count, values, weights > 2) {
                Some(parts) => self.sample_blocks(parts.blocks()),
                None => self.sample_blocks(std::iter::once((1, count))),
            },
            Manner::Even => self.sample_blocks(even(count, values)),
        }
        self.sampled.sort_by_key(|sampled| sampled.weight);
        &self.sampled
    }

    fn sample_buckets(&mut self) {
        for (value, count) in &self.levels {
            let digits = (0..=POWERS).map(|power| (power, count >> (2 * power) & 3));
            for (power, digit) in digits {
                let sampled = Sampled { value: *value, weight: 1 << (2 * power) };
                self.sampled.extend((0..digit).map(|_| sampled));
            }
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

    /// Takes the value in the middle of each block of ranks: the first, ascending from 1, and how many it stands for.
    fn sample_blocks(&mut self, blocks: impl Iterator<Item = (u64, u64)>) {
        let mut levels = self.levels.iter();
        let (mut value, mut up_to) = (0.0, 0);
        self.sampled.extend(blocks.map(|(first, weight)| {
            let rank = first + (weight - 1) / 2;
            while rank > up_to
                && let Some((next, count)) = levels.next()
            {
                (value, up_to) = (*next, up_to + count);
            }
            Sampled { value, weight }
        }));
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

/// Ranks from 1 to a number in blocks: the first of each, and its size, a power of four. A block is at most a share of
/// what lies between it and the nearer end, as if that were never more than an eighth of all, and leaves the end to the last.
fn blocks(count: u64, share: f64) -> impl Iterator<Item = (u64, u64)> {
    let mut before = 0;
    std::iter::from_fn(move || {
        let left = count - before;
        if left == 0 {
            return None;
        }
        let most = (share * (left - 1).min(before + 1).min(count.div_ceil(8)) as f64) as u64;
        let size = 1 << (most.checked_ilog2().unwrap_or(0) / 2 * 2);
        let first = before + 1;
        before += size;
        Some((first, size))
    })
}

/// Ranks from 1 to a number in so many blocks of the same size but for one. There are not more blocks than ranks.
fn even(count: u64, blocks: u64) -> impl Iterator<Item = (u64, u64)> {
    let (size, rest) = (count / blocks, count % blocks);
    let before = move |number: u64| number * size + number * rest / blocks;
    (0..blocks).map(move |number| (before(number) + 1, before(number + 1) - before(number)))
}

/// Blocks that are of the same size, more than half of the most, and as many as leave out the least.
fn alike(count: u64, most: u64) -> impl Iterator<Item = (u64, u64)> {
    let blocks = (most / 2 + 1..=most).rev().min_by_key(|blocks| count % blocks).unwrap_or(1);
    even(count, blocks).map(move |(first, _)| (first, count / blocks))
}

/// Blocks of three sizes: ranks of their own at both ends, then some that are small, and in the middle some that are large.
struct Parts {
    /// How many are of their own at the lower end, and at the upper one.
    single: (u64, u64),
    /// How many are small at each end, and how small.
    ends: (u64, u64),
    /// How many are in between, and how large.
    middle: (u64, u64),
}

impl Parts {
    /// As many as possible of those in the middle with which all ranks are in a block; of small ones none, or two fifths.
    fn of(count: u64, most: u64, has_ends: bool) -> Option<Self> {
        let ends = if has_ends { most / 5 } else { 0 };
        let parts = |middle: u64, small: u64| {
            let left = count.checked_sub(2 + 2 * ends * small)?;
            let (large, rest) = (left / middle, left % middle);
            let fits = large > 0 && 2 + 2 * ends + middle + rest <= most;
            let single = (1 + rest / 2, 1 + rest.div_ceil(2));
            fits.then_some(Self { single, ends: (ends, small), middle: (middle, large) })
        };
        // Somewhat larger small ones may leave less that would have to be of its own.
        let sizes = |middle: u64| {
            let small = (count / (6 * middle)).max(1);
            small..=small + if has_ends { 1 + small / 8 } else { 0 }
        };
        let all = (1..=most.saturating_sub(2 + 2 * ends)).rev();
        all.flat_map(|middle| sizes(middle).take(64).map(move |small| (middle, small)))
            .find_map(|(middle, small)| parts(middle, small))
    }

    fn blocks(&self) -> impl Iterator<Item = (u64, u64)> {
        let (low, high) = self.single;
        let parts = [(low, 1), self.ends, self.middle, self.ends, (high, 1)];
        let sizes = parts.into_iter().flat_map(|(number, size)| (0..number).map(move |_| size));
        sizes.scan(1, |next, size| {
            let first = *next;
            *next += size;
            Some((first, size))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How far the extremes are from the middles of their buckets.
    const BESIDE: f64 = 0.25;

    /// What a sampler makes of values: the samples, each as value and weight.
    fn sampled(manner: Manner, levels: &[(f64, u64)], beside: f64, most: usize) -> Vec<(f64, u64)> {
        let mut sampler = Sampler { levels: levels.to_vec(), ..Sampler::default() };
        sampler.set_apart((levels[0].0 - beside, levels[levels.len() - 1].0 + beside));
        let weight = |sampled: &Sampled| sampled.rate().map_or(1, |rate| (1.0 / rate) as u64);
        sampler.sample(manner, most).iter().map(|sampled| (sampled.value, weight(sampled))).collect()
    }

    #[test]
    fn buckets_are_told_as_they_are_where_there_is_room() {
        let levels = [(1.0, 3), (2.0, 21)];
        let expected = [(1.0, 1), (1.0, 1), (1.0, 1), (2.0, 1), (2.0, 4), (2.0, 16)];
        assert_eq!(sampled(Manner::Detailed, &levels, 0.0, 6), expected);
    }

    #[test]
    fn the_extremes_are_apart_from_their_buckets() {
        // Four of a bucket would be one value, which stands for all four.
        let levels = [(1.0, 1), (2.0, 5)];
        let expected = [(0.75, 1), (2.25, 1), (2.0, 4)];
        assert_eq!(sampled(Manner::Detailed, &levels, BESIDE, 100), expected);
        assert_eq!(sampled(Manner::Detailed, &[(1.0, 1)], 0.0, 100), [(1.0, 1)]);
    }

    #[test]
    fn one_value_stands_for_all_where_there_is_room_for_no_more() {
        for manner in [Manner::Detailed, Manner::Weights(1), Manner::Weights(3), Manner::Even] {
            assert_eq!(sampled(manner, &[(1.0, 10), (2.0, 49), (3.0, 10)], 0.0, 1), [(2.0, 69)]);
        }
    }

    #[test]
    fn rates_are_those_that_any_division_gets_right() {
        let rate = |weight: u64| Sampled { value: 0.0, weight }.rate().unwrap_or(1.0);
        for power in 0..=POWERS {
            let text = format!("{}", rate(4_u64.pow(power)));
            assert!(!text.contains('e'), "{text}");
            assert_eq!(1.0 / text.parse::<f64>().unwrap(), 4_f64.powi(power.cast_signed()));
        }
        for weight in (2..100_000_u64).chain([1 << 40, 999_999_999_989, 1 << 52]) {
            let rate: f64 = format!("{}", rate(weight)).parse().unwrap();
            assert_eq!((1.0 / rate) as u64, weight);
        }
    }

    fn levels() -> impl Strategy<Value = Vec<(f64, u64)>> {
        let count = prop_oneof![1..10_u64, 1..1_000_000_u64, 1..(1_u64 << 40)];
        prop::collection::vec(count, 2..80).prop_map(|counts| {
            counts.into_iter().enumerate().map(|(number, count)| (number as f64, count)).collect()
        })
    }

    proptest! {
        #[test]
        fn counts_are_exact_and_ranks_near(
            levels in levels(),
            most in 1_usize..400,
            manner in prop::sample::select(vec![
                Manner::Detailed,
                Manner::Weights(1),
                Manner::Weights(2),
                Manner::Weights(3),
                Manner::Even,
            ]),
        ) {
            let sampled = sampled(manner, &levels, BESIDE, most);
            let count: u64 = levels.iter().map(|(_, count)| count).sum();
            let stands_for: u64 = sampled.iter().map(|(_, weight)| weight).sum();
            let left_out = count - stands_for;
            prop_assert!(left_out == 0 || manner == Manner::Weights(1) && left_out < most as u64);
            prop_assert!(sampled.len() <= most);
            // At the end of each bucket, ranks are off by no more than one value stands for.
            let greatest = sampled.iter().map(|(_, weight)| *weight).max().unwrap_or(0);
            let mut up_to = 0;
            for (level, count) in &levels {
                up_to += count;
                let of_level = sampled.iter().filter(|(value, _)| *value <= level + BESIDE);
                let sampled_up_to: u64 = of_level.map(|(_, weight)| weight).sum();
                let off = sampled_up_to.abs_diff(up_to);
                prop_assert!(off < greatest.max(1) + left_out, "{} {}", sampled_up_to, up_to);
            }
            let weights: std::collections::BTreeSet<_> = sampled.iter().map(|(_, weight)| *weight).collect();
            if let Manner::Weights(weights_at_most) = manner {
                prop_assert!(weights.len() <= weights_at_most);
            }
            if manner == Manner::Even {
                prop_assert!(weights.last().unwrap() - weights.first().unwrap() <= 1);
            } else if manner != Manner::Weights(1) && sampled.len() > 1 {
                let value = |choose: fn(f64, f64) -> f64| sampled.iter().map(|(value, _)| *value).reduce(choose);
                prop_assert_eq!(value(f64::min), Some(levels[0].0 - BESIDE));
                prop_assert_eq!(value(f64::max), Some(levels[levels.len() - 1].0 + BESIDE));
            }
        }
    }
}

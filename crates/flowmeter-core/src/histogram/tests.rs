use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::Number;

mod times;

/// Cells that are read as they are recorded.
fn cells(value_type: ValueType) -> HistogramCells {
    cells_in(value_type, None)
}

/// Those of values that are such a part of a second.
fn cells_in(value_type: ValueType, second_part: Option<f64>) -> HistogramCells {
    let options = HistogramOptions::DEFAULT.with_bucket_limit(usize::MAX);
    HistogramCells::new(HistogramLayout { value_type, options, second_part })
}

fn read(cells: &HistogramCells) -> HistogramSnapshot {
    let mut snapshot = HistogramSnapshot::default();
    cells.read_into(&mut snapshot);
    snapshot
}

/// The edges of bucket `index`, from the definition; exact where they are powers of two.
fn edges(scale: u32, index: i32) -> (f64, f64) {
    let edge = |index: i32| 2_f64.powf(f64::from(index) / 2_f64.powi(scale.cast_signed()));
    (edge(index), edge(index + 1))
}

#[test]
fn an_empty_histogram_has_no_extremes() {
    let snapshot = read(&cells(ValueType::F64));
    assert_eq!((snapshot.count(), snapshot.min(), snapshot.max()), (0, None, None));
    assert_eq!(snapshot.sum(), Number::F64(0.0));
}

#[test]
fn integers_from_zero_to_the_greatest() {
    let cells = cells(ValueType::U64);
    for value in [0, 1, 2, 3, u64::MAX >> 1] {
        cells.record_u64::<One>(value);
    }
    let snapshot = read(&cells);
    assert_eq!((snapshot.scale(), snapshot.count(), snapshot.zero_count()), (5, 5, 1));
    assert_eq!(snapshot.positive().offset(), -1, "1 ends the octave below it");
    assert_eq!(snapshot.sum(), Number::U64(6 + (u64::MAX >> 1)));
    assert_eq!((snapshot.min(), snapshot.max()), (Some(Number::U64(0)), Some(Number::U64(u64::MAX >> 1))));

    // Above 2^63 is outside of the window: one bucket an octave from here on.
    cells.record_u64::<One>(u64::MAX);
    let snapshot = read(&cells);
    assert_eq!((snapshot.scale(), snapshot.count()), (0, 6));
    assert_eq!(snapshot.positive().iter().find(|(index, _)| *index == 63), Some((63, 1)));
}

#[test]
fn the_count_is_that_of_the_buckets_while_zeros_are_recorded() {
    let (cells, done) = (cells(ValueType::U64), AtomicBool::new(false));
    let wrong = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Relaxed) {
                cells.record_u64::<One>(0);
            }
        });
        let wrong = (0..100_000).map(|_| read(&cells)).find(|read| {
            read.count() != read.zero_count() + read.positive().count() + read.negative().count()
        });
        done.store(true, Relaxed);
        wrong
    });
    assert_eq!(wrong, None);
}

#[test]
fn values_without_a_bucket_are_counted_apart() {
    let cells = cells(ValueType::F64);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.5] {
        cells.record_f64::<One>(value);
    }
    let snapshot = read(&cells);
    assert_eq!((snapshot.count(), snapshot.unrecorded()), (1, 3));
    assert_eq!(snapshot.sum(), Number::F64(1.5));
}

#[test]
fn signs_zeros_and_subnormal_numbers() {
    let cells = cells(ValueType::F64);
    for value in [-1.0, -0.0, 0.0, 1.0, 3.0] {
        cells.record_f64::<One>(value);
    }
    let snapshot = read(&cells);
    assert_eq!((snapshot.count(), snapshot.zero_count(), snapshot.scale()), (5, 2, 5));
    assert_eq!(snapshot.negative().iter().collect::<Vec<_>>(), [(-1, 1)]);
    assert_eq!(snapshot.positive().iter().filter(|(_, count)| *count > 0).count(), 2);
    assert_eq!((snapshot.min(), snapshot.max()), (Some(Number::F64(-1.0)), Some(Number::F64(3.0))));

    cells.record_f64::<One>(f64::from_bits(1));
    cells.record_f64::<One>(f64::MIN_POSITIVE);
    let snapshot = read(&cells);
    assert_eq!((snapshot.count(), snapshot.scale()), (7, 0), "too far apart for the finer scale");
    let indices: Vec<_> =
        snapshot.positive().iter().filter(|(_, count)| *count > 0).map(|(i, _)| i).collect();
    assert_eq!(indices, [-1075, -1023, -1, 1]);
    assert_eq!(snapshot.negative().iter().collect::<Vec<_>>(), [(-1, 1)]);
}

#[test]
fn durations_are_nanoseconds() {
    let registry = crate::Registry::new();
    let latency = registry.add_group("g").histogram::<Duration>("latency");
    latency.record(Duration::from_micros(3));
    latency.record(Duration::MAX);
    let snapshot = latency.snapshot();
    assert_eq!(snapshot.min(), Some(Number::U64(3_000)));
    assert_eq!(snapshot.max(), Some(Number::U64(u64::MAX)));
}

#[test]
fn classic_buckets_at_powers_of_two_are_exact() {
    let cells = cells(ValueType::U64);
    (0..=1000).for_each(|value| cells.record_u64::<One>(value));
    let snapshot = read(&cells);
    for exponent in 0..=10 {
        let expected = (1_u64 << exponent).min(1000) + 1;
        assert_eq!(snapshot.count_up_to_power_of_two(exponent), expected, "2^{exponent}");
    }
}

#[test]
fn options_say_how_finely_buckets_are_read() {
    let registry = crate::Registry::new();
    let group = registry.add_group("g");
    let options = HistogramOptions::DEFAULT.with_scale(2).with_bucket_limit(20);
    let latency = group.histogram::<f64>(crate::Metric::new("latency").with_histogram(options));
    (1..=16).for_each(|value| latency.record(f64::from(value)));
    let snapshot = latency.snapshot();
    assert_eq!((snapshot.scale(), snapshot.count()), (2, 16));
    latency.record(1e9);
    let snapshot = latency.snapshot();
    assert_eq!(
        (snapshot.scale(), snapshot.count()),
        (0, 17),
        "30 octaves do not fit 20 buckets, but powers of two stay edges"
    );
    assert_eq!(snapshot.count_up_to_power_of_two(3), 8);
    assert_eq!(HistogramOptions::DEFAULT.with_scale(99).scale(), 5);
}

#[test]
fn explicit_bounds_have_buckets_of_their_own() {
    const BOUNDS: &[f64] = &[-1.0, 0.0, 2.5, 1e300];
    let registry = crate::Registry::new();
    let group = registry.add_group("g");
    let metric =
        |name| crate::Metric::new(name).with_histogram(HistogramOptions::DEFAULT.with_bounds(BOUNDS));
    let floats = group.histogram::<f64>(metric("floats"));
    for value in [-2.0, -1.0, 0.0, 2.5, 2.6, 1e300, 2e300, f64::NAN] {
        floats.record(value);
    }
    let snapshot = floats.snapshot();
    let classic = snapshot.classic().unwrap();
    assert_eq!((classic.bounds(), classic.counts()), (BOUNDS, &[2, 1, 1, 2, 1][..]));
    assert_eq!((snapshot.count(), snapshot.unrecorded()), (7, 1));

    let integers = group.shared_histogram::<u64>(metric("integers"));
    for value in [0, 2, 3, u64::MAX] {
        integers.record(value);
    }
    assert_eq!(integers.snapshot().classic().unwrap().counts(), [0, 1, 1, 2, 0]);
}

#[test]
#[should_panic(expected = "must ascend")]
fn bounds_that_do_not_ascend_are_refused() {
    let _ = HistogramOptions::DEFAULT.with_bounds(&[1.0, 1.0]);
}

#[test]
fn a_shared_histogram_loses_nothing() {
    let registry = crate::Registry::new();
    let group = registry.add_group("g");
    let shared = group.shared_histogram::<f64>("latency");
    assert_eq!(shared.snapshot().sum(), Number::F64(0.0), "of the right type before the first value");
    std::thread::scope(|scope| {
        for thread in 0..8_u32 {
            let shared = group.shared_histogram::<f64>("latency");
            scope.spawn(move || {
                for value in 0..5_000_u32 {
                    shared.record(f64::from(value) - f64::from(thread));
                }
            });
        }
    });
    let snapshot = shared.snapshot();
    assert_eq!((snapshot.count(), snapshot.zero_count()), (40_000, 8));
    assert_eq!(snapshot.sum(), Number::F64(f64::from(8 * 4_999 * 2_500 - 5_000 * 28)));
    assert_eq!((snapshot.min(), snapshot.max()), (Some(Number::F64(-7.0)), Some(Number::F64(4_999.0))));
    assert_eq!(snapshot.negative().iter().map(|(_, count)| count).sum::<u64>(), 7 + 6 + 5 + 4 + 3 + 2 + 1);
}

#[test]
fn a_writer_that_is_dropped_leaves_what_it_recorded_and_its_cells() {
    let registry = crate::Registry::new();
    let shared = registry.add_group("g").shared_histogram::<u64>("sizes");
    for value in 1..=100 {
        let (a, b) = (shared.new_writer(), shared.new_writer());
        std::thread::spawn(move || a.record(value)).join().unwrap();
        b.record(value + 100);
    }
    shared.record(1_000);
    let snapshot = shared.snapshot();
    assert_eq!((snapshot.count(), snapshot.sum()), (201, Number::U64(200 * 201 / 2 + 1_000)));
    assert_eq!((snapshot.min(), snapshot.max()), (Some(Number::U64(1)), Some(Number::U64(1_000))));
    assert_eq!(shared.cells.writer_cells(), 2, "no more than there were at one time");
}

#[test]
fn the_writers_of_one_shard_lose_nothing() {
    let cells = cells(ValueType::F64);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (1..=10_000_u32).for_each(|value| cells.record_f64::<Many>(f64::from(value))));
        }
    });
    let snapshot = read(&cells);
    assert_eq!((snapshot.count(), snapshot.sum()), (40_000, Number::F64(4.0 * 50_005_000.0)));
    assert_eq!((snapshot.min(), snapshot.max()), (Some(Number::F64(1.0)), Some(Number::F64(10_000.0))));
}

#[test]
fn an_empty_histogram_has_no_statistics() {
    let empty = HistogramSnapshot::default();
    assert_eq!((empty.quantile(0.5), empty.mean(), empty.standard_deviation()), (None, None, None));
}

#[test]
fn quantiles_at_and_beyond_the_ends() {
    let cells = cells(ValueType::U64);
    [10, 20, 30].into_iter().for_each(|value| cells.record_u64::<One>(value));
    let snapshot = read(&cells);
    for (q, expected) in [(f64::NAN, 10.0), (-1.0, 10.0), (0.0, 10.0), (1.0, 30.0), (7.0, 30.0)] {
        assert_eq!(snapshot.quantile(q), Some(expected), "{q}");
    }
}

/// Values of many magnitudes, both signs, and zeros.
fn any_values() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        8 => 1e-3_f64..1e3,
        4 => -1e3_f64..-1e-3,
        2 => (-100_i32..100).prop_map(|exponent| 2_f64.powi(exponent)),
        1 => Just(0.0),
    ];
    prop::collection::vec(value, 1..300)
}

fn recorded(values: &[f64], options: HistogramOptions) -> HistogramSnapshot {
    let cells =
        HistogramCells::new(HistogramLayout { value_type: ValueType::F64, options, second_part: None });
    values.iter().for_each(|value| cells.record_f64::<One>(*value));
    read(&cells)
}

/// Equal but for the rounding of sums.
fn assert_same(a: &HistogramSnapshot, b: &HistogramSnapshot, tolerance: f64) {
    let without_sum =
        |snapshot: &HistogramSnapshot| HistogramSnapshot { sum: Number::U64(0), ..snapshot.clone() };
    assert_eq!(without_sum(a), without_sum(b));
    assert!((a.sum().to_f64() - b.sum().to_f64()).abs() <= tolerance, "{:?} {:?}", a.sum(), b.sum());
}

proptest! {
    #[test]
    fn quantiles_are_within_their_stated_error(
        mut values in any_values(),
        q in 0.0_f64..=1.0,
        scale in 0_u32..=5,
    ) {
        let snapshot = recorded(&values, HistogramOptions::DEFAULT.with_scale(scale));
        values.sort_by(f64::total_cmp);
        let rank = ((q * values.len() as f64).ceil() as usize).max(1);
        let exact = values[rank - 1];
        let error = (snapshot.quantile(q).unwrap() - exact).abs();
        prop_assert!(error <= exact.abs() * (snapshot.relative_error() + 1e-12), "{} is off by {}", exact, error);
    }

    #[test]
    fn mean_and_deviation_are_within_their_stated_errors(values in any_values(), scale in 0_u32..=5) {
        let snapshot = recorded(&values, HistogramOptions::DEFAULT.with_scale(scale));
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let deviation = (values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n).sqrt();
        let root_mean_square = (values.iter().map(|value| value * value).sum::<f64>() / n).sqrt();
        prop_assert!((snapshot.mean().unwrap() - mean).abs() <= root_mean_square * 1e-12);
        let error = (snapshot.standard_deviation().unwrap() - deviation).abs();
        prop_assert!(error <= root_mean_square * (snapshot.relative_error() + 1e-9), "{} off by {}", deviation, error);
    }

    #[test]
    fn merging_is_associative_and_loses_nothing(
        parts in prop::collection::vec((any_values(), 0_u32..=5), 3),
    ) {
        let bounds = HistogramOptions::DEFAULT.with_bounds(&[-1.0, 0.5, 100.0]).with_bucket_limit(usize::MAX);
        let [a, b, c] = [0, 1, 2].map(|i: usize| recorded(&parts[i].0, bounds.with_scale(parts[i].1)));
        let merged = |a: &HistogramSnapshot, b: &HistogramSnapshot| {
            let mut merged = a.clone();
            merged.merge(b);
            merged
        };
        let scale = parts.iter().map(|(_, scale)| *scale).min().unwrap();
        let all: Vec<f64> = parts.iter().flat_map(|(values, _)| values).copied().collect();
        let tolerance = all.iter().map(|value| value.abs()).sum::<f64>() * 1e-12;
        let mut whole = recorded(&all, bounds.with_scale(scale));
        // Values far apart coarsen a histogram that holds them all, and only that.
        whole.coarsen(a.scale().min(b.scale()).min(c.scale()));
        let mut together = merged(&merged(&a, &b), &c);
        assert_same(&merged(&a, &merged(&b, &c)), &together, tolerance);
        assert_same(&merged(&merged(&c, &b), &a), &together, tolerance);
        together.coarsen(whole.scale());
        assert_same(&together, &whole, tolerance);
        // And what was merged can be taken off again.
        let mut rest = merged(&merged(&a, &b), &c);
        rest.subtract(&merged(&a, &b));
        let mut expected = c.clone();
        expected.coarsen(rest.scale());
        prop_assert_eq!(rest.positive(), expected.positive());
        prop_assert_eq!(rest.negative(), expected.negative());
        prop_assert_eq!((rest.count(), rest.zero_count()), (expected.count(), expected.zero_count()));
        prop_assert_eq!(rest.classic(), expected.classic());
        let near = |a: Option<Number>, b: Option<Number>| {
            let (a, b) = (a.unwrap().to_f64(), b.unwrap().to_f64());
            (a - b).abs() <= b.abs() * (2.0 * rest.relative_error() + 1e-9)
        };
        prop_assert!(near(rest.min(), c.min()), "{:?} {:?}", rest.min(), c.min());
        prop_assert!(near(rest.max(), c.max()), "{:?} {:?}", rest.max(), c.max());
    }
}

proptest! {
    #[test]
    fn what_is_read_for_classic_buckets_is_what_is_read_whole(
        values in any_values(),
        scale in 0_u32..=5,
        has_bounds: bool,
    ) {
        let bounds: &[f64] = if has_bounds { &[-1.0, 0.5, 1e3] } else { &[] };
        let options = HistogramOptions::DEFAULT.with_scale(scale).with_bounds(bounds);
        let layout = HistogramLayout { value_type: ValueType::F64, options, second_part: None };
        let (alone, shared) = (HistogramCells::new(layout), SharedHistogramCells::new(layout));
        let writers = [shared.new_writer(), shared.new_writer()];
        for (value, writer) in values.iter().zip(writers.iter().cycle()) {
            alone.record_f64::<One>(*value);
            writer.record_f64::<One>(*value);
        }
        let mut whole = HistogramSnapshot::default();
        alone.read_into(&mut whole);
        // What is used again must not show through.
        let (mut classic, mut merged) = (whole.clone(), whole.clone());
        alone.read_classic_into(&mut classic);
        shared.read_classic_into(&mut merged);
        for read in [&classic, &merged] {
            prop_assert_eq!(read.count(), whole.count());
            prop_assert_eq!((read.min(), read.max(), read.classic()), (whole.min(), whole.max(), whole.classic()));
            let error = (read.sum().to_f64() - whole.sum().to_f64()).abs();
            prop_assert!(error <= 1e-9 * values.iter().map(|value| value.abs()).sum::<f64>());
            for exponent in (-30..30).filter(|_| !has_bounds) {
                prop_assert_eq!(read.count_up_to_power_of_two(exponent), whole.count_up_to_power_of_two(exponent));
            }
        }
    }

    #[test]
    fn every_value_is_within_the_edges_of_its_bucket(
        values in prop::collection::vec(1e-9_f64..1e9, 1..200),
    ) {
        let cells = cells(ValueType::F64);
        values.iter().for_each(|value| cells.record_f64::<One>(*value));
        let snapshot = read(&cells);
        prop_assert_eq!(snapshot.count(), values.len() as u64);
        prop_assert_eq!(snapshot.scale(), 5);
        for (index, count) in snapshot.positive().iter() {
            let (low, high) = edges(snapshot.scale(), index);
            let within = values.iter().filter(|value| **value > low && **value <= high).count() as u64;
            // The edges are computed with rounding here, so a value right at one may seem to be next door.
            let near = |edge: f64| values.iter().any(|value| (value / edge - 1.0).abs() < 1e-12);
            prop_assert!(within == count || near(low) || near(high), "bucket {} of {}", index, snapshot.scale());
        }
    }

    #[test]
    fn values_far_apart_coarsen_all_buckets_to_octaves_and_lose_none(values in prop::collection::vec(any::<f64>(), 1..100)) {
        let cells = cells(ValueType::F64);
        values.iter().for_each(|value| cells.record_f64::<One>(*value));
        let snapshot = read(&cells);
        let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        prop_assert_eq!(snapshot.count(), finite.len() as u64);
        prop_assert_eq!(snapshot.unrecorded(), (values.len() - finite.len()) as u64);
        for (range, sign) in [(snapshot.positive(), 1.0), (snapshot.negative(), -1.0)] {
            for (index, count) in range.iter() {
                let octave = index >> snapshot.scale();
                let of_octave = |value: &&f64| **value * sign > 0.0 && exponential::octave_f64(value.abs()) == octave;
                prop_assert!(finite.iter().filter(of_octave).count() as u64 >= count);
            }
        }
    }
}

proptest! {
    /// Of numbers of all sizes and signs, with bounds and in times: several at once are the same as one after another.
    #[test]
    fn many_at_once_are_as_many_one_by_one(
        values in prop::collection::vec((any::<f64>(), 0..5_u64), 0..20),
        is_time: bool,
        has_bounds: bool,
    ) {
        let bounds: &[f64] = if has_bounds { &[-1.0, 0.0, 1e9] } else { &[] };
        let options = HistogramOptions::DEFAULT.with_bounds(bounds);
        let second_part = is_time.then_some(1e-9);
        let cells = || HistogramCells::new(HistogramLayout { value_type: ValueType::F64, options, second_part });
        let (at_once, one_by_one) = (cells(), cells());
        for (value, times) in values {
            at_once.record_f64_times::<Many>(value, times);
            (0..times).for_each(|_| one_by_one.record_f64::<Many>(value));
        }
        let (mut at_once, mut one_by_one) = (read(&at_once), read(&one_by_one));
        let (sum, expected) = (at_once.sum.to_f64(), one_by_one.sum.to_f64());
        let is_near = !expected.is_finite() || (sum - expected).abs() <= 1e-9 * expected.abs().max(1.0);
        (at_once.sum, one_by_one.sum) = (Number::F64(0.0), Number::F64(0.0));
        prop_assert_eq!(at_once, one_by_one);
        prop_assert!(is_near || expected.abs() > 1e290, "{} is not {}", sum, expected);
    }
}

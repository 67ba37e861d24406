//! Histograms of times, whose buckets are in seconds.

use super::*;
use crate::{Metric, Registry, SharedHistogram, Unit};

const PER_SECOND: [f64; 3] = [1e3, 1e6, 1e9];

fn recorded_in(per_second: f64, values: &[u64]) -> HistogramSnapshot {
    let cells = cells_in(ValueType::U64, Some(1.0 / per_second));
    // Sooner and later are the same.
    for (i, value) in values.iter().enumerate() {
        if i % 2 == 0 { cells.record_time::<One>(*value) } else { cells.record_u64::<One>(*value) }
    }
    read(&cells)
}

#[test]
fn times_have_buckets_in_seconds_and_all_else_in_their_unit() {
    let registry = Registry::new();
    let group = registry.add_group("g");
    let latency = group.histogram::<Duration>("latency");
    (0..=2_000).for_each(|ms| latency.record(Duration::from_millis(ms)));
    let snapshot = latency.snapshot();
    assert_eq!(snapshot.bucket_unit(), 1e9);
    assert_eq!(snapshot.sum(), Number::U64(2_000 * 2_001 / 2 * 1_000_000));
    assert_eq!((snapshot.min(), snapshot.max()), (Some(Number::U64(0)), Some(Number::U64(2_000_000_000))));
    let up_to = [-1, 0, 1].map(|exponent| snapshot.count_up_to_power_of_two(exponent));
    assert_eq!(up_to, [501, 1_001, 2_001], "up to half a second, a second and two");
    let median = snapshot.quantile(0.5).unwrap();
    assert!((median / 1e9 - 1.0).abs() <= snapshot.relative_error(), "{median}");
}

#[test]
fn which_units_are_times_and_who_keeps_to_them() {
    let registry = Registry::new();
    let group = registry.add_group("g");
    let unit_of = |name, unit: Unit| {
        let shared: SharedHistogram<f64> = group.shared_histogram(Metric::new(name).with_unit(unit));
        let empty = shared.snapshot().bucket_unit();
        shared.new_writer().record(250.0);
        shared.record(750.0);
        let snapshot = shared.snapshot();
        assert_eq!((snapshot.bucket_unit(), snapshot.sum()), (empty, Number::F64(1_000.0)));
        assert_eq!(snapshot.positive().iter().map(|(_, count)| count).sum::<u64>(), 2);
        let (low, high) = edges(snapshot.scale(), snapshot.positive().offset());
        assert!(low * empty < 250.0 && 250.0 <= high * empty, "{name}");
        empty
    };
    assert_eq!(unit_of("nanoseconds", Unit::NANOSECONDS), 1e9);
    assert_eq!(unit_of("microseconds", Unit::MICROSECONDS), 1e6);
    assert_eq!(unit_of("milliseconds", Unit::MILLISECONDS), 1e3);
    for other in [Unit::SECONDS, Unit::BYTES, Unit::MILLISECONDS_PER_SECOND, Unit::NONE] {
        assert_eq!(unit_of(other.to_string().leak(), other), 1.0);
    }
}

#[test]
fn times_have_fine_buckets_from_their_unit_to_nine_quintillions_of_it() {
    for per_second in PER_SECOND {
        let cells = cells_in(ValueType::U64, Some(1.0 / per_second));
        [1, u64::MAX >> 1, 1 << 63].into_iter().for_each(|value| cells.record_time::<One>(value));
        assert_eq!((read(&cells).count(), read(&cells).scale()), (3, 5));
        cells.record_time::<One>(u64::MAX);
        assert_eq!((read(&cells).count(), read(&cells).scale()), (4, 0));
    }
}

#[test]
fn fractions_of_times_have_signs_and_zeros_too() {
    let cells = cells_in(ValueType::F64, Some(1e-3));
    for value in [-250.0, -0.0, 0.0, 250.0, 0.5, f64::NAN, f64::INFINITY] {
        cells.record_f64::<One>(value);
    }
    let snapshot = read(&cells);
    assert_eq!((snapshot.count(), snapshot.zero_count(), snapshot.unrecorded()), (5, 2, 2));
    assert_eq!((snapshot.sum(), snapshot.min()), (Number::F64(0.5), Some(Number::F64(-250.0))));
    assert_eq!(snapshot.negative().offset(), -65, "a quarter of a second ends the octave below it");
    assert_eq!(snapshot.count_up_to_power_of_two(-3), 4);
    assert_eq!(snapshot.count_up_to_power_of_two(-2), 5);
}

#[test]
fn explicit_bounds_are_in_the_unit_of_the_values() {
    const BOUNDS: &[f64] = &[0.5e9, 1e9];
    let metric = Metric::new("latency").with_histogram(HistogramOptions::DEFAULT.with_bounds(BOUNDS));
    let registry = Registry::new();
    let latency = registry.add_group("g").histogram::<Duration>(metric);
    [250, 500, 750, 2_000].into_iter().for_each(|ms| latency.record(Duration::from_millis(ms)));
    let snapshot = latency.snapshot();
    let classic = snapshot.classic().unwrap();
    assert_eq!((classic.bounds(), classic.counts()), (BOUNDS, &[2, 1, 1][..]));
}

#[test]
fn times_in_different_units_add_up() {
    let mut all = HistogramSnapshot::default();
    all.merge(&recorded_in(1e9, &[1_000_000_000]));
    let expected = (1e9, Number::U64(1_000_000_000));
    assert_eq!((all.bucket_unit(), all.sum()), expected, "a default takes on what it is given first");

    let mut all = recorded_in(1e9, &[1_000_000_000]);
    let earlier = all.clone();
    all.merge(&recorded_in(1e3, &[500, 2_000]));
    assert_eq!((all.bucket_unit(), all.count(), all.sum()), (1e9, 3, Number::F64(3.5e9)));
    assert_eq!((all.min(), all.max()), (Some(Number::F64(0.5e9)), Some(Number::F64(2e9))));
    let same = recorded_in(1e9, &[1_000_000_000, 500_000_000, 2_000_000_000]);
    assert_eq!(all.positive(), same.positive());

    let mut since = all.clone();
    since.subtract(&recorded_in(1e3, &[1_000]));
    assert_eq!((since.count(), since.sum()), (2, Number::F64(2.5e9)));
    all.subtract(&earlier);
    assert_eq!((all.positive(), all.bucket_unit()), (since.positive(), 1e9));
}

/// Times of many magnitudes, many of them beside powers of two of seconds.
fn times(per_second: f64) -> impl Strategy<Value = Vec<u64>> {
    let near = (-30_i32..42, -1_i64..=1).prop_map(move |(exponent, off)| {
        ((2_f64.powi(exponent) * per_second) as i64)
            .saturating_add(off)
            .clamp(0, (1 << 52) - 1)
            .cast_unsigned()
    });
    let any = (0_u64..1 << 52, 0_u32..52).prop_map(|(time, shift)| time >> shift);
    prop::collection::vec(prop_oneof![near, any], 1..200)
}

/// Whether a time is at most `2^exponent` seconds, in integers.
fn is_up_to(time: u64, per_second: f64, exponent: i32) -> bool {
    let (time, second) = (u128::from(time), per_second as u128);
    if exponent < 0 { time << -exponent <= second } else { time <= second << exponent }
}

proptest! {
    #[test]
    fn counts_up_to_powers_of_two_of_seconds_are_exact(
        (per_second, values) in prop::sample::select(&PER_SECOND[..]).prop_flat_map(|unit| (Just(unit), times(unit))),
        scale in 0_u32..=5,
    ) {
        let mut snapshot = recorded_in(per_second, &values);
        snapshot.coarsen(scale);
        let floats = cells_in(ValueType::F64, Some(1.0 / per_second));
        values.iter().for_each(|value| floats.record_f64::<One>(*value as f64));
        let floats = read(&floats);
        for exponent in -35..=50 {
            let exact = values.iter().filter(|value| is_up_to(**value, per_second, exponent)).count() as u64;
            prop_assert_eq!(snapshot.count_up_to_power_of_two(exponent), exact, "2^{}", exponent);
            prop_assert_eq!(floats.count_up_to_power_of_two(exponent), exact, "2^{}", exponent);
        }
    }

    #[test]
    fn quantiles_and_extremes_of_times_are_within_their_stated_error(
        (per_second, values) in prop::sample::select(&PER_SECOND[..]).prop_flat_map(|unit| (Just(unit), times(unit))),
        q in 0.0_f64..=1.0,
        earlier in 0_usize..200,
    ) {
        let mut snapshot = recorded_in(per_second, &values);
        let error = snapshot.relative_error();
        let near = |value: f64, exact: u64| (value - exact as f64).abs() <= exact as f64 * (error + 1e-12);
        let mut sorted = values.clone();
        sorted.sort_unstable();
        let rank = ((q * values.len() as f64).ceil() as usize).max(1);
        prop_assert!(near(snapshot.quantile(q).unwrap(), sorted[rank - 1]));

        let (earlier, later) = values.split_at(earlier.min(values.len() - 1));
        let within = |value: Option<Number>, exact: u64| {
            let (value, exact) = (value.unwrap().to_f64(), exact as f64);
            (value - exact).abs() <= exact * (2.0 * error + 1e-9)
        };
        snapshot.subtract(&recorded_in(per_second, earlier));
        prop_assert_eq!(snapshot.bucket_unit(), per_second);
        prop_assert_eq!(snapshot.sum(), Number::U64(later.iter().sum()));
        prop_assert!(within(snapshot.min(), *later.iter().min().unwrap()));
        prop_assert!(within(snapshot.max(), *later.iter().max().unwrap()));
    }
}

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::Number;

fn read(cells: &HistogramCells) -> HistogramSnapshot {
    let mut snapshot = HistogramSnapshot::default();
    cells.read_into(&mut snapshot);
    snapshot
}

/// The edges of bucket `index`, from the definition; exact where they are powers of two.
fn edges(scale: i32, index: i32) -> (f64, f64) {
    let edge = |index: i32| 2_f64.powf(f64::from(index) / 2_f64.powi(scale));
    (edge(index), edge(index + 1))
}

#[test]
fn an_empty_histogram_has_no_extremes() {
    let snapshot = read(&HistogramCells::new(ValueType::F64));
    assert_eq!((snapshot.count(), snapshot.min(), snapshot.max()), (0, None, None));
    assert_eq!(snapshot.sum(), Number::F64(0.0));
}

#[test]
fn integers_from_zero_to_the_greatest() {
    let cells = HistogramCells::new(ValueType::U64);
    for value in [0, 1, 2, 3, u64::MAX >> 1] {
        cells.record_u64(value);
    }
    let snapshot = read(&cells);
    assert_eq!((snapshot.scale(), snapshot.count(), snapshot.zero_count()), (5, 5, 1));
    assert_eq!(snapshot.positive().offset(), -1, "1 ends the octave below it");
    assert_eq!(snapshot.sum(), Number::U64(6 + (u64::MAX >> 1)));
    assert_eq!((snapshot.min(), snapshot.max()), (Some(Number::U64(0)), Some(Number::U64(u64::MAX >> 1))));

    // Above 2^63 is outside of the window: one bucket an octave from here on.
    cells.record_u64(u64::MAX);
    let snapshot = read(&cells);
    assert_eq!((snapshot.scale(), snapshot.count()), (0, 6));
    assert_eq!(snapshot.positive().iter().find(|(index, _)| *index == 63), Some((63, 1)));
}

#[test]
fn values_without_a_bucket_are_counted_apart() {
    let cells = HistogramCells::new(ValueType::F64);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.5] {
        cells.record_f64(value);
    }
    let snapshot = read(&cells);
    assert_eq!((snapshot.count(), snapshot.unrecorded()), (1, 3));
    assert_eq!(snapshot.sum(), Number::F64(1.5));
}

#[test]
fn signs_zeros_and_subnormal_numbers() {
    let cells = HistogramCells::new(ValueType::F64);
    for value in [-1.0, -0.0, 0.0, 1.0, 3.0] {
        cells.record_f64(value);
    }
    let snapshot = read(&cells);
    assert_eq!((snapshot.count(), snapshot.zero_count(), snapshot.scale()), (5, 2, 5));
    assert_eq!(snapshot.negative().iter().collect::<Vec<_>>(), [(-1, 1)]);
    assert_eq!(snapshot.positive().iter().filter(|(_, count)| *count > 0).count(), 2);
    assert_eq!((snapshot.min(), snapshot.max()), (Some(Number::F64(-1.0)), Some(Number::F64(3.0))));

    cells.record_f64(f64::from_bits(1));
    cells.record_f64(f64::MIN_POSITIVE);
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
    let cells = HistogramCells::new(ValueType::U64);
    (0..=1000).for_each(|value| cells.record_u64(value));
    let snapshot = read(&cells);
    for exponent in 0..=10 {
        let expected = (1_u64 << exponent).min(1000) + 1;
        assert_eq!(snapshot.count_up_to_power_of_two(exponent), expected, "2^{exponent}");
    }
}

proptest! {
    #[test]
    fn every_value_is_within_the_edges_of_its_bucket(
        values in prop::collection::vec(1e-9_f64..1e9, 1..200),
    ) {
        let cells = HistogramCells::new(ValueType::F64);
        values.iter().for_each(|value| cells.record_f64(*value));
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
        let cells = HistogramCells::new(ValueType::F64);
        values.iter().for_each(|value| cells.record_f64(*value));
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

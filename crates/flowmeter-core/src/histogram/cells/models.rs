//! Models of recording in cells that others read and write meanwhile.

use std::sync::Arc;

use loom::thread;

use super::*;
use crate::HistogramOptions;

fn cells(value_type: ValueType) -> Arc<HistogramCells> {
    let options = HistogramOptions::DEFAULT;
    Arc::new(HistogramCells::new(HistogramLayout { value_type, options, second_part: None }))
}

fn read(cells: &HistogramCells) -> HistogramSnapshot {
    let mut snapshot = HistogramSnapshot::default();
    cells.read_into(&mut snapshot);
    snapshot
}

/// What a reader sees must be where it belongs at the scale that it sees.
fn assert_in_place(buckets: &BucketRange, scale: u32, values: &[f64]) {
    let bucket = |value: f64| {
        let finest = octave_f64(value) * PER_OCTAVE as i32 + within_octave_f64(value) as i32;
        finest >> (FINEST_SCALE - scale)
    };
    for (index, count) in buckets.iter() {
        let here = values.iter().filter(|value| bucket(**value) == index).count() as u64;
        assert!(count <= here, "{count} in bucket {index} of scale {scale}");
    }
}

/// A value so far away that all buckets are read at a coarser scale from then on: a reader finds all at one scale, and
/// never again less than it has found.
#[test]
fn a_coarser_scale_is_never_seen_half_done() {
    const VALUES: [f64; 2] = [2.0, 3.0];
    loom::model(|| {
        let cells = cells(ValueType::U64);
        cells.record_u64::<One>(2);
        let reader = {
            let cells = Arc::clone(&cells);
            thread::spawn(move || {
                let snapshots = [read(&cells), read(&cells)];
                for snapshot in &snapshots {
                    assert_in_place(snapshot.positive(), snapshot.scale(), &VALUES);
                }
                let [first, second] = snapshots.map(|snapshot| snapshot.count());
                assert!(1 <= first && first <= second, "{second} after {first}");
            })
        };
        cells.record_u64::<One>(3);
        reader.join().unwrap();
        let last = read(&cells);
        assert_in_place(last.positive(), last.scale(), &VALUES);
        assert_eq!((last.count(), last.scale(), last.sum()), (2, 0, Number::U64(5)));
    });
}

/// Two threads record the first values of cells that they share. One places the window, and whichever makes an octave, who
/// finds the octave knows where it lies.
#[test]
fn an_octave_is_found_where_it_lies() {
    const VALUES: [f64; 2] = [1.0, 0.5];
    let mut model = loom::model::Builder::new();
    // All orders would take minutes. Stale values, which are what this is about, come without any preemption.
    model.preemption_bound = Some(3);
    model.check(|| {
        let cells = cells(ValueType::F64);
        let [writer, reader] = [Arc::clone(&cells), Arc::clone(&cells)];
        let writer = thread::spawn(move || writer.record_f64::<Many>(VALUES[1]));
        let reader = thread::spawn(move || {
            let mut buckets = BucketRange::default();
            reader.positive.read_into(FINEST_SCALE, &mut buckets);
            assert_in_place(&buckets, FINEST_SCALE, &VALUES);
        });
        cells.record_f64::<Many>(VALUES[0]);
        writer.join().unwrap();
        reader.join().unwrap();
        let last = read(&cells);
        assert_in_place(last.positive(), last.scale(), &VALUES);
        assert_eq!((last.count(), last.sum()), (2, Number::F64(1.5)));
        assert_eq!((last.min(), last.max()), (Some(Number::F64(0.5)), Some(Number::F64(1.0))));
    });
}

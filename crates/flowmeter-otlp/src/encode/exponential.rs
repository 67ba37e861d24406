//! Points of exponential histograms.

use flowmeter_core::BucketRange;

use super::histogram::Distribution;
use super::wire::{
    field_length, sint_length, varint_length, write_double, write_fixed, write_length, write_sint,
    write_varint,
};

/// The fields of attributes and of exemplars.
const ATTRIBUTES: u8 = 1;
pub(super) const EXEMPLARS: u8 = 11;

/// Writes a point with at most so many buckets for each sign.
pub(super) fn write(point: &Distribution<'_>, bucket_limit: usize, counts: &mut Vec<u64>, out: &mut Vec<u8>) {
    let recorded = point.recorded;
    point.attributes.write_as(ATTRIBUTES, out);
    write_fixed(2, point.start, out);
    write_fixed(3, point.time, out);
    write_fixed(4, recorded.count(), out);
    if let Some(sum) = point.sum {
        write_double(5, sum, out);
    }
    let (positive, negative) = (recorded.positive(), recorded.negative());
    let steps = steps_to(bucket_limit, positive).max(steps_to(bucket_limit, negative));
    write_sint(6, recorded.scale().cast_signed() - steps.cast_signed(), out);
    write_fixed(7, recorded.zero_count(), out);
    write_buckets(8, positive, steps, counts, out);
    write_buckets(9, negative, steps, counts, out);
    out.extend_from_slice(point.exemplars);
    if let Some(min) = point.min {
        write_double(12, min, out);
    }
    if let Some(max) = point.max {
        write_double(13, max, out);
    }
}

/// By how many steps a scale must be coarser for so few buckets; two there are in any case, one on each side of 1. It may go
/// below 0, which those of the core do not.
fn steps_to(bucket_limit: usize, range: &BucketRange) -> u32 {
    let Some(last) = range.counts().len().checked_sub(1) else { return 0 };
    let (first, last) = (range.offset(), range.offset() + last as i32);
    let buckets = |steps: u32| ((last >> steps) - (first >> steps)).unsigned_abs() as usize + 1;
    (0..31).find(|steps| buckets(*steps) <= bucket_limit.max(2)).unwrap_or(31)
}

/// Writes the buckets of a sign, with one for each `2^steps`.
fn write_buckets(field: u8, range: &BucketRange, steps: u32, counts: &mut Vec<u64>, out: &mut Vec<u8>) {
    if range.counts().is_empty() {
        return;
    }
    let offset = range.offset() >> steps;
    let counts = if steps == 0 {
        range.counts()
    } else {
        counts.clear();
        for (index, count) in range.iter() {
            let place = ((index >> steps) - offset) as usize;
            counts.resize(counts.len().max(place + 1), 0);
            counts[place] += count;
        }
        counts
    };
    // In most points all counts take a byte each.
    let is_small = counts.iter().fold(0, |all, count| all | count) < 0x80;
    let packed = if is_small { counts.len() } else { counts.iter().map(|count| varint_length(*count)).sum() };
    write_length(field, sint_length(offset) + field_length(packed), out);
    write_sint(1, offset, out);
    write_length(2, packed, out);
    if is_small {
        out.extend(counts.iter().map(|count| *count as u8));
    } else {
        counts.iter().for_each(|count| write_varint(*count, out));
    }
}

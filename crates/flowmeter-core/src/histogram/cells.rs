//! The memory of one histogram: written by one thread, read by any.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering::Relaxed};

use super::exponential::{MAX_SCALE, PER_OCTAVE, locate_f64, locate_u64, octave_f64};
use super::snapshot::{BucketRange, HistogramSnapshot};
use crate::{Number, ValueType};

/// Octaves that a histogram resolves at its scale: a range of 1 to 18 quintillion.
const WINDOW: usize = 64;
const CHUNK: usize = 32;
type Chunk = [AtomicU64; CHUNK];

/// Buckets, sum, least and greatest value of one series.
///
/// Buckets come in chunks that are allocated when a value first falls into them. Count is the buckets' sum, so it
/// can never disagree with them; a reader that meets a recording half done misses at most that one value in one of
/// count, sum, least and greatest.
pub struct HistogramCells {
    value_type: ValueType,
    scale: u8,
    zero: AtomicU64,
    /// Not-a-number and infinities, which have no bucket.
    unrecorded: AtomicU64,
    /// An integer, or the bits of a float, by `value_type`; so are the next two.
    sum: AtomicU64,
    min: AtomicU64,
    max: AtomicU64,
    positive: Range,
    negative: OnceLock<Box<Range>>,
}

/// The buckets of one sign.
struct Range {
    /// The octave at which the window begins; [`UNPLACED`] until a first value shows where values lie.
    first_octave: AtomicI32,
    chunks: Box<[OnceLock<Box<Chunk>>]>,
    /// What falls outside of the window, by octave. Readers of a histogram that has such values get one bucket an
    /// octave: exact still, and bounded, where a window over all octaves would cost half a megabyte.
    far: OnceLock<Box<[AtomicU64]>>,
}

const UNPLACED: i32 = i32::MIN;
/// The octave of the least subnormal number, and how many octaves a float can have from there.
const FAR_FIRST: i32 = -1075;
const FAR_COUNT: usize = 1075 + 1024;

#[inline(always)]
fn add(cell: &AtomicU64, n: u64) {
    cell.store(cell.load(Relaxed).wrapping_add(n), Relaxed);
}

impl HistogramCells {
    pub(crate) fn new(value_type: ValueType, scale: u8) -> Self {
        let (min, max, first_octave) = match value_type {
            ValueType::F64 => (f64::INFINITY.to_bits(), f64::NEG_INFINITY.to_bits(), UNPLACED),
            // Integers begin with 1, whose octave is -1.
            _ => (u64::MAX, 0, -1),
        };
        let scale = scale.min(MAX_SCALE);
        Self {
            value_type,
            scale,
            zero: AtomicU64::new(0),
            unrecorded: AtomicU64::new(0),
            sum: AtomicU64::new(0),
            min: AtomicU64::new(min),
            max: AtomicU64::new(max),
            positive: Range::new(scale, first_octave),
            negative: OnceLock::new(),
        }
    }

    /// Records an integer. For the only writer.
    #[inline]
    pub(crate) fn record_u64(&self, value: u64) {
        if value == 0 {
            add(&self.zero, 1);
        } else {
            let (octave, bucket) = locate_u64(value);
            self.positive.add(self.scale, octave, bucket);
            add(&self.sum, value);
        }
        if value < self.min.load(Relaxed) {
            self.min.store(value, Relaxed);
        }
        if value > self.max.load(Relaxed) {
            self.max.store(value, Relaxed);
        }
    }

    /// Records a number. For the only writer.
    #[inline]
    pub(crate) fn record_f64(&self, value: f64) {
        if value > f64::MIN_POSITIVE && value < f64::INFINITY {
            let (octave, bucket) = locate_f64(value);
            self.positive.add(self.scale, octave, bucket);
        } else if !self.record_unusual(value) {
            return;
        }
        self.sum.store((f64::from_bits(self.sum.load(Relaxed)) + value).to_bits(), Relaxed);
        if value < f64::from_bits(self.min.load(Relaxed)) {
            self.min.store(value.to_bits(), Relaxed);
        }
        if value > f64::from_bits(self.max.load(Relaxed)) {
            self.max.store(value.to_bits(), Relaxed);
        }
    }

    /// Zero, negative, subnormal, not finite. Returns whether the value has a bucket.
    #[cold]
    fn record_unusual(&self, value: f64) -> bool {
        if !value.is_finite() {
            add(&self.unrecorded, 1);
            return false;
        }
        if value == 0.0 {
            add(&self.zero, 1);
            return true;
        }
        let range = if value > 0.0 {
            &self.positive
        } else {
            self.negative.get_or_init(|| Box::new(Range::new(self.scale, UNPLACED)))
        };
        let size = value.abs();
        if size > f64::MIN_POSITIVE {
            let (octave, bucket) = locate_f64(size);
            range.add(self.scale, octave, bucket);
        } else {
            range.add_far(octave_f64(size));
        }
        true
    }

    /// Copies what was recorded so far into `snapshot`, whose memory is reused.
    pub(crate) fn read_into(&self, snapshot: &mut HistogramSnapshot) {
        // At one bucket an octave if anything lies outside of a window: all buckets of a histogram share a scale.
        let far = |range: &Range| range.far.get().is_some();
        let scale = if far(&self.positive) || self.negative.get().is_some_and(|range| far(range)) {
            0
        } else {
            self.scale
        };
        self.positive.read_into(self.scale, scale, &mut snapshot.positive);
        match self.negative.get() {
            Some(negative) => negative.read_into(self.scale, scale, &mut snapshot.negative),
            None => snapshot.negative.clear(),
        }
        snapshot.scale = i32::from(scale);
        snapshot.zero_count = self.zero.load(Relaxed);
        snapshot.unrecorded = self.unrecorded.load(Relaxed);
        snapshot.count = snapshot.zero_count + snapshot.positive.count() + snapshot.negative.count();
        let number = |word: &AtomicU64| match self.value_type {
            ValueType::F64 => Number::F64(f64::from_bits(word.load(Relaxed))),
            _ => Number::U64(word.load(Relaxed)),
        };
        snapshot.sum = number(&self.sum);
        snapshot.extremes = (snapshot.count > 0).then(|| (number(&self.min), number(&self.max)));
    }
}

impl Range {
    fn new(scale: u8, first_octave: i32) -> Self {
        let buckets = WINDOW << scale;
        Self {
            first_octave: AtomicI32::new(first_octave),
            chunks: (0..buckets.div_ceil(CHUNK)).map(|_| OnceLock::new()).collect(),
            far: OnceLock::new(),
        }
    }

    /// Counts a value, given its octave and its bucket within it at [`MAX_SCALE`].
    #[inline(always)]
    fn add(&self, scale: u8, octave: i32, bucket: usize) {
        // Unplaced is far below every octave, so it takes the same branch as what is out of the window.
        let offset = octave.wrapping_sub(self.first_octave.load(Relaxed)).cast_unsigned() as usize;
        if offset < WINDOW {
            let index = (offset * PER_OCTAVE + bucket) >> (MAX_SCALE - scale);
            if let Some(chunk) = self.chunks.get(index / CHUNK).and_then(OnceLock::get) {
                return add(&chunk[index % CHUNK], 1);
            }
        }
        self.add_slowly(scale, octave, bucket);
    }

    #[cold]
    fn add_slowly(&self, scale: u8, octave: i32, bucket: usize) {
        if self.first_octave.load(Relaxed) == UNPLACED {
            // The first value in the middle. The chunk made below publishes it to readers.
            self.first_octave.store(octave - WINDOW as i32 / 2, Relaxed);
        }
        let offset = octave.wrapping_sub(self.first_octave.load(Relaxed)).cast_unsigned() as usize;
        if offset >= WINDOW {
            return self.add_far(octave);
        }
        let index = (offset * PER_OCTAVE + bucket) >> (MAX_SCALE - scale);
        let chunk = self.chunks[index / CHUNK].get_or_init(|| Box::new([const { AtomicU64::new(0) }; CHUNK]));
        add(&chunk[index % CHUNK], 1);
    }

    #[cold]
    fn add_far(&self, octave: i32) {
        let far = self.far.get_or_init(|| (0..FAR_COUNT).map(|_| AtomicU64::new(0)).collect());
        add(&far[(octave - FAR_FIRST) as usize], 1);
    }

    /// The buckets at scale `target`, which is `scale` or 0.
    fn read_into(&self, scale: u8, target: u8, range: &mut BucketRange) {
        range.clear();
        for (chunk, position) in self.chunks.iter().zip((0..).step_by(CHUNK)) {
            let Some(chunk) = chunk.get() else { continue };
            // Placed before the chunk was made, so it is in sight now that the chunk is.
            let first_octave = self.first_octave.load(Relaxed);
            for (cell, position) in chunk.iter().zip(position..) {
                let count = cell.load(Relaxed);
                if count > 0 {
                    range.add((first_octave << target) + (position >> (scale - target)), count);
                }
            }
        }
        // Values that went there after the scale was chosen wait for the next reader.
        if let Some(far) = self.far.get().filter(|_| target == 0) {
            let mut apart = BucketRange::default();
            for (cell, octave) in far.iter().zip(FAR_FIRST..) {
                let count = cell.load(Relaxed);
                if count > 0 {
                    apart.add(octave, count);
                }
            }
            range.merge(&apart);
        }
    }
}

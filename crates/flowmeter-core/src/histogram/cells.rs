//! The memory of one histogram: written by one thread or by several, read by any.

use super::exponential::{
    FINEST_SCALE, PER_OCTAVE, SLICES_PER_OCTAVE, locate_u64, octave_f64, slice_f64, within_octave_f64,
};
use super::snapshot::HistogramSnapshot;
use super::{BucketRange, ClassicBuckets, HistogramLayout};
use crate::sync::{
    AtomicU32, AtomicU64, OnceLock,
    Ordering::{Acquire, Relaxed, Release},
    array_of, fence,
};
use crate::{Number, ValueType};

/// Octaves that a histogram resolves finely: a range of 1 to 18 quintillion, from one recorded unit on for integers. Models make do with few, because loom makes
/// the cells anew for each order of events; so with the octaves farther out.
const WINDOW: usize = if cfg!(loom) { 2 } else { 64 };
type Octave = [AtomicU64; PER_OCTAVE];

/// Buckets, sum, least and greatest value of one series.
///
/// Buckets are kept at the finest scale, from which readers take a coarser one, and come an octave at a time when a
/// value first falls into it. Count is the buckets' sum, so it can never disagree with them. What is recorded while a
/// reader reads may be in some of count, sum, least and greatest and not yet in others.
pub struct HistogramCells {
    layout: HistogramLayout,
    zero: AtomicU64,
    /// Not-a-number and infinities, which have no bucket.
    unrecorded: AtomicU64,
    /// Integers, or the bits of floats, by the type of the values; so are the next two. There are several sums, of which a value's bucket
    /// selects one: with one, each recording would have to wait for the addition before it.
    sums: [AtomicU64; SUMS],
    min: AtomicU64,
    max: AtomicU64,
    /// How many integers from 1 on need no second look: all, or none where there are bounds of its own to look up or buckets are
    /// in another unit, so that other histograms need not ask whether that is so.
    fast_integers: u64,
    /// What turns times into seconds that need no second look; makes them no numbers where values are no times or there are
    /// bounds of its own to look up.
    fast_unit: f64,
    /// Where the window of positive floats begins that need no second look: as `positive` has it, but [`UNPLACED`] for good
    /// where no integers do without one either.
    fast_slice: AtomicU32,
    positive: Range,
    negative: OnceLock<Box<Range>>,
    classic: Option<Box<Classic>>,
}

const SUMS: usize = 4;

/// The buckets of one sign.
struct Range {
    /// Where the window begins, as the number of a slice of a float, see [`slice_f64`]; [`UNPLACED`] until a first value
    /// shows where values lie.
    first_slice: AtomicU32,
    window: Box<[OnceLock<Box<Octave>>; WINDOW]>,
    /// What falls outside of the window, by octave. Readers of a histogram that has such values get one bucket an
    /// octave: exact still, and bounded, where a window over all octaves would cost half a megabyte.
    far: OnceLock<Box<[AtomicU64]>>,
}

/// Further above all slices than the window is wide.
const UNPLACED: u32 = 1 << 24;
/// The octave of the least subnormal number, and how many octaves a float can have from there.
const FAR_FIRST: i32 = if cfg!(loom) { -3 } else { -1075 };
const FAR_COUNT: usize = if cfg!(loom) { 6 } else { 1075 + 1024 };
/// The first slice of an octave.
const fn slice_of_octave(octave: i32) -> u32 {
    (octave + 1023).cast_unsigned() * SLICES_PER_OCTAVE
}

/// How many threads write the cells, which decides what an addition is.
pub trait Writers {
    fn add(cell: &AtomicU64, n: u64);

    /// Replaces bits as long as `change` gives others for those that are there.
    fn change(cell: &AtomicU64, change: impl Fn(u64) -> Option<u64>);
}

/// One: nothing comes between a load and a store.
pub(crate) enum One {}

impl Writers for One {
    #[inline(always)]
    fn add(cell: &AtomicU64, n: u64) {
        cell.store(cell.load(Relaxed).wrapping_add(n), Relaxed);
    }

    #[inline(always)]
    fn change(cell: &AtomicU64, change: impl Fn(u64) -> Option<u64>) {
        if let Some(bits) = change(cell.load(Relaxed)) {
            cell.store(bits, Relaxed);
        }
    }
}

/// Any number, though seldom more than one.
pub(crate) enum Many {}

impl Writers for Many {
    #[inline(always)]
    fn add(cell: &AtomicU64, n: u64) {
        cell.fetch_add(n, Relaxed);
    }

    #[inline(always)]
    fn change(cell: &AtomicU64, change: impl Fn(u64) -> Option<u64>) {
        let _ = cell.fetch_update(Relaxed, Relaxed, change);
    }
}

#[inline(always)]
fn add_f64<W: Writers>(cell: &AtomicU64, n: f64) {
    W::change(cell, |bits| Some((f64::from_bits(bits) + n).to_bits()));
}

impl HistogramCells {
    pub(crate) fn new(layout: HistogramLayout) -> Self {
        let bounds = layout.options.bounds();
        let (min, max, first_slice) = match layout.value_type {
            ValueType::F64 => (f64::INFINITY.to_bits(), f64::NEG_INFINITY.to_bits(), UNPLACED),
            // Integers begin at one.
            _ => (u64::MAX, 0, slice_of_octave(octave_f64(1.0 / layout.bucket_unit()))),
        };
        let is_fast = bounds.is_empty() && layout.second_part.is_none();
        Self {
            layout,
            zero: AtomicU64::new(0),
            unrecorded: AtomicU64::new(0),
            sums: array_of![AtomicU64::new(0); SUMS],
            min: AtomicU64::new(min),
            max: AtomicU64::new(max),
            fast_integers: if is_fast { u64::MAX } else { 0 },
            fast_unit: layout.second_part.filter(|_| bounds.is_empty()).unwrap_or(f64::NAN),
            fast_slice: AtomicU32::new(UNPLACED),
            positive: Range::new(first_slice),
            negative: OnceLock::new(),
            classic: (!bounds.is_empty()).then(|| Box::new(Classic::new(bounds))),
        }
    }

    /// Records an integer.
    #[inline]
    pub(crate) fn record_u64<W: Writers>(&self, value: u64) {
        if value.wrapping_sub(1) < self.fast_integers {
            let (octave, bucket) = locate_u64(value);
            self.positive.add::<W>((octave + 1) as usize, bucket);
            W::add(&self.sums[bucket % SUMS], value);
        } else {
            self.record_unusual_u64::<W>(value);
        }
        self.note_extremes_u64::<W>(value);
    }

    /// The same, sooner if it is a time in a part of a second.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "documented where it shows")]
    pub(crate) fn record_time<W: Writers>(&self, value: u64) {
        match self.positive.locate(value as f64 * self.fast_unit) {
            Some((offset, bucket)) => {
                self.positive.add::<W>(offset, bucket);
                W::add(&self.sums[bucket % SUMS], value);
            }
            None => self.record_unusual_u64::<W>(value),
        }
        self.note_extremes_u64::<W>(value);
    }

    #[inline(always)]
    fn note_extremes_u64<W: Writers>(&self, value: u64) {
        W::change(&self.min, |min| (value < min).then_some(value));
        W::change(&self.max, |max| (value > max).then_some(value));
    }

    /// Zero, out of the window, not of the kind that was expected, or with bounds to look up.
    #[inline(never)]
    #[expect(clippy::cast_precision_loss, reason = "documented where it shows")]
    fn record_unusual_u64<W: Writers>(&self, value: u64) {
        if value == 0 {
            W::add(&self.zero, 1);
        } else {
            let bucket = match self.layout.second_part {
                Some(second_part) => self.positive.add_wherever::<W>(value as f64 * second_part),
                None => {
                    let (octave, bucket) = locate_u64(value);
                    self.positive.add::<W>((octave + 1) as usize, bucket);
                    bucket
                }
            };
            W::add(&self.sums[bucket % SUMS], value);
        }
        if let Some(classic) = &self.classic {
            classic.add_u64::<W>(value);
        }
    }

    /// Records a number.
    #[inline]
    pub(crate) fn record_f64<W: Writers>(&self, value: f64) {
        let first_slice = self.fast_slice.load(Relaxed);
        // What is negative, zero, infinite or not a number wraps far out of any window.
        let offset = slice_f64(value).wrapping_sub(first_slice) as usize;
        if offset < WINDOW * SLICES_PER_OCTAVE as usize {
            let bucket = within_octave_f64(value);
            self.positive.add::<W>(offset / SLICES_PER_OCTAVE as usize, bucket);
            add_f64::<W>(&self.sums[bucket % SUMS], value);
        } else if !self.record_time_f64::<W>(value) {
            return;
        }
        W::change(&self.min, |min| (value < f64::from_bits(min)).then_some(value.to_bits()));
        W::change(&self.max, |max| (value > f64::from_bits(max)).then_some(value.to_bits()));
    }

    /// Records a number several times, in the time of one or two.
    #[cold]
    pub(crate) fn record_f64_times<W: Writers>(&self, value: f64, times: u64) {
        let Some(more) = times.checked_sub(1) else { return };
        // The first makes all cells that the others go into, and is the least or the greatest of them all.
        self.record_f64::<W>(value);
        if more == 0 {
            return;
        }
        let in_buckets = self.layout.second_part.map_or(value, |second_part| value * second_part);
        let mut bucket = 0;
        if !value.is_finite() {
            W::add(&self.unrecorded, more);
            return;
        } else if in_buckets > 0.0 {
            bucket = self.positive.add_more::<W>(in_buckets, more);
        } else if let Some(negative) = self.negative.get().filter(|_| in_buckets < 0.0) {
            bucket = negative.add_more::<W>(-in_buckets, more);
        } else {
            W::add(&self.zero, more);
        }
        #[expect(clippy::cast_precision_loss, reason = "the sum is a float")]
        add_f64::<W>(&self.sums[bucket % SUMS], value * more as f64);
        if let Some(classic) = &self.classic {
            W::add(classic.count_of_f64(value), more);
        }
    }

    /// A time in a part of a second, or anything unusual. Returns whether the value has a bucket.
    #[inline(never)]
    fn record_time_f64<W: Writers>(&self, value: f64) -> bool {
        let Some((offset, bucket)) = self.positive.locate(value * self.fast_unit) else {
            return self.record_unusual_f64::<W>(value);
        };
        self.positive.add::<W>(offset, bucket);
        add_f64::<W>(&self.sums[bucket % SUMS], value);
        true
    }

    /// Zero, negative, not finite, out of the window, the first, in another unit than the buckets, or with bounds to look
    /// up. Returns whether the value has a bucket.
    #[cold]
    fn record_unusual_f64<W: Writers>(&self, value: f64) -> bool {
        let in_buckets = self.layout.second_part.map_or(value, |second_part| value * second_part);
        let mut bucket = 0;
        if !value.is_finite() {
            W::add(&self.unrecorded, 1);
            return false;
        } else if in_buckets > 0.0 {
            bucket = self.positive.add_wherever::<W>(in_buckets);
            if self.fast_integers > 0 {
                self.fast_slice.store(self.positive.first_slice.load(Relaxed), Release);
            }
        } else if in_buckets < 0.0 {
            let negative = self.negative.get_or_init(|| Box::new(Range::new(UNPLACED)));
            bucket = negative.add_wherever::<W>(-in_buckets);
        } else {
            W::add(&self.zero, 1);
        }
        add_f64::<W>(&self.sums[bucket % SUMS], value);
        if let Some(classic) = &self.classic {
            classic.add_f64::<W>(value);
        }
        true
    }

    fn has_far(&self) -> bool {
        let has_far = |range: &Range| range.far.get().is_some();
        has_far(&self.positive) || self.negative.get().is_some_and(|range| has_far(range))
    }

    pub(crate) fn layout(&self) -> HistogramLayout {
        self.layout
    }

    /// Copies what was recorded so far into `snapshot`, whose memory is reused.
    pub(crate) fn read_into(&self, snapshot: &mut HistogramSnapshot) {
        self.read_scaled_into(self.layout.options.scale(), snapshot);
        snapshot.limit(self.layout.options);
    }

    /// Copies what classic buckets need: those of explicit bounds and no others, or else one bucket an octave.
    pub(crate) fn read_classic_into(&self, snapshot: &mut HistogramSnapshot) {
        let Some(classic) = &self.classic else { return self.read_scaled_into(0, snapshot) };
        snapshot.scale = 0;
        snapshot.positive.clear();
        snapshot.negative.clear();
        let buckets = snapshot.classic.get_or_insert_default();
        classic.read_into(buckets);
        snapshot.zero_count = self.zero.load(Relaxed);
        snapshot.count = buckets.counts.iter().sum();
        self.read_rest_into(snapshot);
    }

    /// Reads at a scale, or with one bucket an octave if anything lies outside of a window, since all buckets of a histogram
    /// share a scale.
    pub(super) fn read_scaled_into(&self, scale: u32, snapshot: &mut HistogramSnapshot) {
        let scale = if self.has_far() { 0 } else { scale.min(FINEST_SCALE) };
        self.positive.read_into(scale, &mut snapshot.positive);
        match self.negative.get() {
            Some(negative) => negative.read_into(scale, &mut snapshot.negative),
            None => snapshot.negative.clear(),
        }
        snapshot.scale = scale;
        // Read once: the count is that of the buckets that are reported, and not of what came in between.
        snapshot.zero_count = self.zero.load(Relaxed);
        snapshot.count = snapshot.zero_count + snapshot.positive.count() + snapshot.negative.count();
        match &self.classic {
            Some(classic) => classic.read_into(snapshot.classic.get_or_insert_default()),
            None => snapshot.classic = None,
        }
        self.read_rest_into(snapshot);
    }

    /// Reads what is in no bucket.
    fn read_rest_into(&self, snapshot: &mut HistogramSnapshot) {
        snapshot.bucket_unit = self.layout.bucket_unit();
        snapshot.unrecorded = self.unrecorded.load(Relaxed);
        let word = |cell: &AtomicU64| cell.load(Relaxed);
        snapshot.sum = match self.layout.value_type {
            ValueType::F64 => Number::F64(self.sums.iter().map(|sum| f64::from_bits(word(sum))).sum()),
            _ => Number::U64(self.sums.iter().map(word).fold(0, u64::wrapping_add)),
        };
        let number = |cell: &AtomicU64| match self.layout.value_type {
            ValueType::F64 => Number::F64(f64::from_bits(word(cell))),
            _ => Number::U64(word(cell)),
        };
        // A reader that meets the first recording half done finds a count, but no extremes yet.
        let extremes = (number(&self.min), number(&self.max));
        let is_set = extremes.0.to_f64() <= extremes.1.to_f64();
        snapshot.extremes = (snapshot.count > 0 && is_set).then_some(extremes);
    }
}

/// Whether an integer is above a bound, without rounding it.
fn exceeds(value: u64, bound: f64) -> bool {
    // 2^64 is a float; what is less and not negative fits an integer.
    bound < 0.0 || (bound < 18_446_744_073_709_551_616.0 && value > bound as u64)
}

/// Counts of classic buckets of explicit bounds.
struct Classic {
    bounds: &'static [f64],
    /// One more than bounds: the last is for what exceeds them all.
    counts: Box<[AtomicU64]>,
}

impl Classic {
    fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Out of line, because few histograms have bounds of their own, and those without should not pay for it.
    #[cold]
    fn add_u64<W: Writers>(&self, value: u64) {
        W::add(&self.counts[self.bounds.partition_point(|bound| exceeds(value, *bound))], 1);
    }

    #[cold]
    fn add_f64<W: Writers>(&self, value: f64) {
        W::add(self.count_of_f64(value), 1);
    }

    fn count_of_f64(&self, value: f64) -> &AtomicU64 {
        &self.counts[self.bounds.partition_point(|bound| value > *bound)]
    }

    fn read_into(&self, buckets: &mut ClassicBuckets) {
        buckets.bounds = self.bounds;
        buckets.counts.clear();
        buckets.counts.extend(self.counts.iter().map(|count| count.load(Relaxed)));
    }
}

impl Range {
    fn new(first_slice: u32) -> Self {
        Self {
            first_slice: AtomicU32::new(first_slice),
            window: Box::new(array_of![OnceLock::new(); WINDOW]),
            far: OnceLock::new(),
        }
    }

    fn first_octave(&self) -> i32 {
        (self.first_slice.load(Relaxed) / SLICES_PER_OCTAVE).cast_signed() - 1023
    }

    /// The octave of the window and the bucket within it, if a number lies in the window.
    #[inline(always)]
    fn locate(&self, value: f64) -> Option<(usize, usize)> {
        let offset = slice_f64(value).wrapping_sub(self.first_slice.load(Relaxed));
        let is_within = (offset as usize) < WINDOW * SLICES_PER_OCTAVE as usize;
        is_within.then(|| ((offset / SLICES_PER_OCTAVE) as usize, within_octave_f64(value)))
    }

    /// Counts a value in an octave of the window; only integers above 2^63 are behind it.
    #[inline(always)]
    fn add<W: Writers>(&self, offset: usize, bucket: usize) {
        match self.window.get(offset).and_then(OnceLock::get) {
            Some(octave) => W::add(&octave[bucket % PER_OCTAVE], 1),
            None => self.add_slowly::<W>(offset, bucket),
        }
    }

    #[cold]
    fn add_slowly<W: Writers>(&self, offset: usize, bucket: usize) {
        match self.window.get(offset) {
            Some(octave) => {
                // This thread may know where the window begins from `fast_slice` alone; who finds the octave must know as well.
                fence(Acquire);
                let octave = octave.get_or_init(|| Box::new(array_of![AtomicU64::new(0); PER_OCTAVE]));
                W::add(&octave[bucket], 1);
            }
            None => self.add_far::<W>(self.first_octave() + offset as i32),
        }
    }

    /// Counts a positive finite number wherever it belongs. Returns its bucket within its octave, or any if it is far out.
    #[inline]
    fn add_wherever<W: Writers>(&self, value: f64) -> usize {
        if let Some((offset, bucket)) = self.locate(value) {
            self.add::<W>(offset, bucket);
            return bucket;
        }
        self.add_first_or_far::<W>(value);
        0
    }

    /// Counts a value that has been counted once, so often more. Returns its bucket within its octave, or any if it is far out.
    fn add_more<W: Writers>(&self, value: f64, more: u64) -> usize {
        let located = self.locate(value);
        let octave = located.and_then(|(offset, _)| self.window.get(offset)?.get());
        match (located, octave, self.far.get()) {
            (Some((_, bucket)), Some(octave), _) => {
                W::add(&octave[bucket % PER_OCTAVE], more);
                bucket
            }
            (_, _, Some(far)) => {
                W::add(&far[(octave_f64(value) - FAR_FIRST) as usize], more);
                0
            }
            _ => 0,
        }
    }

    #[cold]
    fn add_first_or_far<W: Writers>(&self, value: f64) {
        let octave = octave_f64(value);
        if self.first_slice.load(Relaxed) == UNPLACED {
            // The first value in the middle. The octaves of subnormal numbers and of infinity have no place in a window.
            // Of several threads one places it; the octaves that they make publish it to readers.
            let first = (octave - WINDOW as i32 / 2).clamp(-1022, 1022 - WINDOW as i32);
            let _ = self.first_slice.compare_exchange(UNPLACED, slice_of_octave(first), Relaxed, Relaxed);
        }
        match usize::try_from(octave - self.first_octave()) {
            Ok(offset) if offset < WINDOW => self.add::<W>(offset, within_octave_f64(value)),
            _ => self.add_far::<W>(octave),
        }
    }

    #[cold]
    fn add_far<W: Writers>(&self, octave: i32) {
        let far = self.far.get_or_init(|| (0..FAR_COUNT).map(|_| AtomicU64::new(0)).collect());
        W::add(&far[(octave - FAR_FIRST) as usize], 1);
    }

    /// The buckets at a scale of at most [`FINEST_SCALE`]; those far out only at scale 0.
    fn read_into(&self, scale: u32, range: &mut BucketRange) {
        range.clear();
        for (octave, offset) in self.window.iter().zip(0..) {
            let Some(buckets) = octave.get() else { continue };
            // Placed before the octave was made, so it is in sight now that the octave is.
            let first = (self.first_octave() + offset) << scale;
            for (cell, bucket) in buckets.iter().zip(0..) {
                let count = cell.load(Relaxed);
                if count > 0 {
                    range.add(first + (bucket >> (FINEST_SCALE - scale)), count);
                }
            }
        }
        // Values that went there after the scale was chosen wait for the next reader.
        if let Some(far) = self.far.get().filter(|_| scale == 0) {
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

#[cfg(all(test, loom))]
mod models;

//! Histograms: exact base-2 exponential buckets, read by anybody at any time.

mod buckets;
mod cells;
mod exponential;
mod layout;
mod options;
mod quantile;
mod shared;
mod snapshot;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

pub use buckets::{BucketRange, ClassicBuckets};
pub(crate) use cells::{HistogramCells, Many, One, Writers};
pub(crate) use layout::HistogramLayout;
pub use options::HistogramOptions;
pub(crate) use shared::SharedHistogramCells;
pub use snapshot::HistogramSnapshot;

use crate::block::{Keep, Object};
use crate::one_writer::{OneWriter, one_writer};
use crate::set::{Attach, MetricHandle, Slot, Storage};
use crate::{Exemplar, MetricKind, Number, TraceContext, Unit, ValueType};

/// A distribution that one thread records.
///
/// `V` is what it records: `u64`, `f64`, or [`Duration`], which is kept as nanoseconds. The handle can move to another
/// thread, but only one can use it at a time. Where the unit is `ms`, `us` or `ns`, buckets are in seconds, as backends want
/// them; see [`HistogramSnapshot::bucket_unit`].
///
/// Recording is a table look-up, a comparison and four stores. It allocates when a value falls into a chunk of
/// buckets for the first time, and never locks, blocks or fails.
#[must_use = "a histogram that is dropped records nothing"]
pub struct Histogram<V: HistogramValue> {
    cells: Arc<HistogramCells>,
    keep: Keep,
    _one_writer: OneWriter,
    _value: PhantomData<fn(V)>,
}

impl<V: HistogramValue> Histogram<V> {
    /// Records one value.
    ///
    /// Not-a-number and infinities have no bucket: they are only counted, as
    /// [`unrecorded`](HistogramSnapshot::unrecorded). Durations above 584 years are recorded as that.
    #[inline]
    pub fn record(&self, value: V) {
        value.record_into::<One>(&self.cells);
    }

    /// Records one value, with an [`Exemplar`] of it unless it has no bucket.
    pub fn record_with_exemplar(&self, value: V, context: &TraceContext) {
        self.record(value);
        let is_it =
            |object: &Object| matches!(object, Object::Histogram(own) if Arc::ptr_eq(own, &self.cells));
        keep_exemplar(&self.keep, is_it, self.cells.layout(), value, context);
    }

    /// What was recorded so far.
    #[must_use]
    pub fn snapshot(&self) -> HistogramSnapshot {
        let mut snapshot = HistogramSnapshot::default();
        self.cells.read_into(&mut snapshot);
        snapshot
    }
}

impl<V: HistogramValue> fmt::Debug for Histogram<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Histogram").field("count", &self.snapshot().count()).finish_non_exhaustive()
    }
}

impl<V: HistogramValue> Attach for Histogram<V> {
    const STORAGE: Storage = Storage::Owned;

    fn attach(slot: Slot) -> Option<Self> {
        let Some(Object::Histogram(cells)) = slot.object() else { return None };
        Some(Self {
            cells: Arc::clone(cells),
            keep: slot.into_keep(),
            _one_writer: PhantomData,
            _value: PhantomData,
        })
    }
}

impl<V: HistogramValue> MetricHandle for Histogram<V> {
    const KIND: MetricKind = MetricKind::Histogram;
    const VALUE_TYPE: ValueType = V::TYPE;
    const UNIT: Unit = V::UNIT;
}

/// A [`Histogram`] that any number of threads record, through clones of the handle.
///
/// Each thread records in one of several histograms, which are made when they are first needed and read as one. That
/// takes some kilobytes a thread. Where the threads are known, give each a [`new_writer`](Self::new_writer).
#[derive(Clone)]
#[must_use = "a histogram that is dropped records nothing"]
pub struct SharedHistogram<V: HistogramValue> {
    cells: Arc<SharedHistogramCells>,
    keep: Keep,
    _value: PhantomData<fn(V)>,
}

impl<V: HistogramValue> SharedHistogram<V> {
    /// Records one value; see [`Histogram::record`].
    #[inline]
    pub fn record(&self, value: V) {
        value.record_into::<Many>(self.cells.of_this_thread());
    }

    /// Records one value, with an [`Exemplar`] of it unless it has no bucket.
    pub fn record_with_exemplar(&self, value: V, context: &TraceContext) {
        self.record(value);
        let is_it = |object: &Object| is_shared(object, &self.cells);
        keep_exemplar(&self.keep, is_it, self.cells.layout(), value, context);
    }

    /// A writer of this series with cells of its own, for a thread that is known: as cheap as a [`Histogram`]. What it
    /// recorded stays when it is dropped.
    pub fn new_writer(&self) -> HistogramWriter<V> {
        HistogramWriter {
            cells: self.cells.new_writer(),
            shared: Arc::clone(&self.cells),
            keep: self.keep.clone(),
            _one_writer: PhantomData,
            _value: PhantomData,
        }
    }

    /// What all threads recorded so far.
    #[must_use]
    pub fn snapshot(&self) -> HistogramSnapshot {
        let mut snapshot = HistogramSnapshot::default();
        self.cells.read_into(&mut snapshot);
        snapshot
    }
}

impl SharedHistogram<f64> {
    /// Records one value so many times, in hardly more time than once.
    pub fn record_many(&self, value: f64, times: u64) {
        self.cells.of_this_thread().record_f64_times::<Many>(value, times);
    }
}

impl<V: HistogramValue> fmt::Debug for SharedHistogram<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedHistogram").field("count", &self.snapshot().count()).finish_non_exhaustive()
    }
}

impl<V: HistogramValue> Attach for SharedHistogram<V> {
    const STORAGE: Storage = Storage::Shared;

    fn attach(slot: Slot) -> Option<Self> {
        let Some(Object::SharedHistogram(cells)) = slot.object() else { return None };
        Some(Self { cells: Arc::clone(cells), keep: slot.into_keep(), _value: PhantomData })
    }
}

impl<V: HistogramValue> MetricHandle for SharedHistogram<V> {
    const KIND: MetricKind = MetricKind::Histogram;
    const VALUE_TYPE: ValueType = V::TYPE;
    const UNIT: Unit = V::UNIT;
}

/// One of several writers of a [`SharedHistogram`]. It can move to another thread, but not be shared with one.
#[must_use = "a histogram that is dropped records nothing"]
pub struct HistogramWriter<V: HistogramValue> {
    cells: Arc<HistogramCells>,
    shared: Arc<SharedHistogramCells>,
    keep: Keep,
    _one_writer: OneWriter,
    _value: PhantomData<fn(V)>,
}

impl<V: HistogramValue> HistogramWriter<V> {
    /// Records one value; see [`Histogram::record`].
    #[inline]
    pub fn record(&self, value: V) {
        value.record_into::<One>(&self.cells);
    }

    /// Records one value, with an [`Exemplar`] of it unless it has no bucket.
    pub fn record_with_exemplar(&self, value: V, context: &TraceContext) {
        self.record(value);
        let is_it = |object: &Object| is_shared(object, &self.shared);
        keep_exemplar(&self.keep, is_it, self.shared.layout(), value, context);
    }
}

impl<V: HistogramValue> Drop for HistogramWriter<V> {
    fn drop(&mut self) {
        self.shared.end_writer(Arc::clone(&self.cells));
    }
}

impl<V: HistogramValue> fmt::Debug for HistogramWriter<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HistogramWriter").finish_non_exhaustive()
    }
}

/// Whether an object of a block is a histogram that several threads write in these cells.
fn is_shared(object: &Object, cells: &Arc<SharedHistogramCells>) -> bool {
    matches!(object, Object::SharedHistogram(own) if Arc::ptr_eq(own, cells))
}

/// Keeps an exemplar of what was recorded in the histogram that `is_it` tells from the other objects of its block.
fn keep_exemplar(
    keep: &Keep,
    is_it: impl Fn(&Object) -> bool,
    layout: HistogramLayout,
    value: impl HistogramValue,
    context: &TraceContext,
) {
    if let Some(value) = value.number() {
        let exemplar = Exemplar::new(value, *context);
        keep.block().keep_exemplar(
            keep.block().place_of_object(is_it),
            layout.exemplar_slot(value),
            exemplar,
        );
    }
}

one_writer!(Histogram<V: HistogramValue>, HistogramWriter<V: HistogramValue>);

/// What a [`Histogram`] can record.
#[diagnostic::on_unimplemented(
    message = "a histogram cannot record `{Self}`",
    note = "record `u64`, `f64` or `std::time::Duration`"
)]
pub trait HistogramValue: RecordInto {
    /// How the values are kept.
    const TYPE: ValueType;
    /// The unit of the values when the metric states none.
    const UNIT: Unit = Unit::NONE;
}

mod sealed {
    /// Seals [`HistogramValue`](super::HistogramValue).
    pub trait RecordInto: Copy + Send + 'static {
        #[doc(hidden)]
        fn record_into<W: super::Writers>(self, cells: &super::HistogramCells);

        /// The value as it is kept, if it has a bucket.
        #[doc(hidden)]
        fn number(self) -> Option<super::Number>;
    }
}
use sealed::RecordInto;

impl HistogramValue for u64 {
    const TYPE: ValueType = ValueType::U64;
}

impl RecordInto for u64 {
    #[inline]
    fn record_into<W: Writers>(self, cells: &HistogramCells) {
        cells.record_u64::<W>(self);
    }

    fn number(self) -> Option<Number> {
        Some(Number::U64(self))
    }
}

impl HistogramValue for f64 {
    const TYPE: ValueType = ValueType::F64;
}

impl RecordInto for f64 {
    #[inline]
    fn record_into<W: Writers>(self, cells: &HistogramCells) {
        cells.record_f64::<W>(self);
    }

    fn number(self) -> Option<Number> {
        self.is_finite().then_some(Number::F64(self))
    }
}

impl HistogramValue for Duration {
    const TYPE: ValueType = ValueType::U64;
    const UNIT: Unit = Unit::NANOSECONDS;
}

impl RecordInto for Duration {
    #[inline]
    fn record_into<W: Writers>(self, cells: &HistogramCells) {
        cells.record_time::<W>(nanoseconds(self));
    }

    fn number(self) -> Option<Number> {
        Some(Number::U64(nanoseconds(self)))
    }
}

#[inline]
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;

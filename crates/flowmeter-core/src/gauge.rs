//! Gauges: values of the moment.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::block::{Keep, Object};
use crate::cell::Cell;
use crate::one_writer::one_writer;
use crate::set::{Attach, MetricHandle, Slot, Storage};
use crate::{MetricKind, ValueType};

/// A value that one thread sets.
///
/// `V` is `f64`, `i64`, `u64` or `bool`. Setting is one store. Until the first, the gauge is zero or false. See
/// [`MetricGroup::gauge_callback`](crate::MetricGroup::gauge_callback) for a value that is computed when it is wanted.
#[must_use = "a gauge that is dropped keeps its value, but nobody can set it"]
pub struct Gauge<V: GaugeValue> {
    cell: Cell,
    _value: PhantomData<V>,
}

impl<V: GaugeValue> Gauge<V> {
    /// Sets the value.
    #[inline]
    pub fn set(&self, value: V) {
        self.cell.set(value.to_bits());
    }

    /// The value that was set last.
    #[inline]
    #[must_use]
    pub fn get(&self) -> V {
        V::from_bits(self.cell.get())
    }
}

impl<V: GaugeValue> Attach for Gauge<V> {
    const STORAGE: Storage = Storage::Owned;

    fn attach(slot: Slot) -> Option<Self> {
        slot.into_cell().map(|cell| Self { cell, _value: PhantomData })
    }
}

impl<V: GaugeValue> MetricHandle for Gauge<V> {
    const KIND: MetricKind = MetricKind::Gauge;
    const VALUE_TYPE: ValueType = V::TYPE;
}

one_writer!(Gauge<V: GaugeValue>);

impl<V: GaugeValue> fmt::Debug for Gauge<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Gauge").field(&self.get()).finish()
    }
}

/// A [`Gauge`] that any thread may set, through clones of the handle. The last store wins.
#[must_use = "a gauge that is dropped keeps its value, but nobody can set it"]
pub struct SharedGauge<V: GaugeValue> {
    word: Arc<AtomicU64>,
    keep: Keep,
    _value: PhantomData<V>,
}

impl<V: GaugeValue> SharedGauge<V> {
    /// Sets the value.
    #[inline]
    pub fn set(&self, value: V) {
        self.word.store(value.to_bits(), Relaxed);
    }

    /// The value that was set last.
    #[inline]
    #[must_use]
    pub fn get(&self) -> V {
        V::from_bits(self.word.load(Relaxed))
    }
}

impl SharedGauge<f64> {
    /// Adds `n`, which may be negative, and loses nothing that other threads add or set meanwhile.
    #[inline]
    pub fn add(&self, n: f64) {
        let _ = self.word.fetch_update(Relaxed, Relaxed, |bits| Some((f64::from_bits(bits) + n).to_bits()));
    }
}

impl<V: GaugeValue> Clone for SharedGauge<V> {
    fn clone(&self) -> Self {
        Self { word: Arc::clone(&self.word), keep: self.keep.clone(), _value: PhantomData }
    }
}

impl<V: GaugeValue> Attach for SharedGauge<V> {
    const STORAGE: Storage = Storage::Shared;

    fn attach(slot: Slot) -> Option<Self> {
        let Some(Object::Value(word)) = slot.object() else { return None };
        Some(Self { word: Arc::clone(word), keep: slot.into_keep(), _value: PhantomData })
    }
}

impl<V: GaugeValue> MetricHandle for SharedGauge<V> {
    const KIND: MetricKind = MetricKind::Gauge;
    const VALUE_TYPE: ValueType = V::TYPE;
}

impl<V: GaugeValue> fmt::Debug for SharedGauge<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SharedGauge").field(&self.get()).finish()
    }
}

/// What a gauge can hold.
#[diagnostic::on_unimplemented(
    message = "a gauge cannot hold `{Self}`",
    note = "gauges hold `f64`, `i64`, `u64` or `bool`"
)]
pub trait GaugeValue: Bits {
    /// How the value is kept.
    const TYPE: ValueType;
}

mod sealed {
    /// Seals [`GaugeValue`](super::GaugeValue).
    pub trait Bits: Copy + Send + Sync + std::fmt::Debug + 'static {
        #[doc(hidden)]
        fn to_bits(self) -> u64;
        #[doc(hidden)]
        fn from_bits(bits: u64) -> Self;
    }
}
use sealed::Bits;

impl GaugeValue for f64 {
    const TYPE: ValueType = ValueType::F64;
}

impl Bits for f64 {
    #[inline]
    fn to_bits(self) -> u64 {
        Self::to_bits(self)
    }

    #[inline]
    fn from_bits(bits: u64) -> Self {
        Self::from_bits(bits)
    }
}

impl GaugeValue for i64 {
    const TYPE: ValueType = ValueType::I64;
}

impl Bits for i64 {
    #[inline]
    fn to_bits(self) -> u64 {
        self.cast_unsigned()
    }

    #[inline]
    fn from_bits(bits: u64) -> Self {
        bits.cast_signed()
    }
}

impl GaugeValue for u64 {
    const TYPE: ValueType = ValueType::U64;
}

impl Bits for u64 {
    #[inline]
    fn to_bits(self) -> u64 {
        self
    }

    #[inline]
    fn from_bits(bits: u64) -> Self {
        bits
    }
}

impl GaugeValue for bool {
    const TYPE: ValueType = ValueType::Bool;
}

impl Bits for bool {
    #[inline]
    fn to_bits(self) -> u64 {
        u64::from(self)
    }

    #[inline]
    fn from_bits(bits: u64) -> Self {
        bits != 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::thread;

    use crate::{MetricGroup, SharedGauge};

    #[test]
    fn additions_of_several_threads_are_all_there() {
        let gauge: SharedGauge<f64> = MetricGroup::noop().shared_gauge("level");
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).for_each(|i| gauge.add(if i % 2 == 0 { 1.5 } else { -0.5 })));
            }
        });
        assert_eq!(gauge.get(), 4.0 * 5_000.0);
    }
}

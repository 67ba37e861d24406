//! Counters and meters for one writer: sums of what happened.

use std::fmt;

use crate::cell::Cell;
use crate::one_writer::one_writer;
use crate::set::{Attach, MetricHandle, Slot, Storage};
use crate::{MetricKind, TraceContext, ValueType};

/// Says what a handle shows when it is printed.
macro_rules! debug_value {
    ($($handle:ident),*) => {$(
        impl fmt::Debug for $handle {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($handle)).field(&self.get()).finish()
            }
        }
    )*};
}
pub(crate) use debug_value;

/// A sum that only grows, counted by one thread at a time.
///
/// Its owner is its only writer, which the type system makes sure of: the handle can move to another thread, but not
/// be shared or cloned. An increment is therefore a load, an addition and a store, as cheap as `count += 1`, and any
/// thread may read it at any time. A task that moves between threads keeps it by `&mut`.
///
/// The count wraps at 2^64.
///
/// ```
/// # let registry = flowmeter_core::Registry::new();
/// let late = registry.add_group("windows").counter("lateRecords");
/// late.inc();
/// late.inc_by(3);
/// assert_eq!(late.get(), 4);
/// ```
///
/// Several threads need a [`SharedCounter`](crate::SharedCounter); sharing this one does not compile:
///
/// ```compile_fail
/// # let registry = flowmeter_core::Registry::new();
/// let late = registry.add_group("windows").counter("lateRecords");
/// std::thread::scope(|scope| {
///     scope.spawn(|| late.inc());
/// });
/// ```
#[must_use = "a counter that is dropped counts nothing"]
pub struct Counter(Cell);

impl Counter {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.0.add(1);
    }

    /// Adds `n`.
    #[inline]
    pub fn inc_by(&self, n: u64) {
        self.0.add(n);
    }

    /// Adds one, with an [`Exemplar`](crate::Exemplar) of it.
    pub fn inc_with_exemplar(&self, context: &TraceContext) {
        self.inc_by_with_exemplar(1, context);
    }

    /// Adds `n`, with an [`Exemplar`](crate::Exemplar) of it.
    pub fn inc_by_with_exemplar(&self, n: u64, context: &TraceContext) {
        self.0.add_with_exemplar(n, context);
    }

    /// The count so far.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

impl Attach for Counter {
    const STORAGE: Storage = Storage::Owned;

    fn attach(slot: Slot) -> Option<Self> {
        slot.into_cell().map(Self)
    }
}

impl MetricHandle for Counter {
    const KIND: MetricKind = MetricKind::Counter;
    const VALUE_TYPE: ValueType = ValueType::U64;
}

/// A sum that may go down, kept by one thread at a time. See [`Counter`].
#[must_use = "a counter that is dropped counts nothing"]
pub struct UpDownCounter(Cell);

impl UpDownCounter {
    /// Adds `n`, which may be negative.
    #[inline]
    pub fn add(&self, n: i64) {
        self.0.add(n.cast_unsigned());
    }

    /// The sum so far.
    #[inline]
    #[must_use]
    pub fn get(&self) -> i64 {
        self.0.get().cast_signed()
    }
}

impl Attach for UpDownCounter {
    const STORAGE: Storage = Storage::Owned;

    fn attach(slot: Slot) -> Option<Self> {
        slot.into_cell().map(Self)
    }
}

impl MetricHandle for UpDownCounter {
    const KIND: MetricKind = MetricKind::UpDownCounter;
    const VALUE_TYPE: ValueType = ValueType::I64;
}

/// A count of events with a rate, kept by one thread at a time.
///
/// Marking costs what [`Counter`] costs: the rate, in events a second, is worked out for those reporters that want one,
/// from counts and times that they really saw. The count wraps at 2^64.
#[must_use = "a meter that is dropped counts nothing"]
pub struct Meter(Cell);

impl Meter {
    /// Counts an event.
    #[inline]
    pub fn mark(&self) {
        self.0.add(1);
    }

    /// Counts `n` events.
    #[inline]
    pub fn mark_by(&self, n: u64) {
        self.0.add(n);
    }

    /// Counts an event, with an [`Exemplar`](crate::Exemplar) of it.
    pub fn mark_with_exemplar(&self, context: &TraceContext) {
        self.mark_by_with_exemplar(1, context);
    }

    /// Counts `n` events, with an [`Exemplar`](crate::Exemplar) of it.
    pub fn mark_by_with_exemplar(&self, n: u64, context: &TraceContext) {
        self.0.add_with_exemplar(n, context);
    }

    /// The count so far.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

impl Attach for Meter {
    const STORAGE: Storage = Storage::Owned;

    fn attach(slot: Slot) -> Option<Self> {
        slot.into_cell().map(Self)
    }
}

impl MetricHandle for Meter {
    const KIND: MetricKind = MetricKind::Meter;
    const VALUE_TYPE: ValueType = ValueType::U64;
}

/// A sum that only grows and that something else keeps, such as the kernel: what fills metrics from there sets it to
/// what it finds. One thread at a time.
///
/// It is for [collectors](crate::MetricGroup::collector). Unlike a [`Counter`] it may have begun before its metric, so one that
/// takes the place of another in a group that returned does not go on from it; and it may begin anew.
///
/// ```
/// # use flowmeter_core::{CollectedCounter, Registry};
/// # let registry = Registry::new();
/// let reads: CollectedCounter = registry.add_group("disk").try_register("reads")?;
/// reads.set(512);
/// # Ok::<(), flowmeter_core::Error>(())
/// ```
#[must_use = "a counter that is dropped keeps its count, but nobody can set it"]
pub struct CollectedCounter(Cell);

impl CollectedCounter {
    /// Sets the count to what the other keeps.
    #[inline]
    pub fn set(&self, count: u64) {
        self.0.set(count);
    }

    /// Sets the count to what the other keeps, unless that is less: where it is read in pieces that may be older than others.
    #[inline]
    pub fn raise(&self, count: u64) {
        self.0.set(self.0.get().max(count));
    }

    /// The count so far.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

impl Attach for CollectedCounter {
    const STORAGE: Storage = Storage::Collected;

    fn attach(slot: Slot) -> Option<Self> {
        slot.into_cell().map(Self)
    }
}

impl MetricHandle for CollectedCounter {
    const KIND: MetricKind = MetricKind::Counter;
    const VALUE_TYPE: ValueType = ValueType::U64;
}

debug_value!(CollectedCounter, Counter, UpDownCounter, Meter);
one_writer!(CollectedCounter, Counter, UpDownCounter, Meter);

//! Counters and meters for several writers.

use std::fmt;
use std::sync::Arc;

use crate::block::{Keep, Object};
use crate::counter::debug_value;
use crate::exemplars::ExemplarSlot;
use crate::one_writer::one_writer;
use crate::set::{Attach, MetricHandle, Slot, Storage};
use crate::shards::{ShardWriter, Shards};
use crate::{Exemplar, MetricKind, Number, TraceContext, ValueType};

/// A handle of a sum, as its exemplars need it.
trait OfSum {
    fn keep_and_shards(&self) -> (&Keep, &Arc<Shards>);

    /// Keeps an exemplar of what was added.
    fn keep_exemplar(&self, n: u64, context: &TraceContext) {
        let (keep, shards) = self.keep_and_shards();
        let is_it = |object: &Object| matches!(object, Object::Sum(own) if Arc::ptr_eq(own, shards));
        let place = keep.block().place_of_object(is_it);
        keep.block().keep_exemplar(place, ExemplarSlot::OF_SUM, Exemplar::new(Number::U64(n), *context));
    }
}

/// Defines a shared handle and its writer, but for what they are called to do.
macro_rules! shared {
    (
        $(#[$doc:meta])* $name:ident,
        $(#[$writer_doc:meta])* $writer:ident,
        $kind:expr, $value_type:expr
    ) => {
        $(#[$doc])*
        #[derive(Clone)]
        #[must_use = "a handle that is dropped counts nothing"]
        pub struct $name {
            shards: Arc<Shards>,
            keep: Keep,
        }

        impl $name {
            /// A writer of this series with a cell of its own, for a thread that is known: as cheap as a handle for one
            /// writer. What it counted stays when it is dropped.
            pub fn new_writer(&self) -> $writer {
                $writer { writer: self.shards.new_writer(), keep: self.keep.clone() }
            }
        }

        impl Attach for $name {
            const STORAGE: Storage = Storage::Shared;

            fn attach(slot: Slot) -> Option<Self> {
                let Some(Object::Sum(shards)) = slot.object() else { return None };
                Some(Self { shards: Arc::clone(shards), keep: slot.into_keep() })
            }
        }

        impl MetricHandle for $name {
            const KIND: MetricKind = $kind;
            const VALUE_TYPE: ValueType = $value_type;
        }

        $(#[$writer_doc])*
        #[must_use = "a handle that is dropped counts nothing"]
        pub struct $writer {
            // Goes before the handle that keeps the series: what is counted is in the base by then.
            writer: ShardWriter,
            keep: Keep,
        }

        impl OfSum for $name {
            fn keep_and_shards(&self) -> (&Keep, &Arc<Shards>) {
                (&self.keep, &self.shards)
            }
        }

        impl OfSum for $writer {
            fn keep_and_shards(&self) -> (&Keep, &Arc<Shards>) {
                (&self.keep, self.writer.shards())
            }
        }

        debug_value!($name, $writer);
        one_writer!($writer);
    };
}

shared! {
    /// A [`Counter`](crate::Counter) that any number of threads add to, through clones of the handle.
    ///
    /// Each thread adds to one of several cells, so threads seldom meet; an increment is one atomic addition. The cells
    /// take some hundreds of bytes. Where the threads are known, give each a [`new_writer`](Self::new_writer).
    SharedCounter,
    /// One of several writers of a [`SharedCounter`]. It can move to another thread, but not be shared with one.
    CounterWriter,
    MetricKind::Counter, ValueType::U64
}

impl SharedCounter {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.shards.add(1);
    }

    /// Adds `n`.
    #[inline]
    pub fn inc_by(&self, n: u64) {
        self.shards.add(n);
    }

    /// Adds one, with an [`Exemplar`] of it.
    pub fn inc_with_exemplar(&self, context: &TraceContext) {
        self.inc_by_with_exemplar(1, context);
    }

    /// Adds `n`, with an [`Exemplar`] of it.
    pub fn inc_by_with_exemplar(&self, n: u64, context: &TraceContext) {
        self.inc_by(n);
        self.keep_exemplar(n, context);
    }

    /// The count so far. What other threads add meanwhile may or may not be in it.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.shards.sum()
    }
}

impl CounterWriter {
    /// Adds one.
    #[inline]
    pub fn inc(&self) {
        self.writer.add(1);
    }

    /// Adds `n`.
    #[inline]
    pub fn inc_by(&self, n: u64) {
        self.writer.add(n);
    }

    /// Adds one, with an [`Exemplar`] of it.
    pub fn inc_with_exemplar(&self, context: &TraceContext) {
        self.inc_by_with_exemplar(1, context);
    }

    /// Adds `n`, with an [`Exemplar`] of it.
    pub fn inc_by_with_exemplar(&self, n: u64, context: &TraceContext) {
        self.inc_by(n);
        self.keep_exemplar(n, context);
    }

    /// What this writer counted so far.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.writer.get()
    }
}

shared! {
    /// An [`UpDownCounter`](crate::UpDownCounter) that any number of threads add to. See [`SharedCounter`].
    SharedUpDownCounter,
    /// One of several writers of a [`SharedUpDownCounter`].
    UpDownCounterWriter,
    MetricKind::UpDownCounter, ValueType::I64
}

impl SharedUpDownCounter {
    /// Adds `n`, which may be negative.
    #[inline]
    pub fn add(&self, n: i64) {
        self.shards.add(n.cast_unsigned());
    }

    /// The sum so far. What other threads add meanwhile may or may not be in it.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.shards.sum().cast_signed()
    }
}

impl UpDownCounterWriter {
    /// Adds `n`, which may be negative.
    #[inline]
    pub fn add(&self, n: i64) {
        self.writer.add(n.cast_unsigned());
    }

    /// The sum of what this writer added so far.
    #[inline]
    #[must_use]
    pub fn get(&self) -> i64 {
        self.writer.get().cast_signed()
    }
}

shared! {
    /// A [`Meter`](crate::Meter) that any number of threads mark. See [`SharedCounter`].
    SharedMeter,
    /// One of several writers of a [`SharedMeter`].
    MeterWriter,
    MetricKind::Meter, ValueType::U64
}

impl SharedMeter {
    /// Counts an event.
    #[inline]
    pub fn mark(&self) {
        self.shards.add(1);
    }

    /// Counts `n` events.
    #[inline]
    pub fn mark_by(&self, n: u64) {
        self.shards.add(n);
    }

    /// Counts an event, with an [`Exemplar`] of it.
    pub fn mark_with_exemplar(&self, context: &TraceContext) {
        self.mark_by_with_exemplar(1, context);
    }

    /// Counts `n` events, with an [`Exemplar`] of it.
    pub fn mark_by_with_exemplar(&self, n: u64, context: &TraceContext) {
        self.mark_by(n);
        self.keep_exemplar(n, context);
    }

    /// The count so far. What other threads count meanwhile may or may not be in it.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.shards.sum()
    }
}

impl MeterWriter {
    /// Counts an event.
    #[inline]
    pub fn mark(&self) {
        self.writer.add(1);
    }

    /// Counts `n` events.
    #[inline]
    pub fn mark_by(&self, n: u64) {
        self.writer.add(n);
    }

    /// Counts an event, with an [`Exemplar`] of it.
    pub fn mark_with_exemplar(&self, context: &TraceContext) {
        self.mark_by_with_exemplar(1, context);
    }

    /// Counts `n` events, with an [`Exemplar`] of it.
    pub fn mark_by_with_exemplar(&self, n: u64, context: &TraceContext) {
        self.mark_by(n);
        self.keep_exemplar(n, context);
    }

    /// What this writer counted so far.
    #[inline]
    #[must_use]
    pub fn get(&self) -> u64 {
        self.writer.get()
    }
}

//! Words of memory that one thread writes and any thread reads.
//!
//! This is the only module of flowmeter with unsafe code: one pointer, which saves the recording path two loads and a
//! bounds check. Everything else reaches words through safe references.

#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::block::Keep;
use crate::exemplars::ExemplarSlot;
use crate::one_writer::UseSharedHandleOrNewWriter;
use crate::{Exemplar, Number, TraceContext};

const PER_LINE: usize = 16;

/// Sixteen words that no other block shares a cache line with, nor the line that x86-64 cores fetch along with it.
#[repr(align(128))]
pub(crate) struct Line([AtomicU64; PER_LINE]);

/// The words of metrics that a group registers one by one, so that each does not take a line of its own. In a box, because
/// beside its counts an aligned line would take two.
pub(crate) struct SharedLine(Box<HalfLine>);

#[repr(align(64))]
struct HalfLine([AtomicU64; SharedLine::WORDS]);

impl SharedLine {
    pub(crate) const WORDS: usize = 8;

    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Box::new(HalfLine([const { AtomicU64::new(0) }; Self::WORDS]))))
    }
}

/// The words of a block. Their addresses never change: nothing here can grow, shrink or replace them.
pub(crate) enum Words {
    None,
    Lines(Box<[Line]>),
    Shared(Arc<SharedLine>, u32),
}

impl Words {
    pub(crate) fn new(count: usize) -> Self {
        match count.div_ceil(PER_LINE) {
            0 => Self::None,
            lines => Self::Lines((0..lines).map(|_| Line([const { AtomicU64::new(0) }; PER_LINE])).collect()),
        }
    }

    /// These words for another block, all zero again, if they are as many lines as it takes.
    pub(crate) fn cleared(mut self, count: usize) -> Option<Self> {
        match &mut self {
            Self::Lines(lines) if lines.len() == count.div_ceil(PER_LINE) => {
                lines.iter_mut().flat_map(|line| &mut line.0).for_each(|word| *word.get_mut() = 0);
                Some(self)
            }
            _ => None,
        }
    }

    #[inline]
    pub(crate) fn get(&self, index: usize) -> Option<&AtomicU64> {
        match self {
            Self::None => None,
            Self::Lines(lines) => lines.get(index / PER_LINE).map(|line| &line.0[index % PER_LINE]),
            Self::Shared(line, word) => line.0.0.get(*word as usize),
        }
    }
}

/// One word of a block, for its only writer: it can move to another thread, but not be shared with one.
pub(crate) struct Cell {
    /// An `AtomicU64`. The compiler shows this type to whoever shares a handle, so it has a name that helps.
    word: NonNull<UseSharedHandleOrNewWriter>,
    /// What makes the pointer valid.
    keep: Keep,
}

// SAFETY: `Cell` is not `Send` only because of the pointer, which is used as the `&AtomicU64` that it was made from,
// and `&AtomicU64` is `Send`; `Keep` is `Send` by itself. Not implementing `Sync` is on purpose: it is what makes the
// load and store of `add` as good as an atomic addition.
unsafe impl Send for Cell {}

impl Cell {
    pub(crate) fn new(keep: Keep, index: usize) -> Option<Self> {
        let word = NonNull::from(keep.block().words().get(index)?).cast();
        Some(Self { word, keep })
    }

    #[inline(always)]
    fn word(&self) -> &AtomicU64 {
        // SAFETY: The pointer was made from a reference to an `AtomicU64`, to which it is cast back, among the words of
        // the block that `keep` holds. A block lives in an `Arc` and offers no mutable access to its words, which are in
        // a heap allocation of their own, so they stay where they are, initialized and shared, for as long as `keep`
        // lives, and that is as long as `self`.
        unsafe { self.word.cast::<AtomicU64>().as_ref() }
    }

    #[inline(always)]
    pub(crate) fn get(&self) -> u64 {
        self.word().load(Relaxed)
    }

    #[inline(always)]
    pub(crate) fn set(&self, value: u64) {
        self.word().store(value, Relaxed);
    }

    /// Adds, wrapping. No other thread writes this word, so nothing can come between the load and the store.
    #[inline(always)]
    pub(crate) fn add(&self, n: u64) {
        self.set(self.get().wrapping_add(n));
    }

    /// Adds, and keeps an exemplar of it.
    pub(crate) fn add_with_exemplar(&self, n: u64, context: &TraceContext) {
        self.add(n);
        let block = self.keep.block();
        let exemplar = Exemplar::new(Number::U64(n), *context);
        block.keep_exemplar(block.place_of_word(self.word()), ExemplarSlot::OF_SUM, exemplar);
    }
}

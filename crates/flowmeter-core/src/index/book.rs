//! What an index knows of a block beyond its cells.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Slot;
use super::account::Account;
use crate::block::{Block, Object};
use crate::family::{Member, Place};
use crate::set::Storage;
use crate::{HistogramSnapshot, MetricKind};

/// A block in an index.
pub(crate) struct Entry {
    pub(crate) block: Arc<Block>,
    /// What was prepared for the block's group.
    pub(crate) prepared: Arc<[u8]>,
    /// Only for blocks of groups that share their identity with others, those that a callback sets, and all where the
    /// reporter wants differences or rates: whoever reads the others need not ask, nor touch more memory than their words.
    pub(crate) book: Option<Box<Book>>,
}

/// For each member of a block's set: whether its series is shown, what it goes on from, and what the backend has of it.
pub(crate) struct Book {
    /// The group that it left its own for, as its series was removed.
    moved: Option<Slot>,
    /// Which of those it was that had to wait for room, if it had to.
    late: Option<u64>,
    members: Box<[Page]>,
    /// Empty unless the reporter wants differences or rates.
    accounts: Box<[Account]>,
}

/// One series of a [`Book`].
pub(crate) struct Page {
    pub(super) standing: Standing,
    /// Whether it was counted that it clashes.
    pub(super) clash_noted: bool,
    base: Base,
    /// When the first of the series that it goes on from began, if there is one.
    start: Option<Duration>,
}

/// What a series leaves to the one that goes on from it.
pub(super) struct Before {
    pub(super) base: Base,
    /// Nothing if none can go on from it.
    pub(super) start: Option<Duration>,
    pub(super) account: Option<Account>,
}

/// Whether a series is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Shown,
    /// Another series has its identity for now.
    Withheld,
    /// Another series goes on from it.
    Continued,
}

/// What a series goes on from: the final value of one that had its identity before.
#[derive(Clone, Default)]
pub(crate) enum Base {
    #[default]
    None,
    Sum(u64),
    Histogram(Box<HistogramSnapshot>),
}

impl Entry {
    pub(super) fn new(block: Arc<Block>, prepared: Arc<[u8]>, accounts: bool) -> Self {
        let members = block.set.members.len();
        let book = (accounts || block.is_collected()).then(|| Box::new(Book::new(members, accounts)));
        Self { block, prepared, book }
    }

    pub(super) fn slot(&self) -> Slot {
        self.book.as_ref().and_then(|book| book.moved).unwrap_or_else(|| self.block.node().slot())
    }

    pub(super) fn move_to(&mut self, slot: Slot) {
        self.book_mut().moved = Some(slot);
    }

    /// The page of a member; nothing for most blocks, all of which is shown as it is.
    #[inline]
    pub(crate) fn page(&self, member: usize) -> Option<&Page> {
        self.book.as_ref().and_then(|book| book.members.get(member))
    }

    pub(super) fn page_mut(&mut self, member: usize) -> Option<&mut Page> {
        self.book_mut().members.get_mut(member)
    }

    /// Its place among those of its identity: the order of registration, but behind all that was shown when it was let in.
    pub(super) fn order(&self) -> (Option<u64>, u64) {
        (self.book.as_ref().and_then(|book| book.late), self.block.sequence())
    }

    pub(super) fn set_late(&mut self, number: u64) {
        self.book_mut().late = Some(number);
    }

    fn book_mut(&mut self) -> &mut Book {
        let count = self.block.set.members.len();
        self.book.get_or_insert_with(|| Box::new(Book::new(count, false)))
    }

    /// When a series began, in the backend's eyes.
    pub(crate) fn start(&self, member: usize) -> Duration {
        self.page(member).and_then(|page| page.start).unwrap_or_else(|| self.block.start())
    }

    pub(super) fn standing(&self, member: usize) -> Standing {
        self.page(member).map_or(Standing::Shown, |page| page.standing)
    }

    /// The final value of a series of a closed group, if others can go on from it.
    pub(super) fn final_value(&self, number: usize, member: &Member, successor: Storage) -> Base {
        let base = self.page(number).map_or(&Base::None, |page| &page.base);
        match member.family.kind() {
            // What something else keeps goes on by itself in the next one.
            _ if member.storage.is_kept_elsewhere() && successor.is_kept_elsewhere() => base.clone(),
            MetricKind::Histogram => {
                let Place::Object(object) = member.place else { return Base::None };
                let mut snapshot = Box::<HistogramSnapshot>::default();
                self.block.object(object).map(|object| object.read_histogram(&mut snapshot));
                base.add_to_histogram(&mut snapshot);
                Base::Histogram(snapshot)
            }
            kind if kind.is_monotonic_sum() => {
                let own = match member.place {
                    Place::Word(word) => self.block.words().get(word).map(|word| word.load(Relaxed)),
                    Place::Object(object) => self.block.object(object).and_then(Object::read),
                };
                Base::Sum(base.add_to_sum(own.unwrap_or(0)))
            }
            _ => Base::None,
        }
    }

    pub(super) fn go_on_from(&mut self, member: usize, before: &Before) {
        let mut was_clashing = false;
        if let Some(page) = self.page_mut(member) {
            was_clashing = page.clash_noted;
            page.standing = Standing::Shown;
            // Added to what it goes on from already, which a block that came late may follow.
            page.base.add(&before.base);
            page.start = page.start.into_iter().chain(before.start).min();
        }
        if let (Some(mine), Some(theirs)) = (self.account(member), &before.account) {
            mine.take_over(theirs);
            if was_clashing {
                // What it counted while it was withheld was not counted now.
                mine.forget_seen();
            }
        }
    }
}

impl Book {
    fn new(members: usize, accounts: bool) -> Self {
        let page = || Page { standing: Standing::Shown, clash_noted: false, base: Base::None, start: None };
        let with_account = if accounts { members } else { 0 };
        Self {
            moved: None,
            late: None,
            members: (0..members).map(|_| page()).collect(),
            accounts: (0..with_account).map(|_| Account::default()).collect(),
        }
    }

    pub(super) fn accounts(&self) -> &[Account] {
        &self.accounts
    }
}

impl Page {
    #[inline]
    pub(crate) fn is_shown(&self) -> bool {
        self.standing == Standing::Shown
    }

    #[inline]
    pub(crate) fn base(&self) -> &Base {
        &self.base
    }
}

impl Base {
    /// The sum from the beginning on. Sums wrap.
    #[inline]
    pub(crate) fn add_to_sum(&self, sum: u64) -> u64 {
        match self {
            Self::Sum(base) => base.wrapping_add(sum),
            _ => sum,
        }
    }

    fn add(&mut self, other: &Self) {
        match (&mut *self, other) {
            (_, Self::None) => {}
            (Self::Sum(sum), Self::Sum(more)) => *sum = sum.wrapping_add(*more),
            (Self::Histogram(snapshot), Self::Histogram(more)) => snapshot.merge(more),
            (base, other) => *base = other.clone(),
        }
    }

    pub(crate) fn add_to_histogram(&self, snapshot: &mut HistogramSnapshot) {
        if let Self::Histogram(base) = self {
            snapshot.merge(base);
        }
    }
}

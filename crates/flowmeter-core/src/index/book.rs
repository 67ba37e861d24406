//! What an index knows of a block beyond its cells.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::Slot;
use super::account::Account;
use crate::block::{Block, Object};
use crate::family::Place;
use crate::set::Storage;
use crate::{HistogramSnapshot, MetricKind};

/// A block in an index.
pub(crate) struct Entry {
    pub(crate) block: Arc<Block>,
    /// What was prepared for the block's group.
    pub(crate) prepared: Arc<[u8]>,
    /// Only for blocks of groups that share their identity with others, those that a callback sets or that have sums which
    /// something else keeps, and all where the reporter wants differences or rates: whoever reads the others need not ask, nor touch more memory than their words.
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
    /// Whether another one had its identity while it was there itself, which was counted.
    pub(super) clash_noted: bool,
    /// Only where it is shown otherwise than as it is.
    history: Option<Box<History>>,
}

/// What makes a series as it is shown differ from its own cells.
#[derive(Default)]
pub(super) struct History {
    /// The final value of the series that it goes on from, which is added to its own.
    before: Base,
    /// What it had counted itself by when it was shown, where it had been withheld because it clashed: that is never shown.
    withheld: Base,
    /// When it began, in the backend's eyes, if that is not when it was registered.
    start: Option<Duration>,
    /// Only of sums that something else keeps.
    sightings: Option<Sightings>,
}

/// What reports have seen of a sum that something else keeps, which may begin anew.
#[derive(Clone, Default)]
struct Sightings {
    /// What was shown last, and in a report of which time since the Unix epoch.
    last: Cell<Option<(u64, Duration)>>,
    /// The time of the last report before it began anew.
    anew: Cell<Option<Duration>>,
}

/// What a series leaves to the one that goes on from it.
#[derive(Default)]
pub(super) struct Before {
    /// Nothing if none can go on from it.
    pub(super) history: Option<History>,
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

/// A value that is added or taken off, if it is one that can be.
#[derive(Clone, Default)]
enum Base {
    #[default]
    None,
    Sum(u64),
    Histogram(Box<HistogramSnapshot>),
}

impl Entry {
    pub(super) fn new(block: Arc<Block>, prepared: Arc<[u8]>, accounts: bool) -> Self {
        let members = block.set.members.len();
        let has_book = accounts || block.is_collected() || block.set.has_sums_kept_elsewhere;
        let mut book = has_book.then(|| Box::new(Book::new(members, accounts)));
        if let Some(book) = book.as_mut().filter(|_| block.set.has_sums_kept_elsewhere) {
            for (page, member) in book.members.iter_mut().zip(&block.set.members) {
                if member.is_sum_kept_elsewhere() {
                    let sightings = Some(Sightings::default());
                    page.history = Some(Box::new(History { sightings, ..History::default() }));
                }
            }
        }
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

    /// Takes over what another entry of the block knew of it, but for the group that it left its own for.
    pub(super) fn adopt(&mut self, former: Book) {
        let Book { late, members, accounts, .. } = former;
        let book = self.book_mut();
        (book.late, book.members) = (late, members);
        if !accounts.is_empty() {
            // Also where this reporter wants none: another one after it may.
            book.accounts = accounts;
        }
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
        self.history(member).and_then(|history| history.start).unwrap_or_else(|| self.block.start())
    }

    pub(super) fn standing(&self, member: usize) -> Standing {
        self.page(member).map_or(Standing::Shown, |page| page.standing)
    }

    #[inline]
    fn history(&self, member: usize) -> Option<&History> {
        self.page(member)?.history.as_deref()
    }

    /// What is shown of a sum of which the cells hold so much.
    #[inline]
    pub(crate) fn shown_sum(&self, member: usize, own: u64) -> u64 {
        self.history(member)
            .map_or(own, |history| history.shown_sum(own, self.block.set.members[member].storage))
    }

    /// The same in a report of a time, since the Unix epoch, which will be the last that has seen it.
    #[inline]
    pub(crate) fn report_sum(&self, member: usize, own: u64, at: Duration) -> u64 {
        let sum = self.shown_sum(member, own);
        if let Some(sightings) = self.sightings(member) {
            sightings.note(sum, at);
        }
        sum
    }

    /// When a sum that something else keeps began anew, since the Unix epoch, if it did: with the last report that saw more of it.
    pub(crate) fn begun_anew(&self, member: usize) -> Option<Duration> {
        self.sightings(member)?.anew.get()
    }

    #[inline]
    fn sightings(&self, member: usize) -> Option<&Sightings> {
        self.history(member)?.sightings.as_ref()
    }

    /// Makes of what the cells of a histogram hold what is shown of it.
    #[inline]
    pub(crate) fn show_histogram(&self, member: usize, own: &mut HistogramSnapshot) {
        if let Some(history) = self.history(member) {
            history.show_histogram(own);
        }
    }

    /// What the cells of a sum hold now; nothing before its callback has returned.
    fn own_sum(&self, number: usize) -> Option<u64> {
        match self.block.set.members[number].place {
            Place::Word(word) => self.block.words().get(word).map(|word| word.load(Relaxed)),
            Place::Object(object) => self.block.object(object).and_then(Object::read),
        }
    }

    /// What the cells hold now, if that can be added and taken off.
    fn own(&self, number: usize) -> Base {
        let member = &self.block.set.members[number];
        match (member.family.kind(), member.place) {
            (MetricKind::Histogram, Place::Object(object)) => {
                let mut snapshot = Box::<HistogramSnapshot>::default();
                self.block.object(object).map(|object| object.read_histogram(&mut snapshot));
                Base::Histogram(snapshot)
            }
            (kind, _) if kind.is_monotonic_sum() => Base::Sum(self.own_sum(number).unwrap_or(0)),
            _ => Base::None,
        }
    }

    /// Whether it cannot be said yet what a sum has counted, because its callback has not returned so far.
    pub(super) fn has_no_value_yet(&self, number: usize) -> bool {
        let is_sum = self.block.set.members[number].family.kind().is_monotonic_sum();
        let has_value = || self.block.presence().is_present() && self.own_sum(number).is_some();
        is_sum && !self.block.node().lifecycle().is_closed() && !has_value()
    }

    /// What a series of a closed group leaves to one that goes on from it, and may have clashed with it.
    pub(super) fn history_for(&self, number: usize, successor: Storage, clashed: bool) -> History {
        let start = Some(self.start(number));
        let storage = self.block.set.members[number].storage;
        let sightings = self.sightings(number).cloned();
        if storage.is_kept_elsewhere() && successor.is_kept_elsewhere() && !clashed {
            // It goes on by itself in the next one.
            let (before, withheld) = self
                .history(number)
                .map(|history| (history.before.clone(), history.withheld.clone()))
                .unwrap_or_default();
            return History { before, withheld, start, sightings };
        }
        let before = match self.own(number) {
            Base::Histogram(mut snapshot) => {
                self.show_histogram(number, &mut snapshot);
                Base::Histogram(snapshot)
            }
            Base::Sum(sum) => Base::Sum(self.shown_sum(number, sum)),
            Base::None => Base::None,
        };
        History { before, withheld: Base::None, start, sightings }
    }

    /// Withholds a series. What a backend may have of it, it has under a name that was its own.
    pub(super) fn withhold(&mut self, member: usize) {
        let book = self.book_mut();
        let Some(page) = book.members.get_mut(member) else { return };
        let former = std::mem::replace(&mut page.standing, Standing::Withheld);
        if let (Standing::Shown, Some(account)) = (former, book.accounts.get_mut(member)) {
            *account = Account::default();
        }
    }

    /// Shows a series that goes on from another one.
    pub(super) fn go_on_from(&mut self, member: usize, before: Before, now: Duration) {
        if let Some(theirs) = &before.account {
            self.book_mut().open_accounts();
            self.account(member).inspect(|mine| mine.take_over(theirs));
        }
        if let (Some(page), Some(history)) = (self.page_mut(member), before.history) {
            page.history.get_or_insert_default().add(history);
        }
        self.show(member, now);
    }

    /// Shows a series: if it has clashed, without what it has counted until now, or when its callback last returned, but
    /// levels are what they are.
    pub(super) fn show(&mut self, member: usize, now: Duration) {
        let withheld = if self.has_clashed(member) { self.own(member) } else { Base::None };
        let Some(page) = self.page_mut(member) else { return };
        page.standing = Standing::Shown;
        let seen = match withheld {
            Base::None => return,
            Base::Sum(sum) => Some(sum),
            Base::Histogram(_) => None,
        };
        let history = page.history.get_or_insert_default();
        (history.withheld, history.start) = (withheld, history.start.or(Some(now)));
        if let (Some(account), Some(sum)) = (self.account(member), seen) {
            account.note_seen(now, self.shown_sum(member, sum));
        }
    }

    /// Whether another series had its identity while it was there itself.
    pub(super) fn has_clashed(&self, member: usize) -> bool {
        self.page(member).is_some_and(|page| page.clash_noted)
    }
}

impl Book {
    fn new(members: usize, accounts: bool) -> Self {
        let page = || Page { standing: Standing::Shown, clash_noted: false, history: None };
        let with_account = if accounts { members } else { 0 };
        Self {
            moved: None,
            late: None,
            members: (0..members).map(|_| page()).collect(),
            accounts: (0..with_account).map(|_| Account::default()).collect(),
        }
    }

    /// Has accounts from now on, if it had none.
    fn open_accounts(&mut self) {
        if self.accounts.is_empty() {
            self.accounts = self.members.iter().map(|_| Account::default()).collect();
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
}

impl History {
    /// Sums wrap. But what something else keeps may begin anew, and is not shown then until it is more than was withheld.
    fn shown_sum(&self, own: u64, storage: Storage) -> u64 {
        let of = |base: &Base| if let Base::Sum(sum) = base { *sum } else { 0 };
        let (before, withheld) = (of(&self.before), of(&self.withheld));
        let since = if storage.is_kept_elsewhere() {
            own.saturating_sub(withheld)
        } else {
            own.wrapping_sub(withheld)
        };
        before.wrapping_add(since)
    }

    /// Least and greatest value are those from before or of what was recorded since, and the latter are known to the
    /// width of a bucket, unless what was withheld has none as small or great.
    fn show_histogram(&self, own: &mut HistogramSnapshot) {
        if let Base::Histogram(withheld) = &self.withheld {
            own.subtract(withheld);
        }
        if let Base::Histogram(before) = &self.before {
            own.merge(before);
        }
    }

    /// Adds to what it goes on from already, which a series that came late may follow.
    fn add(&mut self, other: Self) {
        self.before.add(other.before);
        self.withheld.add(other.withheld);
        self.start = self.start.into_iter().chain(other.start).min();
        if other.sightings.is_some() {
            self.sightings = other.sightings;
        }
    }
}

impl Sightings {
    fn note(&self, sum: u64, at: Duration) {
        if let Some((_, earlier)) = self.last.get().filter(|(more, _)| sum < *more) {
            self.anew.set(Some(earlier));
        }
        self.last.set(Some((sum, at)));
    }
}

impl Base {
    fn add(&mut self, other: Self) {
        match (&mut *self, other) {
            (_, Self::None) => {}
            (Self::Sum(sum), Self::Sum(more)) => *sum = sum.wrapping_add(more),
            (Self::Histogram(snapshot), Self::Histogram(more)) => snapshot.merge(&more),
            (base, other) => *base = other,
        }
    }
}

//! What a backend has of each series, for reporters that send differences, and what was seen of it, for those that
//! send rates.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use super::Index;
use super::accepted::Accepted;
use super::book::Entry;
use crate::HistogramSnapshot;
use crate::set::Storage;

/// The account of one series: what the backend has accepted so far, and what the report that is being made has asked for.
///
/// A difference is taken from what was accepted, and what is asked for becomes accepted when the report succeeds or
/// acknowledges it. So a report that fails, or a reporter that is restarted, loses nothing and sends nothing twice.
#[derive(Default)]
pub(crate) struct Account {
    accepted: Cell<u64>,
    /// The time of the report of which anything was accepted last, in nanoseconds since the Unix epoch.
    accepted_at: Cell<u64>,
    /// Whether anything was ever accepted, even that it has not grown.
    is_known: Cell<bool>,
    /// Whether it was ever asked, of what something else keeps.
    begun: Cell<bool>,
    asked: Cell<u64>,
    /// Which of the report's questions it was, from 1; 0 for none.
    mark: Cell<u64>,
    histograms: RefCell<Option<Box<Histograms>>>,
    /// Times and values of reports, the earliest first: as many as a rate over the window takes.
    seen: RefCell<VecDeque<(Duration, u64)>>,
}

/// How many values are kept in a window; more of them would say nothing new.
const VALUES_IN_WINDOW: u32 = 12;

/// Over less time a rate would say more about when the first report came.
const LEAST_SPAN: Duration = Duration::from_secs(1);

/// Both keep their memory from one report to the next.
#[derive(Default)]
struct Histograms {
    accepted: Option<HistogramSnapshot>,
    asked: HistogramSnapshot,
}

impl Account {
    /// Whether the backend has accepted a difference of it.
    pub(crate) fn is_known(&self) -> bool {
        self.is_known.get()
    }

    /// The time of the last report of which anything was accepted, since the Unix epoch.
    pub(crate) fn accepted_at(&self) -> Option<Duration> {
        self.is_known().then(|| Duration::from_nanos(self.accepted_at.get()))
    }

    /// What a sum has grown by. One that something else keeps has begun anew if it is less than before, and what it has counted
    /// before it had a metric did not happen now.
    pub(crate) fn ask(&self, mark: u64, value: u64, storage: Storage) -> u64 {
        self.mark.set(mark);
        self.asked.set(value);
        if storage == Storage::Collected && !self.begun.replace(true) {
            self.accepted.set(value);
        }
        let accepted = self.accepted.get();
        if storage.is_kept_elsewhere() && value < accepted { value } else { value.wrapping_sub(accepted) }
    }

    /// Writes what was recorded since.
    pub(crate) fn ask_histogram(&self, mark: u64, snapshot: &HistogramSnapshot, out: &mut HistogramSnapshot) {
        self.mark.set(mark);
        let mut histograms = self.histograms.borrow_mut();
        let histograms = histograms.get_or_insert_default();
        histograms.asked.copy_from(snapshot);
        out.copy_from(snapshot);
        if let Some(accepted) = &histograms.accepted {
            out.subtract(accepted);
        }
    }

    /// The growth of a sum a second, over the window or a little more; over its life while that is shorter. It comes
    /// from values that were really seen, at times that they were really seen at, so it is right from the start and
    /// whatever the pace of reports. Nothing before there are two.
    pub(crate) fn rate(
        &self,
        now: Duration,
        value: u64,
        start: Option<(Duration, u64)>,
        window: Duration,
    ) -> Option<f64> {
        let mut seen = self.seen.borrow_mut();
        if seen.back().is_some_and(|(_, last)| *last > value) {
            // It began anew.
            seen.clear();
        } else if seen.is_empty() {
            seen.extend(start.filter(|(start, _)| now.saturating_sub(*start) <= window));
        }
        // The newest that is as old as the window is the one to compare with.
        while seen.get(1).is_some_and(|(at, _)| now.saturating_sub(*at) >= window) {
            seen.pop_front();
        }
        let rate = seen
            .front()
            .filter(|(at, _)| now.saturating_sub(*at) >= LEAST_SPAN.min(window))
            .map(|(at, earlier)| value.wrapping_sub(*earlier) as f64 / (now - *at).as_secs_f64());
        let step = window / VALUES_IN_WINDOW;
        if seen.back().is_none_or(|(at, _)| now.saturating_sub(*at) >= step.max(Duration::from_nanos(1))) {
            seen.push_back((now, value));
        }
        rate
    }

    /// Notes what a sum was at a time, if nothing was seen of it before.
    pub(super) fn note_seen(&self, at: Duration, value: u64) {
        let mut seen = self.seen.borrow_mut();
        if seen.is_empty() {
            seen.push_back((at, value));
        }
    }

    /// Ends a report of a time of which a part was accepted.
    fn settle(&self, accepted: &Accepted, at: u64) {
        let mark = self.mark.replace(0);
        if !accepted.contains(mark) {
            return;
        }
        self.is_known.set(true);
        self.accepted_at.set(at);
        match &mut *self.histograms.borrow_mut() {
            Some(histograms) => {
                let accepted = histograms.accepted.get_or_insert_default();
                std::mem::swap(accepted, &mut histograms.asked);
            }
            None => self.accepted.set(self.asked.get()),
        }
    }

    /// Goes on from the account of the series before. What both have accepted adds up, as their values do.
    pub(super) fn take_over(&self, from: &Self) {
        self.accepted.set(self.accepted.get().wrapping_add(from.accepted.get()));
        self.begun.set(self.begun.get() || from.begun.get());
        self.is_known.set(self.is_known.get() || from.is_known.get());
        // Differences of one series follow one another, so what it has recorded while it waited counts as of after that.
        self.accepted_at.set(self.accepted_at.get().max(from.accepted_at.get()));
        let theirs = from.histograms.take();
        match (&mut *self.histograms.borrow_mut(), theirs) {
            (_, None) => {}
            (mine @ None, theirs) => *mine = theirs,
            (Some(mine), Some(theirs)) => match (&mut mine.accepted, theirs.accepted) {
                (Some(mine), Some(theirs)) => mine.merge(&theirs),
                (mine, theirs) => *mine = mine.take().or(theirs),
            },
        }
        // Rates are of values that add up as well, so what was seen of only one of them is no use to both.
        let theirs = from.seen.take();
        let mut mine = self.seen.borrow_mut();
        *mine = if mine.is_empty() { theirs } else { VecDeque::new() };
    }
}

impl Index {
    /// Ends a report of a time, since the Unix epoch, of which a part was accepted.
    pub(crate) fn settle_accounts(&self, accepted: &Accepted, at: Duration) {
        if self.traits.accounts {
            let at = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
            let books =
                self.sets.values().flat_map(|set| &set.entries).filter_map(|entry| entry.book.as_ref());
            books.flat_map(|book| book.accounts()).for_each(|account| account.settle(accepted, at));
        }
    }
}

impl Entry {
    /// The account of a member, where the reporter wants differences or rates.
    pub(crate) fn account(&self, member: usize) -> Option<&Account> {
        self.book.as_ref()?.accounts().get(member)
    }
}

//! What a backend has of each series, for reporters that send differences.

use std::cell::{Cell, RefCell};

use super::Index;
use super::book::Entry;
use crate::HistogramSnapshot;

/// The account of one series: what the backend has accepted so far, and what the report that is being made has asked for.
///
/// A difference is taken from what was accepted, and what is asked for becomes accepted when the report succeeds or
/// acknowledges it. So a report that fails, or a reporter that is restarted, loses nothing and sends nothing twice.
#[derive(Default)]
pub(crate) struct Account {
    accepted: Cell<u64>,
    asked: Cell<u64>,
    /// Which of the report's questions it was, from 1; 0 for none.
    mark: Cell<u64>,
    histograms: RefCell<Option<Box<Histograms>>>,
}

#[derive(Default)]
struct Histograms {
    accepted: Option<HistogramSnapshot>,
    asked: Option<HistogramSnapshot>,
}

impl Account {
    /// What a sum has grown by. One that `may_restart` has done so if it is less than before.
    pub(crate) fn ask(&self, mark: u64, value: u64, may_restart: bool) -> u64 {
        self.mark.set(mark);
        self.asked.set(value);
        let accepted = self.accepted.get();
        if may_restart && value < accepted { value } else { value.wrapping_sub(accepted) }
    }

    /// What was recorded since.
    pub(crate) fn ask_histogram(&self, mark: u64, snapshot: &HistogramSnapshot) -> HistogramSnapshot {
        self.mark.set(mark);
        let mut histograms = self.histograms.borrow_mut();
        let histograms = histograms.get_or_insert_default();
        histograms.asked = Some(snapshot.clone());
        let mut difference = snapshot.clone();
        if let Some(accepted) = &histograms.accepted {
            difference.subtract(accepted);
        }
        difference
    }

    /// Ends a report of which what was asked up to a mark was accepted.
    fn settle(&self, accepted: u64) {
        let mark = self.mark.replace(0);
        let is_accepted = mark > 0 && mark <= accepted;
        if let Some(histograms) = &mut *self.histograms.borrow_mut() {
            let asked = histograms.asked.take();
            if is_accepted {
                histograms.accepted = asked;
            }
        } else if is_accepted {
            self.accepted.set(self.asked.get());
        }
    }

    /// Goes on from the account of the series before.
    pub(super) fn take_over(&self, from: &Self) {
        self.accepted.set(from.accepted.get());
        self.histograms.replace(from.histograms.take());
    }
}

impl Index {
    /// Ends a report of which what was asked up to a mark was accepted.
    pub(crate) fn settle_accounts(&self, accepted: u64) {
        if self.deltas {
            let books =
                self.sets.values().flat_map(|set| &set.entries).filter_map(|entry| entry.book.as_ref());
            books.flat_map(|book| book.accounts()).for_each(|account| account.settle(accepted));
        }
    }
}

impl Entry {
    /// The account of a member, where the reporter wants differences.
    pub(crate) fn account(&self, member: usize) -> Option<&Account> {
        self.book.as_ref()?.accounts().get(member)
    }
}

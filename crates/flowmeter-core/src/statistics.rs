//! What a registry counts of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tracing::warn;

use crate::Error;
use crate::block::Block;
use crate::self_metrics::Tally;

/// What a registry refused, withheld or lost since it began. All zero is healthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Registrations of metrics or groups that were refused; their handles work but nobody sees their values.
    pub refused_registrations: u64,
    /// Series whose final values a reporter never read, because too many were waiting for it or for too long.
    pub dropped_unread_series: u64,
    /// Series, or families of them, that a reporter withheld because another renders to the same identity.
    pub clashes: u64,
    /// Series that a reporter withheld, for a time at least, because it had as many as it takes.
    pub limited_series: u64,
    /// Callbacks that panicked.
    pub callback_panics: u64,
    /// Callbacks that did not return in time, so that reports went out with their last values.
    pub callback_timeouts: u64,
    /// Spans and events that were cut, because they were larger than they can be.
    pub cut_milestones: u64,
}

/// The same while it counts.
#[derive(Default)]
pub(crate) struct Counts {
    refused_registrations: Tally,
    dropped_unread_series: Tally,
    clashes: Tally,
    limited_series: Tally,
    callback_panics: Tally,
    callback_timeouts: Tally,
    cut_milestones: Tally,
    /// Whether it was said that one was cut.
    has_said_cut: AtomicBool,
}

impl Counts {
    /// All of them, in the order of [`Statistics`].
    pub(crate) fn tallies(&self) -> [&Tally; 7] {
        [
            &self.refused_registrations,
            &self.dropped_unread_series,
            &self.clashes,
            &self.limited_series,
            &self.callback_panics,
            &self.callback_timeouts,
            &self.cut_milestones,
        ]
    }

    pub(crate) fn snapshot(&self) -> Statistics {
        Statistics {
            refused_registrations: self.refused_registrations.get(),
            dropped_unread_series: self.dropped_unread_series.get(),
            clashes: self.clashes.get(),
            limited_series: self.limited_series.get(),
            callback_panics: self.callback_panics.get(),
            callback_timeouts: self.callback_timeouts.get(),
            cut_milestones: self.cut_milestones.get(),
        }
    }

    pub(crate) fn refused(&self, error: &Error) {
        self.refused_registrations.add(1);
        // Names and variables may be what a request said, and one line is to stay one.
        let error = error.to_string();
        warn!("{}; its values will not be reported", error.escape_debug());
    }

    /// Counts the series of blocks that go before a reporter read them, and names where they came from.
    pub(crate) fn dropped_unread(&self, blocks: &[Arc<Block>]) {
        let series: usize = blocks.iter().map(|block| block.set.members.len()).sum();
        let example = blocks.first().map(|block| block.node().identifier());
        self.dropped_unread_series(series, example.as_deref());
    }

    /// The same, with one of the groups that had them.
    pub(crate) fn dropped_unread_series(&self, series: usize, group: Option<&str>) {
        if series > 0 {
            self.dropped_unread_quietly(series);
            let group = group.unwrap_or_default();
            warn!(series, group, "dropped series of closed groups that a reporter has not read in time");
        }
    }

    pub(crate) fn dropped_unread_quietly(&self, series: usize) {
        self.dropped_unread_series.add(series as u64);
    }

    pub(crate) fn clash(&self) {
        self.clashes.add(1);
    }

    pub(crate) fn limited(&self, series: usize) {
        self.limited_series.add(series as u64);
    }

    pub(crate) fn callback_panic(&self) {
        self.callback_panics.add(1);
    }

    pub(crate) fn callback_timeout(&self) {
        self.callback_timeouts.add(1);
    }

    /// Counts a span or an event that is not as it was given, and names the first.
    pub(crate) fn cut_milestone(&self, scope: &str, name: &str) {
        self.cut_milestones.add(1);
        if !self.has_said_cut.swap(true, Relaxed) {
            warn!(scope, name, "cut a span or an event that is larger than it can be; others are counted");
        }
    }
}

//! How the time between two reports is shared.

use std::time::{Duration, Instant};

/// The time that a report may take in all, which it shares with the spans and events that go out before it, so that both
/// together are done before the next is due.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    whole: Duration,
    /// What spans and events took since the last report.
    spent: Duration,
}

impl Share {
    pub(crate) fn of(whole: Duration) -> Self {
        Self { whole, spent: Duration::ZERO }
    }

    /// How long a batch of spans and events may take: half of the time, less what others have had, and never nothing, because it
    /// may be the last.
    pub(crate) fn for_milestones(&self) -> Duration {
        (self.whole / 2).saturating_sub(self.spent).max(self.whole / 8)
    }

    /// How long a report may take. However much went to others, it has three eighths.
    pub(crate) fn for_report(&self) -> Duration {
        self.whole.saturating_sub(self.spent).max(self.whole * 3 / 8)
    }

    /// Notes when a batch of spans and events began that has ended.
    pub(crate) fn spend_since(&mut self, begun: Instant) {
        self.spent = self.spent.saturating_add(begun.elapsed());
    }

    /// Notes that a report has ended.
    pub(crate) fn begin_anew(&mut self) {
        self.spent = Duration::ZERO;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_batches_and_a_report_take_no_more_than_the_whole() {
        let whole = Duration::from_millis(800);
        for before in [0, 50, 100, 250, 400, 100_000] {
            let mut share = Share { whole, spent: Duration::from_millis(before) };
            let mut taken = Duration::ZERO;
            for _ in 0..2 {
                let batch = share.for_milestones();
                assert!(batch >= whole / 8);
                (taken, share.spent) = (taken + batch, share.spent + batch);
            }
            assert!(share.for_report() >= whole * 3 / 8);
            assert!(taken + share.for_report() <= whole, "{before}");
            share.begin_anew();
            assert_eq!(share.for_report(), whole);
        }
    }
}

//! How fast a report goes out.

use std::time::{Duration, Instant};

/// Spreads a report over some time, by how many bytes the last one had: a burst would overrun the receiver's buffer, and what is
/// too much for that is lost.
pub(crate) struct Pace {
    spread: Duration,
    /// How many bytes the last report had.
    expected: u64,
    begun: Instant,
    sent: u64,
}

/// So many bytes go out at once: the half of what receivers on Linux have room for unless told otherwise, where a packet of
/// 1432 bytes takes 2304.
const BURST: u64 = 64 * 1024;

/// How fast the first report goes out, of which nothing is known, and what others have more than the one before: so many bytes
/// a second, which Etsy's StatsD reads on half a processor.
const FIRST_RATE: u64 = 2 * 1024 * 1024;

impl Pace {
    pub(crate) fn new(spread: Duration) -> Self {
        Self { spread, expected: 0, begun: Instant::now(), sent: 0 }
    }

    /// Begins a report.
    pub(crate) fn begin(&mut self, now: Instant) {
        (self.begun, self.sent) = (now, 0);
    }

    /// Ends a report, of which all was sent or not.
    pub(crate) fn end(&mut self, is_complete: bool) {
        self.expected = if is_complete { self.sent } else { self.expected.max(self.sent) };
    }

    /// Notes bytes that are to go out, and returns how long to wait until there is room for them.
    pub(crate) fn pause_before(&mut self, bytes: u64, now: Instant) -> Duration {
        self.sent += bytes;
        let ahead = self.sent.saturating_sub(BURST);
        let expected = self.expected.saturating_sub(BURST);
        if self.spread.is_zero() || ahead == 0 {
            return Duration::ZERO;
        }
        let share = if expected == 0 { 0.0 } else { ahead.min(expected) as f64 / expected as f64 };
        let unexpected = ahead.saturating_sub(expected) as f64 / FIRST_RATE as f64;
        let due = self.spread.mul_f64(share) + Duration::from_secs_f64(unexpected);
        due.saturating_sub(now.saturating_duration_since(self.begun))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_spread_as_the_last_one_was_long() {
        let begun = Instant::now();
        let mut pace = Pace::new(Duration::from_secs(1));
        pace.expected = BURST + 1000;
        pace.begin(begun);
        assert_eq!(pace.pause_before(BURST, begun), Duration::ZERO);
        assert_eq!(pace.pause_before(500, begun), Duration::from_millis(500));
        assert_eq!(pace.pause_before(0, begun + Duration::from_millis(400)), Duration::from_millis(100));
        assert_eq!(pace.pause_before(250, begun + Duration::from_secs(1)), Duration::ZERO);
        let longer = Duration::from_secs_f64(1.0 + 99_500.0 / FIRST_RATE as f64);
        assert_eq!(pace.pause_before(99_750, begun), longer, "which is no burst either");
        pace.end(true);
        assert_eq!(pace.expected, BURST + 100_500);
    }

    #[test]
    fn small_reports_and_those_that_need_no_spreading_go_out_at_once() {
        let begun = Instant::now();
        let mut pace = Pace::new(Duration::from_secs(1));
        pace.expected = BURST / 2;
        pace.begin(begun);
        assert_eq!(pace.pause_before(BURST / 2, begun), Duration::ZERO);
        assert_ne!(pace.pause_before(BURST, begun), Duration::ZERO, "it is not small any more");
        let mut pace = Pace::new(Duration::ZERO);
        pace.begin(begun);
        assert_eq!(pace.pause_before(u64::from(u32::MAX), begun), Duration::ZERO);
    }

    #[test]
    fn a_report_that_breaks_off_says_less_of_the_next() {
        let mut pace = Pace::new(Duration::from_secs(1));
        pace.expected = 1000;
        pace.pause_before(10, Instant::now());
        pace.end(false);
        assert_eq!(pace.expected, 1000);
    }
}

//! What passed within the last seconds, of sums that only grow.

use std::time::Duration;

/// The shortest time over which something is worked out, but at the very beginning: that of Flink's gauges of time by second.
const SPAN: Duration = Duration::from_secs(5);

/// The time over which the sums of a set of gauges are compared. Several reporters may ask at any pace: the window
/// moves on when it is full, and until then what it held before stands.
#[derive(Debug)]
pub(crate) struct Window {
    began: Duration,
    is_first: bool,
}

/// What a look at the window's clock says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Turn {
    /// It is not full, so what was worked out last still holds.
    Wait,
    /// So much time has passed, over which things are to be worked out; and from now on another window begins, or does
    /// not yet since this is only the beginning of the first.
    Show { passed: Duration, ends: bool },
}

impl Window {
    pub(crate) fn new(now: Duration) -> Self {
        Self { began: now, is_first: true }
    }

    pub(crate) fn turn(&mut self, now: Duration) -> Turn {
        let passed = now.saturating_sub(self.began);
        let ends = passed >= SPAN;
        if passed.is_zero() || !(ends || self.is_first) {
            return Turn::Wait;
        }
        if ends {
            self.began = now;
            self.is_first = false;
        }
        Turn::Show { passed, ends }
    }
}

/// The share of a time that a sum of nanoseconds had, in milliseconds a second.
///
/// What was measured elsewhere may come late, and then more than there is at once: the rest is left for the next
/// window, but not for further ones, which it has nothing to do with.
#[derive(Debug, Default)]
pub(crate) struct Share {
    /// Up to where the sum was shown.
    shown: u64,
}

impl Share {
    pub(crate) fn of(&mut self, sum: u64, passed: Duration, ends: bool) -> f64 {
        let passed = crate::state_times::nanoseconds(passed);
        let part = sum.saturating_sub(self.shown).min(passed);
        if ends {
            self.shown = (self.shown + part).max(sum.saturating_sub(passed));
        }
        part as f64 * 1000.0 / passed as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_window_moves_on_when_it_is_full() {
        let mut window = Window::new(seconds(100));
        let show = |passed, ends| Turn::Show { passed: seconds(passed), ends };
        let turns: Vec<_> = [100, 102, 104, 106, 108, 111, 112, 131]
            .map(|now| window.turn(seconds(now)))
            .into_iter()
            .collect();
        let expected = [
            Turn::Wait,
            show(2, false),
            show(4, false),
            show(6, true),
            Turn::Wait,
            show(5, true),
            Turn::Wait,
            show(20, true),
        ];
        assert_eq!(turns, expected);
    }

    #[test]
    fn what_comes_late_is_left_for_the_next_window() {
        let mut share = Share::default();
        let second = 1_000_000_000;
        assert_eq!(share.of(second, seconds(4), false), 250.0);
        assert_eq!(share.of(3 * second, seconds(6), true), 500.0);
        assert_eq!(share.of(15 * second, seconds(10), true), 1000.0, "12 s of 10");
        assert_eq!(share.of(15 * second, seconds(10), true), 200.0, "the other 2");
        assert_eq!(share.of(15 * second, seconds(10), true), 0.0);
        assert_eq!(share.of(3_615 * second, seconds(10), true), 1000.0, "an hour");
        assert_eq!(share.of(3_615 * second, seconds(10), true), 1000.0);
        assert_eq!(share.of(3_615 * second, seconds(10), true), 0.0, "and no longer");
    }
}

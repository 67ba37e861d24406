//! What the monotonic clock's zero is since the Unix epoch, which is another whenever the wall clock is set.

use std::sync::Arc;
use std::time::Duration;

/// By how much both clocks may drift apart: setting a clock moves it further, keeping it right does not.
const LEAST_STEP: Duration = Duration::from_secs(1);

/// How many times are told apart that the wall clock was set. Beyond that, what began before the first of them counts as begun
/// after it.
const LIMIT: usize = 64;

const INSTANT: Duration = Duration::from_nanos(1);

/// Translates the times at which series began. Each keeps the epoch that it was first shown with, so that its start is the same in
/// every report, however the wall clock moves; but no start is left in the future.
#[derive(Clone)]
pub(crate) struct Epochs(Arc<[Epoch]>);

#[derive(Clone, Copy)]
struct Epoch {
    /// The first monotonic time that it is about.
    from: Duration,
    /// What zero is since the Unix epoch.
    zero: Duration,
}

impl Epochs {
    /// What a monotonic time is since the Unix epoch.
    #[inline]
    pub(crate) fn unix(&self, monotonic: Duration) -> Duration {
        let epoch = match &*self.0 {
            [only] => Some(only),
            all => all.iter().rfind(|epoch| epoch.from <= monotonic),
        };
        epoch.map_or(Duration::ZERO, |epoch| epoch.zero) + monotonic
    }
}

/// Notices that the wall clock was set.
pub(crate) struct Wall {
    epochs: Epochs,
    /// When it was looked at last, on the monotonic clock: what began before that may have been shown.
    looked: Duration,
}

impl Wall {
    pub(crate) fn new(monotonic: Duration, unix: Duration) -> Self {
        let first = Epoch { from: Duration::ZERO, zero: unix.saturating_sub(monotonic) };
        Self { epochs: Epochs([first].into()), looked: monotonic }
    }

    /// Looks at both clocks, for a report.
    pub(crate) fn look(&mut self, monotonic: Duration, unix: Duration) -> Epochs {
        let zero = unix.saturating_sub(monotonic);
        let is_set = |epoch: &Epoch| epoch.zero.abs_diff(zero) > LEAST_STEP;
        if self.epochs.0.last().is_none_or(is_set) {
            self.begin(zero, unix);
        }
        self.looked = self.looked.max(monotonic);
        self.epochs.clone()
    }

    /// Begins an epoch with what nobody has seen yet, and with what would have begun later than now by the one before.
    fn begin(&mut self, zero: Duration, unix: Duration) {
        let mut epochs = self.epochs.0.to_vec();
        let mut from = self.looked + INSTANT;
        while let Some(last) = epochs.last() {
            let future = unix.checked_sub(last.zero).map_or(Duration::ZERO, |now| now + INSTANT);
            // Those before it have a future of their own.
            from = from.min(future.max(last.from));
            if last.from < from {
                break;
            }
            epochs.pop();
        }
        epochs.push(Epoch { from, zero });
        if epochs.len() > LIMIT {
            epochs.remove(0);
            epochs[0].from = Duration::ZERO;
        }
        self.epochs = Epochs(epochs.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What times are, by the epochs.
    fn starts<const N: usize>(epochs: &Epochs, times: [u64; N]) -> [u64; N] {
        times.map(|time| epochs.unix(s(time)).as_secs())
    }

    #[test]
    fn what_drifts_changes_nothing() {
        let mut wall = Wall::new(s(0), s(1000));
        for (monotonic, unix) in [(10, 1011), (20, 1019), (30, 1030)] {
            assert_eq!(starts(&wall.look(s(monotonic), s(unix)), [5, 15]), [1005, 1015]);
        }
    }

    #[test]
    fn a_step_forward_is_for_what_was_not_seen_before() {
        let mut wall = Wall::new(s(0), s(0));
        assert_eq!(starts(&wall.look(s(10), s(10)), [10]), [10]);
        for now in [20, 30] {
            assert_eq!(starts(&wall.look(s(now), s(5000 + now)), [0, 10, 11, 20]), [0, 10, 5011, 5020]);
        }
    }

    #[test]
    fn a_step_forth_and_back_moves_nothing_that_was_seen_before() {
        let mut wall = Wall::new(s(0), s(1000));
        wall.look(s(10), s(1010));
        wall.look(s(20), s(5020));
        assert_eq!(starts(&wall.look(s(30), s(1027)), [5, 10]), [1005, 1010]);
    }

    #[test]
    fn a_step_back_leaves_no_start_in_the_future_and_moves_none_twice() {
        let mut wall = Wall::new(s(0), s(1000));
        wall.look(s(100), s(1100));
        // By an hour and a bit, and then by so little that most began before.
        for now in [110, 120] {
            assert_eq!(starts(&wall.look(s(now), s(500 + now)), [0, 50, 105]), [500, 550, 605]);
        }
        for now in [130, 140] {
            let epochs = wall.look(s(now), s(480 + now));
            assert_eq!(starts(&epochs, [0, 110, 115, 130]), [500, 610, 595, 610]);
        }
    }

    #[test]
    fn a_clock_that_is_set_all_the_time_takes_no_more_memory() {
        let mut wall = Wall::new(s(0), s(0));
        for step in 1..1000 {
            wall.look(s(step), s(step * 100));
        }
        let epochs = wall.look(s(1000), s(100_000));
        assert_eq!(epochs.0.len(), LIMIT);
        assert_eq!(starts(&epochs, [1000]), [100_000]);
    }
}

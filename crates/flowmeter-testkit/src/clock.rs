//! A clock for tests.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use flowmeter_core::Clock;

/// A clock that moves only when told. It begins at 0, which is 1,700,000,000 s after the Unix epoch.
#[derive(Debug, Default)]
pub struct MockClock {
    monotonic: AtomicU64,
    /// How far the wall clock was set forward, in nanoseconds.
    ahead: AtomicI64,
}

/// What the monotonic clock's zero is since the Unix epoch, until the wall clock is set.
const EPOCH: Duration = Duration::from_secs(1_700_000_000);

impl MockClock {
    /// Sets the wall clock alone, to a time since the Unix epoch of less than two centuries.
    pub fn set_unix(&self, unix: Duration) {
        let nanoseconds = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let ahead = nanoseconds(unix).saturating_sub(nanoseconds(EPOCH + self.monotonic()));
        self.ahead.store(ahead, Ordering::Relaxed);
    }

    /// Moves on, by five centuries in all at most.
    pub fn advance(&self, by: Duration) {
        let nanoseconds = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.monotonic.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

impl Clock for MockClock {
    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.monotonic.load(Ordering::Relaxed))
    }

    fn unix(&self) -> Duration {
        let unset = EPOCH + self.monotonic();
        let ahead = self.ahead.load(Ordering::Relaxed);
        let by = Duration::from_nanos(ahead.unsigned_abs());
        if ahead < 0 { unset.saturating_sub(by) } else { unset + by }
    }
}

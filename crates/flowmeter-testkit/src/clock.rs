//! A clock for tests.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use flowmeter_core::Clock;

/// A clock that moves only when told. It begins at 0, which is 1,700,000,000 s after the Unix epoch.
#[derive(Debug, Default)]
pub struct MockClock(AtomicU64);

impl MockClock {
    /// Moves on, by five centuries in all at most.
    pub fn advance(&self, by: Duration) {
        let nanoseconds = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

impl Clock for MockClock {
    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn unix(&self) -> Duration {
        Duration::from_secs(1_700_000_000) + self.monotonic()
    }
}

//! When a group's values are final.
//!
//! A group closes once, but its handles may still be recording: in another thread, in a destructor, in a buffer that
//! is being flushed. Its values are final when it is closed **and** no handle is left, or when a grace time has
//! passed since. The counts below decide it, and carry the memory ordering that makes "final" mean "complete": a
//! handle's last release happens before a reporter sees none left.

use std::time::Duration;

use crate::sync::{AtomicU64, Ordering};

/// The life of one group: open, closed since a time, and how many handles to its cells exist.
pub(crate) struct Lifecycle {
    /// Monotonic nanoseconds plus one; 0 while open.
    closed: AtomicU64,
    handles: AtomicU64,
}

impl Lifecycle {
    pub(crate) fn open() -> Self {
        Self { closed: AtomicU64::new(0), handles: AtomicU64::new(0) }
    }

    /// Closes; only the first call counts. Returns whether this was it.
    pub(crate) fn close(&self, now: Duration) -> bool {
        let stamp = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX - 1) + 1;
        self.closed.compare_exchange(0, stamp, Ordering::Release, Ordering::Relaxed).is_ok()
    }

    pub(crate) fn closed_at(&self) -> Option<Duration> {
        match self.closed.load(Ordering::Acquire) {
            0 => None,
            stamp => Some(Duration::from_nanos(stamp - 1)),
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire) != 0
    }

    /// Counts `n` new handles. Relaxed, as for any reference count: whoever makes a handle can already see the cells.
    pub(crate) fn add_handles(&self, n: u64) {
        self.handles.fetch_add(n, Ordering::Relaxed);
    }

    /// Counts `n` handles as dropped. Release: what they recorded happens before a reader sees them gone.
    pub(crate) fn drop_handles(&self, n: u64) {
        self.handles.fetch_sub(n, Ordering::Release);
    }

    /// Whether everything that will ever be recorded can be read now, or the time to wait for it is over.
    pub(crate) fn is_final(&self, now: Duration, grace: Duration) -> bool {
        let Some(closed) = self.closed_at() else { return false };
        self.handles.load(Ordering::Acquire) == 0 || now.saturating_sub(closed) >= grace
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(1);

    #[test]
    fn an_open_group_is_never_final() {
        let life = Lifecycle::open();
        assert!(!life.is_final(Duration::from_secs(100), GRACE));
    }

    #[test]
    fn a_closed_group_waits_for_its_handles_or_the_grace_time() {
        let life = Lifecycle::open();
        life.add_handles(2);
        assert!(life.close(Duration::from_secs(5)));
        assert!(!life.close(Duration::from_secs(9)), "closes once");
        assert_eq!(life.closed_at(), Some(Duration::from_secs(5)));
        assert!(!life.is_final(Duration::from_millis(5_999), GRACE));
        assert!(life.is_final(Duration::from_secs(6), GRACE), "the grace time is over");
        life.drop_handles(2);
        assert!(life.is_final(Duration::from_secs(5), GRACE), "no handle is left");
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use loom::sync::Arc;
    use loom::sync::atomic::AtomicU64 as Word;

    /// A task records and drops its handle, an owner closes, a reporter looks: if it takes the values for final
    /// although no grace time has passed, it must see all that was recorded.
    #[test]
    fn final_means_complete() {
        loom::model(|| {
            let shared = Arc::new((Lifecycle::open(), Word::new(0)));
            shared.0.add_handles(1);
            let task = {
                let shared = Arc::clone(&shared);
                loom::thread::spawn(move || {
                    for _ in 0..2 {
                        let seen = shared.1.load(Ordering::Relaxed);
                        shared.1.store(seen + 1, Ordering::Relaxed);
                    }
                    shared.0.drop_handles(1);
                })
            };
            let owner = {
                let shared = Arc::clone(&shared);
                loom::thread::spawn(move || shared.0.close(Duration::from_secs(1)))
            };
            if shared.0.is_final(Duration::from_secs(1), Duration::from_secs(9)) {
                assert_eq!(shared.1.load(Ordering::Relaxed), 2);
            }
            task.join().unwrap();
            owner.join().unwrap();
            assert!(shared.0.is_final(Duration::from_secs(1), Duration::from_secs(9)));
        });
    }
}

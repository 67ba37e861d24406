//! jemalloc's statistics.

use tikv_jemalloc_ctl::{epoch, stats};

use crate::{AllocatorReading, AllocatorStatistics};

/// What jemalloc tells of itself: what is used, and what it has from the operating system.
///
/// For programs whose global allocator is that of the crate `tikv-jemallocator`, or what it is of.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct JemallocStatistics;

impl JemallocStatistics {
    /// Of the jemalloc in this program.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl AllocatorStatistics for JemallocStatistics {
    fn read(&mut self) -> AllocatorReading {
        let reading = AllocatorReading::default();
        // It has statistics as of the last epoch. An error: it was built without them.
        let _ = epoch::advance();
        let reading = stats::allocated::read().map_or(reading, |bytes| reading.with_used(bytes as u64));
        // Pages that are in RAM, with those of its own data.
        stats::resident::read().map_or(reading, |bytes| reading.with_committed(bytes as u64))
    }
}

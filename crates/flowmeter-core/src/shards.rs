//! Words that several threads add to: one padded cell for each of a few threads.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::available_parallelism;

/// One thread's share. 128 bytes, because the adjacent-line prefetcher of current x86-64 cores makes pairs of
/// 64-byte lines travel together.
#[repr(align(128))]
#[derive(Default)]
struct Shard(AtomicU64);

/// A sum that many threads add to, spread over as many lines as a busy machine has use for.
///
/// Signed sums use it as well: addition wraps, so the shards of an `i64` add up to it in two's complement.
pub(crate) struct Shards(Box<[Shard]>);

impl Shards {
    pub(crate) fn new() -> Self {
        Self((0..shard_count()).map(|_| Shard::default()).collect())
    }

    #[inline]
    pub(crate) fn add(&self, n: u64) {
        // The length is a power of two, which the compiler cannot know: `get` instead of an index keeps the panic
        // path out of the caller.
        if let Some(shard) = self.0.get(thread_index() & (self.0.len() - 1)) {
            shard.0.fetch_add(n, Relaxed);
        }
    }

    /// The wrapping sum, each shard read once.
    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().fold(0, |sum, shard| sum.wrapping_add(shard.0.load(Relaxed)))
    }
}

/// Twice the hardware threads, so that two of them seldom meet on one shard.
pub(crate) fn shard_count() -> usize {
    static COUNT: OnceLock<usize> = OnceLock::new();
    *COUNT.get_or_init(|| {
        let threads = available_parallelism().map_or(4, usize::from);
        (2 * threads).next_power_of_two().clamp(4, 64)
    })
}

/// A small number that no other living thread has, as long as there are few: those of ended threads are handed out
/// again, the smallest first.
#[inline]
pub(crate) fn thread_index() -> usize {
    struct Index(usize);

    impl Drop for Index {
        fn drop(&mut self) {
            FREE.lock().unwrap_or_else(PoisonError::into_inner).push(Reverse(self.0));
        }
    }

    static FREE: Mutex<BinaryHeap<Reverse<usize>>> = Mutex::new(BinaryHeap::new());
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static INDEX: Index = {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Index(free.map_or_else(|| NEXT.fetch_add(1, Relaxed), |Reverse(index)| index))
    });
    // A destructor of another thread-local may record after this one is gone: any shard will do then.
    INDEX.try_with(|index| index.0).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_end_leave_their_numbers_to_others() {
        let most = (0..1_000).map(|_| std::thread::spawn(thread_index).join().unwrap()).max().unwrap();
        assert!(most < 500, "{most}");
    }

    #[test]
    fn no_addition_is_lost_and_signed_sums_wrap() {
        let shards = Shards::new();
        assert!(shards.0.len().is_power_of_two());
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        shards.add(3);
                    }
                    shards.add((-30_000_i64).cast_unsigned());
                });
            }
        });
        assert_eq!(shards.sum(), 0);
    }
}

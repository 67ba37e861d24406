//! Sums that several threads add to: one padded cell for each of a few threads, and one for each known writer.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::marker::PhantomData;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex as StaticMutex, OnceLock, PoisonError};
use std::thread::available_parallelism;

use crate::one_writer::OneWriter;
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering::Relaxed};

/// One thread's share. 128 bytes, because the adjacent-line prefetcher of current x86-64 cores makes pairs of
/// 64-byte lines travel together.
#[repr(align(128))]
#[derive(Default)]
struct Shard(AtomicU64);

/// A sum that many threads add to, spread over as many lines as a busy machine has use for.
///
/// Signed sums use it as well: addition wraps, so the shards of an `i64` add up to it in two's complement.
pub(crate) struct Shards {
    shards: Box<[Shard]>,
    writers: Mutex<Writers>,
}

/// The writers that have a cell of their own. Locked when one comes or goes, and to read; never to write.
#[derive(Default)]
struct Writers {
    /// What those wrote that are gone.
    base: u64,
    cells: Vec<Arc<Shard>>,
}

impl Shards {
    pub(crate) fn new() -> Self {
        let shards = (0..shard_count()).map(|_| Shard::default()).collect();
        Self { shards, writers: Mutex::default() }
    }

    #[inline]
    pub(crate) fn add(&self, n: u64) {
        // The length is a power of two, which the compiler cannot know: `get` instead of an index keeps the panic
        // path out of the caller.
        if let Some(shard) = self.shards.get(thread_index() & (self.shards.len() - 1)) {
            shard.0.fetch_add(n, Relaxed);
        }
    }

    /// The wrapping sum, each cell read once.
    pub(crate) fn sum(&self) -> u64 {
        let writers = self.writers();
        let cells = self.shards.iter().chain(writers.cells.iter().map(|cell| &**cell));
        cells.fold(writers.base, |sum, cell| sum.wrapping_add(cell.0.load(Relaxed)))
    }

    pub(crate) fn new_writer(self: &Arc<Self>) -> ShardWriter {
        let cell = Arc::new(Shard::default());
        self.writers().cells.push(Arc::clone(&cell));
        ShardWriter { cell, shards: Arc::clone(self), _one_writer: PhantomData }
    }

    fn writers(&self) -> MutexGuard<'_, Writers> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The only writer of a cell of its own, which goes into the base with it. Not `Sync`, so an addition need not be atomic.
pub(crate) struct ShardWriter {
    cell: Arc<Shard>,
    shards: Arc<Shards>,
    _one_writer: OneWriter,
}

impl ShardWriter {
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.cell.0.store(self.get().wrapping_add(n), Relaxed);
    }

    #[inline]
    pub(crate) fn get(&self) -> u64 {
        self.cell.0.load(Relaxed)
    }

    pub(crate) fn shards(&self) -> &Arc<Shards> {
        &self.shards
    }
}

impl Drop for ShardWriter {
    fn drop(&mut self) {
        // Under the lock, so that a reader finds the count either in the cell or in the base.
        let mut writers = self.shards.writers();
        writers.base = writers.base.wrapping_add(self.get());
        writers.cells.retain(|cell| !Arc::ptr_eq(cell, &self.cell));
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

    static FREE: StaticMutex<BinaryHeap<Reverse<usize>>> = StaticMutex::new(BinaryHeap::new());
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
        assert!(shards.shards.len().is_power_of_two());
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

    #[test]
    fn writers_that_come_and_go_under_a_reader_lose_nothing() {
        let shards = Arc::new(Shards::new());
        let mut seen = 0;
        std::thread::scope(|scope| {
            let writers: Vec<_> = (0..4)
                .map(|_| {
                    let shards = Arc::clone(&shards);
                    scope.spawn(move || {
                        for _ in 0..500 {
                            let writer = shards.new_writer();
                            (0..10).for_each(|_| writer.add(1));
                            shards.add(1);
                        }
                    })
                })
                .collect();
            while !writers.iter().all(std::thread::ScopedJoinHandle::is_finished) {
                let sum = shards.sum();
                assert!(sum >= seen, "{sum} after {seen}");
                seen = sum;
            }
        });
        assert_eq!(shards.sum(), 4 * 500 * 11);
        assert!(shards.writers().cells.is_empty());
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use loom::thread;

    /// One cell for threads that are not known, so that they meet.
    fn shards() -> Arc<Shards> {
        Arc::new(Shards { shards: Box::new([Shard::default()]), writers: Mutex::default() })
    }

    /// A writer adds and goes, so its cell folds into the base, while a reader looks twice: it finds each count once,
    /// in the cell or in the base, and never sees the sum go back.
    #[test]
    fn a_cell_folds_into_the_base_at_once() {
        loom::model(|| {
            let shards = shards();
            let reader = {
                let shards = Arc::clone(&shards);
                thread::spawn(move || {
                    let [first, second] = [shards.sum(), shards.sum()];
                    assert!(first <= second && second <= 2, "{second} after {first}");
                })
            };
            let writer = shards.new_writer();
            writer.add(1);
            writer.add(1);
            drop(writer);
            reader.join().unwrap();
            assert_eq!(shards.sum(), 2);
            assert!(shards.writers().cells.is_empty());
        });
    }

    /// Two threads meet on the cell of those that are not known, and lose nothing.
    #[test]
    fn threads_that_share_a_cell_lose_nothing() {
        loom::model(|| {
            let shards = shards();
            let threads = [1, 2].map(|n| {
                let shards = Arc::clone(&shards);
                thread::spawn(move || shards.add(n))
            });
            let seen = shards.sum();
            for thread in threads {
                thread.join().unwrap();
            }
            assert!(seen <= 3);
            assert_eq!(shards.sum(), 3);
        });
    }
}

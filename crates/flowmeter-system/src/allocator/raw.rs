//! Where allocators are called: the only module of the crate with `unsafe`.

#[cfg(feature = "counting-allocator")]
pub use counting::CountingAllocator;
#[cfg(feature = "mimalloc")]
pub use mimalloc::MimallocStatistics;

#[cfg(feature = "counting-allocator")]
mod counting {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::cell::Cell;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

    use crate::{AllocatorReading, AllocatorStatistics};

    /// Shards of the counts. Threads beyond share them, which is slower and as right.
    const SHARDS: usize = 32;

    /// An allocator around another that counts what it is asked for.
    ///
    /// A call costs two uncontended atomic additions. Bytes are those that were asked for, without what the
    /// allocator needs beside them. A reallocation counts as an allocation and a deallocation.
    ///
    /// ```
    /// use std::alloc::System;
    ///
    /// use flowmeter_core::Registry;
    /// use flowmeter_system::{CountingAllocator, register_allocator};
    ///
    /// #[global_allocator]
    /// static ALLOCATOR: CountingAllocator<System> = CountingAllocator::new(System);
    ///
    /// let registry = Registry::new();
    /// let task_manager = registry.task_manager("host-1", "tm-1");
    /// register_allocator(&task_manager, &ALLOCATOR);
    /// ```
    #[derive(Debug)]
    pub struct CountingAllocator<A = System> {
        allocator: A,
        shards: [Shard; SHARDS],
    }

    /// The counts of some threads, in cache lines of their own.
    #[derive(Debug)]
    #[repr(align(128))]
    struct Shard {
        allocations: AtomicU64,
        allocated: AtomicU64,
        deallocations: AtomicU64,
        freed: AtomicU64,
    }

    impl<A> CountingAllocator<A> {
        /// Counts around an allocator.
        pub const fn new(allocator: A) -> Self {
            let shards = [const {
                Shard {
                    allocations: AtomicU64::new(0),
                    allocated: AtomicU64::new(0),
                    deallocations: AtomicU64::new(0),
                    freed: AtomicU64::new(0),
                }
            }; SHARDS];
            Self { allocator, shards }
        }

        fn sum(&self, count: impl Fn(&Shard) -> &AtomicU64) -> u64 {
            self.shards.iter().fold(0, |sum, shard| sum.wrapping_add(count(shard).load(Relaxed)))
        }

        fn count_allocation(&self, bytes: usize) {
            let shard = &self.shards[own_shard()];
            shard.allocations.fetch_add(1, Relaxed);
            shard.allocated.fetch_add(bytes as u64, Relaxed);
        }

        fn count_deallocation(&self, bytes: usize) {
            let shard = &self.shards[own_shard()];
            shard.deallocations.fetch_add(1, Relaxed);
            shard.freed.fetch_add(bytes as u64, Relaxed);
        }
    }

    /// The shard of the calling thread. The cell needs neither memory nor a destructor, so it works in an allocator and
    /// until the very end of a thread.
    fn own_shard() -> usize {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        thread_local! {
            static OWN: Cell<usize> = const { Cell::new(usize::MAX) };
        }
        OWN.with(|own| {
            if own.get() == usize::MAX {
                own.set(NEXT.fetch_add(1, Relaxed) % SHARDS);
            }
            own.get()
        })
    }

    // SAFETY: all calls go to the allocator inside, which keeps the contract, with the arguments as they were; counting
    // touches no memory but its own, allocates nothing and does not unwind.
    #[allow(unsafe_code, reason = "an allocator cannot be without")]
    unsafe impl<A: GlobalAlloc> GlobalAlloc for CountingAllocator<A> {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: the caller keeps the contract of this method, which is the same there.
            let memory = unsafe { self.allocator.alloc(layout) };
            if !memory.is_null() {
                self.count_allocation(layout.size());
            }
            memory
        }

        unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
            // SAFETY: the same; this memory is from the allocator inside, because all of ours is.
            unsafe { self.allocator.dealloc(memory, layout) };
            self.count_deallocation(layout.size());
        }

        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            // SAFETY: as for `alloc`.
            let memory = unsafe { self.allocator.alloc_zeroed(layout) };
            if !memory.is_null() {
                self.count_allocation(layout.size());
            }
            memory
        }

        unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            // SAFETY: as for `dealloc`.
            let new = unsafe { self.allocator.realloc(memory, layout, size) };
            if !new.is_null() {
                self.count_deallocation(layout.size());
                self.count_allocation(size);
            }
            new
        }
    }

    impl<A: Sync> AllocatorStatistics for &'static CountingAllocator<A> {
        fn read(&mut self) -> AllocatorReading {
            // What is freed was allocated before, so in this order there is never less than nothing.
            let (deallocations, freed) = (self.sum(|s| &s.deallocations), self.sum(|s| &s.freed));
            let (allocations, allocated) = (self.sum(|s| &s.allocations), self.sum(|s| &s.allocated));
            AllocatorReading::default()
                .with_used(allocated.saturating_sub(freed))
                .with_allocated(allocated)
                .with_counts(allocations, deallocations)
        }
    }
}

#[cfg(feature = "mimalloc")]
mod mimalloc {
    use std::ptr::null_mut;

    use crate::{AllocatorReading, AllocatorStatistics};

    /// What mimalloc tells of itself: what it has from the operating system.
    ///
    /// It counts no allocations unless it is built for debugging. For what is used, put a
    /// `CountingAllocator` around it and register both as a pair.
    #[derive(Clone, Copy, Debug, Default)]
    #[non_exhaustive]
    pub struct MimallocStatistics;

    impl MimallocStatistics {
        /// Of the mimalloc in this program.
        #[must_use]
        pub const fn new() -> Self {
            Self
        }
    }

    impl AllocatorStatistics for MimallocStatistics {
        fn read(&mut self) -> AllocatorReading {
            let mut committed = 0;
            // SAFETY: each argument may be null or a place to write one value to, which `committed` is until the call
            // returns. The function is for any thread.
            #[allow(unsafe_code, reason = "mimalloc is in C")]
            unsafe {
                libmimalloc_sys::mi_process_info(
                    null_mut(),
                    null_mut(),
                    null_mut(),
                    null_mut(),
                    null_mut(),
                    &raw mut committed,
                    null_mut(),
                    null_mut(),
                );
            }
            AllocatorReading::default().with_committed(committed as u64)
        }
    }
}

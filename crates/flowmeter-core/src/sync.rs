//! What the protocols are made of that loom checks, so that it can take its place.
//!
//! A protocol has its model beside it, in a module `models`. In a model the only writer of a cell is the thread that spawns
//! the others, so that it runs first: of the threads that load a word loom remembers the last one, and a writer that loads
//! before it stores makes it forget a reader that came earlier. What that reader saw it finds all the same, as a value that
//! is stale.

#[cfg(loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence},
};
#[cfg(loom)]
pub(crate) use once::OnceLock;
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard, OnceLock,
    atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence},
};

/// An array of a constant that is made anew for each element. Loom's types have no constant constructors.
#[cfg(not(loom))]
macro_rules! array_of {
    [$element:expr; $length:expr] => { [const { $element }; $length] };
}
#[cfg(loom)]
macro_rules! array_of {
    [$element:expr; $length:expr] => { std::array::from_fn::<_, { $length }, _>(|_| $element) };
}
pub(crate) use array_of;

/// Loom has no cell that is set once. This one has the ordering of the standard library's and no more: who finds the
/// value there sees what was done before it was, and of several threads that come first one makes it.
#[cfg(loom)]
mod once {
    use super::{AtomicBool, Mutex, Ordering};

    pub(crate) struct OnceLock<T> {
        value: std::sync::OnceLock<T>,
        is_set: AtomicBool,
        making: Mutex<()>,
    }

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> Self {
            Self { value: std::sync::OnceLock::new(), is_set: AtomicBool::new(false), making: Mutex::new(()) }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            if self.is_set.load(Ordering::Acquire) { self.value.get() } else { None }
        }

        pub(crate) fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
            if let Some(value) = self.get() {
                return value;
            }
            let making = self.making.lock();
            let value = self.value.get_or_init(make);
            self.is_set.store(true, Ordering::Release);
            drop(making);
            value
        }
    }
}

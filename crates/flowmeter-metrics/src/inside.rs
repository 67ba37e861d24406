//! Keeps the bridge from crossing itself on one thread.

use std::cell::Cell;

thread_local! {
    static IS_INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// That this thread is registering for a recorder, or reporting to one.
///
/// A log line of the core is the program's code, and may count itself with a macro of the facade: that must not wait for the
/// registration that it came from. And what a reporter brings to a recorder must not come back as series to report.
pub(crate) struct Inside(());

impl Inside {
    /// Nothing if the thread is inside already.
    pub(crate) fn enter() -> Option<Self> {
        // Made only if it is to be dropped, which has an effect.
        (!IS_INSIDE.replace(true)).then(|| Self(()))
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        IS_INSIDE.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_inside_once() {
        let first = Inside::enter();
        assert!(first.is_some());
        assert!(Inside::enter().is_none() && Inside::enter().is_none());
        drop(first);
        assert!(Inside::enter().is_some());
    }
}

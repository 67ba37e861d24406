//! Answers that clients have not taken yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// How many bytes of answers there can be that clients have not taken yet, but for one that is more by itself: a small request can have
/// an answer of some megabytes, and who asks for many of them need not take any.
const MOST: usize = 256 << 20;

/// The bytes of the answers that are under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnderWay(Arc<AtomicUsize>);

/// The bytes of one of them, until it is dropped.
#[derive(Debug)]
pub(crate) struct Answer {
    all: Arc<AtomicUsize>,
    bytes: usize,
}

impl UnderWay {
    /// Whether there may be an answer of so many bytes beside the others.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let others = self.0.load(Relaxed);
        others == 0 || others.saturating_add(bytes) <= MOST
    }

    /// Counts an answer.
    pub(crate) fn begin(&self, bytes: usize) -> Answer {
        self.0.fetch_add(bytes, Relaxed);
        Answer { all: Arc::clone(&self.0), bytes }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_one_and_for_those_that_are_not_too_much_together() {
        let under_way = UnderWay::default();
        assert!(under_way.has_room(usize::MAX), "it is the only one");
        let large = under_way.begin(MOST - 10);
        assert!(under_way.has_room(10) && !under_way.has_room(11) && !under_way.has_room(usize::MAX));
        let small = under_way.begin(10);
        assert!(!under_way.has_room(1));
        drop(large);
        assert!(under_way.has_room(MOST - 10) && !under_way.has_room(MOST));
        drop(small);
        assert!(under_way.has_room(MOST + 1));
    }
}

//! What callbacks leave for reporters to read.

use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};

use crate::block::Block;
use crate::sync::{AtomicBool, AtomicU64, Ordering};

/// Whether a callback has left what it computes, in cells beside this. Who asks first and then reads the cells reads
/// nothing from before.
#[derive(Default)]
pub(crate) struct Presence(AtomicBool);

impl Presence {
    pub(crate) fn new(is_present: bool) -> Self {
        Self(AtomicBool::new(is_present))
    }

    pub(crate) fn is_present(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn set(&self, is_present: bool) {
        self.0.store(is_present, Ordering::Release);
    }
}

/// The last number of a callback.
#[derive(Default)]
pub(crate) struct Sample {
    bits: AtomicU64,
    presence: Presence,
}

impl Sample {
    pub(crate) fn set(&self, bits: u64) {
        self.bits.store(bits, Ordering::Relaxed);
        self.presence.set(true);
    }

    pub(crate) fn get(&self) -> Option<u64> {
        self.presence.is_present().then(|| self.bits.load(Ordering::Relaxed))
    }

    fn clear(&self) {
        self.presence.set(false);
    }
}

/// A text that any thread replaces and any thread reads, without waiting.
#[derive(Default)]
pub(crate) struct Text(ArcSwapOption<String>);

impl Text {
    /// One that is there from the start.
    pub(crate) fn empty() -> Self {
        Self(ArcSwapOption::from_pointee(String::new()))
    }

    pub(crate) fn set(&self, text: String) {
        self.0.store(Some(Arc::new(text)));
    }

    pub(crate) fn get(&self) -> Guard<Option<Arc<String>>> {
        self.0.load()
    }

    fn clear(&self) {
        self.0.store(None);
    }
}

/// Where a callback leaves what it computes.
#[derive(Clone)]
pub(crate) enum Output {
    Number(Arc<Sample>),
    Text(Arc<Text>),
    /// It sets the cells of a set by itself.
    Set(Arc<Block>),
}

impl Output {
    /// After the callback returned: a number or a text was put there by it.
    pub(crate) fn returned(&self) {
        if let Self::Set(block) = self {
            block.presence().set(true);
        }
    }

    /// After it panicked: its series are missing.
    pub(crate) fn clear(&self) {
        match self {
            Self::Number(sample) => sample.clear(),
            Self::Text(text) => text.clear(),
            Self::Set(block) => block.presence().set(false),
        }
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use loom::thread;

    /// A callback gives its first number, panics and gives another: a reader finds none or one of those, never the zero
    /// that the cell begins with.
    #[test]
    fn a_number_is_there_when_it_is_said_to_be() {
        loom::model(|| {
            let sample = Arc::new(Sample::default());
            let reader = {
                let sample = Arc::clone(&sample);
                thread::spawn(move || assert!(matches!(sample.get(), None | Some(1 | 2))))
            };
            sample.set(1);
            sample.clear();
            sample.set(2);
            reader.join().unwrap();
            assert_eq!(sample.get(), Some(2));
        });
    }
}

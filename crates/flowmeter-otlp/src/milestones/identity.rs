//! Identifiers of traces and spans.

use std::hash::{BuildHasher, RandomState};

/// Makes identifiers, which are the same each time that a milestone is sent, and others in another process.
#[derive(Default)]
pub(super) struct Identities(RandomState);

impl Identities {
    /// The trace that a milestone is.
    pub(super) fn trace(&self, milestone: u64) -> Vec<u8> {
        let halves = [self.hash((milestone, "trace", 0)), self.hash((milestone, "trace", 1))];
        halves.map(u64::to_be_bytes).concat()
    }

    /// The span of it that has this number.
    pub(super) fn span(&self, milestone: u64, number: u32) -> Vec<u8> {
        self.hash((milestone, "span", number)).to_be_bytes().to_vec()
    }

    /// Never 0, which would be no identifier.
    fn hash(&self, what: (u64, &str, u32)) -> u64 {
        self.0.hash_one(what).max(1)
    }
}

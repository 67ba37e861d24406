//! Identifiers of traces and spans.

use std::hash::{DefaultHasher, Hash, Hasher};

/// Makes identifiers from a seed, which are the same each time that a milestone is sent.
#[derive(Default)]
pub(super) struct Identities(pub(super) u64);

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
        let mut hasher = DefaultHasher::new();
        (self.0, what).hash(&mut hasher);
        hasher.finish().max(1)
    }
}

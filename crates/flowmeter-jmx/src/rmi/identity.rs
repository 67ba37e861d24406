//! What remote objects and acknowledgements are told apart by.

use std::hash::{BuildHasher, RandomState};
use std::time::{SystemTime, UNIX_EPOCH};

/// A number that is unique to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Uid {
    pub(crate) unique: i32,
    pub(crate) time: i64,
    pub(crate) count: i16,
}

impl Uid {
    pub(crate) const ZERO: Self = Self { unique: 0, time: 0, count: 0 };

    /// As it is written.
    pub(crate) fn bytes(self) -> [u8; 14] {
        let mut bytes = [0; 14];
        bytes[..4].copy_from_slice(&self.unique.to_be_bytes());
        bytes[4..12].copy_from_slice(&self.time.to_be_bytes());
        bytes[12..].copy_from_slice(&self.count.to_be_bytes());
        bytes
    }
}

/// A remote object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ObjId {
    pub(crate) number: i64,
    pub(crate) space: Uid,
}

impl ObjId {
    pub(crate) const REGISTRY: Self = Self { number: 0, space: Uid::ZERO };
    pub(crate) const DGC: Self = Self { number: 2, space: Uid::ZERO };

    /// As it is written.
    pub(crate) fn bytes(self) -> [u8; 22] {
        let mut bytes = [0; 22];
        bytes[..8].copy_from_slice(&self.number.to_be_bytes());
        bytes[8..].copy_from_slice(&self.space.bytes());
        bytes
    }
}

/// Makes identities.
///
/// Whoever knows the number of a connection can use it, so numbers must not be guessed from others: they come from keyed hashes, whose
/// keys are the system's randomness.
#[derive(Debug)]
pub(crate) struct Identities {
    random: RandomState,
    space: Uid,
    made: u64,
}

impl Identities {
    pub(crate) fn new() -> Self {
        let random = RandomState::new();
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let unique = random.hash_one("unique") as i32;
        let time = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        Self { random, space: Uid { unique, time, count: i16::MIN }, made: 0 }
    }

    pub(crate) fn object(&mut self) -> ObjId {
        self.made += 1;
        ObjId { number: self.random.hash_one(self.made).cast_signed(), space: self.uid() }
    }

    /// A new one. They come again after 65,536, when nobody has the old ones any more.
    pub(crate) fn uid(&mut self) -> Uid {
        self.space.count = self.space.count.wrapping_add(1);
        self.space
    }
}

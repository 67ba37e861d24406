//! Inputs that mean no good, in any number: what clients really send, changed in any way.
//!
//! The tests try some thousands of them, and the soak of flowmeter's benchmarks as many as it is told. A seed makes the same ones
//! each time.

use std::fmt;

use crate::jolokia::probe::{self as jolokia, BODIES, PATHS, QUERIES};
use crate::rmi::probe as rmi;

/// What an input is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A message of RMI, with the objects of a call.
    Message,
    /// The serialized filter of a listener.
    Filter,
    /// The name of a bean, or a pattern.
    Name,
    /// The path of a request of Jolokia.
    Path,
    /// The body of one.
    Body,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Message, Self::Filter, Self::Name, Self::Path, Self::Body];
}

/// An input.
#[derive(Clone)]
pub struct Input {
    kind: Kind,
    bytes: Vec<u8>,
    /// Parameters that come with a request of Jolokia.
    query: Vec<(&'static str, &'static str)>,
}

impl Input {
    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Gives it to what reads such inputs of clients. Returns whether it was understood.
    ///
    /// # Panics
    ///
    /// When that reader is wrong: there is no input that it may panic at, and an answer must be one, whatever was asked.
    #[must_use]
    pub fn take(&self) -> bool {
        match self.kind {
            Kind::Message => rmi::read_message(&self.bytes),
            Kind::Filter => rmi::read_filter(&self.bytes),
            Kind::Name => rmi::read_name(&String::from_utf8_lossy(&self.bytes)),
            Kind::Path => jolokia::answer_path(&String::from_utf8_lossy(&self.bytes), &self.query),
            Kind::Body => jolokia::answer_body(&self.bytes, &self.query),
        }
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, bytes, query } = self;
        write!(f, "{kind:?} {query:?} \"{}\"", bytes.escape_ascii())
    }
}

/// Makes inputs.
#[derive(Debug)]
pub struct Inputs {
    random: Random,
    messages: Vec<Vec<u8>>,
    filters: Vec<Vec<u8>>,
}

/// Names and patterns that have all that names can have.
const NAMES: [&str; 4] = [
    "org.apache.flink.*:a=\"b\\*c\",d=e?,*",
    "flowmeter:type=\"a, b\",host=h,name=n",
    "*:*",
    "d?:k=\"\\\\\\\"\\n\\?*\",l=**?*,é=\u{1f600}",
];
/// The most bytes that an input grows to: that of the largest message, and some.
const MOST: usize = 80 << 10;

impl Inputs {
    /// Inputs that are the same for the same seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let messages = rmi::messages();
        let filters = rmi::filters(&messages);
        Self { random: Random::new(seed), messages, filters }
    }

    /// The next one of a kind.
    pub fn next(&mut self, kind: Kind) -> Input {
        let random = &mut self.random;
        let mut bytes = match kind {
            Kind::Message => random.one(&self.messages).clone(),
            Kind::Filter => random.one(&self.filters).clone(),
            Kind::Name => random.one(&NAMES).as_bytes().to_vec(),
            Kind::Path => random.one(&PATHS).as_bytes().to_vec(),
            Kind::Body => random.one(&BODIES).as_bytes().to_vec(),
        };
        let telling = match kind {
            Kind::Message | Kind::Filter => &TELLING_BYTES[..],
            Kind::Name | Kind::Path | Kind::Body => &TELLING_TEXTS,
        };
        for _ in 0..=random.below(4) {
            let other = random.one(&self.messages);
            random.change(&mut bytes, telling, other);
        }
        let query = (0..random.below(3)).map(|_| *random.one(&QUERIES)).collect();
        Input { kind, bytes, query }
    }
}

/// What has a meaning in a stream of objects.
const TELLING_BYTES: [&[u8]; 20] = [
    &[0],
    &[1],
    &[0x50],
    &[0x70],
    &[0x71],
    &[0x72],
    &[0x73],
    &[0x74],
    &[0x75],
    &[0x76],
    &[0x77],
    &[0x78],
    &[0x7a],
    &[0x7c],
    &[0x7d],
    &[0xff],
    &[0x71, 0, 0x7e, 0, 0],
    &[0x71, 0, 0x7e, 0, 1],
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x80, 0, 0, 0],
];
/// And in a text.
const TELLING_TEXTS: [&[u8]; 22] = [
    b"/",
    b"!",
    b"*",
    b"?",
    b"\"",
    b":",
    b",",
    b"=",
    b"[",
    b"]",
    b"{",
    b"}",
    b"\n",
    b"null",
    b"-1",
    b"1e999",
    b"\\",
    b"\\ud800",
    b"type",
    b"99999999999",
    b"\xc3\xa9",
    b"\xff",
];

/// Numbers that look random and are the same each time.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        // Of zero there would only be zeros.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    /// Changes a byte, takes some out, or puts in what was there, what another one has, or what has a meaning.
    fn change(&mut self, bytes: &mut Vec<u8>, telling: &[&[u8]], other: &[u8]) {
        let at = self.below(bytes.len());
        let end = (at + 1 + self.below(64)).min(bytes.len());
        let to = self.below(bytes.len() + 1);
        match self.below(64) {
            0 => bytes.truncate(at),
            // What nests, or has no end.
            1 => {
                let part = bytes[at.min(end)..end].to_vec();
                let times = self.below(MOST.saturating_sub(bytes.len()) / part.len().max(1) + 1);
                drop(bytes.splice(to..to, part.repeat(times)));
            }
            2..12 if at < bytes.len() => bytes[at] = self.below(256) as u8,
            12..22 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            22..30 => drop(bytes.drain(at.min(end)..end)),
            30..38 => {
                let from = self.below(other.len());
                let part = &other[from..(from + 1 + self.below(64)).min(other.len())];
                drop(bytes.splice(to..to, part.iter().copied()));
            }
            38..48 => {
                let part = bytes[at.min(end)..end].to_vec();
                drop(bytes.splice(to..to, part));
            }
            _ => drop(bytes.splice(to..to, self.one(telling).iter().copied())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of each kind are tried; the soak tries more.
    const TRIES: usize = 20_000;

    fn tried(kind: Kind) -> (usize, usize) {
        let mut inputs = Inputs::new(0x5eed);
        let understood = (0..TRIES).filter(|_| inputs.next(kind).take()).count();
        (understood, TRIES - understood)
    }

    #[test]
    fn messages_are_read_or_refused() {
        let (read, refused) = tried(Kind::Message);
        assert!(read > 100 && refused > 100, "{read} were read and {refused} refused");
    }

    #[test]
    fn filters_are_read_or_refused() {
        let (read, refused) = tried(Kind::Filter);
        assert!(read > 100 && refused > 100, "{read} were read and {refused} refused");
    }

    #[test]
    fn names_are_read_or_refused() {
        let (read, refused) = tried(Kind::Name);
        assert!(read > 100 && refused > 100, "{read} were read and {refused} refused");
    }

    #[test]
    fn whatever_is_sent_to_jolokia_has_an_answer() {
        for kind in [Kind::Path, Kind::Body] {
            let (answered, refused) = tried(kind);
            assert!(answered > 100 && refused > 100, "{answered} were answered and {refused} refused");
        }
    }

    #[test]
    fn a_seed_makes_the_same_inputs_each_time() {
        let made = |seed| {
            let mut inputs = Inputs::new(seed);
            format!("{:?}", Kind::ALL.map(|kind| (0..50).map(|_| inputs.next(kind)).collect::<Vec<_>>()))
        };
        assert_eq!(made(1), made(1));
        assert_ne!(made(1), made(2));
    }
}

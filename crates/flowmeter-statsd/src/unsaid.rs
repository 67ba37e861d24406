//! What a dialect cannot say.

use tracing::warn;

/// Why something is not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// A text, which has no place in a line.
    Text,
    /// Infinite, or not a number.
    NotFinite,
    /// Longer than a packet.
    TooLong,
}

impl Reason {
    fn explained(self) -> &'static str {
        match self {
            Self::Text => "it is a text, which StatsD cannot say; filter it out for this reporter",
            Self::NotFinite => "it is infinite or not a number, which StatsD cannot say",
            Self::TooLong => {
                "its line is longer than a packet; raise `packet-size`, or hide variables from this reporter"
            }
        }
    }
}

/// Counts what is not sent, and says so once for each reason.
#[derive(Debug, Default)]
pub(crate) struct Unsaid {
    /// Since it was asked last.
    values: u64,
    said: Vec<Reason>,
}

impl Unsaid {
    /// Counts a value, and names where it comes from.
    #[cold]
    pub(crate) fn note(&mut self, reason: Reason, group: impl FnOnce() -> String, metric: &str) {
        self.values += 1;
        if !self.said.contains(&reason) {
            self.said.push(reason);
            let (group, why) = (group(), reason.explained());
            warn!(group, metric, "a value is not sent, and others like it are not either: {why}");
        }
    }

    /// How many there were since the last time.
    pub(crate) fn take(&mut self) -> u64 {
        std::mem::take(&mut self.values)
    }
}

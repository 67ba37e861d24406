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
    /// With a name that Datadog does not take.
    NameTooLong,
    /// Named as a statistic of a histogram.
    Statistic,
}

impl Reason {
    fn explained(self) -> &'static str {
        match self {
            Self::Text => "it is a text, which StatsD cannot say; filter it out for this reporter",
            Self::NotFinite => "it is infinite or not a number, which StatsD cannot say",
            Self::TooLong => {
                "its line is longer than a packet; raise `packet-size`, or hide variables from this reporter"
            }
            Self::NameTooLong => "its name is longer than the 200 characters that Datadog takes; shorten it",
            Self::Statistic => {
                "a histogram has a statistic of that name, and both would become one; rename it"
            }
        }
    }
}

/// How many metrics are named at most.
const NAMED: usize = 100;

/// Counts what is not sent, and names each metric once for each reason, while there are not too many.
#[derive(Debug, Default)]
pub(crate) struct Unsaid {
    /// Since it was asked last.
    values: u64,
    /// What was named, by its metric.
    named: Vec<(Reason, String)>,
}

impl Unsaid {
    /// Counts a value, and names where it comes from.
    #[cold]
    pub(crate) fn note(&mut self, reason: Reason, group: impl FnOnce() -> String, metric: &str) {
        self.values += 1;
        let is_named = self.named.iter().any(|(why, name)| *why == reason && name == metric);
        if is_named || self.named.len() > NAMED {
            return;
        }
        self.named.push((reason, metric.to_owned()));
        if self.named.len() > NAMED {
            warn!("values of more metrics are not sent, and are counted alone from now on");
            return;
        }
        let (group, why) = (group(), reason.explained());
        warn!(group, metric, "a value is not sent, and others of the metric are not either: {why}");
    }

    /// How many there were since the last time.
    pub(crate) fn take(&mut self) -> u64 {
        std::mem::take(&mut self.values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_is_named_once_for_each_reason() {
        let mut unsaid = Unsaid::default();
        for _ in 0..3 {
            for (reason, metric) in [(Reason::Text, "a"), (Reason::Text, "b"), (Reason::TooLong, "a")] {
                unsaid.note(reason, || "group".to_owned(), metric);
            }
        }
        assert_eq!(unsaid.take(), 9);
        let expected = [(Reason::Text, "a"), (Reason::Text, "b"), (Reason::TooLong, "a")];
        assert_eq!(unsaid.named, expected.map(|(reason, metric)| (reason, metric.to_owned())));
    }

    #[test]
    fn many_metrics_are_counted_alone() {
        let mut unsaid = Unsaid::default();
        (0..10_000).for_each(|number| unsaid.note(Reason::Text, String::new, &number.to_string()));
        assert_eq!(unsaid.take(), 10_000);
        assert_eq!(unsaid.named.len(), NAMED + 1);
    }
}

//! What is not sent.

use tracing::warn;

/// How many metrics are named at most.
const NAMED: usize = 100;

/// Counts points that are longer than a request may be, and names each metric once, while there are not too many.
#[derive(Debug, Default)]
pub(crate) struct Unsaid {
    /// Since it was asked last.
    points: u64,
    named: Vec<String>,
}

impl Unsaid {
    /// Counts points, and names where they come from.
    #[cold]
    pub(crate) fn note(&mut self, points: u64, group: impl FnOnce() -> String, metric: &str) {
        self.points += points;
        if self.named.len() > NAMED || self.named.iter().any(|name| name == metric) {
            return;
        }
        self.named.push(metric.to_owned());
        if self.named.len() > NAMED {
            warn!("points of more metrics are not sent, and are counted alone from now on");
            return;
        }
        let group = group();
        warn!(
            group,
            metric,
            "a point is longer than a request, and is not sent; raise `request-size`, or hide variables from this reporter"
        );
    }

    /// How many there were since the last time.
    pub(crate) fn take(&mut self) -> u64 {
        std::mem::take(&mut self.points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_is_named_once_and_many_are_counted_alone() {
        let mut unsaid = Unsaid::default();
        for _ in 0..3 {
            unsaid.note(1, || "group".to_owned(), "a");
            unsaid.note(2, || "group".to_owned(), "b");
        }
        assert_eq!(unsaid.take(), 9);
        assert_eq!(unsaid.named, ["a", "b"]);
        (0..10_000).for_each(|number| unsaid.note(1, String::new, &number.to_string()));
        assert_eq!(unsaid.take(), 10_000);
        assert_eq!(unsaid.named.len(), NAMED + 1);
    }
}

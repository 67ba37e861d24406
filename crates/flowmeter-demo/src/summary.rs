//! What a run came to: the job's own counts beside what the endpoints served.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use crate::job::{Records, Truth};

/// The counts of both sides.
#[derive(Clone, Debug)]
pub struct Summary {
    /// What the job counted itself.
    pub truth: Truth,
    /// What the endpoints served; nothing if the job was not measured.
    pub reported: Option<Reported>,
    /// Whether the sources were stopped before their end.
    pub interrupted: bool,
    /// How long the job ran, in seconds.
    pub seconds: f64,
}

/// What endpoints served.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Reported {
    /// By the operator's name.
    pub operators: BTreeMap<String, Records>,
    /// What libraries counted in operators, by the metric's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub libraries: BTreeMap<String, u64>,
}

impl Summary {
    /// Each count in which the two differ, in one line.
    #[must_use]
    pub fn differences(&self) -> Vec<String> {
        let Some(reported) = &self.reported else { return Vec::new() };
        let mut differences = Vec::new();
        let mut compare = |name: &str, metric: &str, truth: Option<u64>, reported: Option<u64>| {
            if truth != reported {
                let show = |count: Option<u64>| count.map_or("nothing".to_owned(), |count| count.to_string());
                let (truth, reported) = (show(truth), show(reported));
                differences.push(format!(
                    "{metric} of {name}: the job counted {truth}, its endpoints served {reported}"
                ));
            }
        };
        for name in self.names() {
            let (truth, reported) = (self.truth.operators.get(name), reported.operators.get(name));
            let both = |field: fn(&Records) -> u64| (truth.map(field), reported.map(field));
            let (true_in, reported_in) = both(|records| records.num_records_in);
            let (true_out, reported_out) = both(|records| records.num_records_out);
            compare(name, "numRecordsIn", true_in, reported_in);
            compare(name, "numRecordsOut", true_out, reported_out);
        }
        let mut metrics: Vec<_> = self.truth.libraries.keys().chain(reported.libraries.keys()).collect();
        metrics.sort_unstable();
        metrics.dedup();
        for metric in metrics {
            let of = |counts: &BTreeMap<String, u64>| counts.get(metric).copied();
            compare("libraries", metric, of(&self.truth.libraries), of(&reported.libraries));
        }
        differences
    }

    /// The operators of both sides, sorted.
    fn names(&self) -> Vec<&str> {
        let reported = self.reported.iter().flat_map(|reported| reported.operators.keys());
        let mut names: Vec<&str> = self.truth.operators.keys().chain(reported).map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// As an event.
    #[must_use]
    pub fn event(&self) -> impl Serialize + '_ {
        SummaryEvent {
            event: "summary",
            truth: &self.truth,
            reported: self.reported.as_ref(),
            interrupted: self.interrupted,
            equal: self.reported.as_ref().map(|_| self.differences().is_empty()),
            seconds: self.seconds,
        }
    }

    /// As a table.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "{:<22}{:>15}{:>15}{:>15}{:>15}\n",
            "operator", "records in", "as reported", "records out", "as reported"
        );
        for name in self.names() {
            let truth = self.truth.operators.get(name);
            let reported = self.reported.as_ref().and_then(|reported| reported.operators.get(name));
            let show = |records: Option<&Records>, field: fn(&Records) -> u64| {
                records.map_or("-".to_owned(), |records| field(records).to_string())
            };
            let _ = writeln!(
                text,
                "{name:<22}{:>15}{:>15}{:>15}{:>15}",
                show(truth, |records| records.num_records_in),
                show(reported, |records| records.num_records_in),
                show(truth, |records| records.num_records_out),
                show(reported, |records| records.num_records_out),
            );
        }
        let totals = self.truth.totals.iter();
        let totals: Vec<_> =
            totals.map(|(name, total)| format!("{}: {total}", name.replace('_', " "))).collect();
        if !totals.is_empty() {
            let _ = writeln!(text, "{}", totals.join(", "));
        }
        if self.interrupted {
            let _ = writeln!(text, "interrupted: the sources were stopped before their end");
        }
        let _ = match (&self.reported, self.differences().len()) {
            (None, _) => writeln!(text, "not measured; {:.1} s", self.seconds),
            (Some(_), 0) => {
                writeln!(
                    text,
                    "what the endpoints reported equals the job's own counts; {:.1} s",
                    self.seconds
                )
            }
            (Some(_), differences) => writeln!(text, "{differences} counts differ; {:.1} s", self.seconds),
        };
        text
    }
}

#[derive(Serialize)]
struct SummaryEvent<'a> {
    event: &'static str,
    truth: &'a Truth,
    reported: Option<&'a Reported>,
    interrupted: bool,
    equal: Option<bool>,
    seconds: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn summary(reported: &[(&str, u64, u64)]) -> Summary {
        let records = |(name, num_records_in, num_records_out): &(&str, u64, u64)| {
            let records = Records { num_records_in: *num_records_in, num_records_out: *num_records_out };
            ((*name).to_owned(), records)
        };
        let truth = Truth {
            operators: [("Count", 5, 2), ("Sink", 2, 0)].iter().map(records).collect(),
            latencies: BTreeMap::new(),
            libraries: [("tokenizer_words".to_owned(), 7)].into(),
            totals: [("words".to_owned(), 5)].into(),
        };
        Summary {
            truth,
            reported: Some(Reported {
                operators: reported.iter().map(records).collect(),
                libraries: [("tokenizer_words".to_owned(), 7)].into(),
            }),
            interrupted: false,
            seconds: 1.0,
        }
    }

    #[test]
    fn equal_counts_have_no_differences() {
        let summary = summary(&[("Count", 5, 2), ("Sink", 2, 0)]);
        assert!(summary.differences().is_empty());
        let expected = json!({
            "event": "summary",
            "truth": {
                "operators": {
                    "Count": { "numRecordsIn": 5, "numRecordsOut": 2 },
                    "Sink": { "numRecordsIn": 2, "numRecordsOut": 0 },
                },
                "libraries": { "tokenizer_words": 7 },
                "words": 5,
            },
            "reported": {
                "operators": {
                    "Count": { "numRecordsIn": 5, "numRecordsOut": 2 },
                    "Sink": { "numRecordsIn": 2, "numRecordsOut": 0 },
                },
                "libraries": { "tokenizer_words": 7 },
            },
            "interrupted": false,
            "equal": true,
            "seconds": 1.0,
        });
        assert_eq!(serde_json::to_value(summary.event()).unwrap(), expected);
    }

    #[test]
    fn a_count_that_differs_or_is_missing_on_either_side_is_named() {
        assert_eq!(
            summary(&[("Count", 5, 3), ("Other", 0, 0)]).differences(),
            [
                "numRecordsOut of Count: the job counted 2, its endpoints served 3",
                "numRecordsIn of Other: the job counted nothing, its endpoints served 0",
                "numRecordsOut of Other: the job counted nothing, its endpoints served 0",
                "numRecordsIn of Sink: the job counted 2, its endpoints served nothing",
                "numRecordsOut of Sink: the job counted 0, its endpoints served nothing",
            ]
        );
        let mut lost = summary(&[("Count", 5, 2), ("Sink", 2, 0)]);
        lost.reported.as_mut().unwrap().libraries = [("tokenizer_words".to_owned(), 6)].into();
        let expected = "tokenizer_words of libraries: the job counted 7, its endpoints served 6";
        assert_eq!(lost.differences(), [expected]);
    }
}

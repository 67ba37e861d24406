//! Reads back what an endpoint serves: just enough of the text format to find the counts of operators.

use std::collections::BTreeMap;

use crate::job::Records;

/// The part of a metric's name that says it is an operator's.
const OPERATOR_SCOPE: &str = "taskmanager_job_task_operator_";

/// A line of the text that has a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The name.
    pub name: String,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// The value as it was written.
    pub value: String,
}

/// Reads all samples of a text.
///
/// # Errors
///
/// The first line that is neither a sample nor a comment.
pub fn parse(text: &str) -> Result<Vec<Sample>, String> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| parse_line(line).ok_or_else(|| format!("not a sample: {line}"))).collect()
}

fn parse_line(line: &str) -> Option<Sample> {
    let (name, mut rest) = line.split_at(line.find(['{', ' '])?);
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, quoted) = rest.split_once("=\"")?;
            let (value, after) = unquote(quoted)?;
            labels.insert(label.to_owned(), value);
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').filter(|value| value.parse::<f64>().is_ok())?;
    (!name.is_empty()).then(|| Sample { name: name.to_owned(), labels, value: value.to_owned() })
}

/// The text up to the closing quote, and what is behind it.
fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((position, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[position + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            other => value.push(other),
        }
    }
    None
}

/// Adds up the records in and out of operators, by the operator's name, over all subtasks in some samples.
///
/// # Errors
///
/// When a count is no whole number.
pub fn add_operator_records(
    samples: &[Sample],
    operators: &mut BTreeMap<String, Records>,
) -> Result<(), String> {
    for sample in samples {
        let Some(metric) = sample.name.strip_prefix(OPERATOR_SCOPE) else { continue };
        let Some(operator) = sample.labels.get("operator_name") else { continue };
        let records = operators.entry(operator.clone()).or_default();
        let sum = match metric {
            "num_records_in_total" => &mut records.num_records_in,
            "num_records_out_total" => &mut records.num_records_out,
            _ => continue,
        };
        *sum += sample.value.parse::<u64>().map_err(|_| format!("not a count: {sample:?}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_read_with_awkward_labels() {
        let text =
            "# HELP x y\n# TYPE x counter\nx{a=\"1 \\\"} \\\\ \\n,\",b_2=\"\"} 5\n\ny 1.5e3\nz{} NaN\n";
        let samples = parse(text).unwrap();
        assert_eq!(samples[0].labels["a"], "1 \"} \\ \n,");
        assert_eq!(samples[0].labels["b_2"], "");
        assert_eq!((samples[1].name.as_str(), samples[1].value.as_str()), ("y", "1.5e3"));
        assert_eq!(samples.len(), 3);
    }

    #[test]
    fn what_is_no_sample_is_an_error() {
        for line in ["x", "x{a=\"1\"}", "x{a=\"1} 1", "x one", "{a=\"b\"} 1"] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn records_of_operators_are_summed_over_subtasks() {
        let line = |metric: &str, subtask: u8, value: u64| {
            let labels = format!("operator_name=\"Count\",subtask_index=\"{subtask}\"");
            format!("{OPERATOR_SCOPE}{metric}{{{labels}}} {value}\n")
        };
        let text = [
            line("num_records_in_total", 0, 3),
            line("num_records_in_total", 1, u64::MAX / 2),
            line("num_records_out_total", 0, 1),
            line("busy_time_seconds_total", 0, 9),
        ];
        let mut operators = BTreeMap::new();
        add_operator_records(&parse(&text.concat()).unwrap(), &mut operators).unwrap();
        let expected = Records { num_records_in: u64::MAX / 2 + 3, num_records_out: 1 };
        assert_eq!(operators, [("Count".to_owned(), expected)].into());
    }
}

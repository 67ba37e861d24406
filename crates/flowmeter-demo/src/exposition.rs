//! Finds the counts of operators in what an endpoint serves.

use flowmeter_testkit::exposition::Sample;

use crate::summary::Reported;

/// The part of a metric's name that says it is an operator's.
const OPERATOR_SCOPE: &str = "taskmanager_job_task_operator_";
/// How the names begin of what libraries count in the operators of this demo.
const LIBRARIES: &str = "tokenizer_";

/// Adds up the records in and out of operators, by the operator's name, over all subtasks in some samples, and what libraries
/// counted in them.
///
/// # Errors
///
/// When a count is no whole number.
pub fn add_counts(samples: &[Sample], reported: &mut Reported) -> Result<(), String> {
    for sample in samples {
        let Some(metric) = sample.name.strip_prefix(OPERATOR_SCOPE) else { continue };
        let Some(operator) = sample.labels.get("operator_name") else { continue };
        let records = reported.operators.entry(operator.clone()).or_default();
        let sum = match metric {
            "num_records_in_total" => &mut records.num_records_in,
            "num_records_out_total" => &mut records.num_records_out,
            _ => match metric.strip_suffix("_total").filter(|name| name.starts_with(LIBRARIES)) {
                Some(name) => reported.libraries.entry(name.to_owned()).or_default(),
                None => continue,
            },
        };
        *sum += sample.value.parse::<u64>().map_err(|_| format!("not a count: {sample:?}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use flowmeter_testkit::exposition::parse;

    use super::*;
    use crate::job::Records;

    #[test]
    fn counts_of_operators_and_libraries_are_summed_over_subtasks() {
        let lines = |metric: &str, values: &[u64]| {
            let line = |(subtask, value): (usize, &u64)| {
                let labels = format!("operator_name=\"Count\",subtask_index=\"{subtask}\"");
                format!("{OPERATOR_SCOPE}{metric}{{{labels}}} {value}\n")
            };
            let samples: String = values.iter().enumerate().map(line).collect();
            format!("# TYPE {OPERATOR_SCOPE}{metric} counter\n{samples}")
        };
        let text = [
            lines("num_records_in_total", &[3, u64::MAX / 2]),
            lines("num_records_out_total", &[1]),
            lines("busy_time_seconds_total", &[9]),
            lines("tokenizer_words_total", &[4, 5]),
        ];
        let mut reported = Reported::default();
        add_counts(&parse(&text.concat()).unwrap(), &mut reported).unwrap();
        let expected = Records { num_records_in: u64::MAX / 2 + 3, num_records_out: 1 };
        assert_eq!(reported.operators, [("Count".to_owned(), expected)].into());
        assert_eq!(reported.libraries, [("tokenizer_words".to_owned(), 9)].into());
    }
}

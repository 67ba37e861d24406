//! Finds the counts of operators in what an endpoint serves.

use std::collections::BTreeMap;

use flowmeter_testkit::exposition::Sample;

use crate::job::Records;

/// The part of a metric's name that says it is an operator's.
const OPERATOR_SCOPE: &str = "taskmanager_job_task_operator_";

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
    use flowmeter_testkit::exposition::parse;

    use super::*;

    #[test]
    fn records_of_operators_are_summed_over_subtasks() {
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
        ];
        let mut operators = BTreeMap::new();
        add_operator_records(&parse(&text.concat()).unwrap(), &mut operators).unwrap();
        let expected = Records { num_records_in: u64::MAX / 2 + 3, num_records_out: 1 };
        assert_eq!(operators, [("Count".to_owned(), expected)].into());
    }
}

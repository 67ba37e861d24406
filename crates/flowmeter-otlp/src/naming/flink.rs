//! Names as Flink's OpenTelemetry reporter has them.
//!
//! Source: `flink-metrics-otel` of Flink 2.3.0, by what it sends.

use flowmeter_core::{Family, GroupView, ValueType};

use super::attributes::Variable;

/// A family as Flink has it, which is several metrics where Flink goes on with names that a metric had before, or has the
/// rate of a sum as a metric of its own.
pub(crate) struct FlinkMetrics {
    /// Those with the values.
    pub(crate) values: Vec<String>,
    /// Meters, which have a count and a rate.
    pub(crate) meters: Vec<String>,
}

impl FlinkMetrics {
    pub(crate) fn of(family: &Family) -> Self {
        let named = |whole: String| format!("flink.{whole}");
        let names: Vec<_> = family.flink_names().into_iter().map(named).collect();
        let rates = family.flink_rate_names().into_iter().map(named);
        if family.is_flink_meter() {
            return Self { values: Vec::new(), meters: names };
        }
        Self { values: names, meters: rates.collect() }
    }
}

/// The first of the family's names.
pub(super) fn name(family: &Family) -> String {
    let FlinkMetrics { values, meters } = FlinkMetrics::of(family);
    values.into_iter().chain(meters).next().unwrap_or_default()
}

/// Whether Flink sends a family at all: not texts, nor what is true or false.
pub(crate) fn flink_accepts(family: &Family) -> bool {
    !matches!(family.value_type(), ValueType::Text | ValueType::Bool)
}

/// The variables of a group, and empty ones too.
pub(super) fn variables<'a>(group: &GroupView<'a>) -> impl Iterator<Item = Variable<'a>> + use<'a> {
    let is_latency = is_latency(group);
    let is_shown = move |(key, _): &(&str, &str)| !(is_latency && *key == "operator_name");
    group.variables().filter(is_shown).map(|(key, value)| Variable { key, name: key, value })
}

/// Whether it is the group of a latency. Flink has those at the task, with the operator's id and without its name.
fn is_latency(group: &GroupView<'_>) -> bool {
    let below = group.logical_scope().strip_prefix("taskmanager.job.task.operator.latency.");
    below.is_some_and(|below| below.ends_with("operator_subtask_index"))
        // Where operators have names alone, these tell them apart.
        && group.variables().any(|(key, value)| key == "operator_id" && !value.is_empty())
}

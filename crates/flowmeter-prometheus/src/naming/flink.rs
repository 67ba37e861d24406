//! Names as Flink's Prometheus reporter has them.
//!
//! Source: `flink-metrics-prometheus` of Flink 2.3.0, by what it writes.

use std::borrow::Cow;

use flowmeter_core::{Family, GroupView};

use super::write_label_value;

/// A family as Flink has it, which is several where Flink goes on with names that a metric had before, or has the rate of a sum as
/// a metric of its own.
pub(crate) struct FlinkFamily {
    pub(crate) names: Vec<FlinkName>,
    pub(crate) rates: Vec<FlinkName>,
}

/// A name, and the help text that says where it comes from.
pub(crate) struct FlinkName {
    pub(crate) name: String,
    pub(crate) help: String,
}

impl FlinkFamily {
    pub(crate) fn of(family: &Family) -> Self {
        let scope_of = |name: &str| name.rsplit_once('.').map_or("", |(scope, _)| scope).to_owned();
        let names = family.flink_names();
        let rates = family.flink_rate_names();
        let named = |whole: &String| {
            // The metric's own name may have dots, which do not part it.
            let own = whole.strip_suffix(family.name()).filter(|_| family.name_in("flink").is_none());
            match own {
                Some(scope) => FlinkName::new(scope.trim_end_matches('.'), family.name()),
                None => FlinkName::new(&scope_of(whole), whole.rsplit('.').next().unwrap_or(whole)),
            }
        };
        let rate = family.metric().rate_name().unwrap_or_default();
        let of_rate = |whole: &String| {
            let scope = whole.strip_suffix(rate).unwrap_or(whole);
            FlinkName::new(scope.trim_end_matches('.'), rate)
        };
        Self { names: names.iter().map(named).collect(), rates: rates.iter().map(of_rate).collect() }
    }
}

impl FlinkName {
    fn new(scope: &str, metric: &str) -> Self {
        let scope = filtered(scope);
        let mut name = String::from("flink_");
        if !scope.is_empty() {
            name.push_str(&scope);
            name.push('_');
        }
        name.push_str(&filtered(metric));
        Self { name, help: format!("{metric} (scope: {scope})") }
    }
}

/// Characters that Flink takes for no part of a name become underscores, each by itself.
fn filtered(text: &str) -> Cow<'_, str> {
    let is_part = |c: char| c == '_' || c == ':' || c.is_ascii_alphanumeric();
    if text.chars().all(is_part) {
        return Cow::Borrowed(text);
    }
    // As Java counts characters, of which those beyond the basic plane are two.
    let replaced = |c: char| std::iter::repeat_n(if is_part(c) { c } else { '_' }, c.len_utf16());
    Cow::Owned(text.chars().flat_map(replaced).collect())
}

/// Writes the first of the family's names.
pub(crate) fn prepare_flink_family(family: &Family, out: &mut Vec<u8>) {
    if let Some(first) = FlinkFamily::of(family).names.first() {
        out.extend_from_slice(first.name.as_bytes());
    }
}

/// Writes the labels of a group as Flink does, with a comma behind each, and empty ones too.
pub(crate) fn prepare_flink_group(group: &GroupView<'_>, filter_values: bool, out: &mut Vec<u8>) {
    let is_latency = is_latency(group);
    let mut taken: Vec<String> = Vec::with_capacity(12);
    for (key, value) in group.variables() {
        if is_latency && key == "operator_name" {
            continue;
        }
        let label = filtered(key);
        // A label twice is one that no server takes.
        if label.is_empty() || taken.iter().any(|taken| **taken == *label) {
            continue;
        }
        out.extend_from_slice(if taken.is_empty() { b"{" } else { b"" });
        out.extend_from_slice(label.as_bytes());
        out.extend_from_slice(b"=\"");
        let value = if filter_values { filtered(value) } else { Cow::Borrowed(value) };
        write_label_value(&value, out);
        out.extend_from_slice(b"\",");
        taken.push(label.into_owned());
    }
    out.extend_from_slice(if taken.is_empty() { b" " } else { b"} " });
}

/// Whether it is the group of a latency. Flink has those at the task, with the operator's id and without its name.
fn is_latency(group: &GroupView<'_>) -> bool {
    let below = group.logical_scope().strip_prefix("taskmanager.job.task.operator.latency.");
    below.is_some_and(|below| below.ends_with("operator_subtask_index"))
        // Where operators have names alone, these tell them apart.
        && group.variables().any(|(key, value)| key == "operator_id" && !value.is_empty())
}

#[cfg(test)]
mod tests {
    use flowmeter_core::{MetricGroup, Registry, TaskInfo};

    use super::*;

    fn labels(group: &MetricGroup) -> String {
        let mut out = Vec::new();
        prepare_flink_group(&group.view(), true, &mut out);
        String::from_utf8(out).expect("labels are text")
    }

    #[test]
    fn latencies_have_the_id_of_their_operator_and_no_name() {
        let registry = Registry::new();
        let task_manager = registry.task_manager("h", "tm");
        let job = task_manager.job("j", "job");
        let task = job.task(TaskInfo::default());
        let of_task = "{host=\"h\",tm_id=\"tm\",job_id=\"j\",job_name=\"job\",subtask_index=\"0\",";
        let (operator, unnumbered) = (task.operator("2.1", "map"), task.operator("", "map"));
        let latency = |operator: &MetricGroup| operator.add_group("latency");
        let from = |group: MetricGroup| {
            group.add_group_kv("source_id", "1").add_group_kv("operator_subtask_index", "0")
        };
        for (group, own) in [
            (from(latency(&operator)), "operator_id=\"2_1\",source_id=\"1\",operator_subtask_index=\"0\","),
            (latency(&operator), "operator_id=\"2_1\",operator_name=\"map\","),
            (
                from(latency(&unnumbered)),
                "operator_name=\"map\",source_id=\"1\",operator_subtask_index=\"0\",",
            ),
            (latency(&operator).add_group("own"), "operator_id=\"2_1\",operator_name=\"map\","),
        ] {
            assert_eq!(labels(&group), format!("{of_task}{own}}} "));
        }
    }

    #[test]
    fn characters_are_filtered_as_in_a_capture() {
        for (text, expected) in [
            ("weird name-1.x,y=z*?\"", "weird_name_1_x_y_z___"),
            ("odd name:with.dots-and/slash", "odd_name:with_dots_and_slash"),
            ("127.0.0.1:44075-bfc3d1", "127_0_0_1:44075_bfc3d1"),
            ("Source: Gen Source (é)", "Source:_Gen_Source____"),
            ("\u{1F600}", "__"),
            ("", ""),
        ] {
            assert_eq!(filtered(text), expected);
        }
        assert_eq!(FlinkName::new("", "up").name, "flink_up");
    }
}

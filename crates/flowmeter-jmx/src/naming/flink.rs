//! Names as Flink's JMX reporter has them.
//!
//! Source: `flink-metrics-jmx` of Flink 2.3.0, by its documentation and by the beans of a running cluster.

use flowmeter_core::{Family, GroupView};

use super::Target;
use crate::shape::Shape;

/// What is a gauge to Flink though it only grows, by its names there.
const GAUGES: [&str; 1] = ["Status.JVM.CPU.Time"];

pub(super) fn targets(family: &Family) -> Vec<Target> {
    let target = |scope: &str, name: &str, shape| Target {
        before: format!("org.apache.flink.{}{name}:", filtered(scope)),
        after: String::new(),
        shape,
    };
    let is_gauge = family.name_in("flink").is_some_and(|name| GAUGES.contains(&name));
    let shape = if is_gauge { Shape::Gauge } else { Shape::of(family, family.is_flink_meter()) };
    let names = family.flink_names();
    let named = names.iter().map(|whole| {
        // A name may have dots and whatever else, of which nothing is filtered.
        let own = whole.strip_suffix(family.name()).filter(|_| family.name_in("flink").is_none());
        let (scope, name) = match own {
            Some(scope) => (scope, family.name()),
            None => whole.split_at(whole.rfind('.').map_or(0, |dot| dot + 1)),
        };
        target(scope, name, shape)
    });
    let rates = family.flink_rate_names();
    let rates = rates.iter().map(|whole| {
        let (scope, name) = whole.split_at(whole.rfind('.').map_or(0, |dot| dot + 1));
        target(scope, name, Shape::Meter)
    });
    named.chain(rates).collect()
}

pub(super) fn prepare_group(group: &GroupView<'_>, out: &mut Vec<u8>) {
    let is_latency = is_latency(group);
    let mut variables: Vec<(String, String)> = Vec::with_capacity(12);
    for (key, value) in group.variables() {
        if is_latency && key == "operator_name" {
            continue;
        }
        let (key, value) = (filtered(key), filtered(value));
        // Of two that have become alike, Flink has the last.
        match variables.iter_mut().find(|(known, _)| *known == key) {
            Some((_, earlier)) => *earlier = value,
            None => variables.push((key, value)),
        }
    }
    for (number, (key, value)) in variables.iter().enumerate() {
        let comma = if number > 0 { "," } else { "" };
        out.extend_from_slice(format!("{comma}{key}={value}").as_bytes());
    }
}

/// Takes out or replaces what Flink does.
fn filtered(text: &str) -> String {
    let filter = |c| match c {
        '>' | '<' | '"' => None,
        ' ' => Some('_'),
        ',' | '=' | ';' | ':' | '?' | '\'' | '*' => Some('-'),
        c => Some(c),
    };
    text.chars().filter_map(filter).collect()
}

/// Whether it is the group of a latency, which Flink has without the operator's name.
fn is_latency(group: &GroupView<'_>) -> bool {
    let below = group.logical_scope().strip_prefix("taskmanager.job.task.operator.latency.");
    below.is_some_and(|below| below.ends_with("operator_subtask_index"))
        && group.variables().any(|(key, value)| key == "operator_id" && !value.is_empty())
}

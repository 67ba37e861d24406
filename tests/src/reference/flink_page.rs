//! The list of Flink's metrics, and what they are in flowmeter.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::comparison::{Comparison, Standing};
use super::families::{Described, Side};
use super::flink_metric::FlinkMetric;
use super::markdown::{code, plain, push_table};

const LEGEND: &str = "\
| written | stands for |
| --- | --- |
| `<name>` | what is known at run time only |
| `key=<value>` | a variable: flat identifiers have `key.value` there, and names beside labels `key` alone |
| `(a\\|b)` | each of these |
| `[a]` | something that is there by some settings |
";

/// The whole page.
pub(super) fn page(comparison: &Comparison<'_>) -> String {
    let metrics = comparison.flink();
    let mut out = introduction(comparison);
    let mut groups: Vec<&str> = Vec::new();
    for metric in metrics {
        if !groups.contains(&metric.group) {
            groups.push(metric.group);
        }
    }
    for group in groups {
        let _ = writeln!(out, "\n## {group}\n");
        let of_group = metrics.iter().filter(|metric| metric.group == group);
        let heads = ["in Flink", "scope", "type", "unit", "in flowmeter"];
        push_table(heads, of_group.map(|metric| row(metric, comparison)), &mut out);
    }
    out
}

fn introduction(comparison: &Comparison<'_>) -> String {
    let metrics = comparison.flink();
    let (mut there, mut not_applicable, mut missing) = (0, 0, 0);
    for metric in metrics {
        match comparison.standing(metric) {
            Standing::There(_) => there += 1,
            Standing::NotApplicable(_) => not_applicable += 1,
            Standing::Missing(_) => missing += 1,
        }
    }
    let mut out = "\
# Flink's metrics

<!-- Made by `cargo xtask docs` from the descriptors in the code and flink-metrics.tsv: change those. -->

"
    .to_owned();
    let count = metrics.len();
    let _ = writeln!(
        out,
        "Apache Flink 2.3.0 has {count} metrics, by its documentation, by what a running cluster of it sends, and by its released \
         classes;\nthose of the Kafka connector, which is released apart, by what is commonly known of it. Of these, **{there} are in \
         flowmeter** and\n**{not_applicable} do not apply**, each with the reason."
    );
    if missing > 0 {
        let _ = writeln!(out, "{missing} are missing.");
    }
    let _ = writeln!(
        out,
        "\nThe first column has the groups below the place and the metric's name; with the logical scope of the place in front it is \
         the name\nthat Flink's reporters make of it. The last column has the logical scope and the name of the metric here, and what \
         registers it:\n[the list of metrics](metrics.md) has the rest. Facts on Flink's side are in \
         [flink-metrics.tsv](flink-metrics.tsv).\n"
    );
    out.push_str(LEGEND);
    out
}

fn row(metric: &FlinkMetric<'_>, comparison: &Comparison<'_>) -> [String; 5] {
    [
        code([metric.path()]),
        metric.scope.to_owned(),
        metric.kind.to_owned(),
        metric.unit.to_owned(),
        standing(metric, comparison),
    ]
}

fn standing(metric: &FlinkMetric<'_>, comparison: &Comparison<'_>) -> String {
    let families = match comparison.standing(metric) {
        Standing::NotApplicable(reason) => return format!("not applicable: {}", plain(reason)),
        Standing::Missing(_) => return "missing".to_owned(),
        Standing::There(families) => families,
    };
    let mut sets = Vec::new();
    for (described, _) in &families {
        if !sets.contains(&described.entry.registered_by) {
            sets.push(described.entry.registered_by);
        }
    }
    let of_set = |set: &&str| {
        let of_set = families.iter().filter(|(described, _)| described.entry.registered_by == *set);
        let names: BTreeSet<_> = of_set.map(|(described, side)| (*side, name(described))).collect();
        let of_side = |wanted| {
            let names = names.iter().filter(move |(side, _)| *side == wanted);
            code(names.map(|(_, name)| name))
        };
        let (values, rates) = (of_side(Side::Values), of_side(Side::Rate));
        let rates = if rates.is_empty() { rates } else { format!("the rate of {rates}") };
        let separator = if values.is_empty() || rates.is_empty() { "" } else { ", " };
        format!("{values}{separator}{rates} of `{set}`")
    };
    sets.iter().map(of_set).collect::<Vec<_>>().join("; ")
}

fn name(described: &Described) -> String {
    let (scope, name) = (described.family.logical_scope(), described.family.name());
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}

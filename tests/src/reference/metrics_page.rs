//! The list of all metrics.

use std::fmt::Write as _;

use flowmeter::{CatalogueEntry, Family, ScopeKind};

use super::Catalogue;
use super::comparison::Comparison;
use super::families::flink_names;
use super::markdown::{code, plain, push_table};
use super::pattern::normal;
use super::scopes::{title, variables};
use super::{names, words};

const INTRODUCTION: &str = "\
# Metrics

<!-- Made by `cargo xtask docs` from the descriptors in the code: change those. -->

All metrics of flowmeter's own crates, by the place that has them. The list is made from the descriptors that the code registers,
and a test compares both. [Flink's metrics](flink-metrics.md) is the same from the other side: each metric of Apache Flink 2.3.0,
and what it is here.

## How to read it

A section is a kind of group, with its logical scope and the variables that its series have. A table in it has what one type or
function registers, and in which groups below. A group that adds a variable stands there with its key, and its series have that
variable too. What is known at run time only, such as the number of an input, stands in angle brackets.

| column | what it has |
| --- | --- |
| metric | the name as registered, by which filters find it in its logical scope |
| kind | a counter is a sum that only grows; a meter too, and its rate is of interest; an up-down counter is a sum that may go down; a gauge is a value of the moment; a histogram is a distribution of values |
| values | their type: `u64` and `i64` are integers without and with a sign, `f64` floating-point numbers, `bool` true or false, `text` texts |
| unit | in [UCUM](https://ucum.org/ucum), with what is counted in braces |
| Prometheus | the name that the Prometheus reporter gives it; values are in base units, such as seconds where the unit is `ms` or `ns`. A histogram has samples that end in `_bucket`, `_sum` and `_count` |
| OTLP | the dotted name, as OpenTelemetry has them |
| Flink | what Flink calls it below the same place, now and before, and what it calls its rate; empty if Flink has no such metric |

Names in Prometheus do not end like samples of other kinds: only counters and meters end in `_total`, and nothing in `_count`, `_sum`
or `_bucket`. So `taskSlotsTotal`, a gauge, is `jobmanager_total_task_slots` there. A reader would take such a name for a counter or a
part of a histogram, and `promtool check metrics` refuses it.

## Naming policies

A reporter names metrics by a policy. By default that is the conventions of its backend, as in the columns Prometheus and OTLP. By
the policy `flink`, a metric has all names that the column Flink has, and one that Flink has not the name that it is registered as.
No reporter of this repository has that policy yet: whoever writes one finds the names with `Family::flink_names`, and those of
rates with `Family::flink_rate_names`.

## Without a value

What has no value yet has no series: what is said of the last checkpoint before there is one, watermarks before the first, and
`heapMax` where the allocator has no limit, as with all three allocators that flowmeter knows. Watermarks stay at the last one that is
a time when the input has ended. Flink has -1, `n/a`, and the least and the greatest number there is for these.

## Rates

Where Flink has the rate of a sum as a metric of its own, such as `numRecordsInPerSecond` beside `numRecordsIn`, there is one metric
here: backends work out rates of sums, over the time that they are asked for. By the policy `flink` there are both.
";

/// The whole page.
pub(super) fn page(catalogues: &[Catalogue], comparison: &Comparison<'_>) -> String {
    let mut out = INTRODUCTION.to_owned();
    for &scope in ScopeKind::ALL {
        push_scope(scope, catalogues, comparison, &mut out);
    }
    out
}

fn push_scope(scope: ScopeKind, catalogues: &[Catalogue], comparison: &Comparison<'_>, out: &mut String) {
    let (name, meaning) = title(scope);
    let _ = writeln!(out, "\n## {name}\n\n{meaning}");
    if scope != ScopeKind::Root {
        let path = scope.logical_scope();
        let _ = writeln!(out, "Logical scope: `{path}`. Variables: {}.", code(variables(scope)));
    }
    let mut is_empty = true;
    for catalogue in catalogues {
        let entries: Vec<_> =
            catalogue.entries.iter().filter(|entry| entry.scopes.contains(&scope)).collect();
        // What one function registers in one place are several sets, because some of them are not there everywhere.
        for entries in entries.chunk_by(|a, b| (a.registered_by, a.groups) == (b.registered_by, b.groups)) {
            push_entries(entries, catalogue.name, scope, comparison, out);
            is_empty = false;
        }
    }
    if is_empty {
        out.push_str("\nflowmeter's crates register nothing here.\n");
    }
}

fn push_entries(
    entries: &[&CatalogueEntry],
    crate_name: &str,
    scope: ScopeKind,
    comparison: &Comparison<'_>,
    out: &mut String,
) {
    let Some(entry) = entries.first() else { return };
    let _ = write!(out, "\n### `{}` of {crate_name}", entry.registered_by);
    if !entry.groups.is_empty() {
        let _ = write!(out, ", in `{}`", entry.groups);
    }
    out.push_str("\n\n");
    let heads = ["metric", "kind", "values", "unit", "description", "Prometheus", "OTLP", "Flink"];
    let families = entries.iter().flat_map(|entry| entry.families(scope));
    push_table(heads, families.map(|family| row(&family, comparison)), out);
}

fn row(family: &Family, comparison: &Comparison<'_>) -> [String; 8] {
    let known = flink_names(family).into_iter().map(|(name, _)| name);
    let in_flink = known.filter(|name| comparison.is_in_flink(&normal(name), family.kind()));
    let below = |name: String| {
        let place = name.strip_prefix(family.system_scope()).and_then(|rest| rest.strip_prefix('.'));
        place.map(str::to_owned).unwrap_or(name)
    };
    [
        code([family.name()]),
        words::kind(family.kind()).to_owned(),
        words::value_type(family.value_type()).to_owned(),
        code([family.unit().as_str()]),
        plain(family.description()),
        code([names::prometheus(family)]),
        code([names::otlp(family)]),
        code(in_flink.map(below)),
    ]
}

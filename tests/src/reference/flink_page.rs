//! The list of Flink's metrics, and what they are in flowmeter.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::comparison::{Comparison, Standing};
use super::families::{Described, Side};
use super::flink_metric::FlinkMetric;
use super::markdown::{code, plain, push_table};
use super::{names, words};

const COLUMNS: &str = "\
The first column has the groups below the place and the metric's name; with the logical scope of the place in front it is the name
that Flink's reporters make of it. The type is Flink's, and what the metric is here where that differs. The column in flowmeter has
the logical scope and the name of the metric here, and what registers it: [the list of metrics](metrics.md) has the rest. The last one
has what to ask Prometheus for. Facts on Flink's side are in [flink-metrics.tsv](flink-metrics.tsv).
";

const LEGEND: &str = "\
| written | stands for |
| --- | --- |
| `<name>` | what is known at run time only |
| `key=<value>` | a variable: flat identifiers have `key.value` there, and names beside labels `key` alone |
| `(a\\|b)` | each of these |
| `[a]` | something that is there by some settings |
";

const VALUES: &str = "\
## In Prometheus

The Prometheus reporter shows a metric under the name in the column Prometheus. For the rate of a sum there is a query, of which the
minute is an example. The name of a histogram is that of the family, whose samples end in `_bucket`, `_sum` and `_count`. Where a line
has several names, several metrics are one of Flink's. Values are in base units, so some are other numbers than Flink's:

| unit | in Prometheus | Flink's value is divided by |
| --- | --- | --- |
| ms, epoch ms | seconds | 1 000 |
| ns | seconds | 1 000 000 000 |
| ms/s | a ratio, of which 1 is all of the time | 1 000 |

Bytes, ratios, percents, from 0 to 100, and counts are the same numbers. A text is the label `value` of a series that is 1.

## By Flink's names

No reporter of this repository has the naming policy `flink` yet, by which metrics have the names of the first column. Whoever writes
one finds them with `Family::flink_names`, and those of rates with `Family::flink_rate_names`.

## Without a value

What has no value yet has no series here, where Flink has a number or a text that stands for that:

| metric | when | in Flink | here |
| --- | --- | --- | --- |
| of the last checkpoint, or the last restoring | before the first | -1, of the path `n/a` | no series |
| watermarks | before the first | the least number there is | no series |
| watermarks | when the input has ended | the greatest number there is | the last one that is a time |
| `Status.JVM.Memory.Heap.Max` | no limit, as with all three allocators that flowmeter knows | -1 | no series |
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
        let heads = ["in Flink", "scope", "type", "unit", "in flowmeter", "Prometheus"];
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
    out.push('\n');
    out.push_str(COLUMNS);
    out.push('\n');
    out.push_str(LEGEND);
    out.push('\n');
    out.push_str(VALUES);
    out
}

fn row(metric: &FlinkMetric<'_>, comparison: &Comparison<'_>) -> [String; 6] {
    let (kind, here, prometheus) = match comparison.standing(metric) {
        Standing::There(families) => (kind(metric, &families), sets(&families), in_prometheus(&families)),
        Standing::NotApplicable(reason) => {
            (metric.kind.to_owned(), format!("not applicable: {}", plain(reason)), String::new())
        }
        Standing::Missing(_) => (metric.kind.to_owned(), "missing".to_owned(), String::new()),
    };
    [code([metric.path()]), metric.scope.to_owned(), kind, metric.unit.to_owned(), here, prometheus]
}

/// The type that Flink has, and what is another one here.
fn kind(metric: &FlinkMetric<'_>, families: &[(&Described, Side)]) -> String {
    let of_values = families.iter().filter(|(_, side)| *side == Side::Values);
    let others: BTreeSet<_> = of_values
        .map(|(described, _)| described.family.kind())
        .filter(|kind| !metric.is_of_kind(*kind))
        .collect();
    let mut out = metric.kind.to_owned();
    for (position, other) in others.into_iter().enumerate() {
        let _ =
            write!(out, "{} {}", if position == 0 { ", here" } else { " or" }, words::with_article(other));
    }
    out
}

/// What to ask Prometheus for.
fn in_prometheus(families: &[(&Described, Side)]) -> String {
    let mut queries = Vec::new();
    for (described, side) in families {
        let name = names::prometheus(&described.family);
        let query = match side {
            Side::Values => name,
            Side::Rate => format!("rate({name}[1m])"),
        };
        if !queries.contains(&query) {
            queries.push(query);
        }
    }
    code(queries)
}

/// The metrics, each set's together.
fn sets(families: &[(&Described, Side)]) -> String {
    let mut sets = Vec::new();
    for (described, _) in families {
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

#[cfg(test)]
mod tests {
    use super::super::Catalogue;
    use super::*;
    use flowmeter::{
        CatalogueEntry, Counter, Descriptor, Gauge, Histogram, Metric, ScopeKind, Unit, UpDownCounter,
    };

    const DESCRIPTORS: &[Descriptor] = &[
        Descriptor::of::<Counter>(
            Metric::new("numBytesIn").with_unit(Unit::BYTES).with_rate_name("numBytesInPerSecond"),
        ),
        Descriptor::of::<Counter>(Metric::new("time").with_unit(Unit::NANOSECONDS)),
        Descriptor::of::<UpDownCounter>(Metric::new("open")),
        Descriptor::of::<Gauge<u64>>(Metric::new("load")),
        Descriptor::of::<Histogram<u64>>(Metric::new("latency").with_unit(Unit::NANOSECONDS)),
    ];

    #[test]
    fn a_line_has_what_to_ask_prometheus_for_and_what_is_of_another_kind() {
        let entry = CatalogueEntry {
            registered_by: "Io",
            scopes: &[ScopeKind::JobManager, ScopeKind::TaskManager],
            groups: "",
            descriptors: DESCRIPTORS,
        };
        let entries = vec![entry].leak();
        let catalogue = Catalogue { name: "test", entries };
        for (name, kind, expected_kind, prometheus) in [
            ("numBytesIn", "Counter", "Counter", "`taskmanager_num_bytes_in_total`"),
            ("numBytesInPerSecond", "Meter", "Meter", "`rate(taskmanager_num_bytes_in_total[1m])`"),
            ("time", "Gauge", "Gauge, here a counter", "`taskmanager_time_seconds_total`"),
            ("open", "Gauge", "Gauge, here an up-down counter", "`taskmanager_open`"),
            ("load", "Gauge", "Gauge", "`taskmanager_load`"),
            ("load", "Counter", "Counter, here a gauge", "`taskmanager_load`"),
            ("latency", "Histogram", "Histogram", "`taskmanager_latency_seconds`"),
            ("none", "Gauge", "Gauge", ""),
        ] {
            let (group, scope, infix) = ("IO", "TaskManager", "");
            let metric = FlinkMetric { group, scope, infix, name, kind, unit: "", reason: "" };
            let comparison = Comparison::new(vec![metric], Described::all(&[catalogue]));
            let [_, _, kind, _, _, query] = row(&metric, &comparison);
            assert_eq!((kind.as_str(), query.as_str()), (expected_kind, prometheus), "{name}");
        }
    }
}

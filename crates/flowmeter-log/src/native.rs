//! A line a group.

use std::collections::BTreeMap;
use std::convert::Infallible;

use flowmeter_core::{Family, GroupView, HistogramSnapshot, MetricKind, Report, SeriesView, Value};

use crate::budget::ReportWriter;
use crate::messages::{Messages, TooLong};
use crate::text::{write_float, write_number, write_quoted, write_shown, write_word};

/// What a line of histograms says beside count, sum, least and greatest.
const QUANTILES: [(f64, &str); 5] =
    [(0.5, "p50"), (0.75, "p75"), (0.95, "p95"), (0.99, "p99"), (0.999, "p999")];

/// Writes what a group's lines begin with: the logical scope, and the variables.
pub(crate) fn prepare_group(group: &GroupView<'_>, out: &mut Vec<u8>) {
    let mut head = String::new();
    write_word(group.logical_scope(), &mut head);
    write_variables(group, &mut head);
    head.push_str(" |");
    out.extend_from_slice(head.as_bytes());
}

pub(crate) fn write_variables(group: &GroupView<'_>, out: &mut String) {
    for (key, value) in group.variables() {
        out.push(' ');
        write_word(key, out);
        out.push('=');
        write_word(value, out);
    }
}

/// Writes what stands before the values of a family.
pub(crate) fn prepare_family(family: &Family, out: &mut Vec<u8>) {
    let mut name = " ".to_owned();
    write_word(family.name(), &mut name);
    name.push('=');
    out.extend_from_slice(name.as_bytes());
}

/// The place of a kind in a line: as Flink has them.
fn section(kind: MetricKind) -> u8 {
    match kind {
        MetricKind::Counter | MetricKind::UpDownCounter => 0,
        MetricKind::Meter => 2,
        MetricKind::Histogram => 3,
        _ => 1,
    }
}

/// Writes all series of a report: groups sorted by how their lines begin, metrics by kind and name.
pub(crate) fn write_report(report: &Report<'_>, writer: &mut ReportWriter<'_>) {
    let mut families: Vec<_> = report.families().collect();
    families.sort_by_key(|family| section(family.family().kind()));
    let mut groups: BTreeMap<Vec<u8>, Messages> = BTreeMap::new();
    let mut part = String::new();
    for family in families {
        let name = String::from_utf8_lossy(family.prepared());
        let is_meter = family.family().kind() == MetricKind::Meter;
        let Ok(()) = family.for_each(|series| {
            part.clear();
            part.push_str(&name);
            write_value(series, is_meter, &mut part);
            let head = series.prepared();
            if !groups.contains_key(head) {
                groups.insert(head.to_vec(), Messages::default());
            }
            let room = writer.size().saturating_sub(head.len());
            if let Some(messages) = groups.get_mut(head)
                && messages.add(&part, 1, room) == Err(TooLong)
            {
                writer.drop_too_long(&series.group().identifier(), family.family().name());
            }
            Ok::<_, Infallible>(())
        });
    }
    for (head, messages) in groups {
        let head = String::from_utf8_lossy(&head);
        for mut message in messages.into_iter() {
            message.text.insert_str(0, &head);
            writer.write(&message);
        }
    }
}

fn write_value(series: &SeriesView<'_>, is_meter: bool, out: &mut String) {
    match series.value() {
        Value::Number(count) if is_meter => {
            out.push_str("count:");
            write_number(count, out);
            if let Some(rate) = series.rate() {
                out.push_str(",rate:");
                write_float(rate, out);
            }
        }
        Value::Number(number) => write_number(number, out),
        Value::Bool(value) => write_shown(format_args!("{value}"), out),
        Value::Text(text) => write_quoted(text, out),
        Value::Histogram(snapshot) => write_histogram(snapshot, out),
        _ => {}
    }
}

fn write_histogram(snapshot: &HistogramSnapshot, out: &mut String) {
    write_shown(format_args!("count:{},sum:", snapshot.count()), out);
    write_number(snapshot.sum(), out);
    for (name, number) in [("min", snapshot.min()), ("max", snapshot.max())] {
        if let Some(number) = number {
            write_shown(format_args!(",{name}:"), out);
            write_number(number, out);
        }
    }
    for (quantile, name) in QUANTILES {
        if let Some(value) = snapshot.quantile(quantile) {
            write_shown(format_args!(",{name}:"), out);
            write_float(value, out);
        }
    }
}

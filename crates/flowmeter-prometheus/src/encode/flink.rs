//! The text format as Flink's reporter writes it.

use std::collections::HashSet;
use std::convert::Infallible;

use flowmeter_core::{FamilyView, HistogramSnapshot, MetricKind, Report, SeriesView, Value};

use super::escape::write_help;
use super::number::write_java_f64;
use super::{Output, Selection};
use crate::naming::{FlinkFamily, FlinkName, open_label};

/// The quantiles of a histogram, which is a summary there.
const QUANTILES: [(f64, &str); 6] =
    [(0.5, "0.5"), (0.75, "0.75"), (0.95, "0.95"), (0.98, "0.98"), (0.99, "0.99"), (0.999, "0.999")];

/// Writes a report with Flink's names, types and spelling of values.
pub(crate) fn encode_flink(report: &Report<'_>, selection: &Selection, output: &mut Output<'_>) {
    // A family may be written under more names than the one it was prepared with, and those could be another's.
    let own: HashSet<&[u8]> = report.families().map(|family| family.prepared()).collect();
    let mut written: HashSet<String> = HashSet::new();
    for family in report.families() {
        let named = FlinkFamily::of(family.family());
        let is_meter = family.family().is_flink_meter();
        let values = named.names.iter().map(|name| (name, is_meter));
        let all = values.chain(named.rates.iter().map(|name| (name, true)));
        for (number, (name, is_rate)) in all.enumerate() {
            let is_free = number == 0 || !own.contains(name.name.as_bytes());
            let is_selected = selection.takes_name(&name.name)
                || (family.family().kind() == MetricKind::Histogram
                    && selection.takes_name(&format!("{}_count", name.name)));
            if is_free && is_selected && written.insert(name.name.clone()) {
                write_family(&family, name, is_rate, output);
            }
        }
    }
}

fn write_family(family: &FamilyView<'_>, name: &FlinkName, is_rate: bool, output: &mut Output<'_>) {
    let is_summary = family.family().kind() == MetricKind::Histogram;
    let FlinkName { name, help } = name;
    let kind = if is_summary { "summary" } else { "gauge" };
    let out = &mut *output.bytes;
    out.extend_from_slice(format!("# HELP {name} ").as_bytes());
    write_help(help, out);
    out.extend_from_slice(format!("\n# TYPE {name} {kind}\n").as_bytes());
    let count = format!("{name}_count");
    let result: Result<(), Infallible> = family.for_each(|series| {
        let out = &mut *output.bytes;
        match series.value() {
            Value::Histogram(snapshot) => write_summary(name, &count, series.prepared(), snapshot, out),
            value => {
                out.extend_from_slice(name.as_bytes());
                out.extend_from_slice(series.prepared());
                write_java_f64(if is_rate { rate(series) } else { number(value) }, out);
                out.push(b'\n');
            }
        }
        output.flush_if_full();
        Ok(())
    });
    let Ok(()) = result;
}

/// Flink's meters have a rate from the beginning on.
fn rate(series: &SeriesView<'_>) -> f64 {
    series.rate().unwrap_or(0.0)
}

fn number(value: Value<'_>) -> f64 {
    match value {
        Value::Number(number) => number.to_f64(),
        Value::Bool(true) => 1.0,
        // Flink has texts as well, as zeros.
        _ => 0.0,
    }
}

fn write_summary(name: &str, count: &str, labels: &[u8], snapshot: &HistogramSnapshot, out: &mut Vec<u8>) {
    out.extend_from_slice(count.as_bytes());
    out.extend_from_slice(labels);
    write_java_f64(snapshot.count() as f64, out);
    out.push(b'\n');
    for (quantile, label) in QUANTILES {
        out.extend_from_slice(name.as_bytes());
        open_label(labels, b"quantile", out);
        out.extend_from_slice(label.as_bytes());
        out.extend_from_slice(b"\",} ");
        write_java_f64(snapshot.quantile(quantile).unwrap_or(f64::NAN), out);
        out.push(b'\n');
    }
}

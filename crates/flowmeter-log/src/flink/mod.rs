//! The form of Flink's SLF4J reporters.
//!
//! Source: what `flink-metrics-slf4j` of Flink 2.3.0 writes.

mod milestones;
mod names;

use std::convert::Infallible;

use flowmeter_core::{Family, GroupView, HistogramSnapshot, MetricKind, Number, Report, SeriesView, Value};

use crate::budget::ReportWriter;
use crate::messages::{Messages, TooLong};
use crate::text::{on_one_line, write_java, write_java_float, write_shown};

pub(crate) use milestones::line;

const BEGINNING: &str = "\n=========================== Starting metrics report ===========================\n";
const END: &str = "\n=========================== Finished metrics report ===========================";

/// The headings, in their order.
const HEADINGS: [&str; 4] = ["Counters", "Gauges", "Meters", "Histograms"];
const DASHES: &str = "---------------------------------------------------------------------";

const QUANTILES: [(f64, &str); 6] =
    [(0.5, "p50"), (0.75, "p75"), (0.95, "p95"), (0.98, "p98"), (0.99, "p99"), (0.999, "p999")];

/// Writes the identifier of a group, with the delimiter behind it.
pub(crate) fn prepare_group(group: &GroupView<'_>, delimiter: char, out: &mut Vec<u8>) {
    out.extend_from_slice(names::joined(&group.components(), delimiter).as_bytes());
}

/// Writes the last part of an identifier.
pub(crate) fn prepare_family(family: &Family, delimiter: char, out: &mut Vec<u8>) {
    out.extend_from_slice(names::component(family.name(), delimiter).as_bytes());
}

/// Writes a report as one message, or as several if it is longer than one.
pub(crate) fn write_report(report: &Report<'_>, delimiter: char, writer: &mut ReportWriter<'_>) {
    let families: Vec<_> =
        report.families().map(|family| (names::of(family.family(), delimiter), family)).collect();
    let (mut messages, size) = (Messages::default(), writer.size());
    let frame = |messages: &mut Messages, text: &str| {
        // No message is as short as what frames it.
        let _ = messages.add(text, 0, size);
    };
    frame(&mut messages, BEGINNING);
    let mut part = String::new();
    for heading in HEADINGS {
        frame(&mut messages, &format!("\n-- {heading} {DASHES}\n"));
        for ((names, rates), family) in &families {
            let is_meter = family.family().is_flink_meter();
            let names = match heading {
                "Meters" => {
                    if is_meter {
                        names
                    } else {
                        rates
                    }
                }
                _ if is_meter || heading_of(family.family().kind()) != heading => continue,
                _ => names,
            };
            let Ok(()) = family.for_each(|series| {
                for name in names {
                    part.clear();
                    name.write(series.prepared(), &series.group(), delimiter, &mut part);
                    part.push_str(": ");
                    write_value(series, heading, &mut part);
                    part.push('\n');
                    if messages.add(&part, 1, size) == Err(TooLong) {
                        writer.drop_too_long(&series.group().identifier(), family.family().name());
                    }
                }
                Ok::<_, Infallible>(())
            });
        }
    }
    frame(&mut messages, END);
    messages.into_iter().for_each(|message| writer.write(&message));
}

fn heading_of(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Counter | MetricKind::UpDownCounter | MetricKind::Meter => HEADINGS[0],
        MetricKind::Histogram => HEADINGS[3],
        _ => HEADINGS[1],
    }
}

fn write_value(series: &SeriesView<'_>, heading: &str, out: &mut String) {
    match series.value() {
        // Flink's meters have a rate from the beginning on, and here none of their counts.
        _ if heading == "Meters" => write_java_float(series.rate().unwrap_or(0.0), out),
        Value::Number(number) => write_java(number, out),
        Value::Bool(value) => write_shown(format_args!("{value}"), out),
        Value::Text(text) => out.push_str(&on_one_line(text)),
        Value::Histogram(snapshot) => write_histogram(snapshot, out),
        _ => {}
    }
}

fn write_histogram(snapshot: &HistogramSnapshot, out: &mut String) {
    write_shown(format_args!("count={}", snapshot.count()), out);
    for (name, number) in [("min", snapshot.min()), ("max", snapshot.max())] {
        write_shown(format_args!(", {name}="), out);
        // What nothing was recorded in has these statistics in Flink.
        write_java(number.unwrap_or(Number::U64(0)), out);
    }
    let statistics = [("mean", snapshot.mean()), ("stddev", snapshot.standard_deviation())];
    let quantiles = QUANTILES.map(|(quantile, name)| (name, snapshot.quantile(quantile)));
    for (name, value) in statistics.into_iter().chain(quantiles) {
        write_shown(format_args!(", {name}="), out);
        write_java_float(value.unwrap_or(f64::NAN), out);
    }
}

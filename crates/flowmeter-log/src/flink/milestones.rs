//! Spans and events in Flink's form.
//!
//! Flink logs an event as `SimpleEvent@` and an address, for want of a `toString`; here it is shown as a span is.

use flowmeter_core::{AttributeValue, GroupView, Milestone, MilestoneView, Span};

use crate::LogLevel;
use crate::milestones::Line;
use crate::output::Target;
use crate::text::{on_one_line, write_java_float, write_shown};

/// The line of a span or an event.
pub(crate) fn line(view: &MilestoneView<'_>, level: LogLevel) -> Line {
    let group = view.group();
    match view.milestone() {
        Milestone::Span(span) => {
            let mut text = "Reported span: ".to_owned();
            write_span(span, &group, &mut text);
            Line { target: Target::Span, level, text }
        }
        Milestone::Event(event) => {
            let mut text = "Reported event: SimpleEvent{".to_owned();
            write_fields(event.scope(), event.name(), &mut text);
            let (time, severity) = (event.observed().as_millis(), event.severity().text());
            let body = on_one_line(event.body());
            write_shown(
                format_args!(", observedTsMillis={time}, severity={severity}, body={body}, "),
                &mut text,
            );
            write_attributes(event.attributes(), &group, &mut text);
            text.push('}');
            Line { target: Target::Event, level, text }
        }
    }
}

fn write_fields(scope: &str, name: &str, out: &mut String) {
    write_shown(format_args!("scope={}, name={}", on_one_line(scope), on_one_line(name)), out);
}

fn write_span(span: &Span, group: &GroupView<'_>, out: &mut String) {
    out.push_str("SimpleSpan{");
    write_fields(span.scope(), span.name(), out);
    let (start, end) = (span.start().as_millis(), span.end().as_millis());
    write_shown(format_args!(", startTsMillis={start}, endTsMillis={end}, "), out);
    write_attributes(span.attributes(), group, out);
    out.push_str(", children=[");
    for (number, child) in span.children().iter().enumerate() {
        out.push_str(if number > 0 { ", " } else { "" });
        write_span(child, group, out);
    }
    out.push_str("]}");
}

/// Writes attributes, and variables as attributes, in brackets as Flink has them.
fn write_attributes<'a>(
    attributes: impl Iterator<Item = (&'a str, &'a AttributeValue)>,
    group: &GroupView<'_>,
    out: &mut String,
) {
    out.push_str("attributes={");
    let start = out.len();
    for (key, value) in attributes {
        out.push_str(if out.len() > start { ", " } else { "" });
        write_shown(format_args!("{}=", on_one_line(key)), out);
        match value {
            AttributeValue::Text(text) => out.push_str(&on_one_line(text)),
            AttributeValue::I64(number) => write_shown(format_args!("{number}"), out),
            AttributeValue::F64(number) => write_java_float(*number, out),
            AttributeValue::Bool(value) => write_shown(format_args!("{value}"), out),
        }
    }
    for (key, value) in group.variables() {
        out.push_str(if out.len() > start { ", " } else { "" });
        write_shown(format_args!("<{}>={}", on_one_line(key), on_one_line(value)), out);
    }
    out.push('}');
}

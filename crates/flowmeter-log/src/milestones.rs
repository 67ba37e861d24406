//! Spans and events as lines: a line each, and one for each span below another.

use std::time::Duration;

use flowmeter_core::{AttributeValue, Event, Milestone, MilestoneView, Span, SpanStatus};

use crate::LogLevel;
use crate::messages::{Messages, TooLong};
use crate::native::write_variables;
use crate::output::Target;
use crate::text::{write_float, write_quoted, write_shown, write_word};

/// A line of the log.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) target: Target,
    pub(crate) level: LogLevel,
    pub(crate) text: String,
}

/// The lines of a span or an event. Nothing if it has no room in messages of a size.
pub(crate) fn lines(view: &MilestoneView<'_>, level: LogLevel, size: usize) -> Option<Vec<Line>> {
    let mut variables = " |".to_owned();
    write_variables(&view.group(), &mut variables);
    variables.push_str(" |");
    let mut lines = Vec::new();
    match view.milestone() {
        Milestone::Span(span) => write_span(span, None, &variables, (level, size), &mut lines)?,
        Milestone::Event(event) => {
            let mut head = head_of_event(event);
            head.push_str(&variables);
            let level = LogLevel::of(event.severity());
            write_lines(Target::Event, head, event.attributes(), (level, size), &mut lines)?;
        }
    }
    Some(lines)
}

fn head_of_event(event: &Event) -> String {
    let mut head = String::new();
    write_word(event.name(), &mut head);
    head.push_str(" scope=");
    write_word(event.scope(), &mut head);
    write_shown(format_args!(" severity={} time=", event.severity().text()), &mut head);
    write_seconds(event.observed(), &mut head);
    if !event.body().is_empty() {
        head.push_str(" body=");
        write_quoted(event.body(), &mut head);
    }
    write_dropped("attributes", event.dropped_attributes(), &mut head);
    head
}

fn write_span(
    span: &Span,
    parent: Option<&Span>,
    variables: &str,
    (level, size): (LogLevel, usize),
    lines: &mut Vec<Line>,
) -> Option<()> {
    let mut head = String::new();
    write_word(span.name(), &mut head);
    head.push_str(" scope=");
    write_word(span.scope(), &mut head);
    if let Some(parent) = parent {
        head.push_str(" parent=");
        write_word(parent.name(), &mut head);
    }
    head.push_str(" start=");
    write_seconds(span.start(), &mut head);
    head.push_str(" seconds=");
    write_seconds(span.end().saturating_sub(span.start()), &mut head);
    match span.status() {
        SpanStatus::Unset => {}
        SpanStatus::Ok => head.push_str(" status=ok"),
        SpanStatus::Error(why) => {
            head.push_str(" status=error error=");
            write_quoted(why, &mut head);
        }
    }
    write_dropped("attributes", span.dropped_attributes(), &mut head);
    write_dropped("children", span.dropped_children(), &mut head);
    head.push_str(variables);
    write_lines(Target::Span, head, span.attributes(), (level, size), lines)?;
    span.children()
        .iter()
        .try_for_each(|child| write_span(child, Some(span), variables, (level, size), lines))
}

/// Since the Unix epoch, or of a time: in seconds, with milliseconds.
fn write_seconds(time: Duration, out: &mut String) {
    write_shown(format_args!("{}.{:03}", time.as_secs(), time.subsec_millis()), out);
}

fn write_dropped(what: &str, number: u32, out: &mut String) {
    if number > 0 {
        write_shown(format_args!(" dropped_{what}={number}"), out);
    }
}

/// Writes attributes behind what each of the lines begins with.
fn write_lines<'a>(
    target: Target,
    head: String,
    attributes: impl Iterator<Item = (&'a str, &'a AttributeValue)>,
    (level, size): (LogLevel, usize),
    lines: &mut Vec<Line>,
) -> Option<()> {
    let room = size.checked_sub(head.len())?;
    let (mut messages, mut part) = (Messages::default(), String::new());
    for (key, value) in attributes {
        part.clear();
        part.push(' ');
        write_word(key, &mut part);
        part.push('=');
        write_attribute(value, &mut part);
        if messages.add(&part, 1, room) == Err(TooLong) {
            return None;
        }
    }
    let first = lines.len();
    lines.extend(messages.into_iter().map(|message| Line {
        target,
        level,
        text: head.clone() + &message.text,
    }));
    if lines.len() == first {
        lines.push(Line { target, level, text: head });
    }
    Some(())
}

fn write_attribute(value: &AttributeValue, out: &mut String) {
    match value {
        AttributeValue::Text(text) => write_quoted(text, out),
        AttributeValue::I64(number) => write_shown(format_args!("{number}"), out),
        AttributeValue::F64(number) => write_float(*number, out),
        AttributeValue::Bool(value) => write_shown(format_args!("{value}"), out),
    }
}

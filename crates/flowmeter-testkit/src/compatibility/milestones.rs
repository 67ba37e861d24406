//! What a reporter that wants spans and events is taken through.

use std::time::Duration;

use flowmeter_core::{AttributeValue, Clock, Event, JobManagerJobGroup, Severity, Span};

use super::bench::Bench;
use super::{HeldMilestone, Subject};
use crate::PATIENCE;

const SCOPE: &str = "flowmeter_testkit::compatibility";

/// What must be held: a name, and attributes among others.
type Expected = (String, Vec<(&'static str, AttributeValue)>);

fn attributes(number: i64) -> Vec<(&'static str, AttributeValue)> {
    vec![
        ("text", AttributeValue::Text(format!("a \"text\" of {number}\n{{b}}=\u{1f980}"))),
        ("empty", AttributeValue::Text(String::new())),
        ("integer", AttributeValue::I64(number)),
        ("least", AttributeValue::I64(i64::MIN)),
        ("float", AttributeValue::F64(0.25)),
        ("truth", AttributeValue::Bool(true)),
    ]
}

fn span(bench: &Bench<impl Subject>, number: i64) -> Span {
    let now = bench.clock.unix();
    let span =
        Span::new(SCOPE, format!("span-{number}")).starting_at(now - Duration::from_secs(1)).ending_at(now);
    attributes(number).into_iter().fold(span, |span, (key, value)| span.with(key, value))
}

/// Reports a span with two levels below it and an event, as four that are held.
fn tell(bench: &Bench<impl Subject>, job: &JobManagerJobGroup, first: i64) -> Vec<Expected> {
    let inner = span(bench, first + 1).child(span(bench, first + 2)).failed("told to");
    job.report_span(span(bench, first).child(inner).succeeded());
    let event =
        Event::new(SCOPE, format!("event-{first}")).with_severity(Severity::Warn).with_body("it happened");
    let event = attributes(first).into_iter().fold(event, |event, (key, value)| event.with(key, value));
    job.add_group_kv("key", "a value").report_event(event);
    let spans = (first..first + 3).map(|number| (format!("span-{number}"), attributes(number)));
    spans.chain([(format!("event-{first}"), attributes(first))]).collect()
}

/// Looks whether what is held is what was told, each once.
fn compare(bench: &mut Bench<impl Subject>, expected: &[Expected]) -> Result<(), String> {
    let Some(held) = bench.subject.held_milestones()? else {
        return Err("spans and events cannot be read any more".to_owned());
    };
    for (name, attributes) in expected {
        let mut named = held.iter().filter(|held| held.name == *name);
        let (Some(one), None) = (named.next(), named.next()) else {
            let times = held.iter().filter(|held| held.name == *name).count();
            return Err(format!("{name} is held {times} times"));
        };
        compare_attributes(one, attributes)?;
    }
    match held.len() - expected.len() {
        0 => Ok(()),
        more => Err(format!("{more} are held that nobody reported")),
    }
}

fn compare_attributes(held: &HeldMilestone, expected: &[(&str, AttributeValue)]) -> Result<(), String> {
    for (key, value) in expected {
        let mut found = held.attributes.iter().filter(|(known, _)| known == key);
        match (found.next(), found.next()) {
            (Some((_, found)), None) if found == value => {}
            _ => return Err(format!("the attribute {key}={value:?} is not there, or not once, in {held:?}")),
        }
    }
    Ok(())
}

pub(super) fn arrive(bench: &mut Bench<impl Subject>) -> Result<(), String> {
    let job_manager = bench.registry.job_manager("host-1");
    let job = job_manager.job("job-1", "a job");
    let mut expected = Vec::new();
    for round in 0..3 {
        expected.extend(tell(bench, &job, 10 * round));
        bench.subject.report(&bench.reporter)?;
        compare(bench, &expected).map_err(|failure| format!("after report {round}: {failure}"))?;
    }
    bench.subject.report(&bench.reporter)?;
    compare(bench, &expected)
}

pub(super) fn arrive_after_refusal(bench: &mut Bench<impl Subject>) -> Result<(), String> {
    let job_manager = bench.registry.job_manager("host-1");
    let job = job_manager.job("job-1", "a job");
    let mut expected = Vec::new();
    for round in 0..3 {
        expected.extend(tell(bench, &job, 10 * round));
        if bench.subject.report(&bench.reporter).is_ok() {
            return Err("a report succeeded that was refused".to_owned());
        }
    }
    bench.subject.refuse(false);
    bench.subject.report(&bench.reporter)?;
    compare(bench, &expected)?;
    match bench.reporter.status().dropped_milestones {
        0 => Ok(()),
        dropped => Err(format!("{dropped} are said to be dropped")),
    }
}

pub(super) fn arrive_at_the_end(bench: &mut Bench<impl Subject>) -> Result<(), String> {
    let job_manager = bench.registry.job_manager("host-1");
    let job = job_manager.job("job-1", "a job");
    let mut expected = tell(bench, &job, 0);
    job.close();
    expected.extend(tell(bench, &job, 10));
    let outcomes = bench.registry.shutdown(PATIENCE);
    if let Some(error) = outcomes.into_iter().find_map(|(_, outcome)| outcome.err()) {
        return Err(format!("at the end: {error}"));
    }
    compare(bench, &expected)
}

//! The kit finds nothing wrong with reporters that are right, and finds what is wrong with others.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use flowmeter_core::{
    ConfigError, ConfigKey, ConfigSection, Family, GroupView, KeyInfo, Milestone, Number, Report,
    ReportError, Reporter, ReporterFactory, Span, Value,
};
use flowmeter_testkit::compatibility::{
    Abilities, Held, HeldMilestone, Scenario, Subject, check, check_factory,
};
use flowmeter_testkit::{Capture, Observed};

/// A backend that has what the last report held, after it went through something.
struct Last {
    capture: Capture,
    change: fn(Vec<Held>) -> Vec<Held>,
}

impl Last {
    fn with(change: fn(Vec<Held>) -> Vec<Held>) -> Self {
        Self { capture: Capture::push(), change }
    }
}

impl Subject for Last {
    fn reporter(&mut self) -> Box<dyn Reporter> {
        self.capture.reporter()
    }

    fn held(&mut self) -> Result<Vec<Held>, String> {
        let series = self.capture.last_series().into_iter();
        Ok((self.change)(series.map(|(name, value)| Held::new(name, value)).collect()))
    }

    fn refuse(&mut self, refuse: bool) -> bool {
        self.capture.fail(refuse);
        true
    }

    fn abilities(&self) -> Abilities {
        Abilities { labels: false, ..Abilities::default() }
    }
}

/// A backend that adds up differences, and does not forget.
#[derive(Default)]
struct Sums {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    sums: BTreeMap<Vec<u8>, Observed>,
    refusing: bool,
    /// Adds up what it refuses, as a reporter does that sends before it knows.
    hasty: bool,
}

struct SumsReporter(Arc<Mutex<State>>);

impl Reporter for SumsReporter {
    fn deltas(&self) -> bool {
        true
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        for (key, value) in group.variables() {
            out.extend_from_slice(format!("{key:?}={value:?},").as_bytes());
        }
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{}.{}", family.logical_scope(), family.name()).as_bytes());
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let mut state = self.0.lock().unwrap();
        let mut sums = state.sums.clone();
        for family in report.families() {
            family.for_each(|series| {
                let key = [series.prepared(), family.prepared()].concat();
                let value = match (series.delta(), series.histogram_delta(), series.value()) {
                    (Some(delta), ..) => {
                        let before = match sums.get(&key) {
                            Some(Observed::Number(Number::U64(before))) => *before,
                            _ => 0,
                        };
                        Observed::Number(Number::U64(before.wrapping_add(delta)))
                    }
                    (_, Some(delta), _) => {
                        let (before, so_far) = match sums.get(&key) {
                            Some(Observed::Histogram { count, sum }) => (*count, *sum),
                            _ => (0, 0.0),
                        };
                        Observed::Histogram {
                            count: before + delta.count(),
                            sum: so_far + delta.sum().to_f64(),
                        }
                    }
                    (_, _, Value::Number(number)) => Observed::Number(number),
                    (_, _, Value::Bool(value)) => Observed::Bool(value),
                    _ => return Ok(()),
                };
                sums.insert(key, value);
                Ok::<_, ReportError>(())
            })?;
        }
        if state.refusing && !state.hasty {
            return Err("refused".into());
        }
        state.sums = sums;
        if state.refusing { Err("refused".into()) } else { Ok(()) }
    }
}

impl Subject for Sums {
    fn reporter(&mut self) -> Box<dyn Reporter> {
        Box::new(SumsReporter(Arc::clone(&self.state)))
    }

    fn held(&mut self) -> Result<Vec<Held>, String> {
        let state = self.state.lock().unwrap();
        let held =
            |(key, value): (&Vec<u8>, &Observed)| Held::new(String::from_utf8_lossy(key), value.clone());
        Ok(state.sums.iter().map(held).collect())
    }

    fn abilities(&self) -> Abilities {
        Abilities { texts: false, labels: false, forgets: false, ..Abilities::default() }
    }

    fn refuse(&mut self, refuse: bool) -> bool {
        self.state.lock().unwrap().refusing = refuse;
        true
    }
}

#[test]
fn reporters_that_are_right_pass() {
    assert_eq!(check(|| Last::with(|held| held)).unwrap(), []);
    assert_eq!(check(Sums::default).unwrap(), []);
}

/// A backend of spans and events, which went through something.
struct Milestones {
    inner: Last,
    change: fn(Vec<HeldMilestone>) -> Vec<HeldMilestone>,
}

impl Milestones {
    fn with(change: fn(Vec<HeldMilestone>) -> Vec<HeldMilestone>) -> Self {
        let capture = Capture::push().with_milestones();
        Self { inner: Last { capture, change: |held| held }, change }
    }
}

fn hold_span(span: &Span, held: &mut Vec<HeldMilestone>) {
    let attributes = span.attributes().map(|(key, value)| (key.to_owned(), value.clone())).collect();
    held.push(HeldMilestone { name: span.name().to_owned(), attributes });
    span.children().iter().for_each(|child| hold_span(child, held));
}

impl Subject for Milestones {
    fn reporter(&mut self) -> Box<dyn Reporter> {
        self.inner.reporter()
    }

    fn held(&mut self) -> Result<Vec<Held>, String> {
        self.inner.held()
    }

    fn held_milestones(&mut self) -> Result<Option<Vec<HeldMilestone>>, String> {
        let mut held = Vec::new();
        for captured in self.inner.capture.all_milestones() {
            match &captured.milestone {
                Milestone::Span(span) => hold_span(span, &mut held),
                Milestone::Event(event) => {
                    let attributes = event.attributes();
                    let attributes = attributes.map(|(key, value)| (key.to_owned(), value.clone())).collect();
                    held.push(HeldMilestone { name: event.name().to_owned(), attributes });
                }
            }
        }
        Ok(Some((self.change)(held)))
    }

    fn refuse(&mut self, refuse: bool) -> bool {
        self.inner.refuse(refuse)
    }

    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }
}

const ABOUT_MILESTONES: [Scenario; 3] =
    [Scenario::Milestones, Scenario::RefusedMilestones, Scenario::LastMilestones];

#[test]
fn reporters_of_spans_and_events_pass_too() {
    assert_eq!(check(|| Milestones::with(|held| held)).unwrap(), []);
    let unread = || Last { capture: Capture::push().with_milestones(), change: |held| held };
    assert_eq!(check(unread).unwrap(), ABOUT_MILESTONES, "their backend is not looked at");
}

#[test]
fn what_is_wrong_of_spans_and_events_is_found() {
    let found_out = |change| {
        let failures = check(|| Milestones::with(change)).unwrap_err();
        failures.iter().map(|(scenario, _)| scenario).collect::<Vec<_>>()
    };
    let loses_the_last = |mut held: Vec<HeldMilestone>| {
        held.pop();
        held
    };
    assert_eq!(found_out(loses_the_last), ABOUT_MILESTONES);
    let doubles = |mut held: Vec<HeldMilestone>| {
        held.extend(held.first().cloned());
        held
    };
    assert_eq!(found_out(doubles), ABOUT_MILESTONES);
    let invents = |mut held: Vec<HeldMilestone>| {
        held.push(HeldMilestone { name: "invented".to_owned(), attributes: Vec::new() });
        held
    };
    assert_eq!(found_out(invents), ABOUT_MILESTONES);
    let has_no_integers = |mut held: Vec<HeldMilestone>| {
        held.iter_mut().for_each(|held| held.attributes.retain(|(key, _)| key != "integer"));
        held
    };
    assert_eq!(found_out(has_no_integers), ABOUT_MILESTONES);
}

/// The scenarios in which a backend is found out.
fn found_out(change: fn(Vec<Held>) -> Vec<Held>) -> Vec<Scenario> {
    let failures = check(|| Last::with(change)).unwrap_err();
    assert!(failures.to_string().starts_with("the reporter is not compatible:\n- "), "{failures}");
    failures.iter().map(|(scenario, _)| scenario).collect()
}

#[test]
fn what_is_wrong_is_found() {
    let loses_the_last = |mut held: Vec<Held>| {
        held.pop();
        held
    };
    assert_eq!(
        found_out(loses_the_last).len(),
        Scenario::ALL.len() - 5,
        "all but those that have nothing to lose, and those of spans and events"
    );
    let doubles = |mut held: Vec<Held>| {
        held.extend(held.first().cloned());
        held
    };
    assert!(found_out(doubles).contains(&Scenario::Return));
}

#[test]
fn integers_that_are_rounded_are_found() {
    let rounds = |held: Vec<Held>| {
        let round = |value: u64| Observed::Number(Number::U64(Number::U64(value).to_f64() as u64));
        let change = |held: Held| match held.value {
            Observed::Number(Number::U64(value)) => Held { value: round(value), ..held },
            _ => held,
        };
        held.into_iter().map(change).collect()
    };
    assert_eq!(found_out(rounds), [Scenario::ExtremeNumbers]);
}

#[test]
fn what_is_not_a_number_must_not_become_one() {
    let zeroes = |held: Vec<Held>| {
        let change = |held: Held| match held.value {
            Observed::Number(Number::F64(value)) if !value.is_finite() => {
                Held { value: Observed::Number(Number::F64(0.0)), ..held }
            }
            _ => held,
        };
        held.into_iter().map(change).collect()
    };
    assert_eq!(found_out(zeroes), [Scenario::ExtremeNumbers]);
}

#[test]
fn names_that_run_into_each_other_are_found() {
    let merges = |held: Vec<Held>| {
        let plain =
            |name: &str| name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '{' && c != '=', "_");
        let by_name: BTreeMap<_, _> = held.into_iter().map(|held| (plain(&held.name), held)).collect();
        by_name.into_values().collect()
    };
    assert_eq!(found_out(merges), [Scenario::AwkwardNames]);
}

#[test]
fn names_that_say_too_little_are_found() {
    let measures = |held: Vec<Held>| {
        let measure = |held: Held| Held { name: held.name.len().to_string(), ..held };
        held.into_iter().map(measure).collect()
    };
    assert!(found_out(measures).contains(&Scenario::EveryKind));
}

/// A reporter that is right but for its end.
struct BadEnd;

impl Reporter for BadEnd {
    fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> {
        Ok(())
    }

    fn stop(&mut self) {
        panic!("stopped before it was started");
    }
}

impl Subject for BadEnd {
    fn reporter(&mut self) -> Box<dyn Reporter> {
        Box::new(Self)
    }

    fn held(&mut self) -> Result<Vec<Held>, String> {
        Ok(Vec::new())
    }
}

#[test]
fn a_stop_that_panics_is_found() {
    let failures = check(|| BadEnd).unwrap_err();
    let failure = failures.iter().find(|(scenario, _)| *scenario == Scenario::Unused);
    assert_eq!(failure.unwrap().1, "panicked: stopped before it was started");
}

#[test]
fn a_reporter_that_counts_what_was_refused_is_found() {
    let hasty = || Sums { state: Arc::new(Mutex::new(State { hasty: true, ..State::default() })) };
    let failures = check(hasty).unwrap_err();
    assert_eq!(failures.iter().map(|(scenario, _)| scenario).collect::<Vec<_>>(), [Scenario::Refusal]);
}

const PORT: ConfigKey<u16> = ConfigKey::new("port", "The port.").with_default("9249");
const BAD_NAME: ConfigKey<u16> = ConfigKey::new("thePort", "The port.").with_default("9249");
const BAD_DEFAULT: ConfigKey<u16> = ConfigKey::new("port", "The port.").with_default("any");
const TAKEN: ConfigKey<u16> = ConfigKey::new("interval", "The port.").with_default("9249");
const MAP: ConfigKey<Vec<(String, String)>> = ConfigKey::new("scope", "Pairs.").with_default("");
const BARE: ConfigKey<u16> = ConfigKey::new("port", "").with_default("9249");

struct Factory(Vec<KeyInfo>);

impl ReporterFactory for Factory {
    fn reporter_type(&self) -> &str {
        "capture"
    }

    fn keys(&self) -> &[KeyInfo] {
        &self.0
    }

    fn build(&self, section: &ConfigSection) -> Result<Box<dyn Reporter>, ConfigError> {
        section.get(&PORT)?;
        Ok(Capture::push().reporter())
    }
}

#[test]
fn factories_are_looked_at_too() {
    let check = |keys: &[KeyInfo], port: &str| {
        check_factory(&Factory(keys.to_vec()), &ConfigSection::new("reporters.x").with("port", port))
    };
    assert_eq!(check(&[PORT.info()], "1"), Ok(()));
    for (keys, port, error) in [
        (vec![PORT.info(), PORT.info()], "1", "the key `port` is there twice"),
        (vec![TAKEN.info()], "1", "the key `interval` is there twice"),
        (
            vec![BAD_NAME.info()],
            "1",
            "the key `thePort` is not in lower case, with dots and hyphens between words",
        ),
        (vec![MAP.info()], "1", "the key `scope.delimiter` would be an entry of the map `scope`"),
        (vec![BARE.info()], "1", "the key `port` is not described"),
        (
            vec![BAD_DEFAULT.info()],
            "1",
            "`default.port` cannot be `any`: give a whole number from 0 to 65535",
        ),
        (vec![PORT.info()], "x", "`reporters.x.port` cannot be `x`: give a whole number from 0 to 65535"),
    ] {
        assert_eq!(check(&keys, port).unwrap_err(), error);
    }
}

//! What a scenario is played on.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{Clashes, Clock, Number, Registry, ReportMode, ReporterHandle};

use super::{Abilities, Held, Subject};
use crate::{MockClock, Observed, PATIENCE, on_request, quiet_registry_on};

/// A registry whose only reporter is the subject's.
pub(super) struct Bench<S> {
    pub(super) registry: Registry,
    pub(super) clock: Arc<MockClock>,
    pub(super) mode: ReportMode,
    pub(super) clashes: Clashes,
    pub(super) wants_milestones: bool,
    pub(super) abilities: Abilities,
    pub(super) reporter: ReporterHandle,
    pub(super) subject: S,
}

/// A clock that moves a little each time that somebody looks: backends take two reports of one moment for one.
struct Ticking(Arc<MockClock>);

impl Clock for Ticking {
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn unix(&self) -> Duration {
        self.0.advance(Duration::from_nanos(1));
        self.0.unix()
    }
}

impl<S: Subject> Bench<S> {
    pub(super) fn new(mut subject: S) -> Self {
        let clock = Arc::new(MockClock::default());
        let registry = quiet_registry_on(Arc::new(Ticking(Arc::clone(&clock))));
        let reporter = subject.reporter();
        let (mode, clashes, abilities) = (reporter.mode(), reporter.clashes(), subject.abilities());
        let wants_milestones = reporter.milestones();
        let reporter = registry.add_reporter("subject", reporter, on_request());
        let reporter = reporter.unwrap_or_else(|error| panic!("{error}"));
        Self { registry, clock, mode, clashes, wants_milestones, abilities, reporter, subject }
    }

    /// Lets the grace time of closed groups go by.
    pub(super) fn let_grace_pass(&self) {
        self.clock.advance(on_request().grace);
    }

    /// Lets all go by that closed groups are kept for.
    pub(super) fn let_retention_pass(&self) -> Result<(), String> {
        self.reporter.wait_delivered(PATIENCE).map_err(|error| error.to_string())?;
        self.clock.advance(on_request().keep_delivered + Duration::from_secs(1));
        self.reporter.wait_delivered(PATIENCE).map_err(|error| error.to_string())
    }

    pub(super) fn report(&mut self) -> Result<Vec<Held>, String> {
        self.subject.report(&self.reporter)?;
        self.subject.held()
    }

    /// Reports, and looks whether the backend then holds these values and nothing else.
    pub(super) fn expect(&mut self, expected: &[Observed]) -> Result<Vec<Held>, String> {
        let held = self.report()?;
        self.compare(&held, expected)?;
        Ok(held)
    }

    /// Looks whether what is held is these values, each once, and nothing else.
    pub(super) fn compare(&self, held: &[Held], expected: &[Observed]) -> Result<(), String> {
        self.compare_identities(held)?;
        let mut rest: Vec<_> = held.iter().collect();
        for value in expected {
            let position = rest.iter().position(|held| self.is_same(&held.value, value));
            let Some(position) = position else {
                return Err(format!("{value:?} is not held; {} else is{}", shown(&rest), self.clashes()));
            };
            rest.swap_remove(position);
        }
        let is_expected = |held: &&Held| expected.iter().any(|value| self.is_same(&held.value, value));
        match rest.iter().find(|held| is_expected(held)) {
            Some(twice) => Err(format!("more than once held: {twice:?}")),
            None if rest.is_empty() => Ok(()),
            None => Err(format!("held, and no metric of the program: {}", shown(&rest))),
        }
    }

    /// Looks whether no two series are one to the backend, and each label is there once.
    fn compare_identities(&self, held: &[Held]) -> Result<(), String> {
        let mut identities = HashSet::new();
        for series in held {
            let mut labels: Vec<_> = series.labels.iter().collect();
            labels.sort();
            if labels.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                return Err(format!("a label is there twice in {}", shown(&[series])));
            }
            if !identities.insert((&series.name, labels)) && self.clashes == Clashes::Withheld {
                return Err(format!("two series have the name and labels of {}", shown(&[series])));
            }
        }
        Ok(())
    }

    /// A hint, where series were withheld.
    fn clashes(&self) -> String {
        match self.registry.statistics().clashes {
            0 => String::new(),
            clashes => format!(
                " ({clashes} series or families of them were withheld, because others have their identity)"
            ),
        }
    }

    /// The only series that has a value.
    pub(super) fn find<'a>(&self, held: &'a [Held], value: &Observed) -> Result<&'a Held, String> {
        let mut found = held.iter().filter(|held| self.is_same(&held.value, value));
        match (found.next(), found.next()) {
            (Some(held), None) => Ok(held),
            (None, _) => Err(format!("{value:?} is not held")),
            (Some(one), Some(other)) => Err(format!("{value:?} is held twice, as {one:?} and {other:?}")),
        }
    }

    fn is_same(&self, held: &Observed, expected: &Observed) -> bool {
        match (held, expected) {
            (Observed::Text(held), Observed::Text(expected)) => held == expected,
            (
                Observed::Histogram { count, sum },
                Observed::Histogram { count: expected_count, sum: expected_sum },
            ) => count == expected_count && is_same_float(*sum, *expected_sum),
            (Observed::Text(_) | Observed::Histogram { .. }, _)
            | (_, Observed::Text(_) | Observed::Histogram { .. }) => false,
            (held, expected) => match (integer(held), integer(expected)) {
                (Some(held), Some(expected)) if self.abilities.integers => held == expected,
                // A float may be the integer, but not one beside it.
                (None, Some(expected)) if self.abilities.integers => {
                    held.to_f64().fract() == 0.0 && held.to_f64() as i128 == expected
                }
                _ => is_same_float(held.to_f64(), expected.to_f64()),
            },
        }
    }
}

/// Bools are 0 and 1 in many backends.
fn integer(value: &Observed) -> Option<i128> {
    match value {
        Observed::Number(Number::U64(number)) => Some(i128::from(*number)),
        Observed::Number(Number::I64(number)) => Some(i128::from(*number)),
        Observed::Bool(value) => Some(i128::from(*value)),
        _ => None,
    }
}

/// Backends may have one zero, and one that is not a number.
fn is_same_float(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

/// The first few, cut short.
fn shown(held: &[&Held]) -> String {
    const FEW: usize = 5;
    const SHORT: usize = 200;
    if held.is_empty() {
        return "nothing".to_owned();
    }
    let line = |held: &&Held| format!("{held:?}").chars().take(SHORT).collect::<String>();
    let few: Vec<_> = held.iter().take(FEW).map(line).collect();
    let more = held.len().saturating_sub(FEW);
    if more > 0 { format!("{} and {more} more", few.join(", ")) } else { few.join(", ") }
}

//! What libraries say of their metrics, before or after they use them.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use flowmeter_core::{Metric, Unit};

/// The descriptions of one kind, by name.
#[derive(Default)]
pub(super) struct Descriptions(Mutex<HashMap<Box<str>, Described>>);

#[derive(Clone)]
struct Described {
    unit: Unit,
    text: String,
    /// Series of the name are registered, so the unit stays: another would make other series of those to come.
    is_settled: bool,
}

impl Default for Described {
    fn default() -> Self {
        Self { unit: Unit::NONE, text: String::new(), is_settled: false }
    }
}

/// What becomes of a description.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is kept for the series to come.
    Kept,
    /// Series of the name are there, and have had none.
    Late,
    /// There are descriptions of as many names as there can be.
    TooMany,
}

impl Descriptions {
    /// Keeps what a library says, unless there is something already. Returns what becomes of the text, and whether the unit comes too late.
    pub(super) fn describe(&self, name: &str, unit: &Unit, text: &str, limit: usize) -> (Fate, bool) {
        let mut names = self.lock();
        if !names.contains_key(name) && names.len() >= limit {
            return (Fate::TooMany, false);
        }
        let known = names.entry(name.into()).or_default();
        let is_late = known.is_settled && *unit != Unit::NONE && known.unit != *unit;
        if !known.is_settled && known.unit == Unit::NONE {
            known.unit = unit.clone();
        }
        let is_new = known.text.is_empty() && !text.is_empty();
        if is_new {
            known.text = text.to_owned();
        }
        (if is_new && known.is_settled { Fate::Late } else { Fate::Kept }, is_late)
    }

    /// The metric of a name as it was described, which from now on keeps its unit.
    pub(super) fn metric(&self, name: &str, limit: usize) -> Metric {
        let mut names = self.lock();
        let metric = Metric::from(name.to_owned());
        if !names.contains_key(name) && names.len() >= limit {
            return metric;
        }
        let known = names.entry(name.into()).or_default();
        known.is_settled = true;
        let described = known.clone();
        drop(names);
        metric.with_unit(described.unit).described(described.text)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Described>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_stays_and_a_unit_can_be_too_late() {
        let descriptions = Descriptions::default();
        let describe = |unit: Unit, text: &'static str| descriptions.describe("n", &unit, text, 1);
        assert_eq!(describe(Unit::NONE, ""), (Fate::Kept, false));
        assert_eq!(describe(Unit::SECONDS, ""), (Fate::Kept, false));
        let metric = descriptions.metric("n", 1);
        assert_eq!((metric.unit(), metric.description()), (&Unit::SECONDS, ""));
        assert_eq!(describe(Unit::BYTES, "What it says."), (Fate::Late, true));
        assert_eq!(describe(Unit::SECONDS, "Something else."), (Fate::Kept, false));
        let metric = descriptions.metric("n", 1);
        assert_eq!((metric.unit(), metric.description()), (&Unit::SECONDS, "What it says."));
        assert_eq!(descriptions.describe("m", &Unit::NONE, "Many.", 1), (Fate::TooMany, false));
        assert_eq!(descriptions.metric("m", 1).description(), "");
    }
}

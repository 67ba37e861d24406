//! The metrics that a scraper asks for by name.

use std::collections::BTreeSet;

use super::Described;

/// Names of metrics or samples, of which an answer has the families; all families if it is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Selection(BTreeSet<String>);

impl Selection {
    pub(crate) fn of(names: impl IntoIterator<Item = String>) -> Self {
        Self(names.into_iter().collect())
    }

    pub(crate) fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn takes(&self, described: &Described<'_>) -> bool {
        self.is_all() || described.names(true).any(|name| self.0.contains(&name))
    }

    pub(crate) fn takes_name(&self, name: &str) -> bool {
        self.is_all() || self.0.contains(name)
    }
}

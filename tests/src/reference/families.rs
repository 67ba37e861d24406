//! The families of all catalogues.

use flowmeter::{CatalogueEntry, Family, ScopeKind};

use super::Catalogue;
use super::pattern::normal;

/// A family, and which metric set brings it.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) entry: &'static CatalogueEntry,
    pub(super) family: Family,
}

/// How Flink has a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// As a metric of its own values.
    Values,
    /// As a metric of their rate.
    Rate,
}

impl Described {
    /// Those of all scopes of all metric sets.
    pub(super) fn all(catalogues: &[Catalogue]) -> Vec<Self> {
        let of_scope = |entry: &'static CatalogueEntry, scope: ScopeKind| {
            entry.families(scope).map(move |family| Self { entry, family })
        };
        let entries = catalogues.iter().flat_map(|catalogue| catalogue.entries);
        let of_entry = |entry: &'static CatalogueEntry| {
            entry.scopes.iter().flat_map(move |scope| of_scope(entry, *scope))
        };
        entries.flat_map(of_entry).collect()
    }

    /// What Flink calls it, in the normal form of names.
    pub(super) fn flink_names(&self) -> Vec<(String, Side)> {
        flink_names(&self.family).into_iter().map(|(name, side)| (normal(&name), side)).collect()
    }
}

/// What Flink calls a family, as the metric says it.
pub(super) fn flink_names(family: &Family) -> Vec<(String, Side)> {
    let values = family.flink_names().into_iter().map(|name| (name, Side::Values));
    values.chain(family.flink_rate_names().into_iter().map(|name| (name, Side::Rate))).collect()
}

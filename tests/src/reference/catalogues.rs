//! Whose metrics are in the lists.

use flowmeter::CatalogueEntry;

/// The metric sets of a crate.
#[derive(Clone, Copy, Debug)]
pub struct Catalogue {
    /// The crate's name.
    pub name: &'static str,
    /// Its metric sets.
    pub entries: &'static [CatalogueEntry],
}

/// All crates that have metrics, in the order in which they are listed.
pub const CATALOGUES: &[Catalogue] = &[
    Catalogue { name: "flowmeter-core", entries: flowmeter::SELF_CATALOGUE },
    Catalogue { name: "flowmeter-metrics", entries: flowmeter::metrics::CATALOGUE },
    Catalogue { name: "flowmeter-stream", entries: flowmeter::stream::CATALOGUE },
    Catalogue { name: "flowmeter-system", entries: flowmeter::system::CATALOGUE },
];

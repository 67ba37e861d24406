//! What a configuration can have, for documents and for tools that write configurations.

use std::sync::Arc;

use flowmeter_core::{KeyInfo, ReporterFactory};

use super::flink::{self, Here};
use super::layout::Space;
use super::types::Types;
use super::{settings, variables};

/// A factory of Flink's, and what a section with its class is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlinkFactory {
    /// The name of the class, without its package.
    pub class: &'static str,
    /// Below which key its sections are.
    pub below: &'static str,
    /// The type of the reporter, if flowmeter has such a one.
    pub reporter_type: Option<&'static str>,
    /// What to take in its place, if it has not.
    pub instead: &'static str,
}

impl FlinkFactory {
    /// All that flowmeter knows.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let of = |factory: &flink::FlinkFactory| {
            let (reporter_type, instead) = match factory.here {
                Here::Type(name, _) => (Some(name), ""),
                Here::Nothing(instead) => (None, instead),
            };
            Self { class: factory.class, below: factory.space.prefix(), reporter_type, instead }
        };
        flink::FACTORIES.iter().map(of).collect()
    }

    /// Keys and their values that a section of the class has if it says nothing else: they make the reporter do as Flink's does.
    #[must_use]
    pub fn presets(&self) -> Vec<(&'static str, &'static str)> {
        let factory = flink::FACTORIES.iter().find(|factory| factory.class == self.class);
        match factory.map(|factory| &factory.here) {
            Some(Here::Type(_, presets)) => presets.iter().map(|preset| (preset.key, preset.value)).collect(),
            _ => Vec::new(),
        }
    }
}

/// Keys of Flink's reporters that are called something else here: the type, what Flink calls the key, and what it is here.
#[must_use]
pub fn flink_keys() -> &'static [(&'static str, &'static str, &'static str)] {
    flink::WORDS
}

/// Keys that are of no one reporter.
#[must_use]
pub fn keys() -> Vec<KeyInfo> {
    settings::keys()
}

/// Keys of Flink's that are taken and have no effect, because they are about what only Flink has.
#[must_use]
pub fn keys_without_effect() -> &'static [&'static str] {
    settings::WITHOUT_EFFECT
}

/// The types of reporters that are built in.
#[must_use]
pub fn reporter_types() -> Vec<Arc<dyn ReporterFactory>> {
    Types::default().all().to_vec()
}

/// Below which keys reporters have their sections, each with the key of the list of those that start.
#[must_use]
pub fn sections() -> [(&'static str, &'static str); 4] {
    Space::ALL.map(|space| (space.prefix(), space.list()))
}

/// The environment variable of a key that is of no one reporter.
///
/// ```
/// use flowmeter::config::reference::variable;
///
/// assert_eq!(variable("metrics.scope.tm-job"), "FLOWMETER_METRICS_SCOPE_TM_JOB");
/// ```
#[must_use]
pub fn variable(key: &str) -> String {
    variables::name(key)
}

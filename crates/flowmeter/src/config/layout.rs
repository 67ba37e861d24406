//! Which keys are of which reporter, and which of none.

use std::collections::BTreeMap;

use tracing::debug;

use super::entries::{Entries, Entry, Written, rest_below};
use super::error::{legible, nearest};
use super::{ConfigFileError, Place, flink, settings};

/// Where a reporter is configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Space {
    /// `reporters.NAME`: what its type reports.
    Native,
    /// `metrics.reporter.NAME`, as Flink has it: metrics.
    Metrics,
    /// `traces.reporter.NAME`: spans.
    Traces,
    /// `events.reporter.NAME`: events.
    Events,
}

impl Space {
    pub(super) const ALL: [Self; 4] = [Self::Native, Self::Metrics, Self::Traces, Self::Events];

    pub(super) const fn prefix(self) -> &'static str {
        match self {
            Self::Native => "reporters",
            Self::Metrics => "metrics.reporter",
            Self::Traces => "traces.reporter",
            Self::Events => "events.reporter",
        }
    }

    /// The key that says which of its reporters start.
    pub(super) const fn list(self) -> &'static str {
        match self {
            Self::Native | Self::Metrics => "metrics.reporters",
            Self::Traces => "traces.reporters",
            Self::Events => "events.reporters",
        }
    }
}

/// A reporter of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub(super) space: Space,
    pub(super) name: String,
}

impl Id {
    /// Where its section is.
    pub(super) fn path(&self) -> String {
        format!("{}.{}", self.space.prefix(), self.name)
    }

    /// What the reporter is called. One name can be in all of Flink's spaces, and names have no dots there.
    pub(super) fn reporter_name(&self) -> String {
        match self.space {
            Space::Native | Space::Metrics => self.name.clone(),
            Space::Traces => format!("{}.traces", self.name),
            Space::Events => format!("{}.events", self.name),
        }
    }
}

/// The keys of one reporter.
#[derive(Clone)]
pub(super) struct Section {
    pub(super) entries: Entries,
    /// Where it begins.
    pub(super) place: Place,
}

impl PartialEq for Section {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

impl Section {
    pub(super) fn new(place: Place) -> Self {
        Self { entries: Entries::new(), place }
    }
}

/// All keys, where they belong.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Layout {
    /// Keys that are of no one reporter.
    pub(super) globals: Entries,
    pub(super) sections: BTreeMap<Id, Section>,
}

impl Layout {
    /// Sorts what a text says. One that `is_shared` may be about other things too, as Flink's configuration is.
    pub(super) fn of(entries: Entries, is_shared: bool) -> Result<Self, ConfigFileError> {
        let mut layout = Self::default();
        for (key, entry) in entries {
            layout.add(key, entry, is_shared)?;
        }
        layout.check_names()?;
        Ok(layout)
    }

    fn add(&mut self, key: String, entry: Entry, is_shared: bool) -> Result<(), ConfigFileError> {
        for space in Space::ALL {
            if let Some(rest) = rest_below(&key, space.prefix()) {
                let (name, rest) =
                    rest.split_once('.').map_or((rest, None), |(name, rest)| (name, Some(rest)));
                if name.trim().is_empty() {
                    let key = space.prefix().to_owned();
                    let detail = "a reporter has a name: put one below it".to_owned();
                    return Err(ConfigFileError::Value {
                        place: entry.place,
                        key,
                        value: String::new(),
                        detail,
                    });
                }
                if name.contains(char::is_control) {
                    return Err(ConfigFileError::Value {
                        place: entry.place,
                        key: space.prefix().to_owned(),
                        value: legible(name),
                        detail: "a name has no control characters: give another one".to_owned(),
                    });
                }
                let id = Id { space, name: name.to_owned() };
                return self.add_to(id, rest, entry);
            }
        }
        if settings::keys().iter().any(|known| known.takes(&key)) {
            if entry.value != Written::Nothing {
                self.globals.insert(key, entry);
            }
            return Ok(());
        }
        if let Some(key) = flink::renamed(&key).filter(|_| is_shared) {
            // Both may be there, of which Flink takes the new one.
            if entry.value != Written::Nothing {
                self.globals.entry(key).or_insert(entry);
            }
            return Ok(());
        }
        if settings::WITHOUT_EFFECT.contains(&key.as_str()) {
            debug!("{}: `{key}` has no effect: it is about what only Flink has", entry.place);
            return Ok(());
        }
        if is_shared && !is_ours(&key) {
            return Ok(());
        }
        if is_above_known(&key) {
            return match entry.value {
                Written::Nothing => Ok(()),
                _ => Err(match Space::ALL.into_iter().find(|space| space.prefix() == key) {
                    // These are names, which go into the list.
                    Some(space) => {
                        let nearest = Some(space.list().to_owned());
                        ConfigFileError::UnknownKey { place: entry.place, key, nearest }
                    }
                    None => ConfigFileError::NotTable { place: entry.place, key },
                }),
            };
        }
        Err(unknown(&key, entry.place))
    }

    fn add_to(&mut self, id: Id, key: Option<&str>, entry: Entry) -> Result<(), ConfigFileError> {
        let path = id.path();
        let section = self.sections.entry(id).or_insert_with(|| Section::new(entry.place.clone()));
        if entry.place.is_before(&section.place) {
            section.place = entry.place.clone();
        }
        match (key, &entry.value) {
            (Some(key), _) => drop(section.entries.insert(key.to_owned(), entry)),
            (None, Written::Nothing) => {}
            (None, _) => return Err(ConfigFileError::NotTable { place: entry.place, key: path }),
        }
        Ok(())
    }

    /// A reporter has one section, but for those of one name in the spaces of Flink, which are several reporters.
    fn check_names(&self) -> Result<(), ConfigFileError> {
        for (id, section) in self.sections.iter().filter(|(id, _)| id.space == Space::Metrics) {
            let native = Id { space: Space::Native, name: id.name.clone() };
            if let Some(other) = self.sections.get(&native) {
                return Err(ConfigFileError::Value {
                    place: section.place.clone(),
                    key: Space::Metrics.prefix().to_owned(),
                    value: legible(&id.name),
                    detail: format!(
                        "there is `{}` at {}: give one of them another name",
                        native.path(),
                        other.place
                    ),
                });
            }
        }
        Ok(())
    }
}

/// Whether nobody else has a use for a key.
fn is_ours(key: &str) -> bool {
    const OURS: [&str; 4] = ["reporters", "metrics", "traces", "events"];
    const OF_STATE: [&str; 2] = ["state.latency-track", "state.size-track"];
    let first = key.split('.').next().unwrap_or_default();
    // None of Flink's own is as near to ours as their singulars.
    OURS.contains(&first)
        || OF_STATE.iter().any(|path| key == *path || rest_below(key, path).is_some())
        || OURS.iter().any(|ours| strsim::normalized_damerau_levenshtein(ours, first) >= 0.8)
}

fn is_above_known(key: &str) -> bool {
    let is_above = |known: &str| key == known || rest_below(known, key).is_some();
    Space::ALL.iter().any(|space| is_above(space.prefix()))
        || settings::keys().iter().any(|known| is_above(known.name()))
}

fn unknown(key: &str, place: Place) -> ConfigFileError {
    let known = settings::keys();
    let mut candidates: Vec<_> = known.iter().map(|known| known.name().to_owned()).collect();
    for space in Space::ALL {
        // The name of a reporter and its keys can be anything.
        let parts: Vec<_> = key.split('.').collect();
        let depth = space.prefix().split('.').count();
        if parts.len() > depth && nearest(&parts[..depth].join("."), [space.prefix()]).is_some() {
            candidates.push(format!("{}.{}", space.prefix(), parts[depth..].join(".")));
        }
    }
    let nearest = nearest(key, candidates.iter().map(String::as_str)).map(legible);
    ConfigFileError::UnknownKey { place, key: legible(key), nearest }
}

//! Environment variables, which come before what a file says.
//!
//! The name of a variable is that of a key in upper case, with underscores for all that is no letter and no digit. Names of
//! keys do not come back from that, so that they are looked for among those that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use flowmeter_core::{KeyInfo, ReporterOptions};

use super::entries::{Entries, Entry, Written, rest_below};
use super::error::{Listed, nearest};
use super::kind::{FACTORY_CLASS, Kind, TYPE};
use super::layout::{Id, Layout, Section, Space};
use super::types::Types;
use super::{ConfigFileError, Place, flink, plan, settings};

/// What all variables begin with.
const OWN: &str = "FLOWMETER_";

/// The variable that names the file, without that.
const FILE: &str = "CONFIG";

/// The variable that says which reporters start, without that.
const LIST: &str = "REPORTERS";

/// What variables of one reporter begin with, and where it may be.
const REPORTERS: [(&str, &[Space]); 4] = [
    ("REPORTER_", &[Space::Native, Space::Metrics]),
    ("METRICS_REPORTER_", &[Space::Native, Space::Metrics]),
    ("TRACES_REPORTER_", &[Space::Traces]),
    ("EVENTS_REPORTER_", &[Space::Events]),
];

/// What a configuration is told by the environment: values by names.
pub(super) type Variables = BTreeMap<String, String>;

/// Those of some variables that are for a configuration.
pub(super) fn of(
    variables: impl IntoIterator<Item = (impl Into<OsString>, impl Into<OsString>)>,
) -> Result<Variables, ConfigFileError> {
    let mut ours = Variables::new();
    for (name, value) in variables {
        let (name, value) = (name.into(), value.into());
        if !is_ours(&name) {
            continue;
        }
        let name = name.to_string_lossy().into_owned();
        let Ok(value) = value.into_string() else { return Err(ConfigFileError::VariableNotUtf8 { name }) };
        ours.insert(name, value);
    }
    Ok(ours)
}

/// Others begin with `FLOWMETER_` as well.
fn is_ours(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let Some(rest) = name.strip_prefix(OWN) else { return false };
    const BEGINNINGS: [&str; 7] =
        ["CONFIG", "REPORTERS", "REPORTER_", "METRICS_", "TRACES_", "EVENTS_", "STATE_"];
    BEGINNINGS.iter().any(|beginning| rest.starts_with(beginning))
}

/// The file that they name.
pub(super) fn file(variables: &Variables) -> Option<&str> {
    variables.get(&format!("{OWN}{FILE}")).map(String::as_str).filter(|path| !path.is_empty())
}

/// Puts what variables say in the place of what is there.
pub(super) fn apply(
    layout: &mut Layout,
    variables: &Variables,
    types: &Types,
) -> Result<(), ConfigFileError> {
    let mut of_reporters = Vec::new();
    let mut keys: BTreeMap<String, &str> = BTreeMap::new();
    for (name, value) in variables {
        let rest = name.strip_prefix(OWN).unwrap_or(name);
        if rest == FILE {
            continue;
        }
        if REPORTERS.iter().any(|(prefix, _)| rest.starts_with(prefix)) {
            of_reporters.push((name.as_str(), rest, value.as_str()));
            continue;
        }
        let Some(key) = global(rest) else {
            if is_of_kubernetes(rest, value) {
                continue;
            }
            return Err(unknown(name, layout, types));
        };
        if let Some(other) = keys.insert(key.clone(), name) {
            return Err(ConfigFileError::twice(&key, &Place::variable(other), &Place::variable(name)));
        }
        set(&mut layout.globals, &key, value, name);
    }
    // What a reporter's other keys are depends on its type.
    of_reporters
        .sort_by_key(|(_, rest, _)| ![TYPE, FACTORY_CLASS].iter().any(|key| rest.ends_with(&upper(key))));
    for (name, rest, value) in of_reporters {
        apply_to_reporter(layout, name, rest, value, types)?;
    }
    Ok(())
}

fn apply_to_reporter(
    layout: &mut Layout,
    name: &str,
    rest: &str,
    value: &str,
    types: &Types,
) -> Result<(), ConfigFileError> {
    let mut matches: BTreeMap<usize, Vec<(Id, &str)>> = BTreeMap::new();
    for id in reporters(layout)? {
        for (prefix, spaces) in REPORTERS {
            let of_reporter = rest.strip_prefix(prefix).filter(|_| spaces.contains(&id.space));
            let key = of_reporter.and_then(|rest| rest.strip_prefix(&upper(&id.name))?.strip_prefix('_'));
            if let Some(key) = key {
                matches.entry(id.name.len()).or_default().push((id.clone(), key));
            }
        }
    }
    // The longest name first: `A_B` is the key `B` of `A` only if there is no `A_B`.
    for several in matches.into_values().rev() {
        let mut found = Vec::new();
        for (id, of_key) in several {
            if let Some(key) = key(layout, &id, of_key, name, types)? {
                found.push((id, key));
            }
        }
        match found.as_slice() {
            [] => {}
            [(id, key)] => {
                let section =
                    layout.sections.entry(id.clone()).or_insert_with(|| Section::new(Place::variable(name)));
                if [TYPE, FACTORY_CLASS].contains(&key.as_str()) {
                    section.entries.retain(|other, _| other != TYPE && other != FACTORY_CLASS);
                } else {
                    let reporter_type = Kind::of(id, section, types)?.factory.reporter_type();
                    remove_synonyms(&mut section.entries, key, reporter_type);
                }
                set(&mut section.entries, key, value, name);
                return Ok(());
            }
            several => {
                let paths: Vec<_> = several.iter().map(|(id, _)| id.path()).collect();
                let several = Listed(&paths).to_string();
                return Err(ConfigFileError::AmbiguousVariable { name: name.to_owned(), several });
            }
        }
    }
    if is_of_kubernetes(rest, value) { Ok(()) } else { Err(unknown(name, layout, types)) }
}

/// Whether it is one of those that Kubernetes gives each container for each service, which may be called `flowmeter-metrics`.
fn is_of_kubernetes(rest: &str, value: &str) -> bool {
    let protocols = ["tcp://", "udp://", "sctp://"];
    let is_url = protocols.iter().any(|protocol| value.starts_with(protocol));
    // As in `_PORT_9249_TCP_ADDR`.
    let is_of_port = |(at, _): (usize, &str)| {
        let port = rest[at + "_PORT_".len()..].split_once('_').unwrap_or_default();
        port.0.parse::<u16>().is_ok()
            && ["TCP", "UDP", "SCTP"].iter().any(|protocol| port.1.starts_with(protocol))
    };
    rest.ends_with("_SERVICE_HOST")
        || rest.ends_with("_SERVICE_PORT")
        || rest.contains("_SERVICE_PORT_")
        || (is_url && rest.ends_with("_PORT"))
        || rest.match_indices("_PORT_").any(is_of_port)
}

/// Removes what a file says by another key that says the same.
fn remove_synonyms(entries: &mut Entries, key: &str, reporter_type: &str) {
    for (name, here, of_flink) in flink::SYNONYMS {
        if *name == reporter_type {
            let is_other =
                |other: &str| (key == *here && other == *of_flink) || (key == *of_flink && other == *here);
            entries.retain(|other, entry| entry.place.is_variable() || !is_other(other));
        }
    }
}

/// The reporters that there are, and those that lists name.
fn reporters(layout: &Layout) -> Result<BTreeSet<Id>, ConfigFileError> {
    let mut ids: BTreeSet<_> = layout.sections.keys().cloned().collect();
    for spaces in [&[Space::Native, Space::Metrics][..], &[Space::Traces], &[Space::Events]] {
        for name in plan::list(layout, spaces[0].list())?.map(|(names, _)| names).into_iter().flatten() {
            let is_there = ids.iter().any(|id| id.name == name && spaces.contains(&id.space));
            if !is_there {
                ids.insert(Id { space: spaces[0], name });
            }
        }
    }
    Ok(ids)
}

/// The key of a reporter that a variable is for.
fn key(
    layout: &Layout,
    id: &Id,
    of_key: &str,
    variable: &str,
    types: &Types,
) -> Result<Option<String>, ConfigFileError> {
    for key in [TYPE, FACTORY_CLASS] {
        if of_key == upper(key) {
            return Ok(Some(key.to_owned()));
        }
    }
    let keys = keys(layout, id, &Place::variable(variable), types)?;
    if let Some(key) = keys.iter().find(|key| upper(key.name()) == of_key) {
        return Ok(Some(key.name().to_owned()));
    }
    let present = layout.sections.get(id).into_iter().flat_map(|section| section.entries.keys());
    let entry = |key: &KeyInfo| {
        let rest = of_key.strip_prefix(&upper(key.name()))?.strip_prefix('_')?;
        let is_it = |name: &&String| rest_below(name, key.name()).is_some_and(|below| upper(below) == rest);
        // One that is there is spelled as it is there.
        let entry = present.clone().find(is_it).cloned();
        let entry = entry.unwrap_or_else(|| format!("{}.{}", key.name(), rest.to_lowercase()));
        key.takes(&entry).then_some(entry)
    };
    let longest = keys.iter().filter_map(|key| Some((key.name().len(), entry(key)?))).max();
    Ok(longest.map(|(_, entry)| entry))
}

/// The keys that a reporter has.
fn keys(layout: &Layout, id: &Id, place: &Place, types: &Types) -> Result<Vec<KeyInfo>, ConfigFileError> {
    let none = Section::new(place.clone());
    let kind = Kind::of(id, layout.sections.get(id).unwrap_or(&none), types)?;
    Ok(kind.factory.keys().iter().chain(ReporterOptions::keys()).copied().collect())
}

/// The key that is of no one reporter and that a variable is for.
fn global(rest: &str) -> Option<String> {
    let list = (rest == LIST).then(|| Space::Native.list().to_owned());
    let named = || settings::keys().iter().map(|key| key.name().to_owned()).find(|key| upper(key) == rest);
    list.or_else(named)
}

fn set(entries: &mut Entries, key: &str, value: &str, variable: &str) {
    entries.retain(|other, _| other != key && rest_below(other, key).is_none());
    let entry = Entry { value: Written::Text(value.to_owned()), place: Place::variable(variable) };
    entries.insert(key.to_owned(), entry);
}

/// The variable of a key that is of no one reporter.
pub(super) fn name(key: &str) -> String {
    format!("{OWN}{}", upper(key))
}

/// A key as variables have it.
fn upper(key: &str) -> String {
    key.chars().flat_map(char::to_uppercase).map(|c| if c.is_alphanumeric() { c } else { '_' }).collect()
}

fn unknown(name: &str, layout: &Layout, types: &Types) -> ConfigFileError {
    let mut known = vec![format!("{OWN}{FILE}"), format!("{OWN}{LIST}")];
    known.extend(settings::keys().iter().map(|key| self::name(key.name())));
    for id in reporters(layout).into_iter().flatten() {
        let keys = keys(layout, &id, &Place::variable(name), types).unwrap_or_default();
        let prefixes = REPORTERS.iter().filter(|(_, spaces)| spaces.contains(&id.space));
        for (prefix, _) in prefixes {
            let of_reporter = format!("{OWN}{prefix}{}", upper(&id.name));
            known.extend(keys.iter().map(|key| format!("{of_reporter}_{}", upper(key.name()))));
        }
    }
    let nearest = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
    ConfigFileError::UnknownVariable { name: name.to_owned(), nearest }
}

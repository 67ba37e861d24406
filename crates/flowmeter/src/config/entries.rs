//! A text of a configuration as keys with dots, whatever it was written in.

use std::collections::BTreeMap;
use std::collections::btree_map;

use flowmeter_core::ConfigValue;

use super::{ConfigFileError, Place};

/// What keys were given, by their names with dots.
pub(super) type Entries = BTreeMap<String, Entry>;

/// What a key was given.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) value: Written,
    pub(super) place: Place,
}

/// Two that say the same are equal, wherever they are.
impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A value as it was written.
#[derive(Clone, PartialEq)]
pub(super) enum Written {
    /// A text; numbers and all else that is one word too.
    Text(String),
    List(Vec<String>),
    /// An empty table, or YAML's null.
    Nothing,
    /// What no key takes, in words.
    Unfit(&'static str),
}

impl Entry {
    /// The value in the core's terms.
    pub(super) fn config_value(&self, key: &str) -> Result<ConfigValue, ConfigFileError> {
        match &self.value {
            Written::Text(text) => Ok(text.clone().into()),
            Written::List(texts) => Ok(texts.clone().into()),
            Written::Nothing => Ok("".into()),
            Written::Unfit(what) => {
                Err(ConfigFileError::Unfit { place: self.place.clone(), key: key.to_owned(), what })
            }
        }
    }
}

/// Adds what a key was given, once.
pub(super) fn insert(
    entries: &mut Entries,
    key: String,
    value: Written,
    place: Place,
) -> Result<(), ConfigFileError> {
    match entries.entry(key) {
        btree_map::Entry::Vacant(vacant) => {
            vacant.insert(Entry { value, place });
            Ok(())
        }
        // An empty table says nothing.
        btree_map::Entry::Occupied(_) if value == Written::Nothing => Ok(()),
        btree_map::Entry::Occupied(mut present) if present.get().value == Written::Nothing => {
            present.insert(Entry { value, place });
            Ok(())
        }
        btree_map::Entry::Occupied(present) => {
            Err(ConfigFileError::twice(present.key(), &present.get().place, &place))
        }
    }
}

/// A key below another one.
pub(super) fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// What is behind a key and a dot.
pub(super) fn rest_below<'a>(key: &'a str, path: &str) -> Option<&'a str> {
    key.strip_prefix(path)?.strip_prefix('.')
}

/// Whether there is something for a key, or below it.
pub(super) fn has(entries: &Entries, key: &str) -> bool {
    entries.keys().any(|name| name == key || rest_below(name, key).is_some())
}

//! What is wrong with a configuration.

use std::fmt;
use std::io;
use std::path::PathBuf;

use flowmeter_core::{ConfigError, Error};

use super::Place;

/// What is wrong with a configuration, where it is, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigFileError {
    /// A file cannot be read.
    #[error("{path} cannot be read ({source}): give the path of a file in TOML or YAML", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },

    /// The name of a file does not say what is in it.
    #[error("{path} ends in none of `.toml`, `.yaml` and `.yml`: name it after what it is written in", path = path.display())]
    Extension {
        /// The file.
        path: PathBuf,
    },

    /// A file is no text.
    #[error("{place}: there are bytes that are no UTF-8: save the file as UTF-8")]
    NotUtf8 {
        /// Where it begins not to be.
        place: Place,
    },

    /// A text is no TOML, or no YAML.
    #[error("{place}: this is no {language}: {message}")]
    Syntax {
        /// Where it begins not to be.
        place: Place,
        /// What it should be.
        language: &'static str,
        /// What the parser says.
        message: String,
    },

    /// A key is there more than once.
    #[error("{place}: `{key}` is there already, at {first}: give it once")]
    Twice {
        /// The second place.
        place: Place,
        /// The key.
        key: String,
        /// The first place.
        first: Place,
    },

    /// A key that nothing has a use for.
    #[error("{place}: unknown key `{key}`: {}", meant(nearest.as_deref()))]
    UnknownKey {
        /// Where it is.
        place: Place,
        /// The key.
        key: String,
        /// What was meant, if a key is alike.
        nearest: Option<String>,
    },

    /// A key of which the feature is not on.
    #[error(
        "{place}: `{key}` takes the feature `{feature}` of the crate `flowmeter`: enable it, or leave the key out"
    )]
    NotBuiltIn {
        /// Where it is.
        place: Place,
        /// The key.
        key: String,
        /// The feature.
        feature: &'static str,
    },

    /// A value that no key can have.
    #[error("{place}: `{key}` cannot be {what}: give a text, a list of texts, or a table with further keys")]
    Unfit {
        /// Where it is.
        place: Place,
        /// The key.
        key: String,
        /// What it is.
        what: &'static str,
    },

    /// A key has a value where keys are expected below it.
    #[error("{place}: `{key}` is no table of keys: give what is below it, each by its key")]
    NotTable {
        /// Where it is.
        place: Place,
        /// The key.
        key: String,
    },

    /// A value that is not what its key takes, or a key of a reporter that it does not have, or one that is missing.
    #[error("{place}: {source}")]
    Section {
        /// Where it is; where the section begins for a key that is missing.
        place: Place,
        /// What is wrong.
        source: ConfigError,
    },

    /// A value that is not what its key takes, for a reason that only the whole knows.
    #[error("{place}: `{key}` cannot be `{value}`, {detail}")]
    Value {
        /// Where it is.
        place: Place,
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What is wrong with it, and what to do.
        detail: String,
    },

    /// A reporter whose type is not said.
    #[error("{place}: `{key}` is missing: give {expected}")]
    NoType {
        /// Where its section begins.
        place: Place,
        /// The key.
        key: String,
        /// What it takes.
        expected: String,
    },

    /// A list names a reporter that there is none of.
    #[error(
        "{place}: `{key}` names `{name}`, which is neither a reporter below {below} nor a type: {}",
        names(nearest.as_deref(), known)
    )]
    UnknownReporter {
        /// Where it is.
        place: Place,
        /// The key of the list.
        key: &'static str,
        /// Where its reporters are configured.
        below: &'static str,
        /// The name.
        name: String,
        /// What was meant, if a name is alike.
        nearest: Option<String>,
        /// The reporters that there are.
        known: Vec<String>,
    },

    /// An environment variable that nothing has a use for.
    #[error("variable {name} is for nothing: {}", variable(nearest.as_deref()))]
    UnknownVariable {
        /// The variable.
        name: String,
        /// What was meant, if one is alike.
        nearest: Option<String>,
    },

    /// An environment variable could be for several reporters.
    #[error("variable {name} could be for {several}: rename one of them")]
    AmbiguousVariable {
        /// The variable.
        name: String,
        /// The reporters.
        several: String,
    },

    /// The value of an environment variable is no text.
    #[error("variable {name} has bytes that are no UTF-8: give it a text")]
    VariableNotUtf8 {
        /// The variable.
        name: String,
    },

    /// Something changed that cannot while reporters are running.
    #[error("{place}: `{key}` cannot change while the program runs: restart it, or leave the key as it was")]
    NeedsRestart {
        /// Where it is, or was.
        place: Place,
        /// The key.
        key: &'static str,
    },
}

impl ConfigFileError {
    /// That a key is at two places, whichever of them was found first.
    pub(super) fn twice(key: &str, one: &Place, other: &Place) -> Self {
        let (first, second) = if other.is_before(one) { (other, one) } else { (one, other) };
        Self::Twice { place: second.clone(), key: key.to_owned(), first: first.clone() }
    }
}

impl From<ConfigFileError> for Error {
    fn from(error: ConfigFileError) -> Self {
        Self::ConfigurationFile { source: error.into() }
    }
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || "what can be set is below `reporters`, `metrics`, `traces`, `events` and `state`".to_owned(),
        |nearest| format!("did you mean `{nearest}`?"),
    )
}

fn names(nearest: Option<&str>, known: &[String]) -> String {
    match (nearest, known) {
        (Some(nearest), _) => format!("did you mean `{nearest}`?"),
        (None, []) => "no reporter is configured there".to_owned(),
        (None, known) => format!("there are {}", Listed(known)),
    }
}

fn variable(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || "there is no such setting, nor a reporter that it names".to_owned(),
        |nearest| format!("did you mean {nearest}?"),
    )
}

/// Names in code, with commas between them.
pub(super) struct Listed<'a, T>(pub(super) &'a [T]);

impl<T: fmt::Display> fmt::Display for Listed<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, name) in self.0.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            write!(f, "{comma}`{name}`")?;
        }
        Ok(())
    }
}

/// A text for a line of a log: short, and without what a terminal would obey.
pub(super) fn legible(text: &str) -> String {
    const LONGEST: usize = 100;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().count() > LONGEST {
        shown.push_str("...");
    }
    shown.replace("\\\"", "\"").replace("\\'", "'")
}

/// What is most like a text, if something is alike.
pub(super) fn nearest<'a>(text: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let text = text.to_lowercase();
    let edits = |other: &str| strsim::normalized_damerau_levenshtein(&other.to_lowercase(), &text);
    let nearest = among.into_iter().max_by(|a, b| edits(a).total_cmp(&edits(b)));
    // A slip, or a part that was left out.
    nearest.filter(|nearest| edits(nearest) >= 0.7 || strsim::jaro_winkler(nearest, &text) >= 0.9)
}

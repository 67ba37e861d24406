//! Sections: what was given for one reporter.

use std::collections::BTreeMap;
use std::fmt;

use super::key::{ConfigKey, KeyInfo};
use super::value::{ConfigValue, FromConfig};

/// How alike two keys are, from 0 to 1, for one to be a slip of the other.
const ALIKE: f64 = 0.7;

/// The part of a configuration that is about one reporter: values by key.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConfigSection {
    path: String,
    values: BTreeMap<String, ConfigValue>,
}

impl ConfigSection {
    /// An empty section. Its path, such as `reporters.prom`, is what errors begin its keys with.
    #[must_use]
    pub fn new(path: impl Into<String>) -> Self {
        Self { path: path.into(), values: BTreeMap::new() }
    }

    /// Gives a key a value.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<ConfigValue>) -> Self {
        self.set(key, value);
        self
    }

    /// Gives a key a value, in the place of another that it may have.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<ConfigValue>) {
        self.values.insert(key.into(), value.into());
    }

    /// Where the section is in its configuration.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value of a key, or its default.
    ///
    /// # Errors
    ///
    /// When the value is not what the key takes, or there is none and it must be given.
    pub fn get<T: FromConfig>(&self, key: &ConfigKey<T>) -> Result<T, ConfigError> {
        let info = key.info();
        let value = self.value(&info).or_else(|| info.default.map(ConfigValue::from));
        match value {
            Some(value) => T::from_config(&value).map_err(|detail| self.wrong(&info, &value, detail)),
            None => T::absent().ok_or_else(|| self.missing(&info)),
        }
    }

    /// That the value of a key cannot be used, for a reason that its type does not know.
    #[must_use]
    pub fn invalid<T: FromConfig>(&self, key: &ConfigKey<T>, detail: impl Into<String>) -> ConfigError {
        let info = key.info();
        let value = self.value(&info).or_else(|| info.default.map(ConfigValue::from));
        self.wrong(&info, &value.unwrap_or_else(|| ConfigValue::from("")), detail.into())
    }

    /// Looks whether each value belongs to one of these keys and is what it takes, and whether none is missing.
    ///
    /// # Errors
    ///
    /// The first that does not or is not.
    pub fn check<'a>(&self, keys: impl IntoIterator<Item = &'a KeyInfo>) -> Result<(), ConfigError> {
        let keys: Vec<_> = keys.into_iter().collect();
        for name in self.values.keys() {
            if !keys.iter().any(|key| key.takes(name)) {
                return Err(self.unknown(name, &keys));
            }
        }
        for key in keys {
            match self.value(key) {
                Some(value) => (key.check)(&value).map_err(|detail| self.wrong(key, &value, detail))?,
                None if key.is_required() => return Err(self.missing(key)),
                None => {}
            }
        }
        Ok(())
    }

    /// What was given for a key, or below it.
    fn value(&self, key: &KeyInfo) -> Option<ConfigValue> {
        if let Some(value) = self.values.get(key.name) {
            return Some(value.clone());
        }
        let entries = self.values.iter().filter(|(name, _)| key.takes(name));
        let pairs: Vec<_> =
            entries.map(|(name, value)| (name[key.name.len() + 1..].to_owned(), value.shown())).collect();
        (!pairs.is_empty()).then_some(ConfigValue::Map(pairs))
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn missing(&self, key: &KeyInfo) -> ConfigError {
        ConfigError::MissingValue { key: self.full(key.name), expected: key.expected }
    }

    fn wrong(&self, key: &KeyInfo, value: &ConfigValue, detail: String) -> ConfigError {
        let value = if key.secret { "(hidden)".to_owned() } else { value.shown() };
        // What was read may quote the value.
        let detail = if key.secret { String::new() } else { detail };
        ConfigError::InvalidValue { key: self.full(key.name), value, expected: key.expected, detail }
    }

    fn unknown(&self, name: &str, keys: &[&KeyInfo]) -> ConfigError {
        let likeness = |key: &&KeyInfo| strsim::jaro_winkler(key.name, name);
        let nearest = keys.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let mut known: Vec<_> = keys.iter().map(|key| key.name).collect();
        known.sort_unstable();
        ConfigError::UnknownKey {
            key: self.full(name),
            nearest: nearest.filter(|key| likeness(key) >= ALIKE).map(|key| key.name),
            known,
        }
    }
}

impl fmt::Debug for ConfigSection {
    /// Without the values: some may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.values.keys().collect();
        f.debug_struct("ConfigSection").field("path", &self.path).field("keys", &keys).finish_non_exhaustive()
    }
}

/// What is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A key that nothing has a use for.
    UnknownKey {
        /// The key, with the path of its section.
        key: String,
        /// What was meant, if one of the known keys is alike.
        nearest: Option<&'static str>,
        /// All keys of the section.
        known: Vec<&'static str>,
    },

    /// A value that is not what its key takes.
    InvalidValue {
        /// The key, with the path of its section.
        key: String,
        /// The value, unless it is secret.
        value: String,
        /// What the key takes.
        expected: &'static str,
        /// What is wrong with the value, if more can be said.
        detail: String,
    },

    /// A key that must be given and is not.
    MissingValue {
        /// The key, with the path of its section.
        key: String,
        /// What it takes.
        expected: &'static str,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey { key, nearest, known } => {
                write!(f, "unknown key `{key}`: ")?;
                if let Some(nearest) = nearest {
                    write!(f, "did you mean `{nearest}`? ")?;
                }
                write!(f, "The keys are `{}`", known.join("`, `"))
            }
            Self::InvalidValue { key, value, expected, detail } => {
                write!(f, "`{key}` cannot be `{value}`")?;
                if !detail.is_empty() {
                    write!(f, ", {detail}")?;
                }
                write!(f, ": give {expected}")
            }
            Self::MissingValue { key, expected } => write!(f, "`{key}` is missing: give {expected}"),
        }
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const INTERVAL: ConfigKey<Duration> = ConfigKey::new("interval", "").with_default("10s");
    const HEADERS: ConfigKey<Vec<(String, String)>> = ConfigKey::new("headers", "").with_default("");
    const PASSWORD: ConfigKey<Option<u64>> = ConfigKey::new("password", "").secret();
    const PATH: ConfigKey<std::path::PathBuf> = ConfigKey::new("path", "");
    const KEYS: &[KeyInfo] = &[INTERVAL.info(), HEADERS.info(), PASSWORD.info(), PATH.info()];

    fn section() -> ConfigSection {
        ConfigSection::new("reporters.x")
    }

    #[test]
    fn values_have_the_types_of_their_keys_and_defaults() {
        let given = section().with("interval", "1min 30s").with("path", " out.csv ");
        assert_eq!(given.check(KEYS), Ok(()));
        assert_eq!(given.get(&INTERVAL), Ok(Duration::from_secs(90)));
        assert_eq!(given.get(&PATH), Ok("out.csv".into()));
        assert_eq!(section().get(&INTERVAL), Ok(Duration::from_secs(10)));
        assert_eq!(section().get(&PASSWORD), Ok(None));
    }

    #[test]
    fn a_map_is_pairs_in_one_text_or_keys_below() {
        let pairs = |pairs: &[(&str, &str)]| {
            Ok(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
        };
        let text = section().with("headers", "a: 1, b:x:y,");
        assert_eq!(text.get(&HEADERS), pairs(&[("a", "1"), ("b", "x:y")]));
        let below = section().with("headers.a", 1).with("headers.b.c", "2").with("path", "p");
        assert_eq!(below.check(KEYS), Ok(()));
        assert_eq!(below.get(&HEADERS), pairs(&[("a", "1"), ("b.c", "2")]));
        let error = section().with("headers", "a").get(&HEADERS).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`reporters.x.headers` cannot be `a`, `a` has no `:`: give a table, or pairs such as `key:value,other:value`"
        );
    }

    #[test]
    fn errors_name_the_key_and_what_to_do() {
        let said = |section: ConfigSection| section.check(KEYS).unwrap_err().to_string();
        assert_eq!(said(section()), "`reporters.x.path` is missing: give the path of a file");
        assert_eq!(
            said(section().with("intervall", "1s").with("path", "p")),
            "unknown key `reporters.x.intervall`: did you mean `interval`? The keys are `headers`, `interval`, \
             `password`, `path`"
        );
        assert_eq!(
            said(section().with("quite-another", "1s")),
            "unknown key `reporters.x.quite-another`: The keys are `headers`, `interval`, `password`, `path`"
        );
        assert_eq!(
            said(section().with("interval", "10").with("path", "p")),
            "`reporters.x.interval` cannot be `10`, it has no unit: give a duration such as `500ms`, `10s` or `1min 30s`"
        );
        assert_eq!(
            said(section().with("path", vec!["a".to_owned(), "b".to_owned()])),
            "`reporters.x.path` cannot be `a;b`, it is a list: give the path of a file"
        );
        assert_eq!(
            said(section().with("path.below", "a")).split(':').next(),
            Some("unknown key `reporters.x.path.below`"),
            "only maps have keys below"
        );
    }

    #[test]
    fn a_secret_is_shown_nowhere() {
        let given = section().with("password", "hunter2").with("path", "p");
        let error = given.check(KEYS).unwrap_err();
        for shown in [error.to_string(), format!("{error:?}"), format!("{given:?}")] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}

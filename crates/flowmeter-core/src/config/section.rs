//! Sections: what was given for one reporter.

use std::collections::BTreeMap;
use std::fmt;

use super::TYPE;
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

    /// Gives a key a value if there is none for it, nor below it.
    pub(crate) fn set_default(&mut self, key: &str, value: ConfigValue) {
        let is_at = |name: &String| {
            name.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if !self.values.keys().any(is_at) {
            self.set(key, value);
        }
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
        let value = self.value(&info)?.or_else(|| info.default.map(ConfigValue::from));
        match value {
            Some(value) => T::from_config(&value).map_err(|detail| self.wrong(&info, &value, detail)),
            None => T::absent().ok_or_else(|| self.missing(&info)),
        }
    }

    /// That the value of a key cannot be used, for a reason that its type does not know.
    #[must_use]
    pub fn invalid<T: FromConfig>(&self, key: &ConfigKey<T>, detail: impl Into<String>) -> ConfigError {
        let info = key.info();
        let value = match self.value(&info) {
            Ok(value) => value.or_else(|| info.default.map(ConfigValue::from)),
            Err(error) => return error,
        };
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
            match self.value(key)? {
                Some(value) => (key.check)(&value).map_err(|detail| self.wrong(key, &value, detail))?,
                None if key.is_required() => return Err(self.missing(key)),
                None => {}
            }
        }
        Ok(())
    }

    /// Looks whether the section is for reporters of a type, if it says so.
    pub(crate) fn check_type(&self, reporter_type: &str) -> Result<(), ConfigError> {
        match self.get(&TYPE)? {
            Some(given) if given != reporter_type => {
                Err(self.invalid(&TYPE, format!("this factory makes reporters of type `{reporter_type}`")))
            }
            _ => Ok(()),
        }
    }

    /// What was given for a key, or below it.
    fn value(&self, key: &KeyInfo) -> Result<Option<ConfigValue>, ConfigError> {
        let mut pairs = Vec::new();
        for (name, value) in self.values.iter().filter(|(name, _)| *name != key.name && key.takes(name)) {
            let text =
                value.text().map_err(|detail| self.wrong(key, value, format!("at `{name}` {detail}")))?;
            pairs.push((name[key.name.len() + 1..].to_owned(), text.to_owned()));
        }
        match self.values.get(key.name) {
            Some(value) if pairs.is_empty() => Ok(Some(value.clone())),
            Some(value) => Err(self.wrong(key, value, "there are keys below it as well".to_owned())),
            None => Ok((!pairs.is_empty()).then_some(ConfigValue::Map(pairs))),
        }
    }

    fn full(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn missing(&self, key: &KeyInfo) -> ConfigError {
        ConfigError::MissingValue { key: self.full(key.name), expected: key.expected }
    }

    fn wrong(&self, key: &KeyInfo, value: &ConfigValue, detail: String) -> ConfigError {
        let value = if key.secret { "(hidden)".to_owned() } else { legible(&value.shown()) };
        // What was read may quote the value.
        let detail = if key.secret { String::new() } else { detail };
        ConfigError::InvalidValue { key: self.full(key.name), value, expected: key.expected, detail }
    }

    fn unknown(&self, name: &str, keys: &[&KeyInfo]) -> ConfigError {
        let given = name.to_lowercase();
        let likeness = |key: &&KeyInfo| strsim::jaro_winkler(key.name, &given);
        let nearest = keys.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let mut known: Vec<_> = keys.iter().map(|key| key.name).collect();
        known.sort_unstable();
        ConfigError::UnknownKey {
            key: self.full(&legible(name)),
            nearest: nearest.filter(|key| likeness(key) >= ALIKE).map(|key| key.name),
            known,
        }
    }
}

/// A text for a line of a log: short, and without what a terminal would obey.
fn legible(text: &str) -> String {
    const LONGEST: usize = 100;
    let mut shown: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().count() > LONGEST {
        shown.push_str("...");
    }
    // Quotes need no escape between backticks.
    shown.replace("\\\"", "\"").replace("\\'", "'")
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
    fn what_could_mean_something_else_is_an_error() {
        let wrong = |section: ConfigSection| section.with("path", "p").check(KEYS).unwrap_err().to_string();
        for (section, expected) in [
            (
                section().with("headers", "a:1").with("headers.b", 2),
                "`reporters.x.headers` cannot be `a:1`, there are keys below it as well",
            ),
            (
                section().with("headers.a", vec!["1".to_owned()]),
                "`reporters.x.headers` cannot be `1`, at `headers.a` it is a list",
            ),
            (
                section().with("headers", "a:1,a:2"),
                "`reporters.x.headers` cannot be `a:1,a:2`, `a` is there twice",
            ),
            (section().with("headers", ":1"), "`reporters.x.headers` cannot be `:1`, a key is empty"),
            (
                section().with("interval", "1M"),
                "`reporters.x.interval` cannot be `1M`, its unit is not in lower case",
            ),
            (
                section().with("interval", "a\n\u{1b}[31m\"b\""),
                "`reporters.x.interval` cannot be `a\\n\\u{1b}[31m\"b\"`: give a duration",
            ),
        ] {
            let error = wrong(section);
            assert!(error.starts_with(expected), "{error}");
        }
        let long = wrong(section().with("interval", "9".repeat(10_000) + "x"));
        assert!(long.len() < 300, "{long}");
        let unknown = wrong(section().with("INTERVALL", "1s"));
        assert!(unknown.contains("did you mean `interval`?"), "{unknown}");
    }

    #[test]
    fn an_empty_text_is_no_value_where_one_need_not_be_given() {
        assert_eq!(section().with("password", " ").get(&PASSWORD), Ok(None));
        let list = ConfigKey::<Vec<String>>::new("list", "");
        let given = section().with("list", &[" a ", "", "b;c"][..]);
        assert_eq!(given.get(&list), Ok(vec!["a".to_owned(), "b;c".to_owned()]));
        let delimiter = ConfigKey::<char>::new("delimiter", "");
        assert_eq!(section().with("delimiter", " ").get(&delimiter), Ok(' '));
    }

    #[test]
    fn defaults_take_the_place_of_nothing() {
        let mut given = section().with("headers.a", "1").with("interval", "1s");
        for key in ["headers", "interval", "path"] {
            given.set_default(key, "other".into());
        }
        let expected = section().with("headers.a", "1").with("interval", "1s").with("path", "other");
        assert!(given == expected, "{given:?}");
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

//! Keys, with the types of what they take.

use std::marker::PhantomData;

use super::value::{ConfigValue, FromConfig};

/// A key of a configuration section: its name, the type of its value, its default and what it is for.
///
/// What is optional has the type `Option<T>`; what has neither that nor a default must be given.
#[derive(Clone, Copy, Debug)]
pub struct ConfigKey<T> {
    name: &'static str,
    description: &'static str,
    default: Option<&'static str>,
    secret: bool,
    value: PhantomData<fn() -> T>,
}

impl<T: FromConfig> ConfigKey<T> {
    /// A key that has no default. Names are in lower case, with dots and hyphens between words, as Flink's.
    #[must_use]
    pub const fn new(name: &'static str, description: &'static str) -> Self {
        Self { name, description, default: None, secret: false, value: PhantomData }
    }

    /// Sets the value that it has where none is given, as it would be written.
    #[must_use]
    pub const fn with_default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }

    /// Keeps its value out of errors and logs.
    #[must_use]
    pub const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }

    /// What it is, without its type: for a table of all keys.
    #[must_use]
    pub const fn info(&self) -> KeyInfo {
        let Self { name, description, default, secret, .. } = *self;
        KeyInfo {
            name,
            description,
            default,
            secret,
            expected: T::EXPECTED,
            is_map: T::IS_MAP,
            is_optional: T::IS_OPTIONAL,
            check: check::<T>,
        }
    }
}

fn check<T: FromConfig>(value: &ConfigValue) -> Result<(), String> {
    T::from_config(value).map(drop)
}

/// What a key of a configuration section is.
#[derive(Clone, Copy, Debug)]
pub struct KeyInfo {
    pub(super) name: &'static str,
    description: &'static str,
    pub(super) default: Option<&'static str>,
    pub(super) secret: bool,
    pub(super) expected: &'static str,
    is_map: bool,
    is_optional: bool,
    pub(super) check: fn(&ConfigValue) -> Result<(), String>,
}

impl KeyInfo {
    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it is for.
    #[must_use]
    pub const fn description(&self) -> &'static str {
        self.description
    }

    /// The value that it has where none is given.
    #[must_use]
    pub const fn default(&self) -> Option<&'static str> {
        self.default
    }

    /// What it takes, as the end of a sentence that begins with "give".
    #[must_use]
    pub const fn expected(&self) -> &'static str {
        self.expected
    }

    /// Whether a value must be given.
    #[must_use]
    pub const fn is_required(&self) -> bool {
        self.default.is_none() && !self.is_optional
    }

    /// Whether its value is kept out of errors and logs.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        self.secret
    }

    /// Whether a name in a section is this key, or for a map one of its entries.
    #[must_use]
    pub fn takes(&self, name: &str) -> bool {
        match name.strip_prefix(self.name) {
            Some("") => true,
            Some(rest) => self.is_map && rest.len() > 1 && rest.starts_with('.'),
            None => false,
        }
    }
}

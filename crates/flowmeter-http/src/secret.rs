//! A text that is shown nowhere.

use std::fmt;

use flowmeter_core::{ConfigValue, FromConfig};
use subtle::{Choice, ConstantTimeEq};

/// A password or a token. It is not shown, and how long a comparison with it takes says nothing about it.
///
/// ```
/// use flowmeter_http::Secret;
///
/// assert_eq!(format!("{:?}", Secret::new("hunter2")), "(hidden)");
/// ```
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// A secret. An empty one is nobody's: nothing is equal to it.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into().into())
    }

    /// Whether a text is equal to it, in a time that does not depend on the secret.
    #[must_use]
    pub fn equals(&self, given: &str) -> bool {
        self.is(given.as_bytes()).into()
    }

    /// Whether a client would have to send it in parts.
    pub(crate) fn has_blanks(&self) -> bool {
        self.0.contains(|c: char| c.is_whitespace() || c.is_control())
    }

    /// Whether something is equal to it. That takes as long as what is given is, however long the secret is and
    /// wherever they differ.
    pub(crate) fn is(&self, given: &[u8]) -> Choice {
        let secret = self.0.as_bytes();
        let same_length =
            (secret.len() as u64).ct_eq(&(given.len() as u64)) & !Choice::from(u8::from(secret.is_empty()));
        given.iter().zip(secret.iter().cycle()).fold(same_length, |same, (a, b)| same & a.ct_eq(b))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl FromConfig for Secret {
    const EXPECTED: &'static str = "a text that is not empty";

    /// A blank may be part of it, so nothing is trimmed.
    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value {
            ConfigValue::Text(text) if !text.trim().is_empty() => Ok(Self::new(text.as_str())),
            _ => Err(String::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_an_empty_secret() {
        assert!(!bool::from(Secret::new("").is(b"")));
        assert!(!bool::from(Secret::new("").is(b"a")));
    }

    proptest! {
        #[test]
        fn only_the_same_text_is_it(secret in "[ab]{1,4}", given in "[ab]{0,8}") {
            prop_assert_eq!(bool::from(Secret::new(secret.as_str()).is(given.as_bytes())), secret == given);
        }
    }
}

//! Ports to listen on.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use flowmeter_core::{ConfigValue, FromConfig};

/// A port, or a range of ports of which the first free one is taken, so that several processes of a host can share
/// one configuration: `9249`, `9249-9260`. Port 0 stands for any free port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ports {
    first: u16,
    last: u16,
}

impl Ports {
    /// One port.
    #[must_use]
    pub const fn one(port: u16) -> Self {
        Self { first: port, last: port }
    }

    /// The ports from `first` to `last`, both included; only `first` if that is the greater.
    #[must_use]
    pub const fn range(first: u16, last: u16) -> Self {
        Self { first, last: if last < first { first } else { last } }
    }

    /// Any free port.
    #[must_use]
    pub const fn any() -> Self {
        Self::one(0)
    }

    /// The ports in the order in which they are tried.
    #[must_use]
    pub fn iter(self) -> RangeInclusive<u16> {
        self.first..=self.last
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// What is wrong with a text that should name ports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a port or a range of ports: write `9249` or `9249-9260`, each 0 to 65535, the smaller first"
)]
pub struct ParsePortsError {
    text: String,
}

impl FromStr for Ports {
    type Err = ParsePortsError;

    fn from_str(text: &str) -> Result<Self, ParsePortsError> {
        let error = || ParsePortsError { text: text.to_owned() };
        let port = |port: &str| port.trim().parse::<u16>().map_err(|_| error());
        let (first, last) = match text.split_once('-') {
            Some((first, last)) => (port(first)?, port(last)?),
            None => (port(text)?, port(text)?),
        };
        if first > last { Err(error()) } else { Ok(Self { first, last }) }
    }
}

impl FromConfig for Ports {
    const EXPECTED: &'static str =
        "a port such as `9249`, or a range such as `9249-9260` of which the first free one is taken";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        value.text()?.parse().map_err(|_| String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ports_are_one_or_a_range() {
        assert_eq!("9249".parse(), Ok(Ports::one(9249)));
        assert_eq!(" 9249 - 9260 ".parse(), Ok(Ports::range(9249, 9260)));
        for wrong in ["", "-", "1-", "-1", "2-1", "65536", "1-2-3", "a", "1,2"] {
            let error = wrong.parse::<Ports>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{wrong}` is not a port")), "{error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_shown_parses_back(first: u16, last: u16) {
            let ports = Ports::range(first, last);
            prop_assert_eq!(ports.to_string().parse(), Ok(ports));
        }

        #[test]
        fn nothing_makes_the_parser_panic(text in "\\PC*") {
            let _ = text.parse::<Ports>();
        }
    }
}

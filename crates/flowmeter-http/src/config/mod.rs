//! The keys of whatever serves.

mod auth;
#[cfg(feature = "tls")]
pub(crate) mod tls;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use flowmeter_core::{ConfigError, ConfigKey, ConfigSection, ConfigValue, FromConfig, KeyInfo};

use crate::options::{LONGEST_PATIENCE, MOST_CONNECTIONS, MOST_HEADERS, SHORTEST_PATIENCE};
use crate::{Ports, ServerOptions};

const ADDRESS: ConfigKey<IpAddr> =
    ConfigKey::new("address", "The address to listen on. Anything but loopback lets other hosts in.")
        .with_default("127.0.0.1");
const CONNECTIONS: ConfigKey<usize> = ConfigKey::new(
    "server.connections",
    "Connections at a time; more of them wait, and idle ones are closed for them.",
)
.with_default("64");
const HEADERS: ConfigKey<usize> =
    ConfigKey::new("server.headers", "The most headers of a request.").with_default("64");
const REQUEST_PATIENCE: ConfigKey<Duration> = ConfigKey::new(
    "server.request-patience",
    "How long a client may take to send a request, from its first byte, or from the connection for the first one.",
)
.with_default("10s");
const IDLE_PATIENCE: ConfigKey<Duration> = ConfigKey::new(
    "server.idle-patience",
    "How long a connection may stay without another request after an answer.",
)
.with_default("2min 30s");
const ANSWER_PATIENCE: ConfigKey<Duration> =
    ConfigKey::new("server.answer-patience", "How long an answer may take to be made.").with_default("30s");
const CLIENT_PATIENCE: ConfigKey<Duration> = ConfigKey::new(
    "server.client-patience",
    "How long an answer waits for a client that takes nothing of it, or less than `server.least-rate`.",
)
.with_default("10s");
const LEAST_RATE: ConfigKey<u64> = ConfigKey::new(
    "server.least-rate",
    "How many bytes a second a client has to take on average, once `server.client-patience` is used up.",
)
.with_default("65536");

impl ServerOptions {
    /// The keys of sections of whatever serves, but for the port, whose default is not everybody's.
    pub const KEYS: &[KeyInfo] = &[
        ADDRESS.info(),
        CONNECTIONS.info(),
        HEADERS.info(),
        REQUEST_PATIENCE.info(),
        IDLE_PATIENCE.info(),
        ANSWER_PATIENCE.info(),
        CLIENT_PATIENCE.info(),
        LEAST_RATE.info(),
        auth::USERNAME.info(),
        auth::PASSWORD.info(),
        auth::PASSWORD_FILE.info(),
        auth::BEARER_TOKEN.info(),
        auth::BEARER_TOKEN_FILE.info(),
        #[cfg(feature = "tls")]
        tls::CERTIFICATE.info(),
        #[cfg(feature = "tls")]
        tls::KEY.info(),
        #[cfg(feature = "tls")]
        tls::CLIENT_CA.info(),
    ];

    /// The keys of a reporter that serves: its own, and after them [these](Self::KEYS).
    ///
    /// ```
    /// use flowmeter_core::{ConfigKey, KeyInfo};
    /// use flowmeter_http::{Ports, ServerOptions};
    ///
    /// const PORT: ConfigKey<Ports> = ConfigKey::new("port", "The port to listen on.").with_default("8080");
    /// const KEYS: [KeyInfo; 1 + ServerOptions::KEYS.len()] = ServerOptions::keys_after([PORT.info()]);
    ///
    /// assert_eq!(KEYS[0].name(), "port");
    /// ```
    ///
    /// # Panics
    ///
    /// When `ALL` is not the number of both, which in a constant is an error of the compiler.
    #[must_use]
    pub const fn keys_after<const OWN: usize, const ALL: usize>(own: [KeyInfo; OWN]) -> [KeyInfo; ALL] {
        assert!(
            ALL == OWN + Self::KEYS.len(),
            "there are as many keys as those of the reporter and the server's"
        );
        let mut all = [Self::KEYS[0]; ALL];
        let mut at = 0;
        while at < ALL {
            all[at] = if at < OWN { own[at] } else { Self::KEYS[at - OWN] };
            at += 1;
        }
        all
    }

    /// What a section says, with the ports from a key of the caller's.
    ///
    /// # Errors
    ///
    /// When a value is not what its key takes, or does not go with another, or a file with a secret cannot be read.
    /// Other files are read when the server starts.
    pub fn from_section(section: &ConfigSection, port: &ConfigKey<Ports>) -> Result<Self, ConfigError> {
        let count = |key: &ConfigKey<usize>, most: usize| match section.get(key)? {
            count if (1..=most).contains(&count) => Ok(count),
            _ => Err(section.invalid(key, format!("it can be 1 to {most}"))),
        };
        let patience = |key: &ConfigKey<Duration>| match section.get(key)? {
            patience if patience < SHORTEST_PATIENCE => Err(section.invalid(key, "nobody is as quick")),
            patience if patience <= LONGEST_PATIENCE => Ok(patience),
            _ => Err(section.invalid(key, "it is more than a day")),
        };
        Ok(Self {
            address: section.get(&ADDRESS)?,
            ports: section.get(port)?,
            connections: count(&CONNECTIONS, MOST_CONNECTIONS)?,
            headers: count(&HEADERS, MOST_HEADERS)?,
            request_patience: patience(&REQUEST_PATIENCE)?,
            idle_patience: patience(&IDLE_PATIENCE)?,
            answer_patience: patience(&ANSWER_PATIENCE)?,
            client_patience: patience(&CLIENT_PATIENCE)?,
            least_rate: match section.get(&LEAST_RATE)? {
                0 => return Err(section.invalid(&LEAST_RATE, "it can be 1 or more")),
                rate => rate,
            },
            auth: auth::from_section(section)?,
            #[cfg(feature = "tls")]
            tls: tls::from_section(section)?,
        })
    }
}

/// A value that need not be given, but if it is, must be one. An empty text, which elsewhere stands for none, would
/// be a variable that was forgotten, and leave the server open.
pub(crate) struct Given<T>(Option<T>);

/// A key that names a file.
pub(crate) type FileKey = ConfigKey<Given<PathBuf>>;

impl<T: FromConfig> FromConfig for Given<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    const IS_OPTIONAL: bool = true;

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value {
            ConfigValue::Text(text) if text.trim().is_empty() => Err("it is empty".to_owned()),
            value => T::from_config(value).map(|value| Self(Some(value))),
        }
    }

    fn absent() -> Option<Self> {
        Some(Self(None))
    }
}

/// That a key must be given because another one is.
fn missing<T: FromConfig>(
    section: &ConfigSection,
    key: &ConfigKey<T>,
    expected: &'static str,
) -> ConfigError {
    ConfigError::MissingValue { key: full(section, key), expected }
}

/// What errors call a key.
fn full<T: FromConfig>(section: &ConfigSection, key: &ConfigKey<T>) -> String {
    let name = key.info().name();
    if section.path().is_empty() { name.to_owned() } else { format!("{}.{name}", section.path()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: ConfigKey<Ports> = ConfigKey::new("port", "The port.").with_default("0");

    #[test]
    fn an_empty_section_is_the_defaults() {
        let options = ServerOptions::from_section(&ConfigSection::new("x"), &PORT).unwrap();
        assert_eq!(format!("{options:?}"), format!("{:?}", ServerOptions::default()));
    }

    #[test]
    fn every_key_has_its_effect() {
        let section = ConfigSection::new("x")
            .with("port", "9249-9260")
            .with("address", "::1")
            .with("server.connections", 1)
            .with("server.headers", 2)
            .with("server.request-patience", "3s")
            .with("server.answer-patience", "4s")
            .with("server.client-patience", "5s")
            .with("server.idle-patience", "6s")
            .with("server.least-rate", 7);
        let expected = ServerOptions {
            address: "::1".parse().unwrap(),
            ports: Ports::range(9249, 9260),
            connections: 1,
            headers: 2,
            request_patience: Duration::from_secs(3),
            answer_patience: Duration::from_secs(4),
            client_patience: Duration::from_secs(5),
            idle_patience: Duration::from_secs(6),
            least_rate: 7,
            ..ServerOptions::default()
        };
        let options = ServerOptions::from_section(&section, &PORT).unwrap();
        assert_eq!(format!("{options:?}"), format!("{expected:?}"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let said = |key: &str, value: &str| {
            let section = ConfigSection::new("x").with(key, value);
            ServerOptions::from_section(&section, &PORT).unwrap_err().to_string()
        };
        assert_eq!(
            said("port", "9260-9249"),
            "`x.port` cannot be `9260-9249`: give a port such as `9249`, or a range such as `9249-9260` of which the first \
             free one is taken"
        );
        assert_eq!(
            said("address", "localhost"),
            "`x.address` cannot be `localhost`: give an IP address such as `127.0.0.1` or `::1`"
        );
        for (key, value, expected) in [
            ("server.connections", "0", "it can be 1 to 65536"),
            ("server.connections", "18446744073709551615", "it can be 1 to 65536"),
            ("server.headers", "100000000000", "it can be 1 to 1024"),
            ("server.request-patience", "500years", "it is more than a day"),
            ("server.client-patience", "0s", "nobody is as quick"),
            ("server.idle-patience", "9ms", "nobody is as quick"),
            ("server.least-rate", "0", "it can be 1 or more"),
        ] {
            assert!(
                said(key, value).starts_with(&format!("`x.{key}` cannot be `{value}`, {expected}")),
                "{key}"
            );
        }
    }

    #[test]
    fn keys_of_https_are_there_with_the_feature() {
        let section = ConfigSection::new("x").with("tls.certificate", "c.pem");
        let unknown = section.check(ServerOptions::KEYS).err().map(|error| error.to_string());
        let is_unknown = unknown.is_some_and(|error| error.starts_with("unknown key `x.tls.certificate`"));
        assert_eq!(is_unknown, !cfg!(feature = "tls"));
    }
}

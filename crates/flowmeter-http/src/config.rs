//! The keys of whatever serves.

use std::net::IpAddr;
use std::time::Duration;

use flowmeter_core::{ConfigError, ConfigKey, ConfigSection, KeyInfo};

use crate::server::{LONGEST_PATIENCE, MOST_CONNECTIONS, MOST_HEADERS};
use crate::{Ports, ServerOptions};

const ADDRESS: ConfigKey<IpAddr> =
    ConfigKey::new("address", "The address to listen on. Anything but loopback lets other hosts in.")
        .with_default("127.0.0.1");
const CONNECTIONS: ConfigKey<usize> =
    ConfigKey::new("server.connections", "Connections at a time; more of them wait.").with_default("64");
const HEADERS: ConfigKey<usize> =
    ConfigKey::new("server.headers", "The most headers of a request.").with_default("64");
const REQUEST_PATIENCE: ConfigKey<Duration> = ConfigKey::new(
    "server.request-patience",
    "How long a client may take to send a request, and may stay without sending one.",
)
.with_default("10s");
const ANSWER_PATIENCE: ConfigKey<Duration> =
    ConfigKey::new("server.answer-patience", "How long an answer may take to be made.").with_default("30s");
const CLIENT_PATIENCE: ConfigKey<Duration> =
    ConfigKey::new("server.client-patience", "How long a client may take nothing of its answer.")
        .with_default("10s");

impl ServerOptions {
    /// The keys of sections of whatever serves, but for the port, whose default is not everybody's.
    pub const KEYS: [KeyInfo; 6] = [
        ADDRESS.info(),
        CONNECTIONS.info(),
        HEADERS.info(),
        REQUEST_PATIENCE.info(),
        ANSWER_PATIENCE.info(),
        CLIENT_PATIENCE.info(),
    ];

    /// What a section says, with the ports from a key of the caller's.
    ///
    /// # Errors
    ///
    /// When a value is not what its key takes.
    pub fn from_section(section: &ConfigSection, port: &ConfigKey<Ports>) -> Result<Self, ConfigError> {
        let count = |key: &ConfigKey<usize>, most: usize| match section.get(key)? {
            count if (1..=most).contains(&count) => Ok(count),
            _ => Err(section.invalid(key, format!("it can be 1 to {most}"))),
        };
        let patience = |key: &ConfigKey<Duration>| match section.get(key)? {
            patience if patience <= LONGEST_PATIENCE => Ok(patience),
            _ => Err(section.invalid(key, "it is more than a day")),
        };
        Ok(Self {
            address: section.get(&ADDRESS)?,
            ports: section.get(port)?,
            connections: count(&CONNECTIONS, MOST_CONNECTIONS)?,
            headers: count(&HEADERS, MOST_HEADERS)?,
            request_patience: patience(&REQUEST_PATIENCE)?,
            answer_patience: patience(&ANSWER_PATIENCE)?,
            client_patience: patience(&CLIENT_PATIENCE)?,
        })
    }
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
            .with("server.client-patience", "5s");
        let expected = ServerOptions {
            address: "::1".parse().unwrap(),
            ports: Ports::range(9249, 9260),
            connections: 1,
            headers: 2,
            request_patience: Duration::from_secs(3),
            answer_patience: Duration::from_secs(4),
            client_patience: Duration::from_secs(5),
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
        ] {
            assert!(
                said(key, value).starts_with(&format!("`x.{key}` cannot be `{value}`, {expected}")),
                "{key}"
            );
        }
    }
}

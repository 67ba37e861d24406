//! The reporter from a configuration.

use std::time::Duration;

use flowmeter_core::{
    ConfigError, ConfigKey, ConfigSection, ConfigValue, FromConfig, KeyInfo, Reporter, ReporterFactory,
};
use flowmeter_http::{Ports, ServerOptions};

use crate::{JmxOptions, JmxReporter, JolokiaOptions, NamingPolicy, PlatformBeans};

const PORT: ConfigKey<Ports> =
    ConfigKey::new("port", "The port to listen on, or a range for several processes of a host.")
        .with_default("9250-9260");
const NAMING: ConfigKey<NamingPolicy> =
    ConfigKey::new("naming", "What beans are called: flowmeter's own names, or Flink's.")
        .with_default("native");
const FRESHNESS: ConfigKey<Duration> =
    ConfigKey::new("freshness", "How old values may be that a client gets.").with_default("250ms");
const PLATFORM: ConfigKey<PlatformBeans> = ConfigKey::new(
    "platform-beans",
    "The beans of the process in the domain `java.lang`: none, basic ones, or all, for which jconsole takes it for a virtual machine.",
)
.with_default("basic");
const HOST: ConfigKey<String> = ConfigKey::new(
    "host",
    "The host that clients are told to connect to; without it the one where they found the server.",
)
.with_default("");
const HOST_PORT: ConfigKey<u16> =
    ConfigKey::new("host-port", "The port that goes with `host`; 0 for the one that is listened on.")
        .with_default("0");
const LEASE: ConfigKey<Duration> =
    ConfigKey::new("lease", "How long a client may be silent before what is kept for it is dropped.")
        .with_default("10min");
const JOLOKIA_PORT: ConfigKey<Option<Ports>> = ConfigKey::new(
    "jolokia.port",
    "The port, or range of ports, to serve the same beans on by Jolokia, over HTTP, to whom `port` does; without it they are not.",
);
const JOLOKIA_ORIGINS: ConfigKey<Vec<String>> = ConfigKey::new(
    "jolokia.origins",
    "The origins whose pages may ask Jolokia, such as `https://console.example`, besides those of this host; `*` stands for all.",
)
.with_default("");

const KEYS: [KeyInfo; 9 + ServerOptions::KEYS.len()] = ServerOptions::keys_after([
    PORT.info(),
    NAMING.info(),
    FRESHNESS.info(),
    PLATFORM.info(),
    HOST.info(),
    HOST_PORT.info(),
    LEASE.info(),
    JOLOKIA_PORT.info(),
    JOLOKIA_ORIGINS.info(),
]);

/// Values may not be older.
const LONGEST_FRESHNESS: Duration = Duration::from_secs(3600);

/// Makes JMX reporters of sections with `type = "jmx"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct JmxFactory;

impl ReporterFactory for JmxFactory {
    fn reporter_type(&self) -> &str {
        "jmx"
    }

    fn keys(&self) -> &[KeyInfo] {
        &KEYS
    }

    fn build(&self, section: &ConfigSection) -> Result<Box<dyn Reporter>, ConfigError> {
        let freshness = section.get(&FRESHNESS)?;
        if freshness > LONGEST_FRESHNESS {
            return Err(section.invalid(&FRESHNESS, "it is more than an hour"));
        }
        let lease = section.get(&LEASE)?;
        if !(SHORTEST_LEASE..=LONGEST_LEASE).contains(&lease) {
            return Err(section.invalid(&LEASE, "it can be a second to a day"));
        }
        let server = ServerOptions::from_section(section, &PORT)?;
        if server.auth.bearer_token.is_some() {
            let key = "auth.bearer-token";
            return Err(ConfigError::InvalidValue {
                key: if section.path().is_empty() {
                    key.to_owned()
                } else {
                    format!("{}.{key}", section.path())
                },
                value: "(hidden)".to_owned(),
                expected: "`auth.username` and its password, which are what JMX has",
                detail: String::new(),
            });
        }
        let origins = section.get(&JOLOKIA_ORIGINS)?;
        if let Some(wrong) = origins.iter().find(|origin| !is_origin(origin)) {
            return Err(section.invalid(&JOLOKIA_ORIGINS, format!("`{wrong}` is no origin")));
        }
        // Whom one of both lets in, the other one does.
        let jolokia = |ports| JolokiaOptions { server: server.clone().with_ports(ports), origins };
        let jolokia = section.get(&JOLOKIA_PORT)?.map(jolokia);
        let host = section.get(&HOST)?;
        let port = section.get(&HOST_PORT)?;
        let options = JmxOptions {
            server,
            naming: section.get(&NAMING)?,
            freshness,
            platform: section.get(&PLATFORM)?,
            host: (!host.is_empty()).then_some(host),
            host_port: (port != 0).then_some(port),
            lease,
            jolokia,
        };
        Ok(Box::new(JmxReporter::new(options)))
    }
}

/// Whether it is all pages, or a scheme and a host without anything behind.
fn is_origin(text: &str) -> bool {
    let host = |host: &str| !host.is_empty() && !host.contains(['/', '*', ' ', '@']);
    text == "*" || text.trim_end_matches('/').split_once("://").is_some_and(|(_, rest)| host(rest))
}

pub(crate) const SHORTEST_LEASE: Duration = Duration::from_secs(1);
pub(crate) const LONGEST_LEASE: Duration = Duration::from_secs(24 * 3600);

impl FromConfig for NamingPolicy {
    const EXPECTED: &'static str = "`native` or `flink`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value.text()? {
            "native" => Ok(Self::Native),
            "flink" => Ok(Self::Flink),
            _ => Err(String::new()),
        }
    }
}

impl FromConfig for PlatformBeans {
    const EXPECTED: &'static str = "`none`, `basic` or `all`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value.text()? {
            "none" => Ok(Self::None),
            "basic" => Ok(Self::Basic),
            "all" => Ok(Self::All),
            _ => Err(String::new()),
        }
    }
}

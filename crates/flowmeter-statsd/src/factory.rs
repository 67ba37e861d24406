//! The reporter from a configuration.

use std::net::Ipv6Addr;
use std::time::Duration;

use flowmeter_core::{
    ConfigError, ConfigKey, ConfigSection, ConfigValue, FromConfig, KeyInfo, Reporter, ReporterFactory,
    ReporterOptions,
};

use crate::address::DEFAULT_PORT;
use crate::{Address, Dialect, HistogramMode, StatsdOptions, StatsdReporter};

const ADDRESS: ConfigKey<Option<Address>> = ConfigKey::new(
    "address",
    "Where the daemon listens: UDP port 8125 of this host if neither it nor `host` is given.",
);
const HOST: ConfigKey<Option<String>> =
    ConfigKey::new("host", "The daemon's host for UDP, by name or IP address, in the place of `address`.");
const PORT: ConfigKey<Option<u16>> = ConfigKey::new("port", "The port beside `host`: 8125.");
const DIALECT: ConfigKey<Dialect> = ConfigKey::new(
    "dialect",
    "The lines: names alone, with Datadog's or Graphite's tags, or as Flink's own reporter sends them.",
)
.with_default("plain");
const PREFIX: ConfigKey<String> =
    ConfigKey::new("prefix", "What stands before all names, with a dot behind it.").with_default("");
const HISTOGRAMS: ConfigKey<Option<HistogramMode>> = ConfigKey::new(
    "histograms",
    "What becomes of histograms: for DogStatsD `distributions` if not given, else `statistics`; Flink has its own.",
);
const HISTOGRAM_VALUES: ConfigKey<usize> = ConfigKey::new(
    "histogram-values",
    "How many values at most stand for what a histogram recorded since the last report, where values are sent.",
)
.with_default("128");
const PACKET_SIZE: ConfigKey<Option<usize>> = ConfigKey::new(
    "packet-size",
    "How many bytes a packet has at most: if not given, by UDP 1432, on this host 3584; else and for DogStatsD on this host 7680.",
);
const SPREAD: ConfigKey<Option<Duration>> = ConfigKey::new(
    "spread",
    "Over how much time a large report by UDP is spread, so as not to overrun the receiver: 1 s if not given, or half the interval.",
);
const TIMEOUT: ConfigKey<Duration> =
    ConfigKey::new("timeout", "How long a report waits for the daemon in all.").with_default("2s");
const HEARTBEAT: ConfigKey<Option<Duration>> = ConfigKey::new(
    "heartbeat",
    "How often counters that have not grown are sent, as zeros: but for the first time never if not given.",
);
const RESOLVE_INTERVAL: ConfigKey<Duration> =
    ConfigKey::new("resolve-interval", "How often the name of the host is resolved again.")
        .with_default("60s");

const KEYS: &[KeyInfo] = &[
    ADDRESS.info(),
    HOST.info(),
    PORT.info(),
    DIALECT.info(),
    PREFIX.info(),
    HISTOGRAMS.info(),
    HISTOGRAM_VALUES.info(),
    PACKET_SIZE.info(),
    SPREAD.info(),
    TIMEOUT.info(),
    HEARTBEAT.info(),
    RESOLVE_INTERVAL.info(),
];

/// A key that all reporters have.
const DELIMITER: ConfigKey<char> = ConfigKey::new("scope.delimiter", "").with_default(".");

/// Makes StatsD reporters of sections with `type = "statsd"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct StatsdFactory;

impl ReporterFactory for StatsdFactory {
    fn reporter_type(&self) -> &str {
        "statsd"
    }

    fn keys(&self) -> &[KeyInfo] {
        KEYS
    }

    fn build(&self, section: &ConfigSection) -> Result<Box<dyn Reporter>, ConfigError> {
        Ok(Box::new(StatsdReporter::new(options(section)?)))
    }
}

/// What a section says.
fn options(section: &ConfigSection) -> Result<StatsdOptions, ConfigError> {
    const MOST: usize = StatsdOptions::MOST_HISTOGRAM_VALUES;
    let dialect = section.get(&DIALECT)?;
    let interval = ReporterOptions::from_section(section)?.interval;
    let spread = match section.get(&SPREAD)? {
        Some(spread) if spread > interval / 2 => {
            return Err(
                section.invalid(&SPREAD, "which is more than half of `interval`: reports would be skipped")
            );
        }
        Some(spread) if spread > StatsdOptions::LONGEST_TIME => {
            return Err(section.invalid(&SPREAD, "it can be an hour at most"));
        }
        spread => spread.unwrap_or_else(|| StatsdOptions::default().spread.min(interval / 2)),
    };
    let timeout = section.get(&TIMEOUT)?;
    if timeout.is_zero() {
        return Err(section.invalid(&TIMEOUT, "in which no daemon can take anything"));
    }
    if timeout > StatsdOptions::LONGEST_TIME {
        return Err(section.invalid(
            &TIMEOUT,
            "it can be an hour at most; a report that waits keeps the next from going out",
        ));
    }
    Ok(StatsdOptions {
        address: address(section)?,
        dialect,
        prefix: section.get(&PREFIX)?,
        delimiter: delimiter(section)?,
        histograms: histograms(section, dialect)?,
        histogram_values: match section.get(&HISTOGRAM_VALUES)? {
            values if (1..=MOST).contains(&values) => values,
            _ => return Err(section.invalid(&HISTOGRAM_VALUES, format!("it can be 1 to {MOST}"))),
        },
        packet_size: packet_size(section)?,
        spread,
        timeout,
        heartbeat: section.get(&HEARTBEAT)?,
        resolve_interval: section.get(&RESOLVE_INTERVAL)?,
    })
}

fn address(section: &ConfigSection) -> Result<Address, ConfigError> {
    let (address, host, port) = (section.get(&ADDRESS)?, section.get(&HOST)?, section.get(&PORT)?);
    if port == Some(0) {
        return Err(section.invalid(&PORT, "nobody listens there"));
    }
    match (address, host, port) {
        (Some(address), None, None) => Ok(address),
        (Some(_), Some(_), _) => {
            Err(section.invalid(&HOST, "`address` says where as well; leave one of them out"))
        }
        (Some(_), None, Some(_)) => {
            Err(section.invalid(&PORT, "`address` says where as well; leave one of them out"))
        }
        (None, None, None) => Ok(Address::default()),
        (None, host, port) => {
            let host = host.unwrap_or_else(|| "127.0.0.1".to_owned());
            let port = port.unwrap_or(DEFAULT_PORT);
            let is_host = !host.is_empty()
                && !host.contains(|c: char| c.is_whitespace() || matches!(c, '/' | '[' | ']'));
            // Colons are those of IPv6.
            let (address, _zone) = host.split_once('%').unwrap_or((&host, ""));
            if !is_host || (host.contains(':') && address.parse::<Ipv6Addr>().is_err()) {
                return Err(section.invalid(&HOST, "it is no name of a host, and no IP address"));
            }
            Ok(Address::Udp(host, port))
        }
    }
}

/// What is between the components of identifiers, which daemons must leave as it is.
fn delimiter(section: &ConfigSection) -> Result<char, ConfigError> {
    match section.get(&DELIMITER)? {
        c if StatsdOptions::is_delimiter(c) => Ok(c),
        _ => Err(section.invalid(&DELIMITER, "daemons misread or remove it; take `.`, `_` or `-`")),
    }
}

fn histograms(section: &ConfigSection, dialect: Dialect) -> Result<Option<HistogramMode>, ConfigError> {
    let mode = section.get(&HISTOGRAMS)?;
    let error = match (dialect, mode) {
        (Dialect::Flink, Some(_)) => "the dialect `flink` has histograms as Flink has them",
        (
            Dialect::Plain | Dialect::Graphite,
            Some(HistogramMode::Distributions | HistogramMode::Histograms),
        ) => "only the dialect `dogstatsd` has them; take `statistics` or `timers`",
        _ => return Ok(mode),
    };
    Err(section.invalid(&HISTOGRAMS, error))
}

fn packet_size(section: &ConfigSection) -> Result<Option<usize>, ConfigError> {
    const LEAST: usize = StatsdOptions::LEAST_PACKET_SIZE;
    const GREATEST: usize = StatsdOptions::GREATEST_PACKET_SIZE;
    match section.get(&PACKET_SIZE)? {
        Some(bytes) if !(LEAST..=GREATEST).contains(&bytes) => {
            Err(section.invalid(&PACKET_SIZE, format!("it can be {LEAST} to {GREATEST}")))
        }
        bytes => Ok(bytes),
    }
}

impl FromConfig for Dialect {
    const EXPECTED: &'static str = "`plain`, `dogstatsd`, `graphite` or `flink`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value.text()? {
            "plain" => Ok(Self::Plain),
            "dogstatsd" => Ok(Self::DogStatsd),
            "graphite" => Ok(Self::Graphite),
            "flink" => Ok(Self::Flink),
            _ => Err(String::new()),
        }
    }
}

impl FromConfig for HistogramMode {
    const EXPECTED: &'static str = "`statistics`, `timers`, `distributions` or `histograms`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value.text()? {
            "statistics" => Ok(Self::Statistics),
            "timers" => Ok(Self::Timers),
            "distributions" => Ok(Self::Distributions),
            "histograms" => Ok(Self::Histograms),
            _ => Err(String::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(pairs: &[(&str, &str)]) -> ConfigSection {
        pairs
            .iter()
            .fold(ConfigSection::new("reporters.x"), |section, (key, value)| section.with(*key, *value))
    }

    fn shown(pairs: &[(&str, &str)]) -> String {
        format!("{:?}", options(&section(pairs)).unwrap())
    }

    #[test]
    fn an_empty_section_is_the_defaults() {
        assert_eq!(shown(&[]), format!("{:?}", StatsdOptions::default()));
    }

    #[test]
    fn every_key_has_its_effect() {
        let pairs = [
            ("address", "unixstream:///s"),
            ("dialect", "dogstatsd"),
            ("prefix", "flink"),
            ("histograms", "timers"),
            ("histogram-values", "7"),
            ("packet-size", "512"),
            ("spread", "3s"),
            ("timeout", "4s"),
            ("heartbeat", "5s"),
            ("resolve-interval", "6s"),
            ("scope.delimiter", "_"),
        ];
        let expected = StatsdOptions::default()
            .with_address(Address::UnixStream("/s".into()))
            .with_dialect(Dialect::DogStatsd)
            .with_prefix("flink")
            .with_histograms(HistogramMode::Timers)
            .with_histogram_values(7)
            .with_packet_size(512)
            .with_spread(Duration::from_secs(3))
            .with_timeout(Duration::from_secs(4))
            .with_heartbeat(Duration::from_secs(5))
            .with_resolve_interval(Duration::from_secs(6))
            .with_delimiter('_');
        assert_eq!(shown(&pairs), format!("{expected:?}"));
        let keys = KEYS.iter().chain(ReporterOptions::keys());
        section(&pairs).check(keys).unwrap();
    }

    #[test]
    fn hosts_are_given_as_flink_has_them() {
        let address = |pairs: &[(&str, &str)]| options(&section(pairs)).unwrap().address.to_string();
        assert_eq!(address(&[("host", "statsd")]), "udp://statsd:8125");
        assert_eq!(address(&[("host", "::1"), ("port", "9")]), "udp://[::1]:9");
        assert_eq!(address(&[("host", "fe80::1%eth0")]), "udp://[fe80::1%eth0]:8125");
        assert_eq!(address(&[("port", "9")]), "udp://127.0.0.1:9");
    }

    #[test]
    fn a_short_interval_has_a_shorter_spread() {
        assert_eq!(options(&section(&[("interval", "100ms")])).unwrap().spread, Duration::from_millis(50));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (pairs, key, said) in [
            (&[("address", "localhost:8125")][..], "address", "begins with none of"),
            (&[("address", "udp://h"), ("host", "h")], "host", "leave one of them out"),
            (&[("address", "udp://h"), ("port", "1")], "port", "leave one of them out"),
            (&[("host", "h"), ("port", "0")], "port", "nobody listens there"),
            (&[("host", "a b")], "host", "no name of a host"),
            (&[("host", "h:1")], "host", "no name of a host"),
            (&[("dialect", "etsy")], "dialect", "`plain`, `dogstatsd`, `graphite` or `flink`"),
            (&[("histograms", "distributions")], "histograms", "only the dialect `dogstatsd`"),
            (&[("dialect", "flink"), ("histograms", "timers")], "histograms", "as Flink has them"),
            (&[("histograms", "all")], "histograms", "`statistics`, `timers`"),
            (&[("histogram-values", "0")], "histogram-values", "it can be 1 to 10000"),
            (&[("packet-size", "100")], "packet-size", "it can be 256 to 65507"),
            (&[("packet-size", "65508")], "packet-size", "it can be 256 to 65507"),
            (&[("spread", "6s")], "spread", "more than half of `interval`"),
            (&[("spread", "1")], "spread", "it has no unit"),
            (&[("timeout", "0s")], "timeout", "no daemon can take anything"),
            (&[("timeout", "61min")], "timeout", "an hour at most"),
            (&[("interval", "2d"), ("spread", "1d")], "spread", "an hour at most"),
            (&[("scope.delimiter", ":")], "scope.delimiter", "take `.`, `_` or `-`"),
            (&[("scope.delimiter", "%")], "scope.delimiter", "take `.`, `_` or `-`"),
            (&[("scope.delimiter", "/")], "scope.delimiter", "take `.`, `_` or `-`"),
        ] {
            let error = options(&section(pairs)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`reporters.x.{key}` cannot be")), "{error}");
            assert!(error.contains(said), "{error}");
        }
    }
}

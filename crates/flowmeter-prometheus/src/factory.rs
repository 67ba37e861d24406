//! The reporter from a configuration.

use flowmeter_core::{
    ConfigError, ConfigKey, ConfigSection, ConfigValue, FromConfig, KeyInfo, Reporter, ReporterFactory,
};
use flowmeter_http::{Ports, ServerOptions};

use crate::{Buckets, NamingPolicy, PrometheusOptions, PrometheusReporter};

const PORT: ConfigKey<Ports> =
    ConfigKey::new("port", "The port to listen on, or a range for several processes of a host.")
        .with_default("9249");
const NAMING: ConfigKey<NamingName> = ConfigKey::new(
    "naming",
    "The names of metrics and labels: Prometheus' own, as registered for servers that take UTF-8, or Flink's.",
)
.with_default("native");
const FILTER: ConfigKey<bool> = ConfigKey::new(
    "filter-label-value-characters",
    "Whether Flink's names have underscores in the values of labels as well, as Flink does.",
)
.with_default("true");
const HISTOGRAMS: ConfigKey<Buckets> =
    ConfigKey::new("histograms", "The buckets of histograms in protocol buffers; text has the classic ones.")
        .with_default("both");
const CREATED: ConfigKey<bool> = ConfigKey::new(
    "created",
    "Whether OpenMetrics has `_created` samples, of which Prometheus makes series unless it is told to use them.",
)
.with_default("true");
const INFO: ConfigKey<bool> = ConfigKey::new(
    "info",
    "Whether answers have `target_info` and `flowmeter_build_info`; with Flink's names they have not.",
)
.with_default("true");
const TARGET: ConfigKey<Vec<(String, String)>> =
    ConfigKey::new("target-info", "Attributes of the process, as labels of `target_info`.").with_default("");
const MEMORY: ConfigKey<usize> = ConfigKey::new(
    "memory-mib",
    "MiB of answers that are kept for clients that are slow to take them; then answers wait for them.",
)
.with_default("256");

const KEYS: [KeyInfo; 8 + ServerOptions::KEYS.len()] = ServerOptions::keys_after([
    PORT.info(),
    NAMING.info(),
    FILTER.info(),
    HISTOGRAMS.info(),
    CREATED.info(),
    INFO.info(),
    TARGET.info(),
    MEMORY.info(),
]);

/// The most that can be kept: more than any machine has.
const MOST_MEMORY_MIB: usize = 1 << 20;

/// Makes Prometheus reporters of sections with `type = "prometheus"`.
#[derive(Clone, Copy, Debug, Default)]
pub struct PrometheusFactory;

impl ReporterFactory for PrometheusFactory {
    fn reporter_type(&self) -> &str {
        "prometheus"
    }

    fn keys(&self) -> &[KeyInfo] {
        &KEYS
    }

    fn build(&self, section: &ConfigSection) -> Result<Box<dyn Reporter>, ConfigError> {
        let memory = match section.get(&MEMORY)? {
            mib if (1..=MOST_MEMORY_MIB).contains(&mib) => mib << 20,
            _ => return Err(section.invalid(&MEMORY, format!("it can be 1 to {MOST_MEMORY_MIB}"))),
        };
        let naming = match section.get(&NAMING)? {
            NamingName::Native => NamingPolicy::Native,
            NamingName::Utf8 => NamingPolicy::Utf8,
            NamingName::Flink => NamingPolicy::Flink { filter_label_values: section.get(&FILTER)? },
        };
        let options = PrometheusOptions {
            server: ServerOptions::from_section(section, &PORT)?,
            naming,
            buckets: section.get(&HISTOGRAMS)?,
            created: section.get(&CREATED)?,
            info: section.get(&INFO)?,
            target: section.get(&TARGET)?,
            memory,
        };
        Ok(Box::new(PrometheusReporter::new(options)))
    }
}

/// A naming policy that a configuration can name.
enum NamingName {
    Native,
    Utf8,
    Flink,
}

impl FromConfig for NamingName {
    const EXPECTED: &'static str = "`native`, `utf8` or `flink`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value.text()? {
            "native" => Ok(Self::Native),
            "utf8" => Ok(Self::Utf8),
            "flink" => Ok(Self::Flink),
            _ => Err(String::new()),
        }
    }
}

impl FromConfig for Buckets {
    const EXPECTED: &'static str = "`classic`, `native` or `both`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value.text()? {
            "classic" => Ok(Self::Classic),
            "native" => Ok(Self::Native),
            "both" => Ok(Self::Both),
            _ => Err(String::new()),
        }
    }
}

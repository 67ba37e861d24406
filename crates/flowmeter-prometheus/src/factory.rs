//! The reporter from a configuration.

use flowmeter_core::{ConfigError, ConfigKey, ConfigSection, KeyInfo, Reporter, ReporterFactory};
use flowmeter_http::{Ports, ServerOptions};

use crate::{PrometheusOptions, PrometheusReporter};

const PORT: ConfigKey<Ports> =
    ConfigKey::new("port", "The port to listen on, or a range for several processes of a host.")
        .with_default("9249");

const KEYS: [KeyInfo; 1 + ServerOptions::KEYS.len()] = ServerOptions::keys_after([PORT.info()]);

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
        let server = ServerOptions::from_section(section, &PORT)?;
        Ok(Box::new(PrometheusReporter::new(PrometheusOptions { server })))
    }
}

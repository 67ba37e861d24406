//! The reporter from a configuration.

use std::fmt;
use std::sync::Arc;

use flowmeter_core::{ConfigError, ConfigKey, ConfigSection, KeyInfo, Reporter, ReporterFactory};
use metrics::Recorder;

use super::{AnyRecorder, MetricsReporter};

const PREFIX: ConfigKey<String> =
    ConfigKey::new("prefix", "What stands before all names, with an underscore behind it.").with_default("");

const KEYS: &[KeyInfo] = &[PREFIX.info()];

/// Makes [`MetricsReporter`]s from sections with `type = "metrics"`.
///
/// A configuration cannot say what a recorder is, so the program gives it: one that it has built, or whatever it has installed.
pub struct MetricsFactory(AnyRecorder);

impl MetricsFactory {
    /// A factory of reporters to a recorder.
    #[must_use]
    pub fn new(recorder: impl Recorder + Send + Sync + 'static) -> Self {
        Self(AnyRecorder::Given(Arc::new(recorder)))
    }

    /// A factory of reporters to the recorder that is installed in the process; see [`MetricsReporter::global`].
    #[must_use]
    pub fn global() -> Self {
        Self(AnyRecorder::Global)
    }
}

impl ReporterFactory for MetricsFactory {
    fn reporter_type(&self) -> &str {
        "metrics"
    }

    fn keys(&self) -> &[KeyInfo] {
        KEYS
    }

    fn build(&self, section: &ConfigSection) -> Result<Box<dyn Reporter>, ConfigError> {
        Ok(Box::new(MetricsReporter::of(self.0.clone()).with_prefix(section.get(&PREFIX)?)))
    }
}

impl fmt::Debug for MetricsFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetricsFactory").finish_non_exhaustive()
    }
}

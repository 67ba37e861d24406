//! Types of reporters, by name.

use std::fmt;
use std::sync::Arc;

use flowmeter_core::ReporterFactory;

/// The types that flowmeter brings, each with the feature of the same name, and whether they report spans and events.
const BUNDLED: &[(&str, bool)] =
    &[("jmx", false), ("log", true), ("otlp", true), ("prometheus", false), ("statsd", false)];

/// The types that there are.
#[derive(Clone)]
pub(crate) struct Types(Vec<Arc<dyn ReporterFactory>>);

impl Default for Types {
    /// Those of the features that are on.
    fn default() -> Self {
        Self(vec![
            #[cfg(feature = "jmx")]
            Arc::new(flowmeter_jmx::JmxFactory),
            #[cfg(feature = "log")]
            Arc::new(flowmeter_log::LogFactory),
            #[cfg(feature = "otlp")]
            Arc::new(flowmeter_otlp::OtlpFactory::default()),
            #[cfg(feature = "prometheus")]
            Arc::new(flowmeter_prometheus::PrometheusFactory),
            #[cfg(feature = "statsd")]
            Arc::new(flowmeter_statsd::StatsdFactory),
        ])
    }
}

impl fmt::Debug for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Types {
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// Adds a type, in the place of one that has its name.
    pub(crate) fn add(&mut self, factory: Arc<dyn ReporterFactory>) {
        self.0.retain(|other| other.reporter_type() != factory.reporter_type());
        self.0.push(factory);
    }

    pub(super) fn find(&self, name: &str) -> Option<&Arc<dyn ReporterFactory>> {
        self.0.iter().find(|factory| factory.reporter_type() == name)
    }

    pub(super) fn all(&self) -> &[Arc<dyn ReporterFactory>] {
        &self.0
    }

    /// The names of all types, in order.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.0.iter().map(ReporterFactory::reporter_type).collect();
        names.sort_unstable();
        names
    }
}

/// Whether flowmeter brings a type, built in or not.
pub(super) fn is_bundled(name: &str) -> bool {
    BUNDLED.iter().any(|(bundled, _)| *bundled == name)
}

/// Whether a type that flowmeter brings has metrics alone.
pub(super) fn has_metrics_alone(name: &str) -> bool {
    BUNDLED.contains(&(name, false))
}

//! From a choice of reporters to a running system.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::{
    ConfigSection, Error, Registry, RegistryOptions, Reporter, ReporterFactory, ReporterHandle,
    ReporterOptions, ScopeFormats,
};

/// A registry with running reporters.
///
/// It gives what a [`Registry`] gives. Dropping it, or calling [`shutdown`](Registry::shutdown), has every reporter
/// report one last time.
#[derive(Debug)]
pub struct Flowmeter {
    registry: Registry,
}

impl Flowmeter {
    /// Begins a choice of reporters.
    pub fn builder() -> FlowmeterBuilder {
        FlowmeterBuilder::default()
    }
}

impl Deref for Flowmeter {
    type Target = Registry;

    fn deref(&self) -> &Registry {
        &self.registry
    }
}

/// A choice of reporters.
#[derive(Default)]
#[must_use = "nothing runs until it is started"]
pub struct FlowmeterBuilder {
    options: RegistryOptions,
    reporters: Vec<(String, Add)>,
}

/// Adds a reporter of some name.
type Add = Box<dyn FnOnce(&Registry, &str) -> Result<ReporterHandle, Error> + Send>;

impl FlowmeterBuilder {
    /// Sets what flat identifiers are made of.
    pub fn scope_formats(mut self, formats: ScopeFormats) -> Self {
        self.options.scope_formats = formats;
        self
    }

    /// Adds a reporter of any crate.
    pub fn reporter(
        mut self,
        name: impl Into<String>,
        reporter: Box<dyn Reporter>,
        options: ReporterOptions,
    ) -> Self {
        let add = move |registry: &Registry, name: &str| registry.add_reporter(name, reporter, options);
        self.reporters.push((name.into(), Box::new(add)));
        self
    }

    /// Adds a reporter that a factory of any crate makes from a section of a configuration.
    pub fn configured_reporter(
        mut self,
        name: impl Into<String>,
        factory: Arc<dyn ReporterFactory>,
        section: ConfigSection,
    ) -> Self {
        let add =
            move |registry: &Registry, name: &str| registry.add_configured_reporter(name, factory, section);
        self.reporters.push((name.into(), Box::new(add)));
        self
    }

    /// Sets what tells this process apart from others that run the same reporters, such as the id of its TaskManager.
    pub fn instance(mut self, instance: impl Into<String>) -> Self {
        self.options = self.options.with_instance(instance);
        self
    }

    /// Has nothing reported but what the program registers, and not the group `flowmeter`.
    pub fn without_self_metrics(mut self) -> Self {
        self.options = self.options.without_self_metrics();
        self
    }

    /// Adds an OTLP reporter, of its options or [as it is](flowmeter_otlp::OtlpReporter::from_environment).
    #[cfg(feature = "otlp")]
    pub fn otlp(self, name: impl Into<String>, reporter: impl Into<flowmeter_otlp::OtlpReporter>) -> Self {
        let (reporter, options) = (reporter.into(), ReporterOptions::default());
        let interval = reporter.interval().unwrap_or(options.interval);
        self.reporter(name, Box::new(reporter), options.with_interval(interval))
    }

    /// Adds a Prometheus reporter.
    #[cfg(feature = "prometheus")]
    pub fn prometheus(
        self,
        name: impl Into<String>,
        options: flowmeter_prometheus::PrometheusOptions,
    ) -> Self {
        let reporter = Box::new(flowmeter_prometheus::PrometheusReporter::new(options));
        self.reporter(name, reporter, ReporterOptions::default())
    }

    /// Adds a JMX reporter.
    #[cfg(feature = "jmx")]
    pub fn jmx(self, name: impl Into<String>, options: flowmeter_jmx::JmxOptions) -> Self {
        let reporter = Box::new(flowmeter_jmx::JmxReporter::new(options));
        self.reporter(name, reporter, ReporterOptions::default())
    }

    /// Adds a reporter that writes into the program's log.
    #[cfg(feature = "log")]
    pub fn log(self, name: impl Into<String>, options: flowmeter_log::LogOptions) -> Self {
        let reporter_options = ReporterOptions::default().with_scope_delimiter(options.delimiter);
        let reporter = Box::new(flowmeter_log::LogReporter::new(options));
        self.reporter(name, reporter, reporter_options)
    }

    /// Adds a StatsD reporter.
    #[cfg(feature = "statsd")]
    pub fn statsd(self, name: impl Into<String>, options: flowmeter_statsd::StatsdOptions) -> Self {
        let reporter_options = ReporterOptions::default().with_scope_delimiter(options.delimiter);
        let reporter = Box::new(flowmeter_statsd::StatsdReporter::new(options));
        self.reporter(name, reporter, reporter_options)
    }

    /// Starts all reporters.
    ///
    /// # Errors
    ///
    /// When two reporters have one name, or one cannot start or has a wrong configuration; those that started are stopped again.
    pub fn start(self) -> Result<Flowmeter, Error> {
        let registry = Registry::with_options(self.options);
        for (name, add) in self.reporters {
            add(&registry, &name)?;
        }
        Ok(Flowmeter { registry })
    }
}

impl fmt::Debug for FlowmeterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.reporters.iter().map(|(name, ..)| name)).finish()
    }
}

//! From a choice of reporters to a running system.

#[cfg(feature = "config")]
use std::env;
use std::fmt;
use std::ops::Deref;
#[cfg(feature = "config")]
use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "config")]
use crate::config::{Config, ConfigFileError, Configured, EngineSettings, Reload, Types};
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
    #[cfg(feature = "config")]
    configured: Configured,
}

impl Flowmeter {
    /// Begins a choice of reporters.
    pub fn builder() -> FlowmeterBuilder {
        FlowmeterBuilder::default()
    }
}

#[cfg(feature = "config")]
impl Flowmeter {
    /// Begins with what a file says, in TOML or YAML by its name, and the environment variables over it.
    ///
    /// ```no_run
    /// use flowmeter::Flowmeter;
    ///
    /// let flowmeter = Flowmeter::from_config_file("flowmeter.toml")?.start()?;
    /// # Ok::<(), flowmeter::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the file cannot be read, or it or a variable is wrong. What a reporter of a type does not have is found when it is
    /// started.
    pub fn from_config_file(path: impl AsRef<Path>) -> Result<FlowmeterBuilder, ConfigFileError> {
        let config = Config::from_file(path)?.with_environment(env::vars_os())?;
        Ok(Self::builder().with_config(config))
    }

    /// Begins with what the environment variables say, and the file that `FLOWMETER_CONFIG` names if it is set.
    ///
    /// # Errors
    ///
    /// When the file or a variable is wrong.
    pub fn from_env() -> Result<FlowmeterBuilder, ConfigFileError> {
        Ok(Self::builder().with_config(Config::from_env()?))
    }

    /// What the configuration says to the engine; after a [reload](Self::reload), what the last one says.
    pub fn settings(&self) -> Arc<EngineSettings> {
        self.configured.settings()
    }

    /// Has those reporters run that another configuration says, which is checked first as a whole. Reporters whose sections are the same
    /// go on as if nothing had happened; one whose section is another is replaced, and no count is lost or doubled by that; those that
    /// code added stay.
    ///
    /// ```no_run
    /// use flowmeter::Flowmeter;
    /// use flowmeter::config::Config;
    ///
    /// let flowmeter = Flowmeter::from_config_file("flowmeter.toml")?.start()?;
    /// let changed = flowmeter.reload(&Config::from_file("flowmeter.toml")?.with_environment(std::env::vars_os())?)?;
    /// println!("replaced: {:?}", changed.replaced);
    /// # Ok::<(), flowmeter::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When anything in the configuration is wrong, or cannot change while the program runs, as scope formats: then nothing has
    /// changed. When a reporter cannot start after all, because its port is taken, say: then those before it are as they were too,
    /// unless some were to be removed, which then are, and so is all else that could be changed.
    pub fn reload(&self, config: &Config) -> Result<Reload, Error> {
        self.configured.reload(&self.registry, config)
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
    #[cfg(feature = "config")]
    config: Config,
    #[cfg(feature = "config")]
    types: Types,
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

    /// Takes what a configuration says, beside what code chose: its reporters, and its scope formats over others.
    #[cfg(feature = "config")]
    pub fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Adds a type of reporter, so that a configuration can have it by its name, as in `type = "mine"`.
    #[cfg(feature = "config")]
    pub fn with_reporter_type(mut self, factory: impl ReporterFactory + 'static) -> Self {
        self.types.add(Arc::new(factory));
        self
    }

    /// Starts all reporters.
    ///
    /// # Errors
    ///
    /// When two reporters have one name, or one cannot start or has a wrong configuration; those that started are stopped again.
    pub fn start(self) -> Result<Flowmeter, Error> {
        #[cfg_attr(
            not(feature = "config"),
            expect(unused_mut, reason = "formats come from configurations alone")
        )]
        let mut options = self.options;
        #[cfg(feature = "config")]
        let configured = Configured::new(&self.config, self.types, &mut options)?;
        let registry = Registry::with_options(options);
        for (name, add) in self.reporters {
            add(&registry, &name)?;
        }
        #[cfg(feature = "config")]
        configured.start(&registry)?;
        Ok(Flowmeter {
            registry,
            #[cfg(feature = "config")]
            configured,
        })
    }
}

impl fmt::Debug for FlowmeterBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.reporters.iter().map(|(name, ..)| name)).finish()
    }
}

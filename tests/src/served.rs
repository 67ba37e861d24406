//! A process of the test's own that Prometheus can scrape.

use flowmeter::prometheus::{Ports, PrometheusOptions, PrometheusReporter};
use flowmeter::{Registry, RegistryOptions, ReporterHandle, ReporterOptions};

/// A registry that reports nothing of itself, to Prometheus.
#[derive(Debug)]
pub struct Served {
    /// The registry.
    pub registry: Registry,
    /// The reporter.
    pub reporter: ReporterHandle,
    /// Where it serves: the only one.
    pub endpoints: Vec<String>,
}

impl Served {
    /// Starts it, on any free port.
    ///
    /// # Panics
    ///
    /// When the reporter does not start.
    #[must_use]
    pub fn new(prometheus: PrometheusOptions, options: ReporterOptions) -> Self {
        let registry = Registry::with_options(RegistryOptions::default().without_self_metrics());
        let reporter = Box::new(PrometheusReporter::new(prometheus.with_ports(Ports::any())));
        let reporter = registry.add_reporter("prometheus", reporter, options).expect("a port is free");
        let endpoints = reporter.endpoint().into_iter().collect();
        Self { registry, reporter, endpoints }
    }

    /// Where it shows its metrics to somebody who only looks.
    #[must_use]
    pub fn peek(&self) -> String {
        format!("{}?peek", self.endpoints[0])
    }
}

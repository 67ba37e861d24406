//! Reports by OTLP as well.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use flowmeter::otlp::{Endpoint, OtlpReporter};
use flowmeter::{FlowmeterBuilder, ReporterOptions};
use serde::{Deserialize, Serialize};

/// The name of the reporter.
pub(crate) const REPORTER: &str = "otlp";
/// How often it reports unless the environment says otherwise: a demo is short.
const INTERVAL: Duration = Duration::from_secs(1);
/// The attributes of the resource that tell processes apart.
const SERVICE: &str = "service.name";
const INSTANCE: &str = "service.instance.id";

/// The URL of a receiver as it was given; empty for what the environment says. There may be a password in it, so it is not shown.
#[derive(Clone, Serialize, Deserialize)]
pub struct OtlpUrl(String);

impl OtlpUrl {
    /// The endpoint, if it is not for the environment to say.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without what is secret in it.
    pub fn endpoint(&self) -> Result<Option<Endpoint>, String> {
        if self.0.is_empty() {
            return Ok(None);
        }
        self.0.parse().map(Some).map_err(|error| format!("the URL of --otlp cannot be used: {error}"))
    }
}

impl FromStr for OtlpUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for OtlpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Reports to a receiver as one of the processes of the demo.
///
/// # Errors
///
/// What is wrong with the URL.
pub(crate) fn report(
    builder: FlowmeterBuilder,
    url: &OtlpUrl,
    process: &str,
) -> Result<FlowmeterBuilder, String> {
    let endpoint = url.endpoint()?;
    let reporter = OtlpReporter::from_environment_with(|mut options| {
        if !options.resource.iter().any(|(key, _)| key == SERVICE) {
            options = options.with_resource(SERVICE, "flowmeter-demo");
        }
        // All processes have one environment, and series that differ by their process alone.
        options = options.with_resource(INSTANCE, process);
        match &endpoint {
            Some(endpoint) => options.with_endpoint(endpoint.clone()),
            None => options,
        }
    });
    let interval = reporter.interval().unwrap_or(INTERVAL);
    let reporter = Box::new(reporter.within(interval));
    Ok(builder.reporter(REPORTER, reporter, ReporterOptions::default().with_interval(interval)))
}

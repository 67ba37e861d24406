//! The reporter from a configuration.

mod keys;
#[cfg(test)]
mod tests;

use std::time::Duration;

use flowmeter_core::{
    ConfigError, ConfigKey, ConfigSection, ConfigValue, FromConfig, KeyInfo, Reporter, ReporterFactory,
};

use tracing::debug;

use self::keys::*;
use crate::endpoint::redacted;
use crate::environment::Environment;
use crate::transport::{Signal, checked_header};
use crate::{Endpoint, OtlpOptions, OtlpReporter, ParseEndpointError, Protocol, Secret};

/// Makes OTLP reporters of sections with `type = "otlp"`.
///
/// What a section does not say is what OpenTelemetry's environment variables do, the interval between reports as well.
#[derive(Clone, Debug)]
pub struct OtlpFactory {
    environment: Environment,
}

impl Default for OtlpFactory {
    fn default() -> Self {
        Self { environment: Environment::of_process() }
    }
}

impl OtlpFactory {
    /// A factory that takes these for the environment variables.
    #[must_use]
    pub fn with_environment<N: Into<String>, V: Into<String>>(
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        Self { environment: variables.into_iter().collect() }
    }

    /// What a section says about metrics, and about the ways of spans and of events if they have one.
    pub(crate) fn ways(&self, section: &ConfigSection) -> Result<Ways, ConfigError> {
        let mut metrics = self.way(section, Signal::Metrics)?;
        about_metrics(section, &mut metrics)?;
        resource(section, &mut metrics)?;
        metrics.milestones = section.get(&MILESTONES)?;
        let beside = |signal| {
            let way = self.way(section, signal)?;
            let is_sent = self.sends(section, signal)?;
            Ok(Some(way).filter(|way| is_sent && way.is_way_beside(&metrics)))
        };
        let (spans, events) = (beside(Signal::Traces)?, beside(Signal::Logs)?);
        let sends_metrics = self.sends(section, Signal::Metrics)?;
        if section.get(&FLINK_BATCH)?.is_some() {
            debug!(
                "`{}` has no effect: requests are limited by their bytes",
                full(section, FLINK_BATCH.info().name())
            );
        }
        Ok(Ways { metrics, sends_metrics, spans, events })
    }

    /// Whether a signal is sent: one that a section has an endpoint of is, though the environment has no exporter of it.
    fn sends(&self, section: &ConfigSection, signal: Signal) -> Result<bool, ConfigError> {
        if section.get(&SIGNALS)?.is_some_and(|signals| !signals.has(signal)) {
            return Ok(false);
        }
        let is_said = section.get(endpoint_of(signal))?.is_some();
        Ok(self.environment.sends(signal) || (is_said && !self.environment.is_disabled()))
    }

    /// What a section says about how and where a signal goes, and what the environment says where it says nothing.
    fn way(&self, section: &ConfigSection, signal: Signal) -> Result<OtlpOptions, ConfigError> {
        let mut options = self.environment.options(signal);
        connection(section, signal, &mut options)?;
        retry(section, &mut options)?;
        Ok(options)
    }
}

/// Where and how each signal goes.
pub(crate) struct Ways {
    pub(crate) metrics: OtlpOptions,
    /// Metrics have a way even if they are not sent, which spans and events can go as well.
    pub(crate) sends_metrics: bool,
    pub(crate) spans: Option<OtlpOptions>,
    pub(crate) events: Option<OtlpOptions>,
}

impl ReporterFactory for OtlpFactory {
    fn reporter_type(&self) -> &str {
        "otlp"
    }

    fn keys(&self) -> &[KeyInfo] {
        KEYS
    }

    fn defaults(&self) -> Vec<(&'static str, ConfigValue)> {
        self.environment.interval().map(|interval| ("interval", interval.into())).into_iter().collect()
    }

    fn build(&self, section: &ConfigSection) -> Result<Box<dyn Reporter>, ConfigError> {
        let Ways { metrics, sends_metrics, spans, events } = self.ways(section)?;
        let reporter = OtlpReporter::of(metrics, spans, events);
        let are_wanted = section.get(&SIGNALS)?.is_none_or(|signals| signals.has(Signal::Metrics));
        Ok(Box::new(if are_wanted {
            reporter.sending_metrics(sends_metrics)
        } else {
            reporter.without_metrics()
        }))
    }
}

fn connection(section: &ConfigSection, signal: Signal, options: &mut OtlpOptions) -> Result<(), ConfigError> {
    if let Some((protocol, _)) = one_of(section, &PROTOCOL, &FLINK_PROTOCOL)? {
        options.protocol = protocol;
    }
    let given = endpoint(section, signal)?;
    let key = given.as_ref().map_or(&ENDPOINT, |(_, key)| *key);
    if let Some((endpoint, _)) = given {
        options.endpoint = Some(endpoint);
        // They may be the credentials for the receiver that the environment has.
        options.headers.clear();
    }
    let is_http = options.protocol != Protocol::Grpc;
    if is_http && options.endpoint.as_ref().is_some_and(|endpoint| endpoint.is_secure().is_none()) {
        let expected = "`protocol = \"grpc\"`, or a URL that begins with `http://` or `https://`";
        return Err(ConfigError::InvalidValue {
            key: full(section, key.info().name()),
            value: options.endpoint().to_string(),
            expected,
            detail: "which is for gRPC alone".to_owned(),
        });
    }
    options.insecure = section.get(&INSECURE)?.unwrap_or(options.insecure);
    if let Some(headers) = section.get(&HEADERS)? {
        options.headers =
            headers.iter().map(|(name, value)| header(section, name, value)).collect::<Result<_, _>>()?;
    }
    let tls = &mut options.tls;
    tls.authorities = section.get(&AUTHORITIES)?.or_else(|| tls.authorities.take());
    match (section.get(&CLIENT_CERTIFICATE)?, section.get(&CLIENT_KEY)?) {
        (None, None) => {}
        (Some(certificate), Some(key)) => {
            (tls.client_certificate, tls.client_key) = (Some(certificate), Some(key));
        }
        (Some(_), None) => return Err(missing(section, &CLIENT_KEY, "the file of the certificate's key")),
        (None, Some(_)) => {
            return Err(missing(section, &CLIENT_CERTIFICATE, "the file of the key's certificate"));
        }
    }
    if let Some((compression, _)) = one_of(section, &COMPRESSION, &FLINK_COMPRESSION)? {
        options.compression = compression;
    }
    if let Some((timeout, key)) = one_of(section, &TIMEOUT, &FLINK_TIMEOUT)? {
        options.timeout = timed(section, key, timeout)?;
    }
    options.request_size = match section.get(&REQUEST_SIZE)? {
        Some(bytes) if bytes < OtlpOptions::LEAST_REQUEST_SIZE => {
            let least = OtlpOptions::LEAST_REQUEST_SIZE;
            return Err(section.invalid(&REQUEST_SIZE, format!("it can be {least} and more")));
        }
        bytes => bytes.unwrap_or(options.request_size),
    };
    Ok(())
}

fn about_metrics(section: &ConfigSection, options: &mut OtlpOptions) -> Result<(), ConfigError> {
    options.temporality = section.get(&TEMPORALITY)?.unwrap_or(options.temporality);
    options.histograms = section.get(&HISTOGRAMS)?.unwrap_or(options.histograms);
    options.bucket_limit = match section.get(&BUCKET_LIMIT)? {
        Some(buckets) if !OtlpOptions::BUCKETS.contains(&buckets) => {
            let (least, most) = (OtlpOptions::BUCKETS.start(), OtlpOptions::BUCKETS.end());
            return Err(section.invalid(&BUCKET_LIMIT, format!("it can be {least} to {most}")));
        }
        buckets => buckets.unwrap_or(options.bucket_limit),
    };
    options.naming = section.get(&NAMING)?;
    let of_flink = section.get(&FLINK_REPORT_TIMEOUT)?.map(Duration::from_millis);
    let report_timeout = match (section.get(&REPORT_TIMEOUT)?, of_flink) {
        (Some(_), Some(_)) => {
            return Err(twice(section, &FLINK_REPORT_TIMEOUT, REPORT_TIMEOUT.info().name()));
        }
        (Some(time), None) => Some(timed(section, &REPORT_TIMEOUT, time)?),
        // An interval always ends it earlier than Flink's five minutes.
        (None, of_flink) => of_flink.map(|time| time.min(OtlpOptions::LONGEST_TIME)),
    };
    options.report_timeout = report_timeout.unwrap_or(options.report_timeout);
    Ok(())
}

fn resource(section: &ConfigSection, options: &mut OtlpOptions) -> Result<(), ConfigError> {
    let mut set = |key: &str, value: String| *options = std::mem::take(options).with_resource(key, value);
    for (key, value) in section.get(&RESOURCE_ATTRIBUTES)? {
        set(&key, value);
    }
    if let Some(name) = section.get(&SERVICE_NAME)? {
        set("service.name", name);
    }
    if let Some(version) = section.get(&SERVICE_VERSION)? {
        set("service.version", version);
    }
    options.resource_variables = section.get(&RESOURCE_VARIABLES)?;
    Ok(())
}

fn retry(section: &ConfigSection, options: &mut OtlpOptions) -> Result<(), ConfigError> {
    let retry = &mut options.retry;
    retry.initial_backoff = timed(section, &INITIAL_BACKOFF, section.get(&INITIAL_BACKOFF)?)?;
    retry.max_backoff = timed(section, &MAX_BACKOFF, section.get(&MAX_BACKOFF)?)?;
    if retry.max_backoff < retry.initial_backoff {
        return Err(section.invalid(&MAX_BACKOFF, "which is less than `retry.initial-backoff`"));
    }
    retry.jitter = section.get(&JITTER)?;
    if !(0.0..=1.0).contains(&retry.jitter) {
        return Err(section.invalid(&JITTER, "it can be 0 to 1"));
    }
    Ok(())
}

/// Where a section says where one signal goes.
fn endpoint_of(signal: Signal) -> &'static OptionalKey<Url> {
    match signal {
        Signal::Metrics => &METRICS_ENDPOINT,
        Signal::Traces => &TRACES_ENDPOINT,
        Signal::Logs => &LOGS_ENDPOINT,
    }
}

/// The endpoint and the key that it is given by. It may have a password in it, so that it is not shown as it was given.
fn endpoint(
    section: &ConfigSection,
    signal: Signal,
) -> Result<Option<(Endpoint, &'static OptionalKey<Url>)>, ConfigError> {
    let of_signal = endpoint_of(signal);
    let base = one_of(section, &ENDPOINT, &FLINK_ENDPOINT)?;
    let (key, text, read) = match (section.get(of_signal)?, base) {
        (Some(Url(text)), _) => {
            let read = Endpoint::complete(&text);
            (of_signal, text, read)
        }
        (None, Some((Url(text), key))) => {
            let read = text.parse();
            (key, text, read)
        }
        (None, None) => return Ok(None),
    };
    let wrong = |error: ParseEndpointError| ConfigError::InvalidValue {
        key: full(section, key.info().name()),
        value: redacted(&text).escape_debug().to_string(),
        expected: Url::EXPECTED,
        detail: error.to_string(),
    };
    read.map(|endpoint| Some((endpoint, key))).map_err(wrong)
}

/// A header, whose value is not shown.
fn header(section: &ConfigSection, name: &str, value: &str) -> Result<(String, Secret), ConfigError> {
    checked_header(name, value).map_err(|error| ConfigError::InvalidValue {
        key: full(section, HEADERS.info().name()),
        value: "(hidden)".to_owned(),
        expected: HEADERS.info().expected(),
        detail: error.to_string(),
    })?;
    Ok((name.to_owned(), Secret::new(value)))
}

type OptionalKey<T> = ConfigKey<Option<T>>;

/// The value of a key, or of that which has its meaning in Flink's words, and which of them it was.
fn one_of<'a, T: FromConfig>(
    section: &ConfigSection,
    key: &'a OptionalKey<T>,
    of_flink: &'a OptionalKey<T>,
) -> Result<Option<(T, &'a OptionalKey<T>)>, ConfigError> {
    match (section.get(key)?, section.get(of_flink)?) {
        (Some(_), Some(_)) => Err(twice(section, of_flink, key.info().name())),
        (Some(value), None) => Ok(Some((value, key))),
        (None, value) => Ok(value.map(|value| (value, of_flink))),
    }
}

fn twice<T: FromConfig>(section: &ConfigSection, key: &ConfigKey<T>, other: &str) -> ConfigError {
    // The value itself may have a password in it.
    ConfigError::InvalidValue {
        key: full(section, key.info().name()),
        value: "(given)".to_owned(),
        expected: key.info().expected(),
        detail: format!("`{other}` says it as well; leave one of them out"),
    }
}

/// A time that can be waited for.
fn timed<T: FromConfig>(
    section: &ConfigSection,
    key: &ConfigKey<T>,
    time: Duration,
) -> Result<Duration, ConfigError> {
    if time < OtlpOptions::SHORTEST_TIME {
        return Err(section.invalid(key, "which is less than a millisecond"));
    }
    if time > OtlpOptions::LONGEST_TIME {
        return Err(section.invalid(key, "it can be an hour at most"));
    }
    Ok(time)
}

fn missing<T: FromConfig>(
    section: &ConfigSection,
    key: &ConfigKey<T>,
    expected: &'static str,
) -> ConfigError {
    ConfigError::MissingValue { key: full(section, key.info().name()), expected }
}

fn full(section: &ConfigSection, key: &str) -> String {
    match section.path() {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    }
}

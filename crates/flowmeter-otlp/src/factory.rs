//! The reporter from a configuration.

use std::path::PathBuf;
use std::time::Duration;

use flowmeter_core::{
    ConfigError, ConfigKey, ConfigSection, ConfigValue, FromConfig, KeyInfo, Reporter, ReporterFactory,
    ReporterOptions,
};

use crate::endpoint::redacted;
use crate::environment::{self, Environment};
use crate::transport::{Signal, checked_header};
use crate::{
    Compression, Endpoint, HistogramForm, NamingPolicy, OtlpOptions, OtlpReporter, ParseEndpointError,
    Protocol, Secret, Temporality,
};

const ENDPOINT: ConfigKey<Option<Url>> = ConfigKey::new(
    "endpoint",
    "Where the receiver is, such as `http://collector:4318`, to which HTTP adds `/v1/metrics`: this host if not given.",
);
const METRICS_ENDPOINT: ConfigKey<Option<Url>> = ConfigKey::new(
    "metrics-endpoint",
    "Where requests go, in the place of `endpoint`, without a path added: for receivers that have another.",
);
const PROTOCOL: ConfigKey<Option<Protocol>> =
    ConfigKey::new("protocol", "How requests travel: `http/protobuf` if not given.");
const INSECURE: ConfigKey<Option<bool>> = ConfigKey::new(
    "insecure",
    "Whether an endpoint of gRPC without `http://` or `https://` is spoken to without TLS: `false` if not given.",
);
const HEADERS: ConfigKey<Option<Vec<(String, String)>>> =
    ConfigKey::new("headers", "Headers, or metadata of gRPC, of all requests, such as `authorization`.")
        .secret();
const AUTHORITIES: ConfigKey<Option<PathBuf>> = ConfigKey::new(
    "tls.authorities",
    "A PEM file with the certificates of the authorities that are trusted: those of the system if not given.",
);
const CLIENT_CERTIFICATE: ConfigKey<Option<PathBuf>> = ConfigKey::new(
    "tls.client-certificate",
    "A PEM file with a certificate for receivers that ask for one, and its chain.",
);
const CLIENT_KEY: ConfigKey<Option<PathBuf>> =
    ConfigKey::new("tls.client-key", "A PEM file with the private key of that certificate.");
const COMPRESSION: ConfigKey<Option<Compression>> =
    ConfigKey::new("compression", "How requests are compressed: not at all if not given.");
const TIMEOUT: ConfigKey<Option<Duration>> =
    ConfigKey::new("timeout", "How long one request may take: 10 s if not given.");
const REPORT_TIMEOUT: ConfigKey<Option<Duration>> = ConfigKey::new(
    "report-timeout",
    "How long a report may take in all, with all retries: 30 s if not given, but always less than `interval`.",
);
const REQUEST_SIZE: ConfigKey<Option<usize>> = ConfigKey::new(
    "request-size",
    "How many bytes a request has at most before compression: 4128768 if not given, a little less than receivers take.",
);
const TEMPORALITY: ConfigKey<Option<Temporality>> = ConfigKey::new(
    "temporality",
    "What sums and histograms are relative to: their start, which is `cumulative`, if not given.",
);
const HISTOGRAMS: ConfigKey<Option<HistogramForm>> =
    ConfigKey::new("histograms", "What becomes of histograms: `exponential` if not given.");
const BUCKET_LIMIT: ConfigKey<Option<usize>> = ConfigKey::new(
    "bucket-limit",
    "How many exponential buckets a histogram has at most on each side of zero: 160 if not given.",
);
const NAMING: ConfigKey<NamingPolicy> =
    ConfigKey::new("naming", "The names: OpenTelemetry's, or those of Flink's own reporter.")
        .with_default("native");
const RESOURCE_ATTRIBUTES: ConfigKey<Vec<(String, String)>> =
    ConfigKey::new("resource.attributes", "Attributes of the resource, beside those of the environment.")
        .with_default("");
const RESOURCE_VARIABLES: ConfigKey<Vec<String>> = ConfigKey::new(
    "resource.variables",
    "Variables that become attributes of the resource and not of the points.",
)
.with_default("");
const INITIAL_BACKOFF: ConfigKey<Duration> = ConfigKey::new(
    "retry.initial-backoff",
    "How long to wait before a request that failed is sent again, and twice as long each time after that.",
)
.with_default("500ms");
const MAX_BACKOFF: ConfigKey<Duration> =
    ConfigKey::new("retry.max-backoff", "The longest such wait.").with_default("5s");
const JITTER: ConfigKey<f64> =
    ConfigKey::new("retry.jitter", "By which part of itself a wait is longer or shorter, by chance.")
        .with_default("0.2");

// Flink's names, for configurations that are taken over.
const FLINK_ENDPOINT: ConfigKey<Option<Url>> =
    ConfigKey::new("exporter.endpoint", "As `endpoint`, in Flink's words.");
const FLINK_PROTOCOL: ConfigKey<Option<Protocol>> = ConfigKey::new(
    "exporter.protocol",
    "As `protocol`, in Flink's words: `gRPC`, or `HTTP` for `http/protobuf`.",
);
const FLINK_TIMEOUT: ConfigKey<Option<Duration>> =
    ConfigKey::new("exporter.timeout", "As `timeout`, in Flink's words.");
const FLINK_COMPRESSION: ConfigKey<Option<Compression>> =
    ConfigKey::new("exporter.compression", "As `compression`, in Flink's words.");
const FLINK_REPORT_TIMEOUT: ConfigKey<Option<u64>> = ConfigKey::new(
    "export-completion-timeout-millis",
    "As `report-timeout`, in Flink's words: a number of milliseconds.",
);
const SERVICE_NAME: ConfigKey<Option<String>> =
    ConfigKey::new("service.name", "The attribute `service.name` of the resource.");
const SERVICE_VERSION: ConfigKey<Option<String>> =
    ConfigKey::new("service.version", "The attribute `service.version` of the resource.");

const KEYS: &[KeyInfo] = &[
    ENDPOINT.info(),
    METRICS_ENDPOINT.info(),
    PROTOCOL.info(),
    INSECURE.info(),
    HEADERS.info(),
    AUTHORITIES.info(),
    CLIENT_CERTIFICATE.info(),
    CLIENT_KEY.info(),
    COMPRESSION.info(),
    TIMEOUT.info(),
    REPORT_TIMEOUT.info(),
    REQUEST_SIZE.info(),
    TEMPORALITY.info(),
    HISTOGRAMS.info(),
    BUCKET_LIMIT.info(),
    NAMING.info(),
    RESOURCE_ATTRIBUTES.info(),
    RESOURCE_VARIABLES.info(),
    INITIAL_BACKOFF.info(),
    MAX_BACKOFF.info(),
    JITTER.info(),
    SERVICE_NAME.info(),
    SERVICE_VERSION.info(),
    FLINK_ENDPOINT.info(),
    FLINK_PROTOCOL.info(),
    FLINK_TIMEOUT.info(),
    FLINK_COMPRESSION.info(),
    FLINK_REPORT_TIMEOUT.info(),
];

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

    /// What a section says, and what the environment says where it says nothing.
    pub(crate) fn options(&self, section: &ConfigSection) -> Result<OtlpOptions, ConfigError> {
        let mut options = self.environment.options(Signal::Metrics);
        connection(section, &mut options)?;
        metrics(section, &mut options)?;
        resource(section, &mut options)?;
        retry(section, &mut options)?;
        let interval = ReporterOptions::from_section(section)?.interval;
        Ok(options.within(interval))
    }
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
        Ok(Box::new(OtlpReporter::new(self.options(section)?)))
    }
}

fn connection(section: &ConfigSection, options: &mut OtlpOptions) -> Result<(), ConfigError> {
    if let Some((protocol, _)) = one_of(section, &PROTOCOL, &FLINK_PROTOCOL)? {
        options.protocol = protocol;
    }
    if let Some(endpoint) = endpoint(section)? {
        options.endpoint = Some(endpoint);
    }
    let is_http = options.protocol != Protocol::Grpc;
    if is_http && options.endpoint.as_ref().is_some_and(|endpoint| endpoint.is_secure().is_none()) {
        let expected = "`protocol = \"grpc\"`, or a URL that begins with `http://` or `https://`";
        return Err(ConfigError::InvalidValue {
            key: full(section, ENDPOINT.info().name()),
            value: options.endpoint().to_string(),
            expected,
            detail: "which is for gRPC alone".to_owned(),
        });
    }
    options.insecure = section.get(&INSECURE)?.unwrap_or(options.insecure);
    if let Some(headers) = section.get(&HEADERS)? {
        // Those of the environment may be the credentials for another receiver.
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

fn metrics(section: &ConfigSection, options: &mut OtlpOptions) -> Result<(), ConfigError> {
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

/// The endpoint, which may have a password in it, so that it is not shown as it was given.
fn endpoint(section: &ConfigSection) -> Result<Option<Endpoint>, ConfigError> {
    let base = one_of(section, &ENDPOINT, &FLINK_ENDPOINT)?;
    let (key, text, read) = match (section.get(&METRICS_ENDPOINT)?, base) {
        (Some(Url(text)), _) => {
            let read = Endpoint::complete(&text);
            (&METRICS_ENDPOINT, text, read)
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
    read.map(Some).map_err(wrong)
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

/// The text of an endpoint, which is read where errors can leave out what is secret in it.
struct Url(String);

impl FromConfig for Url {
    const EXPECTED: &'static str = "a URL such as `http://collector:4318`, or for gRPC a host and port";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        value.text().map(|text| Self(text.to_owned()))
    }
}

impl FromConfig for Protocol {
    const EXPECTED: &'static str = "`grpc`, `http/protobuf` or `http/json`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        let text = value.text()?;
        // Flink's word.
        if text.eq_ignore_ascii_case("http") {
            return Ok(Self::HttpProtobuf);
        }
        environment::protocol(text).map_err(|_| String::new())
    }
}

impl FromConfig for Compression {
    #[cfg(feature = "zstd")]
    const EXPECTED: &'static str = "`none`, `gzip` or `zstd`";
    #[cfg(not(feature = "zstd"))]
    const EXPECTED: &'static str = "`none` or `gzip`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value.text()? {
            "none" => Ok(Self::None),
            "gzip" => Ok(Self::Gzip),
            #[cfg(feature = "zstd")]
            "zstd" => Ok(Self::Zstd),
            #[cfg(not(feature = "zstd"))]
            "zstd" => Err("which needs the feature `zstd` of `flowmeter-otlp`".to_owned()),
            _ => Err(String::new()),
        }
    }
}

impl FromConfig for Temporality {
    const EXPECTED: &'static str = "`cumulative`, `delta` or `lowmemory`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value.text()? {
            "cumulative" => Ok(Self::Cumulative),
            "delta" => Ok(Self::Delta),
            "lowmemory" => Ok(Self::LowMemory),
            _ => Err(String::new()),
        }
    }
}

impl FromConfig for HistogramForm {
    const EXPECTED: &'static str = "`exponential` or `explicit`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value.text()? {
            "exponential" => Ok(Self::Exponential),
            "explicit" => Ok(Self::Explicit),
            _ => Err(String::new()),
        }
    }
}

impl FromConfig for NamingPolicy {
    const EXPECTED: &'static str = "`native` or `flink`";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        match value.text()? {
            "native" => Ok(Self::Native),
            "flink" => Ok(Self::Flink),
            _ => Err(String::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RetryOptions, TlsOptions};

    const NOTHING: [(&str, &str); 0] = [];

    fn section(pairs: &[(&str, &str)]) -> ConfigSection {
        pairs
            .iter()
            .fold(ConfigSection::new("reporters.x"), |section, (key, value)| section.with(*key, *value))
    }

    fn given(variables: &[(&str, &str)], pairs: &[(&str, &str)]) -> OtlpOptions {
        let section = section(pairs);
        section.check(OtlpFactory::default().keys().iter().chain(ReporterOptions::keys())).unwrap();
        OtlpFactory::with_environment(variables.iter().copied()).options(&section).unwrap()
    }

    fn shown(variables: &[(&str, &str)], pairs: &[(&str, &str)]) -> String {
        format!("{:?}", given(variables, pairs))
    }

    fn error(pairs: &[(&str, &str)]) -> String {
        let section = section(pairs);
        let checked = section.check(OtlpFactory::default().keys().iter().chain(ReporterOptions::keys()));
        let error = checked.and_then(|()| OtlpFactory::with_environment(NOTHING).options(&section).map(drop));
        error.unwrap_err().to_string()
    }

    #[test]
    fn an_empty_section_is_the_defaults_within_the_interval() {
        let expected = OtlpOptions::default().with_report_timeout(Duration::from_secs(9));
        assert_eq!(shown(&[], &[]), format!("{expected:?}"));
        let expected = OtlpOptions::default();
        assert_eq!(shown(&[], &[("interval", "1min")]), format!("{expected:?}"));
    }

    #[test]
    fn every_key_has_its_effect() {
        let pairs = [
            ("interval", "1h"),
            ("endpoint", "https://h:1/base"),
            ("protocol", "http/json"),
            ("insecure", "true"),
            ("headers.X-A", "1"),
            ("headers.b", "2"),
            ("tls.authorities", "a.pem"),
            ("tls.client-certificate", "c.pem"),
            ("tls.client-key", "k.pem"),
            ("compression", "gzip"),
            ("timeout", "3s"),
            ("report-timeout", "4s"),
            ("request-size", "5000"),
            ("temporality", "delta"),
            ("histograms", "explicit"),
            ("bucket-limit", "20"),
            ("naming", "flink"),
            ("resource.attributes", "k:v"),
            ("resource.variables", "host;tm_id"),
            ("service.name", "n"),
            ("service.version", "1"),
            ("retry.initial-backoff", "1s"),
            ("retry.max-backoff", "2s"),
            ("retry.jitter", "0.5"),
        ];
        let expected = OtlpOptions::default()
            .with_endpoint("https://h:1/base".parse().unwrap())
            .with_protocol(Protocol::HttpJson)
            .with_insecure(true)
            .with_header("X-A", "1")
            .with_header("b", "2")
            .with_tls(TlsOptions::default().with_authorities("a.pem").with_client("c.pem", "k.pem"))
            .with_compression(Compression::Gzip)
            .with_timeout(Duration::from_secs(3))
            .with_report_timeout(Duration::from_secs(4))
            .with_request_size(5000)
            .with_temporality(Temporality::Delta)
            .with_histograms(HistogramForm::Explicit)
            .with_bucket_limit(20)
            .with_naming(NamingPolicy::Flink)
            .with_resource("k", "v")
            .with_resource("service.name", "n")
            .with_resource("service.version", "1")
            .with_resource_variable("host")
            .with_resource_variable("tm_id")
            .with_retry(
                RetryOptions::default()
                    .with_backoff(Duration::from_secs(1), Duration::from_secs(2))
                    .with_jitter(0.5),
            );
        assert_eq!(shown(&[], &pairs), format!("{expected:?}"));
        assert_eq!(given(&[], &pairs).headers, expected.headers);
        let complete = given(&[], &[("endpoint", "http://h"), ("metrics-endpoint", "http://i/p")]).endpoint;
        assert_eq!(complete, Some(Endpoint::complete("http://i/p").unwrap()));
    }

    #[test]
    fn flinks_words_are_taken_too() {
        let pairs = [
            ("exporter.endpoint", "http://h:1"),
            ("exporter.protocol", "gRPC"),
            ("exporter.timeout", "10 s"),
            ("exporter.compression", "gzip"),
            ("export-completion-timeout-millis", "5000"),
            ("service.name", "n"),
        ];
        let expected = OtlpOptions::default()
            .with_endpoint("http://h:1".parse().unwrap())
            .with_protocol(Protocol::Grpc)
            .with_timeout(Duration::from_secs(10))
            .with_compression(Compression::Gzip)
            .with_report_timeout(Duration::from_secs(5))
            .with_resource("service.name", "n");
        assert_eq!(shown(&[], &pairs), format!("{expected:?}"));
        assert_eq!(given(&[], &[("exporter.protocol", "HTTP")]).protocol, Protocol::HttpProtobuf);
    }

    #[test]
    fn what_a_section_says_comes_before_the_environment() {
        let variables = [
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://env/path"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "token=env"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_INSECURE", "true"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "7"),
            ("OTEL_METRIC_EXPORT_TIMEOUT", "8"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a=1,b=2"),
            ("OTEL_SERVICE_NAME", "env"),
        ];
        let of_environment = given(&variables, &[]);
        assert_eq!(of_environment.protocol, Protocol::Grpc);
        assert_eq!(of_environment.report_timeout, Duration::from_millis(8));
        let pairs = [
            ("endpoint", "http://h"),
            ("headers", "a:1"),
            ("protocol", "http/json"),
            ("insecure", "false"),
            ("timeout", "1s"),
            ("report-timeout", "2s"),
            ("resource.attributes", "b:3"),
            ("service.name", "n"),
        ];
        let expected = OtlpOptions::default()
            .with_endpoint("http://h".parse().unwrap())
            .with_header("a", "1")
            .with_protocol(Protocol::HttpJson)
            .with_timeout(Duration::from_secs(1))
            .with_report_timeout(Duration::from_secs(2))
            .with_resource("a", "1")
            .with_resource("b", "3")
            .with_resource("service.name", "n");
        assert_eq!(shown(&variables, &pairs), format!("{expected:?}"));
    }

    #[test]
    fn the_environment_has_an_interval() {
        let defaults =
            |variables: &[(&str, &str)]| OtlpFactory::with_environment(variables.iter().copied()).defaults();
        assert_eq!(defaults(&[]), []);
        let given = defaults(&[("OTEL_METRIC_EXPORT_INTERVAL", "2500")]);
        assert_eq!(given, [("interval", ConfigValue::from("2s 500ms"))]);
        let section = given.into_iter().fold(section(&[]), |section, (key, value)| section.with(key, value));
        assert_eq!(ReporterOptions::from_section(&section).unwrap().interval, Duration::from_millis(2500));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (pairs, key, said) in [
            (&[("endpoint", "ftp://h")][..], "endpoint", "it begins with neither `http://` nor `https://`"),
            (&[("endpoint", "http://")], "endpoint", "it has no host"),
            (&[("endpoint", "h:1")], "endpoint", "which is for gRPC alone"),
            (&[("metrics-endpoint", "http://h:0")], "metrics-endpoint", "its port is not 1 to 65535"),
            (
                &[("endpoint", "http://h"), ("exporter.endpoint", "http://h")],
                "exporter.endpoint",
                "`endpoint` says it",
            ),
            (&[("protocol", "udp")], "protocol", "`grpc`, `http/protobuf` or `http/json`"),
            (&[("compression", "br")], "compression", "`none`"),
            (&[("timeout", "0s")], "timeout", "less than a millisecond"),
            (&[("exporter.timeout", "61min")], "exporter.timeout", "an hour at most"),
            (&[("exporter.endpoint", "http://")], "exporter.endpoint", "it has no host"),
            (&[("report-timeout", "2h")], "report-timeout", "an hour at most"),
            (
                &[("report-timeout", "2s"), ("export-completion-timeout-millis", "1")],
                "export-completion-timeout-millis",
                "`report-timeout` says it",
            ),
            (&[("request-size", "4095")], "request-size", "it can be 4096 and more"),
            (&[("temporality", "both")], "temporality", "`cumulative`, `delta` or `lowmemory`"),
            (&[("histograms", "summary")], "histograms", "`exponential` or `explicit`"),
            (&[("bucket-limit", "1")], "bucket-limit", "it can be 2 to 65536"),
            (&[("naming", "other")], "naming", "`native` or `flink`"),
            (&[("retry.initial-backoff", "0s")], "retry.initial-backoff", "less than a millisecond"),
            (&[("retry.max-backoff", "1ms")], "retry.max-backoff", "less than `retry.initial-backoff`"),
            (&[("retry.jitter", "2")], "retry.jitter", "it can be 0 to 1"),
            (&[("headers", "content-type:x")], "headers", "the reporter gives it its value"),
        ] {
            let error = error(pairs);
            assert!(error.starts_with(&format!("`reporters.x.{key}` cannot be")), "{error}");
            assert!(error.contains(said), "{error}");
        }
        let half = error(&[("tls.client-key", "k.pem")]);
        let expected =
            "`reporters.x.tls.client-certificate` is missing: give the file of the key's certificate";
        assert_eq!(half, expected);
        assert!(error(&[("batch.size", "1")]).starts_with("unknown key `reporters.x.batch.size`"));
    }

    #[test]
    fn secrets_are_in_no_error() {
        for pairs in [
            &[("endpoint", "ftp://u:hunter2@h/?k=hunter2")][..],
            &[("metrics-endpoint", "http://u:hunter2@h:0")],
            &[("endpoint", "http://u:hunter2@h"), ("exporter.endpoint", "http://u:hunter2@h")],
            &[("endpoint", "u:hunter2@h:1")],
            &[("headers", "authorization:hunter2\n\u{1}x")],
            &[("headers", "hunter2")],
            &[("headers", "a:hunter2"), ("headers.b", "hunter2")],
        ] {
            let error = error(pairs);
            assert!(!error.contains("hunter2"), "{error}");
        }
        let factory = OtlpFactory::with_environment([("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2")]);
        assert!(!format!("{factory:?}").contains("hunter2"));
    }
}

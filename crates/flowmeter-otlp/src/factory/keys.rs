//! What a section can say.

use std::path::PathBuf;
use std::time::Duration;

use flowmeter_core::{ConfigKey, ConfigValue, FromConfig, KeyInfo};

use crate::environment;
use crate::transport::Signal;
use crate::{Compression, HistogramForm, NamingPolicy, Protocol, Temporality};

pub(super) const ENDPOINT: ConfigKey<Option<Url>> = ConfigKey::new(
    "endpoint",
    "Where the receiver is, such as `http://collector:4318`, to which HTTP adds `/v1/metrics`: this host if not given.",
);
pub(super) const METRICS_ENDPOINT: ConfigKey<Option<Url>> = ConfigKey::new(
    "metrics-endpoint",
    "Where metrics go, in the place of `endpoint`, without a path added. If nothing else is said, spans and events go nowhere.",
);
pub(super) const TRACES_ENDPOINT: ConfigKey<Option<Url>> =
    ConfigKey::new("traces-endpoint", "Where spans go, in the place of `endpoint`, without a path added.");
pub(super) const LOGS_ENDPOINT: ConfigKey<Option<Url>> =
    ConfigKey::new("logs-endpoint", "Where events go, in the place of `endpoint`, without a path added.");
pub(super) const MILESTONES: ConfigKey<bool> =
    ConfigKey::new("milestones", "Whether spans and events are sent as well: not all receivers take them.")
        .with_default("true");
pub(super) const SIGNALS: ConfigKey<Option<Signals>> = ConfigKey::new(
    "signals",
    "Which signals are sent: all if not given, but for what `milestones` and the environment keep back.",
);
pub(super) const PROTOCOL: ConfigKey<Option<Protocol>> =
    ConfigKey::new("protocol", "How requests travel: `http/protobuf` if not given.");
pub(super) const INSECURE: ConfigKey<Option<bool>> = ConfigKey::new(
    "insecure",
    "Whether an endpoint of gRPC without `http://` or `https://` is spoken to without TLS: `false` if not given.",
);
pub(super) const HEADERS: ConfigKey<Option<Vec<(String, String)>>> =
    ConfigKey::new("headers", "Headers, or metadata of gRPC, of all requests, such as `authorization`: none if not given and the section says where they go.")
        .secret();
pub(super) const AUTHORITIES: ConfigKey<Option<PathBuf>> = ConfigKey::new(
    "tls.authorities",
    "A PEM file with the certificates of the authorities that are trusted: those of the system if not given.",
);
pub(super) const CLIENT_CERTIFICATE: ConfigKey<Option<PathBuf>> = ConfigKey::new(
    "tls.client-certificate",
    "A PEM file with a certificate for receivers that ask for one, and its chain.",
);
pub(super) const CLIENT_KEY: ConfigKey<Option<PathBuf>> =
    ConfigKey::new("tls.client-key", "A PEM file with the private key of that certificate.");
pub(super) const COMPRESSION: ConfigKey<Option<Compression>> =
    ConfigKey::new("compression", "How requests are compressed: not at all if not given.");
pub(super) const TIMEOUT: ConfigKey<Option<Duration>> =
    ConfigKey::new("timeout", "How long one request may take: 10 s if not given.");
pub(super) const REPORT_TIMEOUT: ConfigKey<Option<Duration>> = ConfigKey::new(
    "report-timeout",
    "How long a report may take in all, with all retries: 30 s if not given, but always less than `interval`.",
);
pub(super) const REQUEST_SIZE: ConfigKey<Option<usize>> = ConfigKey::new(
    "request-size",
    "How many bytes a request has at most before compression: 4128768 if not given, a little less than receivers take.",
);
pub(super) const TEMPORALITY: ConfigKey<Option<Temporality>> = ConfigKey::new(
    "temporality",
    "What sums and histograms are relative to: their start, which is `cumulative`, if not given.",
);
pub(super) const HISTOGRAMS: ConfigKey<Option<HistogramForm>> =
    ConfigKey::new("histograms", "What becomes of histograms: `exponential` if not given.");
pub(super) const BUCKET_LIMIT: ConfigKey<Option<usize>> = ConfigKey::new(
    "bucket-limit",
    "How many exponential buckets a histogram has at most on each side of zero: 160 if not given.",
);
pub(super) const NAMING: ConfigKey<NamingPolicy> =
    ConfigKey::new("naming", "The names: OpenTelemetry's, or those of Flink's own reporter.")
        .with_default("native");
pub(super) const RESOURCE_ATTRIBUTES: ConfigKey<Vec<(String, String)>> =
    ConfigKey::new("resource.attributes", "Attributes of the resource, beside those of the environment.")
        .with_default("");
pub(super) const RESOURCE_VARIABLES: ConfigKey<Vec<String>> = ConfigKey::new(
    "resource.variables",
    "Variables that become attributes of the resource and not of the points.",
)
.with_default("");
pub(super) const INITIAL_BACKOFF: ConfigKey<Duration> = ConfigKey::new(
    "retry.initial-backoff",
    "How long to wait before a request that failed is sent again, and twice as long each time after that.",
)
.with_default("500ms");
pub(super) const MAX_BACKOFF: ConfigKey<Duration> =
    ConfigKey::new("retry.max-backoff", "The longest such wait.").with_default("5s");
pub(super) const JITTER: ConfigKey<f64> =
    ConfigKey::new("retry.jitter", "By which part of itself a wait is longer or shorter, by chance.")
        .with_default("0.2");

// Flink's names, for configurations that are taken over.
pub(super) const FLINK_ENDPOINT: ConfigKey<Option<Url>> =
    ConfigKey::new("exporter.endpoint", "As `endpoint`, in Flink's words.");
pub(super) const FLINK_PROTOCOL: ConfigKey<Option<Protocol>> = ConfigKey::new(
    "exporter.protocol",
    "As `protocol`, in Flink's words: `gRPC`, or `HTTP` for `http/protobuf`.",
);
pub(super) const FLINK_TIMEOUT: ConfigKey<Option<Duration>> =
    ConfigKey::new("exporter.timeout", "As `timeout`, in Flink's words.");
pub(super) const FLINK_COMPRESSION: ConfigKey<Option<Compression>> =
    ConfigKey::new("exporter.compression", "As `compression`, in Flink's words.");
pub(super) const FLINK_REPORT_TIMEOUT: ConfigKey<Option<u64>> = ConfigKey::new(
    "export-completion-timeout-millis",
    "As `report-timeout`, in Flink's words: a number of milliseconds.",
);
pub(super) const FLINK_BATCH: ConfigKey<Option<i64>> = ConfigKey::new(
    "batch.size",
    "How many metrics a request of Flink's has. It has no effect: `request-size` limits requests.",
);
pub(super) const SERVICE_NAME: ConfigKey<Option<String>> =
    ConfigKey::new("service.name", "The attribute `service.name` of the resource.");
pub(super) const SERVICE_VERSION: ConfigKey<Option<String>> =
    ConfigKey::new("service.version", "The attribute `service.version` of the resource.");

pub(super) const KEYS: &[KeyInfo] = &[
    ENDPOINT.info(),
    METRICS_ENDPOINT.info(),
    TRACES_ENDPOINT.info(),
    LOGS_ENDPOINT.info(),
    MILESTONES.info(),
    SIGNALS.info(),
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
    FLINK_BATCH.info(),
];

/// The text of an endpoint, which is read where errors can leave out what is secret in it.
pub(super) struct Url(pub(super) String);

impl FromConfig for Url {
    const EXPECTED: &'static str = "a URL such as `http://collector:4318`, or for gRPC a host and port";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        value.text().map(|text| Self(text.to_owned()))
    }
}

/// Some of the signals.
#[derive(Clone, Copy, Default)]
pub(super) struct Signals {
    metrics: bool,
    traces: bool,
    logs: bool,
}

impl Signals {
    pub(super) fn has(self, signal: Signal) -> bool {
        match signal {
            Signal::Metrics => self.metrics,
            Signal::Traces => self.traces,
            Signal::Logs => self.logs,
        }
    }
}

impl FromConfig for Signals {
    const EXPECTED: &'static str =
        "a list of `metrics`, `traces` for spans and `logs` for events, or these with `;` between them";

    fn from_config(value: &ConfigValue) -> Result<Self, String> {
        let mut signals = Self::default();
        for word in Vec::<String>::from_config(value)? {
            match word.as_str() {
                "metrics" => signals.metrics = true,
                "traces" => signals.traces = true,
                "logs" => signals.logs = true,
                _ => return Err(format!("`{word}` is none of them")),
            }
        }
        Ok(signals)
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

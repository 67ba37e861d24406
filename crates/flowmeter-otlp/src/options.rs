//! What a reporter sends, where, and how.

use std::path::PathBuf;
use std::time::Duration;

use crate::{Endpoint, Secret};

/// How requests travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// gRPC, by default to port 4317.
    Grpc,
    /// HTTP with protobuf, by default to port 4318: what OpenTelemetry's specification recommends.
    #[default]
    HttpProtobuf,
    /// HTTP with JSON, by default to port 4318. Takes several times the bytes and the time.
    HttpJson,
}

/// What the points of sums and histograms are relative to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Temporality {
    /// The series' start: a report that is lost is made good by the next.
    #[default]
    Cumulative,
    /// The last report that was accepted, but for up-down counters, which are cumulative.
    Delta,
    /// As delta, but cumulative for what is read from elsewhere by a callback, so that little needs to be remembered.
    LowMemory,
}

/// What becomes of histograms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistogramForm {
    /// Base-2 exponential buckets, as they are recorded.
    #[default]
    Exponential,
    /// Explicit buckets: the histogram's own bounds, or else powers of two.
    Explicit,
}

/// The names of metrics and attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NamingPolicy {
    /// OpenTelemetry's: dots, UCUM units, semantic conventions where there are some.
    #[default]
    Native,
    /// What Flink's OpenTelemetry reporter sends.
    Flink,
}

/// How the bytes of requests are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// By gzip.
    Gzip,
    /// By zstd.
    #[cfg(feature = "zstd")]
    Zstd,
}

/// The files that secure connections need, all in PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsOptions {
    /// The certificates of the authorities that are trusted: those of the system if not given.
    pub authorities: Option<PathBuf>,
    /// The certificate that the receiver gets to see, and after it those of its chain: none.
    pub client_certificate: Option<PathBuf>,
    /// The private key of that certificate, which must not be encrypted.
    pub client_key: Option<PathBuf>,
}

impl TlsOptions {
    /// Trusts the authorities in this file, and no others.
    #[must_use]
    pub fn with_authorities(mut self, path: impl Into<PathBuf>) -> Self {
        self.authorities = Some(path.into());
        self
    }

    /// Shows a certificate to the receiver.
    #[must_use]
    pub fn with_client(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.client_certificate = Some(certificate.into());
        self.client_key = Some(key.into());
        self
    }
}

/// How long to wait before a request that failed is sent again.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct RetryOptions {
    /// The wait before the first retry: 500 ms. Each later one is twice as long.
    pub initial_backoff: Duration,
    /// The longest wait: 5 s. A receiver may ask for a longer one.
    pub max_backoff: Duration,
    /// By which part of itself a wait is longer or shorter, by chance, so that many clients do not come at once: 0.2.
    pub jitter: f64,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self { initial_backoff: Duration::from_millis(500), max_backoff: Duration::from_secs(5), jitter: 0.2 }
    }
}

impl RetryOptions {
    /// Sets the first and the longest wait.
    #[must_use]
    pub fn with_backoff(mut self, initial: Duration, max: Duration) -> Self {
        self.initial_backoff = initial;
        self.max_backoff = max;
        self
    }

    /// Sets the part that is left to chance, 0 to 1; taken for the nearest that is possible.
    #[must_use]
    pub fn with_jitter(mut self, jitter: f64) -> Self {
        self.jitter = jitter;
        self
    }
}

/// What a reporter of OTLP sends, where, and how.
///
/// The defaults are those of OpenTelemetry's specification, but for histograms, which are exponential as they are recorded. Its
/// environment variables say nothing here: [`OtlpReporter::from_environment_with`](crate::OtlpReporter::from_environment_with) begins
/// with them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OtlpOptions {
    /// How requests travel.
    pub protocol: Protocol,
    /// Where they go: to this host, to the default port of the protocol, if not given.
    pub endpoint: Option<Endpoint>,
    /// Whether an endpoint without `http://` or `https://`, which gRPC can have, is spoken to without TLS: no.
    pub insecure: bool,
    /// Headers of HTTP requests, or metadata of gRPC, that every request has: none. The values are shown nowhere.
    pub headers: Vec<(String, Secret)>,
    /// The files of secure connections.
    pub tls: TlsOptions,
    /// Sums and histograms.
    pub temporality: Temporality,
    /// Histograms.
    pub histograms: HistogramForm,
    /// How many exponential buckets a point has at most on each side of zero, by a coarser scale: 160.
    pub bucket_limit: usize,
    /// Names.
    pub naming: NamingPolicy,
    /// Attributes of the resource, in the order in which they are sent.
    pub resource: Vec<(String, String)>,
    /// Variables that become attributes of the resource and not of the points.
    pub resource_variables: Vec<String>,
    /// Whether spans and events are sent as well: yes.
    pub milestones: bool,
    /// How many bytes the body of a request has at most, in protobuf and before compression: 4 MiB less a margin, which is what
    /// receivers take. JSON has several times as many.
    pub request_size: usize,
    /// How the bytes are compressed.
    pub compression: Compression,
    /// How long one request may take: 10 s. One that fails may be sent again.
    pub timeout: Duration,
    /// How long a report may take in all, with all its requests and retries, and the spans and events that go out before it: 30 s,
    /// but always less than the interval.
    pub report_timeout: Duration,
    /// How long to wait before a request is sent again.
    pub retry: RetryOptions,
}

impl Default for OtlpOptions {
    fn default() -> Self {
        Self {
            protocol: Protocol::default(),
            endpoint: None,
            insecure: false,
            headers: Vec::new(),
            tls: TlsOptions::default(),
            temporality: Temporality::default(),
            histograms: HistogramForm::default(),
            bucket_limit: 160,
            naming: NamingPolicy::default(),
            resource: Vec::new(),
            resource_variables: Vec::new(),
            milestones: true,
            request_size: Self::GREATEST_USUAL_REQUEST,
            compression: Compression::default(),
            timeout: Duration::from_secs(10),
            report_timeout: Duration::from_secs(30),
            retry: RetryOptions::default(),
        }
    }
}

impl OtlpOptions {
    /// The least number of bytes that can be set for a request.
    pub const LEAST_REQUEST_SIZE: usize = 4096;

    /// What receivers take, 4 MiB, less what gRPC and lengths that are not known beforehand add.
    const GREATEST_USUAL_REQUEST: usize = 4 * 1024 * 1024 - 64 * 1024;

    /// The fewest and the most buckets that can be set: fewer have no shape, and no histogram has more.
    pub(crate) const BUCKETS: std::ops::RangeInclusive<usize> = 2..=65_536;

    /// The shortest and the longest that anything can be waited for.
    pub(crate) const SHORTEST_TIME: Duration = Duration::from_millis(1);
    pub(crate) const LONGEST_TIME: Duration = Duration::from_secs(3600);

    /// Sets how requests travel.
    #[must_use]
    pub fn with_protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// Sets where they go.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: Endpoint) -> Self {
        self.endpoint = Some(endpoint);
        self
    }

    /// Sets whether an endpoint without `http://` or `https://` is spoken to without TLS.
    #[must_use]
    pub fn with_insecure(mut self, insecure: bool) -> Self {
        self.insecure = insecure;
        self
    }

    /// Adds a header to all requests, in the place of one of this name.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        let name = name.into();
        self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(&name));
        self.headers.push((name, value.into()));
        self
    }

    /// Sets the files of secure connections.
    #[must_use]
    pub fn with_tls(mut self, tls: TlsOptions) -> Self {
        self.tls = tls;
        self
    }

    /// Sets what points are relative to.
    #[must_use]
    pub fn with_temporality(mut self, temporality: Temporality) -> Self {
        self.temporality = temporality;
        self
    }

    /// Sets what becomes of histograms.
    #[must_use]
    pub fn with_histograms(mut self, form: HistogramForm) -> Self {
        self.histograms = form;
        self
    }

    /// Sets how many exponential buckets a point has at most on each side of zero, 2 to 65,536; taken for the nearest that is
    /// possible.
    #[must_use]
    pub fn with_bucket_limit(mut self, buckets: usize) -> Self {
        self.bucket_limit = buckets;
        self
    }

    /// Sets the names.
    #[must_use]
    pub fn with_naming(mut self, naming: NamingPolicy) -> Self {
        self.naming = naming;
        self
    }

    /// Adds an attribute to the resource, in the place of one of this key.
    #[must_use]
    pub fn with_resource(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let (key, value) = (key.into(), value.into());
        match self.resource.iter_mut().find(|(other, _)| *other == key) {
            Some((_, present)) => *present = value,
            None => self.resource.push((key, value)),
        }
        self
    }

    /// Has a variable be an attribute of the resource and not of the points.
    #[must_use]
    pub fn with_resource_variable(mut self, key: impl Into<String>) -> Self {
        self.resource_variables.push(key.into());
        self
    }

    /// Sets whether spans and events are sent as well: not all receivers take them.
    #[must_use]
    pub fn with_milestones(mut self, milestones: bool) -> Self {
        self.milestones = milestones;
        self
    }

    /// Sets how many bytes the body of a request has at most before compression, 4096 and more; taken for the nearest that is
    /// possible.
    #[must_use]
    pub fn with_request_size(mut self, bytes: usize) -> Self {
        self.request_size = bytes;
        self
    }

    /// Sets how the bytes are compressed.
    #[must_use]
    pub fn with_compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Sets how long one request may take, a millisecond to an hour; taken for the nearest that is possible.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets how long a report may take in all, a millisecond to an hour; taken for the nearest that is possible.
    #[must_use]
    pub fn with_report_timeout(mut self, timeout: Duration) -> Self {
        self.report_timeout = timeout;
        self
    }

    /// Has a report end before the next is due, by a tenth of the interval between them. A configuration does that; code that
    /// sets an interval of less than half a minute does well to do it too, because the next report is skipped while one goes out.
    #[must_use]
    pub fn within(mut self, interval: Duration) -> Self {
        self.report_timeout = self.report_timeout.min(interval - interval / 10);
        self
    }

    /// Sets how long to wait before a request is sent again.
    #[must_use]
    pub fn with_retry(mut self, retry: RetryOptions) -> Self {
        self.retry = retry;
        self
    }

    /// Whether spans and events can go the same way as metrics.
    pub(crate) fn has_all_signals(&self) -> bool {
        !self.endpoint.as_ref().is_some_and(Endpoint::is_complete)
    }

    /// Whether this is a way for another signal, where metrics have one: not if only that of metrics was said.
    pub(crate) fn is_way_beside(&self, metrics: &Self) -> bool {
        self.endpoint.is_some() || metrics.has_all_signals()
    }

    /// Where requests go.
    pub(crate) fn endpoint(&self) -> Endpoint {
        self.endpoint.clone().unwrap_or_else(|| Endpoint::default_of(self.protocol))
    }

    /// With the nearest possible values in the place of others.
    pub(crate) fn corrected(mut self) -> Self {
        let time = |time: Duration| time.clamp(Self::SHORTEST_TIME, Self::LONGEST_TIME);
        self.bucket_limit = self.bucket_limit.clamp(*Self::BUCKETS.start(), *Self::BUCKETS.end());
        self.request_size = self.request_size.max(Self::LEAST_REQUEST_SIZE);
        self.timeout = time(self.timeout);
        self.report_timeout = time(self.report_timeout);
        self.retry.initial_backoff = time(self.retry.initial_backoff);
        self.retry.max_backoff = time(self.retry.max_backoff).max(self.retry.initial_backoff);
        let jitter = self.retry.jitter;
        self.retry.jitter = if jitter.is_nan() { 0.0 } else { jitter.clamp(0.0, 1.0) };
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_impossible_is_taken_for_the_nearest_that_is() {
        let retry = RetryOptions::default()
            .with_backoff(Duration::from_secs(9), Duration::ZERO)
            .with_jitter(f64::NAN);
        let least = OtlpOptions::default()
            .with_bucket_limit(0)
            .with_request_size(0)
            .with_timeout(Duration::ZERO)
            .with_report_timeout(Duration::MAX)
            .with_retry(retry)
            .corrected();
        assert_eq!((least.bucket_limit, least.request_size), (2, OtlpOptions::LEAST_REQUEST_SIZE));
        assert_eq!(
            (least.timeout, least.report_timeout),
            (OtlpOptions::SHORTEST_TIME, OtlpOptions::LONGEST_TIME)
        );
        assert_eq!((least.retry.max_backoff, least.retry.jitter), (Duration::from_secs(9), 0.0));
    }

    #[test]
    fn a_report_ends_before_the_next() {
        let after = |interval| OtlpOptions::default().within(interval).report_timeout;
        assert_eq!(after(Duration::from_secs(10)), Duration::from_secs(9));
        assert_eq!(after(Duration::from_secs(60)), Duration::from_secs(30));
        assert_eq!(after(Duration::MAX), Duration::from_secs(30));
    }

    #[test]
    fn what_is_added_takes_the_place_of_what_has_its_name() {
        let options = OtlpOptions::default().with_header("A", "1").with_header("a", "2");
        assert_eq!(options.headers, [("a".to_owned(), Secret::new("2"))]);
        let options = options.with_resource("k", "1").with_resource("l", "2").with_resource("k", "3");
        assert_eq!(options.resource, [("k".to_owned(), "3".to_owned()), ("l".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn secrets_are_not_shown() {
        let options = OtlpOptions::default()
            .with_header("authorization", "Bearer hunter2")
            .with_endpoint("https://me:hunter2@host/path?token=hunter2".parse().unwrap());
        let shown = format!("{options:?}");
        assert!(shown.contains("authorization") && !shown.contains("hunter2"), "{shown}");
    }
}

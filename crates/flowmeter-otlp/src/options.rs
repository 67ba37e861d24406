//! What a reporter sends, where, and how.

use std::time::Duration;

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

/// What an [`OtlpReporter`](crate::OtlpReporter) sends, where, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OtlpOptions {
    /// How requests travel.
    pub protocol: Protocol,
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
    /// How many bytes the body of a request has at most before compression: 4 MiB less a margin, which is what receivers take.
    pub request_size: usize,
    /// How the bytes are compressed.
    pub compression: Compression,
    /// How long one request may take: 10 s.
    pub timeout: Duration,
    /// How long a report may take in all, with all its requests and retries: 30 s, but always less than the interval.
    pub report_timeout: Duration,
}

impl Default for OtlpOptions {
    fn default() -> Self {
        Self {
            protocol: Protocol::default(),
            temporality: Temporality::default(),
            histograms: HistogramForm::default(),
            bucket_limit: 160,
            naming: NamingPolicy::default(),
            resource: Vec::new(),
            resource_variables: Vec::new(),
            request_size: (4 << 20) - (64 << 10),
            compression: Compression::default(),
            timeout: Duration::from_secs(10),
            report_timeout: Duration::from_secs(30),
        }
    }
}

//! OTLP reporter: sends what flowmeter measures to OpenTelemetry's Collector and all that speaks its protocol.
//!
//! ```
//! use flowmeter_core::{Registry, ReporterOptions};
//! use flowmeter_otlp::{OtlpOptions, OtlpReporter, Protocol};
//!
//! let registry = Registry::new();
//! let options = OtlpOptions::default()
//!     .with_endpoint("http://127.0.0.1:4317".parse()?)
//!     .with_protocol(Protocol::Grpc)
//!     .with_resource("service.name", "wordcount");
//! let reporter = OtlpReporter::new(options);
//! registry.add_reporter("otlp", Box::new(reporter), ReporterOptions::default())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`OtlpReporter::from_environment`] takes all of that from OpenTelemetry's [environment variables](#environment), and
//! [`OtlpFactory`] from a section of a configuration, and from the environment what it does not say.
//!
//! # Signals
//!
//! | what | is sent as |
//! |---|---|
//! | counters, meters | monotonic sums |
//! | up-down counters | sums that are not monotonic |
//! | gauges | gauges; truth values as 1 and 0, a text as a gauge that is 1 with the attribute `value` |
//! | histograms | [exponential](HistogramForm::Exponential) or [explicit](HistogramForm::Explicit) buckets |
//! | spans | spans, a trace for each with all below it, to the same receiver |
//! | events | log records with a name |
//!
//! [`MetricsEncoder`] has the details of metrics: integers beyond 2^63, the scale of buckets, exemplars.
//!
//! Variables of groups are attributes of points, spans and records. Where a span or an event has an attribute of the same name,
//! its own stays. [`resource_variables`](OtlpOptions::resource_variables) become attributes of the resource, beside `service.name`
//! and what else [`resource`](OtlpOptions::resource) has. The identifiers of a span are the same each time that it is sent, so a
//! receiver can know that it has one already, also from a reporter in the place of one that has panicked, which does not know what was
//! taken in the midst of a batch.
//!
//! # Names
//!
//! | [`NamingPolicy`] | `numRecordsIn` of an operator | variable `host` | meters | histograms | events |
//! |---|---|---|---|---|---|
//! | `native` | `taskmanager.job.task.operator.num_records_in` in `{record}` | `host.name` | a sum | buckets; times in `s` | have the name in `event_name` |
//! | `flink` | `flink.taskmanager.job.task.operator.numRecordsIn` without a unit | `host` | `.count` and `.rate` | summaries | have it in the attribute `name` |
//!
//! With `native`, metrics of processes and hosts that the [semantic conventions] have are called as there. The policy `flink` is for
//! what was fed by Flink's reporter: sums are differences there whatever the temporality, and truth values and texts are left out.
//!
//! # Temporality
//!
//! | [`Temporality`] | counters, meters, histograms | read from elsewhere by a callback | up-down counters | memory |
//! |---|---|---|---|---|
//! | `cumulative` | since their start | since their start | since their start | none |
//! | `delta` | since the last report that was accepted | the same | since their start | some dozens of bytes a series, more for histograms |
//! | `lowmemory` | since the last report that was accepted | since their start | since their start | less |
//!
//! A series whose task is restarted goes on with its start and its sums. A difference begins where the one before it ended, and what has
//! not grown is not sent.
//!
//! # Delivery
//!
//! It starts whether the receiver is there or not. A report is encoded as a whole, in requests of at most
//! [`request_size`](OtlpOptions::request_size), and each is sent until it is taken, refused for good, or the time of the report is
//! over; after a refusal for now with growing waits, or when the receiver asks for it (`Retry-After`, `RetryInfo`). A report never waits for
//! another one: all that is kept is what the next one needs.
//!
//! When the program ends, a report that is under way is not sent again: the last one has all that it has, and is sent like any other
//! until it is taken or for as long as [`shutdown`](flowmeter_core::Registry::shutdown) waits. The last spans and events have half of that.
//!
//! | the receiver | what becomes of it |
//! |---|---|
//! | answers 429 or 503; `RESOURCE_EXHAUSTED` or `UNAVAILABLE` with a time to come again; `ABORTED`, `OUT_OF_RANGE`; is not there | surely not taken: sent again, in this report or the next, which makes up for it exactly |
//! | answers another error, such as 400 or `INVALID_ARGUMENT` | surely not taken, and refused for good: the report fails, the other requests of it are sent all the same; the next report has what is counted by then |
//! | answers 502 or 504; `UNAVAILABLE` without a time, `CANCELLED`, `DEADLINE_EXCEEDED`, `DATA_LOSS`; does not answer in time; closes the connection | perhaps taken: sent again. Cumulative points are right with the next report. Differences may be there twice, and are counted as uncertain |
//! | answers 500 or another error of its own but 503; `UNKNOWN`, `INTERNAL`; by gRPC without a status | perhaps taken, as a Collector answers that passes on to several others, one of which fails: the same, but sent again with the next report only |
//! | answers with success, and with what cannot be read, or as no receiver of OTLP does | taken, because the status decides; the log says so once |
//! | rejects a part (`partial_success`) | that part is counted as dropped, and the log has what the receiver says, once |
//!
//! What is refused for good is not what the specification has dropped: the points of the next report are new ones, which have what was
//! counted until then, and so nothing is lost once the receiver is mended or its limit raised. The other requests of a report do not wait
//! for it. What a receiver never takes, such as a name that it does not like, is sent in vain in each report, with what is in the
//! same request.
//!
//! With cumulative points a total is exact after the next report that is taken. With differences it is exact unless something was counted as
//! uncertain, by which it may be too large, or as dropped. Memory does not grow while a receiver is away.
//!
//! Spans and events wait in a bounded queue of the core until they are taken, and those of one signal do not wait for the other. What a
//! receiver refuses for good is dropped and counted, so that it does not keep others back; a span and all below it are one, whatever
//! its size. Together with the report they have the time of [`report_timeout`](OtlpOptions::report_timeout).
//!
//! # Environment
//!
//! Those for a signal (`METRICS`, `TRACES`, `LOGS`) come before those for all. One that cannot be read is ignored, with a warning.
//! Names of values are in any case, and a truth value that is not `true` is false.
//!
//! | variable | is |
//! |---|---|
//! | `OTEL_EXPORTER_OTLP_ENDPOINT` | a base, to which HTTP adds `/v1/metrics`, `/v1/traces` and `/v1/logs` |
//! | `OTEL_EXPORTER_OTLP_<SIGNAL>_ENDPOINT` | used as it is. If there is one of metrics and none for all, spans and events go nowhere unless they have their own |
//! | `OTEL_EXPORTER_OTLP_[<SIGNAL>_]PROTOCOL` | `http/protobuf`, `grpc` or `http/json` |
//! | `OTEL_EXPORTER_OTLP_[<SIGNAL>_]HEADERS` | `key=value,other=value`, percent-encoded. If a section says where a signal goes, they are not sent there, since they may be the credentials for another receiver |
//! | `OTEL_EXPORTER_OTLP_[<SIGNAL>_]COMPRESSION` | `none`, `gzip`, or `zstd` with that feature |
//! | `OTEL_EXPORTER_OTLP_[<SIGNAL>_]TIMEOUT` | milliseconds of one request |
//! | `OTEL_EXPORTER_OTLP_[<SIGNAL>_]CERTIFICATE`, `CLIENT_CERTIFICATE`, `CLIENT_KEY`, `INSECURE` | TLS |
//! | `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` | `cumulative`, `delta` or `lowmemory` |
//! | `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION` | `base2_exponential_bucket_histogram` or `explicit_bucket_histogram` |
//! | `OTEL_METRIC_EXPORT_INTERVAL`, `OTEL_METRIC_EXPORT_TIMEOUT` | milliseconds between reports, and of a report |
//! | `OTEL_<SIGNAL>_EXPORTER` | `none` has metrics, spans or events not sent, unless a section has an endpoint of that signal. Other values say nothing here |
//! | `OTEL_SDK_DISABLED` | `true` has nothing sent at all |
//! | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | attributes of the resource |
//!
//! # Other than OpenTelemetry's defaults
//!
//! - **Histograms** are exponential, as they are recorded, and not explicit.
//! - **The interval** is 10 s, as of all reporters, and not 60 s.
//! - **What is refused for good** is not dropped, but comes with the next report, summed up (see [delivery](#delivery)).
//! - **A report** ends before the next is due, though the specification has 30 s for it.
//!
//! # Features
//!
//! `tls` brings HTTPS and gRPC over TLS, `zstd` that compression. Neither is there by default.
//!
//! [semantic conventions]: https://opentelemetry.io/docs/specs/semconv/

#![forbid(unsafe_code)]

mod encode;
mod endpoint;
mod environment;
mod error;
mod factory;
mod json;
mod metrics_encoder;
mod milestones;
mod naming;
mod options;
mod reporter;
mod request;
mod resource;
mod secret;
mod share;
#[cfg(feature = "tracing")]
mod telemetry;
mod transport;
mod unsaid;

pub use endpoint::{Endpoint, ParseEndpointError};
pub use error::Error;
pub use factory::OtlpFactory;
pub use metrics_encoder::MetricsEncoder;
pub use options::{
    Compression, HistogramForm, NamingPolicy, OtlpOptions, Protocol, RetryOptions, Temporality, TlsOptions,
};
pub use reporter::OtlpReporter;
pub use secret::Secret;
#[cfg(feature = "tracing")]
pub use telemetry::{
    OtlpTelemetry, OtlpTelemetryBuilder, QueueOptions, SignalCounts, TelemetryCounts, current_trace_context,
};

/// The example of the README, which is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

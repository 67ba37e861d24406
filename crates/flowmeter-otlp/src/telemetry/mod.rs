//! The process's own spans and log records, from `tracing` to a receiver.
//!
//! `tracing-opentelemetry` and `opentelemetry-appender-tracing` turn them into those of OpenTelemetry's SDK, which keeps them in
//! queues and has `opentelemetry-otlp` write requests of them. These go out by the [transport](crate::transport) that metrics go
//! out by.

mod builder;
mod context;
mod counts;
mod exporters;
mod outlet;
mod own;
mod split;

use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;

pub use self::builder::{OtlpTelemetryBuilder, QueueOptions};
pub use self::context::current_trace_context;
use self::counts::Shared;
pub use self::counts::{SignalCounts, TelemetryCounts};
use self::own::NotOwn;
use crate::OtlpOptions;

/// What instruments: the scope that all spans have.
const SCOPE: &str = "tracing";

/// How long is waited for the receiver if this is dropped.
const PATIENCE_ON_DROP: Duration = Duration::from_secs(5);

/// Sends the spans and the events of `tracing`, which the program itself and its libraries have, as spans and log records.
///
/// They go the way that metrics go: by gRPC or HTTP, with the headers, TLS, compression and retries of the same [`OtlpOptions`],
/// and with the same attributes of the resource.
///
/// ```no_run
/// use std::time::Duration;
///
/// use flowmeter_core::Registry;
/// use flowmeter_otlp::{OtlpOptions, OtlpTelemetry};
/// use tracing_subscriber::filter::LevelFilter;
/// use tracing_subscriber::prelude::*;
///
/// let registry = Registry::new();
/// let task_manager = registry.task_manager("host-1", "tm-1");
///
/// let options = OtlpOptions::default()
///     .with_endpoint("http://collector:4318".parse()?)
///     .with_resource("service.name", "wordcount");
/// let telemetry = OtlpTelemetry::builder(options).with_group(&task_manager).build()?;
/// tracing_subscriber::registry()
///     .with(telemetry.spans().with_filter(LevelFilter::INFO))
///     .with(telemetry.logs().with_filter(LevelFilter::INFO))
///     .init();
///
/// tracing::info_span!("restore", bytes = 4096).in_scope(|| tracing::info!("the state is back"));
///
/// let counts = telemetry.shutdown(Duration::from_secs(5));
/// assert_eq!(counts.spans.dropped, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Spans and events never wait for a receiver. They go into a queue for each signal, which threads of their own empty; what finds
/// it full is dropped and [counted](Self::counts). An event within a span has the identifiers of the span and of its trace. It is
/// an event of the span as well, unless [`spans`](Self::spans) has a filter that takes spans alone.
///
/// What sending does itself is not sent: neither what `hyper` and others have to tell while a request is under way, the reporter's
/// too, nor what has a target that begins with `opentelemetry` or is `flowmeter_otlp` or below it. So nothing feeds on itself,
/// however much goes wrong. Other layers of the subscriber get all of it, and what a program does by the same crates is sent.
///
/// Dropping it sends what is in the queues and waits for that, 5 s at most. As [`shutdown`](Self::shutdown), that blocks the
/// thread.
pub struct OtlpTelemetry {
    tracers: SdkTracerProvider,
    loggers: SdkLoggerProvider,
    shared: Arc<Shared>,
}

impl OtlpTelemetry {
    /// Begins with where and how spans and log records go. Environment variables change nothing of it.
    pub fn builder(options: OtlpOptions) -> OtlpTelemetryBuilder {
        OtlpTelemetryBuilder::new(options)
    }

    /// Begins with what OpenTelemetry's environment variables say: about traces and logs each, those that begin with
    /// `OTEL_EXPORTER_OTLP_`, `OTEL_BSP_`, `OTEL_BLRP_`, `OTEL_TRACES_SAMPLER` and `OTEL_SPAN_`, and more.
    pub fn from_environment() -> OtlpTelemetryBuilder {
        OtlpTelemetryBuilder::from_environment()
    }

    /// A layer that has the spans sent. It takes all levels: give it a filter for fewer, and a
    /// [`filter_fn`](tracing_subscriber::filter::filter_fn) by `!metadata.is_event()` if events are to be log records alone.
    pub fn spans<S>(&self) -> impl Layer<S> + Send + Sync + 'static + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync + 'static,
    {
        tracing_opentelemetry::layer().with_tracer(self.tracers.tracer(SCOPE)).with_filter(NotOwn)
    }

    /// A layer that has the events sent, as log records. It takes all levels: give it a filter for fewer.
    pub fn logs<S>(&self) -> impl Layer<S> + Send + Sync + 'static + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync + 'static,
    {
        OpenTelemetryTracingBridge::new(&self.loggers).with_filter(NotOwn)
    }

    /// What has become of spans and log records until now.
    #[must_use]
    pub fn counts(&self) -> TelemetryCounts {
        self.shared.counts()
    }

    /// Sends what is in the queues, and waits for that no longer than `deadline`, on this thread: on one of an asynchronous
    /// runtime, within `spawn_blocking` or its like. A request that is unanswered then is left to itself. What is recorded later
    /// is dropped.
    ///
    /// Says what has become of all.
    pub fn shutdown(self, deadline: Duration) -> TelemetryCounts {
        self.stop(deadline);
        self.shared.final_counts()
    }

    /// Has both signals sent at the same time: a receiver that takes one slowly takes no time from the other.
    fn stop(&self, deadline: Duration) {
        let (begun, deadline) = (Instant::now(), deadline.min(OtlpOptions::LONGEST_TIME));
        // Attempts end somewhat earlier, so that what became of them is known.
        if !self.shared.stop_by(begun + deadline.mul_f64(0.95)) {
            return;
        }
        // The results say what the counts say.
        let stop_loggers =
            || drop(self.loggers.shutdown_with_timeout(deadline.saturating_sub(begun.elapsed())));
        thread::scope(|scope| {
            let name = "flowmeter-otlp-shutdown".to_owned();
            let stopping = thread::Builder::new().name(name).spawn_scoped(scope, stop_loggers);
            let _ = self.tracers.shutdown_with_timeout(deadline);
            if stopping.is_err() {
                stop_loggers();
            }
        });
    }
}

impl Drop for OtlpTelemetry {
    fn drop(&mut self) {
        self.stop(PATIENCE_ON_DROP);
    }
}

impl fmt::Debug for OtlpTelemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpTelemetry").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

//! OTLP reporter: sends what flowmeter measures to OpenTelemetry's Collector and all that speaks its protocol.

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

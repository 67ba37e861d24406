//! OTLP reporter: sends what flowmeter measures to OpenTelemetry's Collector and all that speaks its protocol.

#![forbid(unsafe_code)]

mod encode;
mod json;
mod metrics_encoder;
mod naming;
mod options;
mod request;
mod resource;
mod unsaid;

pub use metrics_encoder::MetricsEncoder;
pub use options::{Compression, HistogramForm, NamingPolicy, OtlpOptions, Protocol, Temporality};

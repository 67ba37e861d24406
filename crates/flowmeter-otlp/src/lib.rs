//! OTLP reporter: sends what flowmeter measures to OpenTelemetry's Collector and all that speaks its protocol.

#![forbid(unsafe_code)]

mod options;
mod request;

pub use options::{Compression, HistogramForm, NamingPolicy, OtlpOptions, Protocol, Temporality};

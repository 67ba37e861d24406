//! OTLP reporter: sends what flowmeter measures to OpenTelemetry's Collector and all that speaks its protocol.

#![forbid(unsafe_code)]

mod endpoint;
mod environment;
mod error;
#[allow(dead_code, reason = "the reporter uses it")]
mod factory;
mod options;
#[allow(dead_code, reason = "the reporter uses it")]
mod request;
mod secret;
#[allow(dead_code, reason = "the reporter uses it")]
mod transport;

pub use endpoint::{Endpoint, ParseEndpointError};
pub use error::Error;
pub use factory::OtlpFactory;
pub use options::{
    Compression, HistogramForm, NamingPolicy, OtlpOptions, Protocol, RetryOptions, Temporality, TlsOptions,
};
pub use secret::Secret;

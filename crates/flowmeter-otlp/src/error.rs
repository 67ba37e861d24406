//! What keeps a reporter from starting.

use std::path::PathBuf;

use thiserror::Error;

use crate::Endpoint;

/// What keeps a reporter from starting.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// HTTP requests need a URL.
    #[error(
        "requests by HTTP cannot go to `{endpoint}`: give a URL that begins with `http://` or `https://`"
    )]
    NoScheme {
        /// The endpoint.
        endpoint: Endpoint,
    },

    /// TLS is not built in.
    #[error(
        "`{endpoint}` is to be spoken to by TLS, which this program was built without: enable the feature `tls` of \
         `flowmeter-otlp`, or give an endpoint that begins with `http://`"
    )]
    NoTls {
        /// The endpoint.
        endpoint: Endpoint,
    },

    /// A header that cannot be sent. Its value is not shown.
    #[error("the header `{name}` cannot be sent: {reason}")]
    Header {
        /// Its name.
        name: String,
        /// Why not.
        reason: &'static str,
    },

    /// A file of TLS that cannot be used.
    #[error("`{}` cannot be used: {reason}: give {expected}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What has to be in it.
        expected: &'static str,
    },

    /// A certificate without its key, or a key without its certificate.
    #[error("a client's certificate and its key go together: give both or neither")]
    HalfAClient,

    /// TLS that cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),

    /// The system has no room.
    #[error("no runtime for connections can be made: {0}")]
    Runtime(#[source] std::io::Error),

    /// An exporter of OpenTelemetry that cannot be built.
    #[cfg(feature = "tracing")]
    #[error("spans and log records cannot be exported: {0}")]
    Exporter(#[source] opentelemetry_otlp::ExporterBuildError),
}

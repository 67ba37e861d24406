//! The exporters of OpenTelemetry, with everything said that they would ask the environment for, if it can be.

use std::time::Duration;

use opentelemetry_otlp::{
    ExporterBuildError, LogExporter, Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig,
};

use super::outlet::Outlet;

/// An exporter of spans that sends by an outlet.
pub(super) fn spans(outlet: Outlet) -> Result<SpanExporter, ExporterBuildError> {
    configured(SpanExporter::builder().with_http(), outlet).build()
}

/// An exporter of log records that sends by an outlet.
pub(super) fn logs(outlet: Outlet) -> Result<LogExporter, ExporterBuildError> {
    configured(LogExporter::builder().with_http(), outlet).build()
}

fn configured<B: WithExportConfig + WithHttpConfig>(builder: B, outlet: Outlet) -> B {
    builder
        .with_http_client(outlet)
        .with_protocol(Protocol::HttpBinary)
        // The transport has its own endpoint, time, retries and limit.
        .with_endpoint("http://flowmeter.invalid")
        .with_timeout(Duration::MAX)
        .with_retry_policy(RetryPolicy::disabled())
        .with_max_request_body_size(usize::MAX)
}

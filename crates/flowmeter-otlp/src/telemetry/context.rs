//! The span that the program is in.

use flowmeter_core::TraceContext;
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;

/// The span of `tracing` that the thread is in, for an exemplar, if [`OtlpTelemetry::spans`](crate::OtlpTelemetry::spans) has
/// it and it is sampled.
///
/// ```
/// # use std::time::Duration;
/// use flowmeter_otlp::current_trace_context;
///
/// # let registry = flowmeter_core::Registry::new();
/// let latency = registry.add_group("orders").histogram::<Duration>("latency");
/// let took = Duration::from_millis(30);
/// match current_trace_context() {
///     Some(context) => latency.record_with_exemplar(took, &context),
///     None => latency.record(took),
/// }
/// ```
///
/// Any span of OpenTelemetry's that is current serves as well. [`TraceContext::at`] states the time.
#[must_use]
pub fn current_trace_context() -> Option<TraceContext> {
    Context::map_current(|context| {
        let span = context.span();
        let span = span.span_context();
        (span.is_valid() && span.is_sampled())
            .then(|| TraceContext::new(span.trace_id().to_bytes(), span.span_id().to_bytes()))
    })
}

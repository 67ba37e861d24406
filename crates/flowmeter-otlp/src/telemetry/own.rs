//! What is the pipeline's own, and must not come out of it: each request would be the cause of the next.

use opentelemetry::Context;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::layer;
use tracing_subscriber::layer::Filter;

/// Takes what is not of the pipeline that sends it.
///
/// The SDK looks for suppression too, but not for spans without parents, and what is within one would be let through.
#[derive(Clone, Copy, Debug)]
pub(super) struct NotOwn;

impl<S: Subscriber> Filter<S> for NotOwn {
    fn enabled(&self, metadata: &Metadata<'_>, _: &layer::Context<'_, S>) -> bool {
        !is_own(metadata.target()) && !Context::is_current_telemetry_suppressed()
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        // It depends on the thread.
        if is_own(metadata.target()) { Interest::never() } else { Interest::sometimes() }
    }
}

/// Whether it is of OpenTelemetry's crates or of this one.
fn is_own(target: &str) -> bool {
    let is_of_this =
        target.strip_prefix("flowmeter_otlp").is_some_and(|rest| rest.is_empty() || rest.starts_with("::"));
    is_of_this || target.starts_with("opentelemetry")
}

#[cfg(test)]
mod tests {
    use super::is_own;

    #[test]
    fn targets_are_those_of_crates() {
        for own in
            ["opentelemetry_sdk", "opentelemetry-otlp", "flowmeter_otlp", "flowmeter_otlp::telemetry::outlet"]
        {
            assert!(is_own(own), "{own}");
        }
        for other in ["", "flowmeter_otlp_demo", "my::flowmeter_otlp", "flowmeter_core", "h2::codec"] {
            assert!(!is_own(other), "{other}");
        }
    }
}

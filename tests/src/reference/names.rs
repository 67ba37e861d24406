//! What backends call a family, where names are their own conventions'.

use flowmeter::Family;
use flowmeter::otlp::{MetricsEncoder, OtlpOptions};
use flowmeter::prometheus::TextEncoder;

use super::placeholders::reopened;

/// The name that the Prometheus reporter writes.
pub(super) fn prometheus(family: &Family) -> String {
    reopened(&TextEncoder.name(family), family, '_')
}

/// The name that the OTLP reporter sends.
pub(super) fn otlp(family: &Family) -> String {
    let encoder = MetricsEncoder::new(&OtlpOptions::default());
    reopened(&encoder.name(family), family, '.')
}

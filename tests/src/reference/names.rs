//! What backends call a family, where names are their own conventions'.

use flowmeter::Family;
use flowmeter::prometheus::TextEncoder;

use super::placeholders::reopened;

/// The name that the Prometheus reporter writes.
pub(super) fn prometheus(family: &Family) -> String {
    reopened(&TextEncoder.name(family), family, '_')
}

/// The dotted name, which OTLP has.
pub(super) fn otlp(family: &Family) -> String {
    let own = family.name_in("otlp").map(str::to_owned);
    own.unwrap_or_else(|| reopened(&family.dotted_name(), family, '.'))
}

//! Names as OpenTelemetry's users expect them.
//!
//! Sources: [names of instruments](https://opentelemetry.io/docs/specs/otel/metrics/api/#instrument-name-syntax), and the
//! [semantic conventions](https://opentelemetry.io/docs/specs/semconv/) of version 1.45.

use flowmeter_core::{Family, GroupView, MetricKind};

use super::attributes::Variable;

/// The naming policy for which metrics can give themselves names: those of the semantic conventions.
const POLICY: &str = "otlp";

/// How long names may be.
const LONGEST: usize = 255;

/// What the conventions have as sums that may go down, where others have gauges.
const UP_DOWN: [&str; 6] = [
    "process.memory.usage",
    "process.memory.virtual",
    "process.thread.count",
    "process.unix.file_descriptor.count",
    "system.memory.limit",
    "system.memory.linux.available",
];

/// How names say that times are in a unit, in which those of histograms are not sent.
const SAID: [&str; 9] =
    ["_ms", "_millis", "_milliseconds", "_us", "_micros", "_microseconds", "_ns", "_nanos", "_nanoseconds"];

/// The name of a family: dotted, without its unit.
pub(super) fn name(family: &Family) -> String {
    if let Some(name) = convention(family) {
        return name.to_owned();
    }
    let mut name = family.dotted_name();
    if family.kind() == MetricKind::Histogram && matches!(family.unit().as_str(), "ms" | "us" | "ns") {
        let stem = SAID.iter().find_map(|said| name.strip_suffix(said)).filter(|stem| !stem.ends_with('.'));
        if let Some(stem) = stem.map(str::len) {
            name.truncate(stem);
        }
    }
    if name.is_empty() {
        name.push_str("metric");
    } else if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        name.insert_str(0, "metric.");
    }
    name
}

fn convention(family: &Family) -> Option<&'static str> {
    family.name_in(POLICY).filter(|name| is_name(name))
}

/// Whether the metric is one of the semantic conventions, which have times in seconds.
pub(crate) fn has_convention(family: &Family) -> bool {
    convention(family).is_some()
}

/// Whether the semantic conventions have the gauge as a sum.
pub(crate) fn is_up_down(family: &Family) -> bool {
    convention(family).is_some_and(|name| UP_DOWN.contains(&name))
}

fn is_name(name: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '/');
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(is_part)
        && name.len() <= LONGEST
}

/// The variables of a group; what is empty says nothing.
pub(super) fn variables<'a>(group: &GroupView<'a>) -> impl Iterator<Item = Variable<'a>> + use<'a> {
    group.variables().filter(|(_, value)| !value.is_empty()).map(|(key, value)| Variable {
        key,
        name: if key == "host" { "host.name" } else { key },
        value,
    })
}

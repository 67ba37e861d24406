//! Units as Prometheus has them.
//!
//! Sources: [naming practices](https://prometheus.io/docs/practices/naming/), and the table of the
//! [OpenTelemetry compatibility document](https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/).

use flowmeter_core::{Family, MetricKind, Unit};

/// A unit with its suffix, and by which power of ten values are divided to be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BaseUnit {
    pub(crate) suffix: &'static str,
    pub(crate) decimals: u32,
    /// How names say that they are in the unit, which values then are not any more.
    pub(super) said: &'static [&'static str],
}

/// The base unit of a family's values; nothing for counts of things.
pub(crate) fn base_unit_of(family: &Family) -> Option<BaseUnit> {
    // Buckets have the edges that they were recorded with, of which those of times alone are in the base unit.
    let is_kept = |unit: &BaseUnit| {
        family.kind() != MetricKind::Histogram || unit.decimals == 0 || unit.suffix == "seconds"
    };
    base_unit(family.unit()).filter(is_kept)
}

/// The base unit of a unit.
fn base_unit(unit: &Unit) -> Option<BaseUnit> {
    let (suffix, decimals, said): (_, _, &[_]) = match unit.as_str() {
        "s" => ("seconds", 0, &[]),
        "ms" => ("seconds", 3, &["ms", "millis", "milliseconds"]),
        "us" => ("seconds", 6, &["us", "micros", "microseconds"]),
        "ns" => ("seconds", 9, &["ns", "nanos", "nanoseconds"]),
        // A part of the time, in which Flink has its times by second.
        "ms/s" => ("ratio", 3, &["ms_per_second"]),
        "By" => ("bytes", 0, &[]),
        "By/s" => ("bytes_per_second", 0, &[]),
        "1" => ("ratio", 0, &[]),
        "%" => ("percent", 0, &[]),
        "Cel" => ("celsius", 0, &[]),
        "Hz" => ("hertz", 0, &[]),
        _ => return None,
    };
    Some(BaseUnit { suffix, decimals, said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_seconds() {
        let decimals = |unit: Unit| base_unit(&unit).map(|unit| unit.decimals);
        let units = [Unit::SECONDS, Unit::MILLISECONDS, Unit::MICROSECONDS, Unit::NANOSECONDS];
        assert_eq!(units.map(decimals), [Some(0), Some(3), Some(6), Some(9)]);
    }
}

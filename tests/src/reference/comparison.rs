//! Flink's metrics beside those of the catalogues.

use std::collections::BTreeMap;

use flowmeter::MetricKind;

use super::families::{Described, Side};
use super::flink_metric::FlinkMetric;

/// What there is on both sides, by the names that Flink has.
pub(super) struct Comparison<'a> {
    flink: Vec<FlinkMetric<'a>>,
    described: Vec<Described>,
    /// Positions in both, by name in the normal form.
    flink_by_name: BTreeMap<String, Vec<usize>>,
    described_by_name: BTreeMap<String, Vec<(usize, Side)>>,
}

/// How flowmeter stands to a metric of Flink's.
#[derive(Debug)]
pub(super) enum Standing<'c> {
    /// It has the metric, as these families.
    There(Vec<(&'c Described, Side)>),
    /// It does not, for a reason.
    NotApplicable(&'c str),
    /// It should, but has not these of its names.
    Missing(Vec<String>),
}

impl<'a> Comparison<'a> {
    pub(super) fn new(flink: Vec<FlinkMetric<'a>>, described: Vec<Described>) -> Self {
        let mut flink_by_name = BTreeMap::<_, Vec<_>>::new();
        for (position, metric) in flink.iter().enumerate() {
            for name in metric.names() {
                flink_by_name.entry(name).or_default().push(position);
            }
        }
        let mut described_by_name = BTreeMap::<_, Vec<_>>::new();
        for (position, described) in described.iter().enumerate() {
            for (name, side) in described.flink_names() {
                described_by_name.entry(name).or_default().push((position, side));
            }
        }
        Self { flink, described, flink_by_name, described_by_name }
    }

    /// All of Flink's metrics.
    pub(super) fn flink(&self) -> &[FlinkMetric<'a>] {
        &self.flink
    }

    /// All families of the catalogues.
    pub(super) fn described(&self) -> &[Described] {
        &self.described
    }

    /// Whether Flink has a metric of a name, in the normal form, that can be a family of a kind.
    pub(super) fn is_in_flink(&self, name: &str, kind: MetricKind) -> bool {
        let positions = self.flink_by_name.get(name).map_or(&[][..], Vec::as_slice);
        positions.iter().any(|position| self.flink[*position].can_be(kind))
    }

    /// How flowmeter stands to one of Flink's metrics. It has the metric if it has all of its names, reason or not.
    pub(super) fn standing<'c>(&'c self, metric: &FlinkMetric<'c>) -> Standing<'c> {
        let (mut there, mut missing) = (Vec::new(), Vec::new());
        for name in metric.names() {
            let of_name = self.described_by_name.get(&name).map_or(&[][..], Vec::as_slice);
            let known = of_name.iter().map(|(position, side)| (&self.described[*position], *side));
            let before = there.len();
            there.extend(known.filter(|(described, _)| metric.can_be(described.family.kind())));
            if there.len() == before {
                missing.push(name);
            }
        }
        if missing.is_empty() {
            Standing::There(there)
        } else if metric.reason.is_empty() {
            Standing::Missing(missing)
        } else {
            Standing::NotApplicable(metric.reason)
        }
    }
}

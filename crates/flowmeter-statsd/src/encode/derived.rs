//! Names that the statistics of histograms have, which a daemon would mix up with metrics of the same name.

use std::collections::HashSet;
use std::convert::Infallible;

use flowmeter_core::{MetricKind, Report};

use super::native::{Place, QUANTILES, STATISTICS};
use crate::Dialect;

/// The histograms of a report of which a statistic has the whole name of another series. Mostly there are none.
#[derive(Default)]
pub(super) struct Derived {
    histograms: HashSet<Whole>,
}

impl Derived {
    /// Finds them. Only where a metric is named like a statistic is there anything to look for.
    pub(super) fn read(&mut self, dialect: Dialect, report: &Report<'_>) {
        self.histograms.clear();
        let mut sought = HashSet::new();
        for family in report.families().filter(|family| family.family().kind() != MetricKind::Histogram) {
            let name = family.prepared();
            if !suffixes().any(|suffix| name.ends_with(suffix) || Some(name) == suffix.strip_prefix(b".")) {
                continue;
            }
            let Ok(()) = family.for_each(|series| {
                sought.extend(histogram_of(&Place::of(dialect, series.prepared(), name)));
                Ok::<_, Infallible>(())
            });
        }
        if sought.is_empty() {
            return;
        }
        for family in report.families().filter(|family| family.family().kind() == MetricKind::Histogram) {
            let name = family.prepared();
            if !sought.iter().any(|(whole, _)| whole.ends_with(name)) {
                continue;
            }
            let Ok(()) = family.for_each(|series| {
                let whole = whole(&Place::of(dialect, series.prepared(), name));
                if sought.contains(&whole) {
                    self.histograms.insert(whole);
                }
                Ok::<_, Infallible>(())
            });
        }
    }

    /// Whether a series has the name of a histogram's statistic.
    #[inline]
    pub(super) fn has(&self, place: &Place<'_>) -> bool {
        !self.histograms.is_empty()
            && histogram_of(place).is_some_and(|whole| self.histograms.contains(&whole))
    }
}

/// What ends the names of statistics.
pub(super) fn suffixes() -> impl Iterator<Item = &'static [u8]> {
    STATISTICS.into_iter().chain(QUANTILES.map(|(_, suffix)| suffix))
}

/// A name, and the tags beside it.
type Whole = (Vec<u8>, Vec<u8>);

fn whole(place: &Place<'_>) -> Whole {
    ([place.before, place.name].concat(), [place.between, place.after].concat())
}

/// The histogram that a series would be a statistic of.
fn histogram_of(place: &Place<'_>) -> Option<Whole> {
    let (mut name, tags) = whole(place);
    let suffix = suffixes().find(|suffix| name.ends_with(suffix))?;
    name.truncate(name.len() - suffix.len());
    Some((name, tags))
}

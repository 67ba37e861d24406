//! What stands before the points of a metric.

use super::requests::Head;
use super::wire::{Later, WireType, tag, write_bytes, write_uint};

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Data {
    Gauge,
    Sum { is_delta: bool, is_monotonic: bool },
    Explicit { is_delta: bool },
    Exponential { is_delta: bool },
    Summary,
}

/// A metric's name and what describes it.
#[derive(Clone, Copy)]
pub(super) struct Described<'a> {
    pub(super) name: &'a [u8],
    pub(super) description: &'a str,
    pub(super) unit: &'a str,
}

/// The metrics that a family is.
#[derive(Default)]
pub(super) struct Heads(pub(super) Vec<Head>);

impl Heads {
    /// The heads of a metric for what it grew by, and for all that it has become, of which series may have either.
    pub(super) const DELTA: usize = 0;
    pub(super) const CUMULATIVE: usize = 1;

    pub(super) fn add(&mut self, described: Described<'_>, data: Data, next: &mut u64) {
        let mut bytes = vec![tag(2, WireType::Delimited)];
        let metric = bytes.len();
        Later::reserve(&mut bytes);
        write_bytes(1, described.name, &mut bytes);
        for (field, text) in [(2, described.description), (3, described.unit)] {
            if !text.is_empty() {
                write_bytes(field, text.as_bytes(), &mut bytes);
            }
        }
        let (field, is_delta) = match data {
            Data::Gauge => (5, None),
            Data::Sum { is_delta, .. } => (7, Some(is_delta)),
            Data::Explicit { is_delta } => (9, Some(is_delta)),
            Data::Exponential { is_delta } => (10, Some(is_delta)),
            Data::Summary => (11, None),
        };
        bytes.push(tag(field, WireType::Delimited));
        let data_at = bytes.len();
        Later::reserve(&mut bytes);
        // Before the points, so that nothing is left to write behind them.
        if let Some(is_delta) = is_delta {
            write_uint(2, if is_delta { 1 } else { 2 }, &mut bytes);
        }
        if matches!(data, Data::Sum { is_monotonic: true, .. }) {
            write_uint(3, 1, &mut bytes);
        }
        self.0.push(Head { id: *next, bytes, metric, data: data_at });
        *next += 1;
    }

    /// Adds both temporalities.
    pub(super) fn add_both(&mut self, described: Described<'_>, data: fn(bool) -> Data, next: &mut u64) {
        [true, false].into_iter().for_each(|is_delta| self.add(described, data(is_delta), next));
    }
}

//! The rows.

mod counter;
mod histogram;
mod interference;
mod registry;
mod scrape;
mod timely;

use crate::harness::Row;

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds that count.
    pub rounds: usize,
    /// Series in the rows about many.
    pub series: usize,
}

/// A row that can be measured.
pub type Measure = fn(Effort) -> Row;

/// All rows, in the order in which they are shown.
pub const ROWS: &[(&str, Measure)] = &[
    ("counter/single-writer", counter::single_writer),
    ("counter/shared-2-threads", counter::shared_2_threads),
    ("histogram/single-writer", histogram::single_writer),
    ("histogram/shared-2-threads", histogram::shared_2_threads),
    ("registry/register", registry::register),
    ("registry/heap-per-series", registry::heap_per_series),
    ("scrape/text-100k", scrape::text),
    ("interference/register", interference::register),
    ("timely/nexmark", timely::nexmark),
    ("timely/wordcount", timely::wordcount),
];

//! The rows.

mod bridge;
mod counter;
mod gauge;
mod heap;
mod histogram;
mod interference;
mod otlp;
mod registry;
mod scrape;
mod statsd;
mod system;
mod timely;

use std::time::Duration;

use crate::harness::Row;

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Rounds that count.
    pub rounds: usize,
    /// Series in the rows about many.
    pub series: usize,
    /// Only a part of the calls of a round, to see that rows run.
    pub brief: bool,
}

impl Effort {
    /// So many of `all` calls.
    fn calls(self, all: u64) -> u64 {
        if self.brief { all / 16 } else { all }
    }

    /// So much of a time.
    fn span(self, all: Duration) -> Duration {
        if self.brief { all / 16 } else { all }
    }
}

/// A row that can be measured.
pub type Measure = fn(Effort) -> Row;

/// All rows, in the order in which they are shown.
pub const ROWS: &[(&str, Measure)] = &[
    ("counter/single-writer", counter::single_writer),
    ("counter/shared-2-threads", counter::shared_2_threads),
    ("bridge/macro", bridge::macro_call),
    ("bridge/macro-2-threads", bridge::macro_call_2_threads),
    ("gauge/set", gauge::set),
    ("meter/mark", counter::mark),
    ("histogram/single-writer", histogram::single_writer),
    ("histogram/shared-2-threads", histogram::shared_2_threads),
    ("registry/register", registry::register),
    ("registry/register-one", registry::register_one),
    ("registry/unregister", registry::unregister),
    ("registry/heap-per-series", heap::per_series),
    ("registry/heap-per-histogram", heap::per_histogram),
    ("scrape/text-100k", scrape::text),
    ("scrape/gzip-100k", scrape::gzip),
    ("scrape/histograms-10k", scrape::histograms),
    ("otlp/sums-100k", otlp::sums),
    ("otlp/histograms-10k", otlp::histograms),
    ("statsd/unread", statsd::unread),
    ("statsd/drained", statsd::drained),
    ("interference/record", interference::record),
    ("interference/register", interference::register),
    ("interference/ten-scrapes", interference::ten_scrapes),
    ("system/report", system::report),
    ("timely/nexmark", timely::nexmark),
    ("timely/wordcount", timely::wordcount),
];

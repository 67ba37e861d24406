//! Prometheus reporter: serves what flowmeter measures to Prometheus and whatever else scrapes.
//!
//! ```
//! use flowmeter_core::{Registry, ReporterOptions};
//! use flowmeter_http::Ports;
//! use flowmeter_prometheus::{PrometheusOptions, PrometheusReporter};
//!
//! let registry = Registry::new();
//! let options = PrometheusOptions::default().with_ports(Ports::any());
//! let reporter = Box::new(PrometheusReporter::new(options));
//! let handle = registry.add_reporter("prometheus", reporter, ReporterOptions::default())?;
//! println!("scrape {}", handle.endpoint().unwrap_or_default());
//! # Ok::<(), flowmeter_core::Error>(())
//! ```
//!
//! # Formats
//!
//! A scraper says by `Accept` what it wants, and gets the first of these that it asks for:
//!
//! | format | has |
//! |---|---|
//! | delimited protocol buffers | native and classic histograms, the times since when sums count, exemplars |
//! | [OpenMetrics] 1.0 | classic histograms, `_created`, units, info metrics, exemplars |
//! | [text] 0.0.4 and 1.0.0 | classic histograms; for whoever asks for nothing else |
//!
//! `Accept-Encoding` chooses between gzip, zstd (feature `zstd`, on by default) and neither. `?name[]=` selects metrics by name, any number of them;
//! a scrape with it is not a whole one, and does not let closed groups go. `HEAD` says what `GET` would.
//!
//! A histogram's classic buckets are edges of its exponential ones, or those that it was
//! [given](flowmeter_core::HistogramOptions::with_bounds), so their counts are exact. Native histograms have the
//! exponential buckets as they are: times are recorded into buckets of seconds, whatever their unit is.
//!
//! [OpenMetrics]: https://prometheus.io/docs/specs/om/open_metrics_spec/
//! [text]: https://prometheus.io/docs/instrumenting/exposition_formats/
//!
//! # Names
//!
//! By the [`NamingPolicy`]: Prometheus' own, names with dots for servers that take UTF-8, Flink's, or your own
//! [`Names`].
//!
//! With Prometheus' own names metrics are in snake case and base units, with the unit and `_total` as suffixes. `numRecordsIn` of an
//! operator becomes `taskmanager_job_task_operator_num_records_in_total`, and a counter `busyTime` in nanoseconds
//! becomes `..._busy_time_seconds_total`, converted exactly. A unit that a name says and values are not in any more is
//! taken from it: a gauge `busyTimeMsPerSecond` becomes `..._busy_time_ratio`. Variables become labels, in snake case
//! as well; empty ones do not, since Prometheus takes an empty label for none.
//!
//! Names that end as samples of counters and histograms do would be taken for those, so gauges and histograms do not: a
//! gauge `taskSlotsTotal` becomes `..._total_task_slots`, a gauge `lag.count` becomes `..._lag_count_value`. A text is the
//! label `value` of a series `..._info` that is 1. Two metrics whose names differ only in the suffix of their kinds clash, in
//! all formats, because OpenMetrics has no place for both: the one that came first is served, the other is counted and named in
//! a log line. What clashes in one format alone, such as a histogram `lag` and a counter `lagSum` in OpenMetrics, is left out of
//! that: the later one, counted as dropped values of each such answer; the first that is left out is named in a log line.
//!
//! `target_info` has the attributes of the process, and `flowmeter_build_info` the version of flowmeter.
//!
//! # The end of a group
//!
//! When a group closes, its final values stay until they were sent in a complete answer and a minute has passed, so
//! that several scrapers see them. The counts of a task that is restarted meanwhile go on from them. `/metrics?peek`
//! shows the same and does not count as a scrape.
//!
//! # Serving
//!
//! An answer is written on the reporter's thread, once for all who wait for the same, and sent while it is written. A client
//! that takes nothing, or next to nothing, is cut off, and what all of them have not taken yet is
//! [bounded](PrometheusOptions::memory). TLS, credentials and limits are those of [`flowmeter_http`].

#![forbid(unsafe_code)]

mod chunks;
mod clients;
mod compress;
mod encode;
mod factory;
mod gzip;
mod naming;
mod negotiation;
mod options;
mod page;
mod reporter;
mod scrape;

pub use chunks::ChunkWriter;
pub use encode::{Buckets, CONTENT_TYPE, TextEncoder};
pub use factory::PrometheusFactory;
pub use gzip::GzipEncoder;
pub use naming::{Names, NamingPolicy, NativeNames, Utf8Names};
pub use options::PrometheusOptions;
pub use reporter::PrometheusReporter;

/// The example of the README, which is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

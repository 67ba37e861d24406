//! Prometheus reporter: serves what flowmeter measures in the
//! [text exposition format](https://prometheus.io/docs/instrumenting/exposition_formats/) 0.0.4.
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
//! # Names
//!
//! Metrics follow Prometheus' conventions: snake case, base units, the unit and `_total` as suffixes. `numRecordsIn` of
//! an operator becomes `taskmanager_job_task_operator_num_records_in_total`, and a counter `busyTime` in nanoseconds
//! becomes `..._busy_time_seconds_total`, converted exactly. A unit that a name says and values are not in any more is
//! taken from it: a gauge `busyTimeMsPerSecond` becomes `..._busy_time_ratio`. Variables become labels, in snake case
//! as well; empty ones do not, since Prometheus takes an empty label for none.
//!
//! Names that end as samples of counters and histograms do would be taken for those, so gauges and histograms do not: a
//! gauge `taskSlotsTotal` becomes `..._total_task_slots`, a gauge `lag.count` becomes `..._lag_count_value`. A text is the
//! label `value` of a series that is 1.
//!
//! # The end of a group
//!
//! When a group closes, its final values stay until they were sent in a complete answer and a minute has passed, so
//! that several scrapers see them. The counts of a task that is restarted meanwhile go on from them. `/metrics?peek`
//! shows the same text and does not count as a scrape.

#![forbid(unsafe_code)]

mod chunks;
mod escape;
mod factory;
mod gzip;
mod naming;
mod number;
mod reporter;
mod text;

pub use chunks::ChunkWriter;
pub use factory::PrometheusFactory;
pub use gzip::GzipEncoder;
pub use reporter::{PrometheusOptions, PrometheusReporter};
pub use text::{CONTENT_TYPE, TextEncoder};

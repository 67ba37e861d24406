//! Bridge between flowmeter and the [`metrics`](https://docs.rs/metrics) crate, both ways.
//!
//! ```text
//! counter!("lines_parsed")  --->  GroupRecorder  --->  a metric group  --->  all reporters of flowmeter
//!
//! all metric groups  --->  MetricsReporter  --->  any recorder, such as those of the metrics-exporter crates
//! ```
//!
//! | item | for |
//! |---|---|
//! | [`GroupRecorder`] | libraries that count with the macros of the `metrics` crate: their metrics are series of a group, with its variables |
//! | [`MetricsReporter`], [`MetricsFactory`] | programs that export through a recorder: it gets what flowmeter's groups have |
//!
//! It depends on the facade alone, and not on its utilities.

#![forbid(unsafe_code)]

mod inside;
mod recorder;
mod reporter;
mod unit;

pub use recorder::{GroupRecorder, RecorderOptions, RecorderStatistics};
pub use reporter::{MetricsFactory, MetricsReporter};

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
//! [`CATALOGUE`] has the metric that a recorder has of its own. The crate depends on the facade alone, and not on its utilities.

#![forbid(unsafe_code)]

mod inside;
mod recorder;
mod reporter;
mod unit;

pub use recorder::{CATALOGUE, GroupRecorder, RecorderOptions, RecorderStatistics};
pub use reporter::{MetricsFactory, MetricsReporter};

/// The example of the README, which is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! The core of flowmeter: metric groups, the cells that values are recorded in, the registry, and the contract with
//! reporters.
//!
//! Applications use it through the `flowmeter` crate, which adds reporters and configuration. Libraries that record
//! metrics, and crates that bring a reporter, depend on this crate alone.
//!
//! # The path of a number
//!
//! ```text
//! task's thread          registry                     reporter's thread            backend
//! Counter::inc  --->  cell (one word)  <--- reads ---  Report -> FamilyView  --->  text, bytes
//!                       block of a group                index of sets, labels
//!                                                       prepared once a group
//! ```
//!
//! 1. A [`MetricGroup`] is a place in the stream processor, with variables. Seven system groups mirror Flink's
//!    ([`JobManagerGroup`] to [`OperatorGroup`]) and own what is below them; user groups are added anywhere.
//! 2. Registering a metric, or a [`MetricSet`] of them, gives handles. A handle's recording calls write its cell and do
//!    nothing else: no look-up, no lock, no clock.
//! 3. Each [`Reporter`] has a thread and an index of its own. It reads the cells when it reports.
//! 4. When a group closes, each reporter reports its final values once, then lets it go.
//!
//! Beside numbers a group has milestones: a [`Span`] of what took a time, such as a checkpoint, and an [`Event`] that happened, such
//! as a failure. Each is reported once, to the reporters that want them, as soon as it comes.
//!
//! # What it reports of itself
//!
//! Unless [`RegistryOptions::without_self_metrics`] says otherwise, every reporter sees the group `flowmeter` too:
//!
//! | group | metrics |
//! |---|---|
//! | `flowmeter` | what [`Statistics`] has: `refusedRegistrations`, `droppedUnreadSeries`, `clashes`, `limitedSeries`, `callbackPanics`, `callbackTimeouts`, `cutMilestones` |
//! | `flowmeter.reporter`, with the variable `reporter` | `reports`, `failures`, `panics`, `skippedReports`, `restarts`, `written` (bytes), `droppedValues`, `uncertainValues`, `reportedMilestones`, `droppedMilestones`, `lastErrorTime` (seconds since the Unix epoch), `series`, `reportDuration` (a histogram) |
//!
//! # Where to begin
//!
//! [`Registry`] for groups and reporters, [`Counter`], [`Gauge`] and [`Histogram`] for recording, [`Exemplar`] to tell of
//! the trace that a value is from, [`MetricSet`] to register a struct of metrics at once, [`Reporter`] to write a reporter.

mod block;
mod catalogue;
mod cell;
mod clock;
mod collected;
mod config;
mod control;
mod core;
mod counter;
mod epochs;
mod error;
mod exemplar;
mod exemplars;
mod family;
mod filter;
mod flink_names;
mod gauge;
mod group;
mod group_view;
mod histogram;
mod index;
mod lifecycle;
mod metric;
mod milestone;
mod names;
mod node;
mod one_writer;
mod options;
mod owners;
mod registry;
mod report;
mod reporter;
mod runner;
mod sample;
mod sampler;
mod scope;
mod scope_format;
mod self_metrics;
mod set;
mod shards;
mod shared_counter;
mod source;
mod statistics;
mod sync;
mod text_gauge;
mod time_meter;
mod unit;
mod value;
mod variables;

pub use catalogue::CatalogueEntry;
pub use clock::{Clock, SystemClock};
pub use collected::Collected;
pub use config::{ConfigError, ConfigKey, ConfigSection, ConfigValue, FromConfig, KeyInfo, ReporterFactory};
pub use control::ReporterStatus;
pub use counter::{CollectedCounter, Counter, Meter, UpDownCounter};
pub use error::{Error, ReportError};
pub use exemplar::{Exemplar, TraceContext};
pub use family::Family;
pub use filter::{MetricFilter, ParseFilterError, VariableFilter};
#[cfg(feature = "derive")]
pub use flowmeter_derive::MetricSet;
pub use gauge::{Gauge, GaugeValue, SharedGauge};
pub use group::MetricGroup;
pub use group_view::GroupView;
pub use histogram::{
    BucketRange, ClassicBuckets, Histogram, HistogramOptions, HistogramSnapshot, HistogramValue,
    HistogramWriter, SharedHistogram,
};
pub use metric::{Metric, MetricKind, ValueType};
pub use milestone::{
    AttributeValue, Event, Milestone, MilestoneView, Milestones, Severity, Span, SpanStatus,
};
pub use names::push_snake_case;
pub use options::ReporterOptions;
pub use owners::{
    JobManagerGroup, JobManagerJobGroup, JobManagerOperatorGroup, OperatorGroup, TaskGroup, TaskInfo,
    TaskManagerGroup, TaskManagerJobGroup,
};
pub use registry::{Registry, RegistryOptions, ReporterHandle};
pub use report::{FamilyView, Report, SeriesView};
pub use reporter::{Clashes, Naming, ReportMark, ReportMode, ReportNumber, Reporter, ReporterContext};
pub use scope::ScopeKind;
pub use scope_format::{ParseScopeFormatError, ScopeFormats};
pub use self_metrics::SELF_CATALOGUE;
pub use set::{Descriptor, MetricHandle, MetricSet, SetCells};
pub use shared_counter::{
    CounterWriter, MeterWriter, SharedCounter, SharedMeter, SharedUpDownCounter, UpDownCounterWriter,
};
pub use statistics::Statistics;
pub use text_gauge::TextGauge;
pub use time_meter::{TimeGuard, TimeMeter};
pub use unit::Unit;
pub use value::{Number, Value};
pub use variables::is_system_variable;

/// The example of the README, which is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

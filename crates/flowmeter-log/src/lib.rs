//! Log reporter: writes what flowmeter measures into the program's own log, through [`tracing`].
//!
//! ```
//! use flowmeter_core::{Registry, ReporterOptions};
//! use flowmeter_log::{LogOptions, LogReporter};
//!
//! let registry = Registry::new();
//! let reporter = LogReporter::new(LogOptions::default());
//! registry.add_reporter("log", Box::new(reporter), ReporterOptions::default())?;
//! # Ok::<(), flowmeter_core::Error>(())
//! ```
//!
//! The program decides what becomes of the lines, by its subscriber. These are their targets, each a filter's name:
//!
//! | target | lines | level |
//! |---|---|---|
//! | `flowmeter::report` | metrics, in each report | [`level`](LogOptions::level), `INFO` |
//! | `flowmeter::span` | a span, soon after it was reported | the same |
//! | `flowmeter::event` | an event, soon after it was reported | that of its severity |
//!
//! What no subscriber takes is not written, and neither an error nor counted: whoever sets a level has asked for it.
//!
//! # Lines
//!
//! A report has a line a group, which is what an operator looks for: of one subtask, all there is. Lines are sorted by scope and
//! variables; within one counters come first, then gauges, meters and histograms, each sorted by name.
//!
//! ```text
//! taskmanager.job.task.operator host=h tm_id=tm-1 job_name="word count" subtask_index=0 | numRecordsIn=42 state="RUNNING" mails=count:7,rate:0.5 wait=count:2,sum:30,min:10,max:20,p50:10.0
//! Checkpoint scope=my.Coordinator start=1795332714.288 seconds=0.408 status=ok | host=h job_name="word count" | checkpointId=1 fullSize=7906
//! JobStatusChangeEvent scope=my.JobMaster severity=WARN time=1795332716.001 body="a task has failed" | host=h job_name="word count" | newJobStatus="RESTARTING"
//! ```
//!
//! It is [logfmt](https://brandur.org/logfmt), with a bare `|` between its parts: names and variables are quoted if they are not one word, texts
//! always, both with Rust's escapes, so that a line is one line and nothing in it is a terminal's command. Values are in the units that the
//! metrics have; a float has a point or an exponent. Times are seconds, since the Unix epoch where they are points in time. A
//! span below another has a line of its own, with `parent`. Two groups whose lines begin alike clash if they have a metric of one name: the later is withheld
//! and named.
//!
//! [`NamingPolicy::Flink`] has what Flink 2.3 writes by SLF4J instead: a report is one message, with a line a metric under headings of
//! kinds, identifiers, Java's spelling of numbers, rates of meters without their counts, and statistics of histograms without the
//! sum. The differences: metrics are sorted, and no two are lost for sharing an object; what would end a line, or be a
//! terminal's command, is an underscore; `count` of a histogram is the count and not the size of a window; an event is shown
//! with what it says, and not by its address.
//!
//! # Bounds
//!
//! A message is no longer than [`message_size`](LogOptions::message_size): a group with more has several lines that begin alike,
//! and Flink's form several messages. A report has no more than [`lines`](LogOptions::lines) messages, and a last one that says
//! what is missing. What is left out is counted as dropped. While a report is written, its text is in memory.
//!
//! # What reads the log and reports to flowmeter
//!
//! A reporter's lines are part of the log. What counts lines counts these too, which ends with the report. What makes an
//! event of each line would go on without end: it is to look at the target, or to ask [`is_writing`]. Where it does not,
//! no more than [`lines`](LogOptions::lines) spans and events are written in an interval, and the rest is dropped and counted.

#![forbid(unsafe_code)]

mod budget;
mod factory;
mod flink;
mod messages;
mod milestones;
mod native;
mod options;
mod output;
mod reporter;
mod text;

pub use factory::LogFactory;
pub use options::{LogLevel, LogOptions, NamingPolicy, Signals};
pub use output::is_writing;
pub use reporter::LogReporter;

/// The example of the README, which is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

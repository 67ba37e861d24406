//! StatsD reporter: sends what flowmeter measures to StatsD, Datadog's Agent, Graphite and whatever else reads their lines.
//!
//! ```
//! use flowmeter_core::{Registry, ReporterOptions};
//! use flowmeter_statsd::{Dialect, StatsdOptions, StatsdReporter};
//!
//! let registry = Registry::new();
//! let options = StatsdOptions::default()
//!     .with_address("udp://127.0.0.1:8125".parse()?)
//!     .with_dialect(Dialect::DogStatsd);
//! registry.add_reporter("statsd", Box::new(StatsdReporter::new(options)), ReporterOptions::default())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Lines
//!
//! | [`Dialect`] | a counter that grew by 5 |
//! |---|---|
//! | `plain` | `host-1.taskmanager.tm-1.wordcount.count.0.numRecordsIn:5\|c` |
//! | `dogstatsd` | `taskmanager.job.task.operator.numRecordsIn:5\|c\|#host:host-1,tm_id:tm-1` |
//! | `graphite` | `taskmanager.job.task.operator.numRecordsIn;host=host-1;tm_id=tm-1:5\|c` |
//! | `flink` | `host-1.taskmanager.tm-1.wordcount.count.0.numRecordsIn:5\|g` |
//!
//! Plain names are identifiers by the scope formats. With tags a name is the logical scope and the metric, and all
//! variables that are not empty are tags. Names have ASCII letters, digits, `_`, `-` and dots, and underscores for
//! everything else, because daemons remove or misread that, or hyphens where the underscore is the delimiter; so have
//! Graphite's tags. A variable `name` is the tag `name_` there, since Graphite has the metric in `name`. Datadog has no `-`
//! in names, and no names of more than 200 characters, which are not sent; its tags have all but `,`, `|`, `#` and control
//! characters in their values. Two series that come out alike clash: the later is withheld and named.
//!
//! | metric | is sent as |
//! |---|---|
//! | counters, meters | `c`, what they grew by; once as they begin, and then only if they grew, or with each [heartbeat] |
//! | gauges, up-down counters | `g`, in each report; truth values as 1 and 0; one below zero as `x:0\|g` and `x:-3\|g` in one packet, since a sign alone means a change |
//! | histograms | what they recorded since the last report, by [`HistogramMode`]; times in milliseconds, as everywhere in StatsD |
//!
//! Counters and gauges keep their units, so that integers are exact. Texts, infinities and what is not a number cannot be
//! said, nor what is longer than a packet; and what has the name of a histogram's statistic is not, because the daemon would
//! make one of both. They are counted as dropped, and the log names each metric once for each reason, up to a hundred.
//!
//! Where the values of a histogram are sent, a bounded number of them stands for all: with the rate `0.0625` one stands
//! for sixteen. They are the middles of exact exponential buckets, off by at most
//! [`relative_error`](flowmeter_core::HistogramSnapshot::relative_error). A histogram goes into one packet, whole or not at
//! all; where buckets are too many for it, one value stands for several ranks:
//!
//! - **DogStatsD** has a line for all values of one rate. Where there is room, there are many rates, and the fewer ranks to a
//!   value the nearer it is to an end. Long tags leave room for three lines: with 370 bytes of them in packets of 1432 bytes,
//!   a value stands for less than 1 % of the ranks below the fifth percentile and above the 95th, and for up to 6 % in
//!   between. With two lines all have the same share. In each of these the count is exact, and the least and the greatest
//!   value are there. Where tags leave room for one line only, they are not, and the count may lack what its division by the
//!   number of values leaves, which is chosen to leave little.
//! - **Timers of other dialects** are a line each. Etsy's StatsD counts by the rates, but puts each value into its statistics
//!   once. So all stand for the same number of ranks, and no rate is needed to see the shape: a mean or a percentile is that
//!   of the values, at most half their share of ranks beside the truth. The count is exact, and `upper` and `lower` are of
//!   values within the last and the first share.
//!
//! The dialect `flink` has what Flink 2.3 sends: whole sums as gauges, `.rate` and `.count` of meters, statistics of histograms
//! over their lives, Java's spelling of numbers, `NaN`, `Infinity` and texts; but not each number twice, as Flink does, and line
//! ends in names are underscores.
//!
//! # Delivery
//!
//! Packets are filled with lines, and none is split. They go out in batches with one system call where there is one for that,
//! and large reports by UDP are [spread](StatsdOptions::spread), so as not to overrun the daemon. Nothing waits longer than
//! [`timeout`](StatsdOptions::timeout).
//!
//! What a socket has taken is not sent again, and what it has not taken goes into the next report. What it took counts as
//! delivered, but for this, which counts as uncertain:
//!
//! - **UDP:** what was sent in the same report and in the one before, when the system tells that a datagram was refused. A
//!   network or a receiver that loses datagrams tells nobody.
//! - **Unix datagrams:** the same. What a daemon has not read when it dies is lost, and nobody is told.
//! - **TCP and Unix streams:** when a connection breaks, what was written to it since the last report but one that was taken
//!   whole. More is lost if a daemon dies that has not read for longer. The next connection begins with a whole line, and is tried
//!   again with backoff where it fails.
//!
//! Systems without Unix sockets have UDP and TCP.
//!
//! [heartbeat]: StatsdOptions::heartbeat

#![forbid(unsafe_code)]

mod address;
mod encode;
mod factory;
mod naming;
mod options;
mod pace;
mod packets;
mod reporter;
mod transport;
mod unsaid;

pub use address::{Address, DEFAULT_PORT, ParseAddressError};
pub use factory::StatsdFactory;
pub use options::{Dialect, HistogramMode, StatsdOptions};
pub use reporter::StatsdReporter;

/// The example of the README, which is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! Metrics for stream processors: the groups, scopes and reporters that Apache Flink's users know, at the price of a
//! plain add on the hot path.
//!
//! ```
//! # #[cfg(all(feature = "prometheus", feature = "stream"))] {
//! use flowmeter::prometheus::{Ports, PrometheusOptions};
//! use flowmeter::stream::OperatorIoMetrics;
//! use flowmeter::{Flowmeter, MetricSet, TaskInfo};
//!
//! let options = PrometheusOptions::default().with_ports(Ports::range(9249, 9349));
//! let flowmeter = Flowmeter::builder().prometheus("prometheus", options).start()?;
//!
//! let task_manager = flowmeter.task_manager("host-1", "tm-1");
//! let job = task_manager.job("a3f0", "wordcount");
//! let task = job.task(TaskInfo { name: "tokenize -> count", subtask_index: 0, ..TaskInfo::default() });
//! let operator = task.operator("2.1", "count");
//!
//! let io = OperatorIoMetrics::register(&operator);
//! let late = operator.add_group("windows").counter("lateRecords");
//! io.num_records_in.inc();
//! late.inc_by(3);
//! # }
//! # Ok::<(), flowmeter::Error>(())
//! ```
//!
//! # Where to begin
//!
//! [`Flowmeter`] for a running system, [`Registry`] for its groups, [`Counter`], [`Gauge`], [`Meter`] and [`Histogram`] for
//! recording, [`MetricSet`] to register a struct of metrics at once, [`Reporter`] to write a reporter.
//!
//! All items of the crate `flowmeter-core` are here, and what the features add:
//!
//! | feature | brings |
//! |---|---|
//! | `config` | configuration from files and environment variables, in the module `config`; it is on by default |
//! | `derive` | `#[derive(MetricSet)]`, for metric sets of your own |
//! | `jmx` | the JMX reporter, in the module `jmx` |
//! | `log` | the reporter that writes into the program's log, in the module `log` |
//! | `metrics` | the bridge to the `metrics` crate, both ways, in the module `metrics` |
//! | `otlp` | the OTLP reporter, in the module `otlp` |
//! | `otlp-tracing` | the process's own spans and log records by OTLP, from `tracing`, in the module `otlp` |
//! | `prometheus` | the Prometheus reporter, in the module `prometheus` |
//! | `statsd` | the StatsD reporter, in the module `statsd` |
//! | `stream` | the standard metric sets of a stream processor, in the module `stream` |
//! | `system` | metrics of process, threads, control group and host, in the module `system` |
//! | `tls` | TLS for what serves, and for what sends by HTTP; builds some C and assembly |
//! | `zstd` | answers and requests that are compressed by zstd, beside gzip; builds it in C |
//! | `full` | all of these |
//! | `counting-allocator`, `jemalloc`, `mimalloc` | statistics of the allocator, in the module `system`; the latter two build these in C |
//! | `tokio` | metrics of tokio runtimes, in the module `system` |
//!
//! Without any it has no async runtime and few dependencies; reporters of other crates work with it all the same, through
//! [`FlowmeterBuilder::reporter`].

#![forbid(unsafe_code)]

mod builder;
#[cfg(feature = "config")]
pub mod config;

pub use builder::{Flowmeter, FlowmeterBuilder};
#[doc(inline)]
pub use flowmeter_core::*;
#[cfg(feature = "derive")]
#[doc(inline)]
pub use flowmeter_derive::FacadeMetricSet as MetricSet;

/// The JMX reporter.
///
/// It listens on the loopback address unless told otherwise. For other hosts, give it a certificate, for which it takes the
/// feature `tls`, and a user name with its password.
#[cfg(feature = "jmx")]
pub mod jmx {
    #[cfg(feature = "tls")]
    pub use flowmeter_http::TlsOptions;
    pub use flowmeter_http::{AuthOptions, Ports, Secret, ServerOptions};
    #[doc(inline)]
    pub use flowmeter_jmx::*;
}

/// The Prometheus reporter.
///
/// It listens on the loopback address unless told otherwise. For other hosts, give it a certificate, for which it takes the
/// feature `tls`, and credentials:
///
/// ```no_run
/// # #[cfg(feature = "tls")] {
/// use flowmeter::Flowmeter;
/// use flowmeter::prometheus::{AuthOptions, Ports, PrometheusOptions, Secret, ServerOptions, TlsOptions};
///
/// let password = std::fs::read_to_string("password")?;
/// let server = ServerOptions::default()
///     .with_address([0, 0, 0, 0].into())
///     .with_tls(TlsOptions::new("server.pem", "server.key"))
///     .with_auth(AuthOptions::default().with_basic("prometheus", Secret::new(password.trim())));
/// let options = PrometheusOptions::default().with_ports(Ports::range(9249, 9260)).with_server(server);
/// let flowmeter = Flowmeter::builder().prometheus("prometheus", options).start()?;
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[cfg(feature = "prometheus")]
pub mod prometheus {
    #[cfg(feature = "tls")]
    pub use flowmeter_http::TlsOptions;
    pub use flowmeter_http::{AuthOptions, Ports, Secret, ServerOptions};
    #[doc(inline)]
    pub use flowmeter_prometheus::*;
}

#[cfg(feature = "log")]
#[doc(inline)]
pub use flowmeter_log as log;
#[cfg(feature = "metrics")]
#[doc(inline)]
pub use flowmeter_metrics as metrics;
#[cfg(feature = "otlp")]
#[doc(inline)]
pub use flowmeter_otlp as otlp;
#[cfg(feature = "statsd")]
#[doc(inline)]
pub use flowmeter_statsd as statsd;
#[cfg(feature = "stream")]
#[doc(inline)]
pub use flowmeter_stream as stream;
#[cfg(feature = "system")]
#[doc(inline)]
pub use flowmeter_system as system;

/// The example of the README, which is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! Real servers and real jobs for the end-to-end tests, and the documents that are made from the code.
//!
//! `cargo xtask test` installs the servers and says where they are. Where one is missing, a test skips itself, out
//! loud; where the environment asks for all of them, as in CI, that is a failure.

#![forbid(unsafe_code)]

/// The examples in README compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The examples in CONTRIBUTING work.
#[cfg(doctest)]
#[doc = include_str!("../../CONTRIBUTING.md")]
pub struct Contributing;

/// The examples in the how-to work.
#[cfg(doctest)]
#[doc = include_str!("../../docs/how-to/bridge-the-metrics-crate.md")]
pub struct BridgeTheMetricsCrate;

/// The examples in the how-to compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/how-to/configure.md")]
pub struct Configure;

/// The examples in the how-to compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/how-to/report-spans-and-events.md")]
pub struct ReportSpansAndEvents;

/// The examples in the how-to compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/how-to/send-by-otlp.md")]
pub struct SendByOtlp;

/// The examples in the how-to compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/how-to/read-with-jconsole.md")]
pub struct ReadWithJconsole;

/// The example in the how-to compiles.
#[cfg(doctest)]
#[doc = include_str!("../../docs/how-to/write-to-the-log.md")]
pub struct WriteToTheLog;

mod backends;
mod collector;
mod compression;
mod datadog;
mod demo;
mod every_kind;
mod exemplar;
mod filter;
mod jdk;
mod jmx_query;
mod jolokia;
mod ports;
mod prometheus;
mod protobuf;
mod python_client;
pub mod reference;
mod relay;
mod scrape;
mod served;
mod statsd;
mod victoria_metrics;

pub use backends::{Folder, program};
pub use collector::{Collector, CollectorKind};
pub use compression::decompress;
pub use datadog::{Agent, DatadogClient, SocketKind};
pub use demo::Demo;
pub use every_kind::{EveryKind, Held, Labels, Series};
pub use exemplar::Exemplar;
pub use jdk::{JavaServer, Jdk};
pub use jmx_query::{JmxQuery, JmxValue};
pub use jolokia::JolokiaClient;
pub use prometheus::{Login, Prometheus, Protocol, ScrapeJob, check_metrics};
pub use protobuf::{Message, Protoc};
pub use python_client::{ParsedSample, PythonClient};
pub use relay::Relay;
pub use scrape::{Answer, get};
pub use served::Served;
pub use statsd::{Flush, State, Statsd, StatsdConfig, Timer};
pub use victoria_metrics::VictoriaMetrics;

use std::thread;
use std::time::{Duration, Instant};

/// Long enough for whatever a test waits for.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Tries until something is there.
///
/// # Panics
///
/// When it does not come within [`PATIENCE`].
pub fn wait_for<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what} did not come within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

//! What tests of metrics and of reporters need.
//!
//! - [`MockClock`] moves only when told, so that retention, grace and rates need no waiting.
//! - [`Capture`] is a reporter that remembers what it was given, and fails, panics or hangs on request.
//! - [`driven`] puts both into a registry that reports on request.
//! - [`compatibility`] takes any reporter through what all of them must do.
//! - [`exposition`] reads what Prometheus would, and [`statsd`] what a StatsD daemon would, strictly.
//! - `otlp`, with the feature of this name, takes what OpenTelemetry's Collector would, and answers what it is told.
//!
//! ```
//! use flowmeter_testkit::{Capture, PATIENCE, driven};
//!
//! let capture = Capture::push();
//! let (registry, _clock, reporter) = driven(&capture);
//! let late = registry.add_group("windows").counter("lateRecords");
//! late.inc_by(3);
//! reporter.report_now(PATIENCE)?;
//! assert_eq!(capture.value("windows.lateRecords{}"), Some(3.0));
//! # Ok::<(), flowmeter_core::Error>(())
//! ```

#![forbid(unsafe_code)]

mod capture;
mod clock;
pub mod compatibility;
pub mod exposition;
mod observed;
#[cfg(feature = "otlp")]
pub mod otlp;
mod pair;
pub mod statsd;

use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{Clock, Registry, RegistryOptions, ReporterHandle, ReporterOptions};

pub use capture::{Capture, CapturedMilestone, Lines, names};
pub use clock::MockClock;
pub use observed::Observed;
pub use pair::Pair;

/// How long tests wait for what must happen: long enough for the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Options of a reporter that reports when it is told to, and not by itself.
#[must_use]
pub fn on_request() -> ReporterOptions {
    ReporterOptions::default().with_interval(Duration::MAX)
}

/// A registry that reports nothing of itself.
#[must_use]
pub fn quiet_registry() -> Registry {
    Registry::with_options(RegistryOptions::default().without_self_metrics())
}

/// The same on a clock of the test's.
#[must_use]
pub fn quiet_registry_on(clock: Arc<dyn Clock>) -> Registry {
    Registry::with_options(RegistryOptions::default().with_clock(clock).without_self_metrics())
}

/// A registry that a test drives: its clock stands still, and its reporter, named `capture`, reports on request.
///
/// # Panics
///
/// If the reporter does not start, which is for want of threads.
#[must_use]
pub fn driven(capture: &Capture) -> (Registry, Arc<MockClock>, ReporterHandle) {
    let clock = Arc::new(MockClock::default());
    let registry = quiet_registry_on(Arc::clone(&clock) as _);
    let handle = registry.add_reporter("capture", capture.reporter(), on_request());
    (registry, clock, handle.unwrap_or_else(|error| panic!("{error}")))
}

/// The example of the README, which is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

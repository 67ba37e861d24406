//! What Etsy's StatsD makes of what it is sent, beside what others send it, and what Datadog's client sends
//! beside us.

mod bursts;
mod datadog;
mod demo;
mod dialects;
mod names;
mod peer;
mod restarts;
mod truth;

use flowmeter::statsd::{Address, StatsdOptions, StatsdReporter};
use flowmeter::{Registry, ReporterHandle, ReporterOptions};
use flowmeter_e2e::Statsd;
use flowmeter_testkit::quiet_registry;

/// Where a daemon takes what is sent by UDP or TCP.
fn address(scheme: &str, statsd: &Statsd) -> Address {
    format!("{scheme}://{}", statsd.address()).parse().expect("an address")
}

/// A registry that reports to StatsD.
fn reporting(statsd: StatsdOptions, options: ReporterOptions) -> (Registry, ReporterHandle) {
    let registry = quiet_registry();
    let reporter = Box::new(StatsdReporter::new(statsd));
    let reporter = registry.add_reporter("statsd", reporter, options).expect("it starts in any case");
    (registry, reporter)
}

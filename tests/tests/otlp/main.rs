//! What receivers of OTLP make of what they are sent: two collectors that pass it on, a server that keeps it, and one that
//! hears the official exporter beside us.

mod demo;
mod quantiles;
mod received;
mod restarts;
mod sdk;
mod victoria_metrics;

use std::time::{Duration, Instant};

use flowmeter::otlp::{OtlpOptions, OtlpReporter, Protocol};
use flowmeter::{Registry, ReporterHandle, ReporterOptions};
use flowmeter_e2e::Collector;
use flowmeter_testkit::otlp::{OtlpReceiver, Received};
use flowmeter_testkit::quiet_registry;

/// Long enough for what a collector passes on.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where a collector takes what comes by a protocol.
fn address(collector: &Collector, protocol: Protocol) -> String {
    match protocol {
        Protocol::Grpc => collector.grpc(),
        _ => collector.http(),
    }
}

/// A registry that reports by OTLP.
fn reporting(otlp: OtlpOptions, options: ReporterOptions) -> (Registry, ReporterHandle) {
    let registry = quiet_registry();
    let reporter = Box::new(OtlpReporter::new(otlp));
    let reporter = registry.add_reporter("otlp", reporter, options).expect("it starts in any case");
    (registry, reporter)
}

/// What a receiver has got when that is as it must be, or at last: what is missing is for the test to say.
fn settled(receiver: &OtlpReceiver, is_so: impl Fn(&Received) -> bool) -> Received {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let received = receiver.received();
        if is_so(&received) || Instant::now() > deadline {
            return received;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

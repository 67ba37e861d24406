//! What sending does itself is not sent, however much goes wrong. The subscriber is that of the whole process.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flowmeter_core::{Registry, ReporterOptions};
use flowmeter_otlp::{OtlpOptions, OtlpReporter, OtlpTelemetry, Protocol, QueueOptions, RetryOptions};
use flowmeter_testkit::PATIENCE;
use flowmeter_testkit::otlp::{Answer, OtlpReceiver};
use opentelemetry::Context;
use tracing::{Event, Subscriber};
use tracing_subscriber::prelude::*;
use tracing_subscriber::{Layer, layer};

/// How many events each crate had.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<BTreeMap<String, u64>>>);

impl<S: Subscriber> Layer<S> for Heard {
    fn on_event(&self, event: &Event<'_>, _: layer::Context<'_, S>) {
        let of = event.metadata().target().split("::").next().unwrap_or_default();
        *self.0.lock().unwrap().entry(of.to_owned()).or_default() += 1;
    }
}

/// Where the process is told to send.
const URL: &str = "FLOWMETER_TEST_URL";

#[test]
fn nothing_feeds_on_itself() {
    if let Ok(url) = std::env::var(URL) {
        return send(&url);
    }
    // In another process than the receiver, which has much to tell by the same crates.
    let receiver = OtlpReceiver::start();
    receiver.script((0..100_000).map(|number| match number % 3 {
        0 => Answer::status(503),
        1 => Answer::CloseUnread,
        _ => Answer::status(400),
    }));
    // By a name, so that resolvers have something to tell as well.
    let url = receiver.grpc_url().replace("127.0.0.1", "localhost");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "nothing_feeds_on_itself", "--nocapture"])
        .env(URL, url)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(receiver.received().requests.len() > 5);
}

fn send(url: &str) {
    let retry = RetryOptions::default().with_backoff(Duration::from_millis(1), Duration::from_millis(5));
    let options = OtlpOptions::default()
        .with_endpoint(url.parse().unwrap())
        .with_protocol(Protocol::Grpc)
        .with_timeout(PATIENCE)
        .with_report_timeout(Duration::from_millis(50))
        .with_retry(retry);
    let queue = QueueOptions::default().with_delay(Duration::from_millis(1));
    let telemetry = OtlpTelemetry::builder(options.clone()).with_queue(queue).build().unwrap();
    let heard = Heard::default();
    tracing_subscriber::registry().with(telemetry.spans()).with(telemetry.logs()).with(heard.clone()).init();

    let registry = Registry::new();
    let counter = registry.add_group("g").counter("n");
    let every = ReporterOptions::default().with_interval(Duration::from_millis(20));
    registry.add_reporter("otlp", Box::new(OtlpReporter::new(options)), every).unwrap();
    let begun = Instant::now();
    let mut recorded = 0;
    let is_done = || {
        let spans = telemetry.counts().spans;
        spans.sent + spans.dropped + spans.uncertain > 50 || begun.elapsed() > PATIENCE
    };
    while !is_done() {
        tracing::info_span!("s").in_scope(|| tracing::info!("r"));
        counter.inc();
        recorded += 1;
        std::thread::sleep(Duration::from_millis(10));
    }
    let _outcomes = registry.shutdown(PATIENCE);
    {
        // What is in a span without a parent is on the same thread all the same.
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        tracing::info_span!(parent: None, "s").in_scope(|| tracing::info!("r"));
    }
    tracing::error!(target: "opentelemetry_sdk", "an export failed");
    tracing::error!(target: "flowmeter_otlp::reporter", "a report failed");

    let counts = telemetry.shutdown(PATIENCE);
    let heard = heard.0.lock().unwrap().clone();
    for of in ["flowmeter_otlp", "h2", "hyper_util"] {
        assert!(heard.contains_key(of), "{of} had something to say: {heard:?}");
    }
    // What the core says about a reporter is not of the pipeline.
    let of_core = heard.get("flowmeter_core").copied().unwrap_or_default();
    assert_eq!((counts.spans.recorded, counts.logs.recorded), (recorded, recorded + of_core), "{heard:?}");
}

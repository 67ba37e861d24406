//! Threads that must not be waited on.

use std::time::{Duration, Instant};

use flowmeter_otlp::Protocol;
use flowmeter_testkit::PATIENCE;
use flowmeter_testkit::otlp::{Answer, OtlpReceiver};
use tracing::Instrument as _;
use tracing::instrument::WithSubscriber as _;

use crate::{LONG, at_once, options, spans, subscriber};

#[test]
fn a_thread_of_a_runtime_is_not_held_up() {
    let receiver = OtlpReceiver::start();
    receiver.script([Answer::Hang, Answer::Hang]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let begun = Instant::now();
    runtime.block_on(async {
        let telemetry = at_once(options(&receiver, Protocol::Grpc)).build().unwrap();
        let work = async {
            for _ in 0..100 {
                async { tracing::info!("r") }.instrument(tracing::info_span!("s")).await;
            }
            // The receiver has the first of them, and does not answer.
            while receiver.received().requests.is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            async { tracing::info!("r") }.instrument(tracing::info_span!("s")).await;
        };
        work.with_subscriber(subscriber(&telemetry)).await;
        let shutdown = tokio::task::spawn_blocking(move || telemetry.shutdown(Duration::from_millis(200)));
        let counts = shutdown.await.unwrap();
        assert_eq!((counts.spans.recorded, counts.logs.recorded), (101, 101));
    });
    assert!(begun.elapsed() < LONG);
}

#[test]
fn the_end_within_a_runtime_sends_what_is_left() {
    let receiver = OtlpReceiver::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let telemetry = at_once(options(&receiver, Protocol::HttpProtobuf)).build().unwrap();
        async {}.instrument(tracing::info_span!("s")).with_subscriber(subscriber(&telemetry)).await;
        let made = async { tracing::info_span!("s") }.with_subscriber(subscriber(&telemetry)).await;
        drop(made);
        assert_eq!(telemetry.shutdown(PATIENCE).spans.sent, 1);
    });
    assert_eq!(spans(&receiver.received()).len(), 1);
}

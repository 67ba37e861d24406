//! What becomes of spans and log records, whatever the receiver does.

use std::time::{Duration, Instant};

use flowmeter_otlp::{OtlpTelemetry, Protocol, QueueOptions};
use flowmeter_testkit::PATIENCE;
use flowmeter_testkit::otlp::{Answer, OtlpReceiver};

use crate::{ALL, LONG, at_once, at_the_end, options, spans, traced};

fn record(spans: usize) {
    for number in 0..spans {
        tracing::info_span!("s", number).in_scope(|| {});
    }
}

#[test]
fn a_receiver_that_was_away_gets_all_that_was_kept() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        receiver.script(
            std::iter::repeat_n(Answer::CloseUnread, 5).chain([Answer::status(503), Answer::status(429)]),
        );
        let telemetry = at_once(options(&receiver, protocol)).build().unwrap();
        traced(&telemetry, || record(3));
        receiver.wait_for(|received| spans(received).len() == 3);
        let counts = telemetry.shutdown(PATIENCE);
        assert_eq!((counts.spans.sent, counts.spans.dropped, counts.spans.uncertain), (3, 0, 0));
    }
}

#[test]
fn dropping_it_sends_what_is_left() {
    let receiver = OtlpReceiver::start();
    let telemetry = at_the_end(options(&receiver, Protocol::HttpProtobuf)).build().unwrap();
    traced(&telemetry, || record(3));
    assert_eq!(telemetry.counts().spans.recorded, 3);
    drop(telemetry);
    assert_eq!(spans(&receiver.received()).len(), 3);
}

#[test]
fn a_receiver_that_hangs_holds_up_the_end_no_longer_than_is_said() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        receiver.script(std::iter::repeat_n(Answer::Hang, 100));
        let telemetry = at_the_end(options(&receiver, protocol)).build().unwrap();
        traced(&telemetry, || {
            record(3);
            tracing::info!("r");
        });
        let begun = Instant::now();
        let counts = telemetry.shutdown(Duration::from_millis(300));
        assert!(begun.elapsed() < LONG);
        assert_eq!((counts.spans.uncertain, counts.logs.uncertain), (3, 1));
        assert_eq!((counts.spans.dropped, counts.spans.sent), (0, 0));
        receiver.wait_for(|received| received.open == 0);
        assert!(begun.elapsed() < LONG, "nobody waits for it any more");
    }
}

#[test]
fn what_is_on_the_way_at_the_end_is_uncertain_and_what_waits_behind_it_dropped() {
    let receiver = OtlpReceiver::start();
    receiver.script(std::iter::repeat_n(Answer::Hang, 100));
    let telemetry = at_once(options(&receiver, Protocol::HttpProtobuf)).build().unwrap();
    traced(&telemetry, || {
        record(1);
        receiver.wait_for(|received| received.requests.len() == 1);
        record(4);
    });
    let begun = Instant::now();
    let counts = telemetry.shutdown(Duration::from_millis(200));
    assert!(begun.elapsed() < LONG);
    assert_eq!((counts.spans.recorded, counts.spans.uncertain, counts.spans.dropped), (5, 1, 4));
}

#[test]
fn what_finds_the_queue_full_is_dropped_and_counted() {
    let receiver = OtlpReceiver::start();
    receiver.script(std::iter::repeat_n(Answer::Hang, 100));
    let queue = QueueOptions::default().with_length(8).with_batch(100).with_delay(Duration::ZERO);
    let telemetry =
        OtlpTelemetry::builder(options(&receiver, Protocol::HttpProtobuf)).with_queue(queue).build().unwrap();
    let begun = Instant::now();
    traced(&telemetry, || record(1000));
    assert!(begun.elapsed() < LONG, "nothing waits for the receiver");
    assert_eq!(telemetry.counts().spans.recorded, 1000);
    let counts = telemetry.shutdown(Duration::from_millis(100)).spans;
    assert_eq!(counts.sent + counts.dropped + counts.uncertain, 1000);
    assert!(counts.dropped >= 1000 - 2 * 8, "{counts:?}");
}

#[test]
fn what_the_receiver_refuses_is_dropped_and_what_it_rejects() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        receiver
            .script([Answer::status(400), Answer::Partial { rejected: 2, message: "too old".to_owned() }]);
        let telemetry = at_once(options(&receiver, protocol)).build().unwrap();
        traced(&telemetry, || {
            for taken in 1..=2 {
                let queued = telemetry.counts().spans.recorded;
                record(1);
                assert_eq!(telemetry.counts().spans.recorded, queued + 1);
                receiver.wait_for(|received| received.requests.len() == taken);
            }
        });
        let counts = telemetry.shutdown(PATIENCE).spans;
        // It says that it rejects more than there was.
        assert_eq!((counts.sent, counts.dropped, counts.uncertain), (0, 2, 0));
    }
}

#[test]
fn requests_are_no_longer_than_is_said() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        let telemetry = at_the_end(options(&receiver, protocol).with_request_size(4096)).build().unwrap();
        traced(&telemetry, || record(200));
        let counts = telemetry.shutdown(PATIENCE).spans;
        assert_eq!(counts.sent, 200);
        let received = receiver.received();
        assert_eq!(spans(&received).len(), 200);
        assert!(received.requests.len() > 5);
        if protocol != Protocol::HttpJson {
            assert!(received.requests.iter().all(|request| request.wire.len() <= 4096));
        }
    }
}

//! A receiver that hangs or is gone holds up nobody: neither other reporters nor the job nor its end, and no memory.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod receiver;

use std::thread;
use std::time::{Duration, Instant};

use flowmeter_core::{Event, ReporterOptions, Span};
use flowmeter_otlp::{OtlpReporter, Protocol, RetryOptions, Temporality};
use flowmeter_testkit::otlp::{Answer, OtlpReceiver, Received};
use flowmeter_testkit::{Capture, PATIENCE, on_request, quiet_registry};

use receiver::{ALL, Job, LONG, options, total};

/// Requests and connections are hung up on only when the reporter is in the middle of them.
fn is_hanging(received: &Received) -> bool {
    !received.requests.is_empty()
}

#[test]
fn other_reporters_and_the_job_do_not_notice_one_that_hangs() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        receiver.always(Answer::Hang);
        let registry = quiet_registry();
        let reporter = Box::new(OtlpReporter::new(options(&receiver, protocol)));
        let handle = registry.add_reporter("otlp", reporter, on_request()).unwrap();
        let capture = Capture::push();
        let other = registry.add_reporter("capture", capture.reporter(), on_request()).unwrap();
        let group = registry.add_group("g");
        let counter = group.counter("n");
        handle.report_now(Duration::ZERO).unwrap_err();
        receiver.wait_for(is_hanging);
        let begun = Instant::now();
        for round in 1..=1_000_u64 {
            counter.inc();
            drop(group.add_group_kv("round", &round.to_string()).counter("n"));
            group.report_span(Span::new("test", "round"));
        }
        other.report_now(PATIENCE).unwrap();
        assert_eq!(capture.value("g.n{}"), Some(1_000.0));
        registry.remove_reporter("otlp", Duration::ZERO).unwrap_err();
        assert!(begun.elapsed() < LONG);
        assert_eq!(receiver.received().requests.len(), 1, "it was in the middle of a report all the time");
    }
}

#[test]
fn the_end_comes_by_its_deadline_in_the_middle_of_a_hang() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        receiver.always(Answer::Hang);
        let registry = quiet_registry();
        let reporter = Box::new(OtlpReporter::new(options(&receiver, protocol)));
        let handle = registry.add_reporter("otlp", reporter, on_request()).unwrap();
        let counter = registry.add_group("g").counter("n");
        counter.inc();
        handle.report_now(Duration::ZERO).unwrap_err();
        receiver.wait_for(is_hanging);
        let begun = Instant::now();
        let outcomes = registry.shutdown(Duration::from_millis(200));
        assert!(begun.elapsed() < LONG);
        let [(name, outcome)] = &outcomes[..] else { panic!("{outcomes:?}") };
        let error = outcome.as_ref().unwrap_err().to_string();
        assert!(name == "otlp" && error.contains("otlp"), "{error}");
    }
}

#[test]
fn the_last_report_of_a_receiver_that_is_gone_is_said_to_have_failed_when_time_is_up() {
    let receiver = OtlpReceiver::start();
    let registry = quiet_registry();
    let reporter = OtlpReporter::new(options(&receiver, Protocol::HttpProtobuf));
    registry.add_reporter("otlp", Box::new(reporter), on_request()).unwrap();
    let nobody = receiver.stop();
    let group = registry.add_group("g");
    let counter = group.counter("n");
    counter.inc();
    // They share the time with it.
    group.report_span(Span::new("test", "a"));
    group.report_event(Event::new("test", "b"));
    let (begun, deadline) = (Instant::now(), Duration::from_millis(1_500));
    let outcomes = registry.shutdown(deadline);
    assert!((deadline / 2..LONG).contains(&begun.elapsed()), "{:?}", begun.elapsed());
    let error = outcomes[0].1.as_ref().unwrap_err().to_string();
    assert!(error.contains("see whether a receiver listens there"), "{error}");
    drop(nobody.start());
}

#[test]
fn the_last_report_arrives_at_a_receiver_that_is_away_for_a_moment() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        receiver.script([Answer::retry_after(503, "1"), Answer::retry_after(503, "1")]);
        let registry = quiet_registry();
        let reporter = Box::new(OtlpReporter::new(options(&receiver, protocol)));
        registry.add_reporter("otlp", reporter, on_request()).unwrap();
        let counter = registry.add_group("g").counter("n");
        counter.inc_by(7);
        let outcomes = registry.shutdown(PATIENCE);
        assert!(outcomes[0].1.is_ok(), "{outcomes:?}");
        assert_eq!(total(&receiver.received(), "g.n"), 7);
    }
}

#[test]
fn a_report_that_is_under_way_at_the_end_leaves_the_time_to_the_last() {
    let receiver = OtlpReceiver::start();
    receiver.always(Answer::status(503));
    let registry = quiet_registry();
    let patient = RetryOptions::default().with_backoff(Duration::from_millis(20), Duration::from_millis(20));
    let options = options(&receiver, Protocol::HttpProtobuf).with_temporality(Temporality::Delta);
    let reporter = Box::new(OtlpReporter::new(options.with_retry(patient)));
    let handle = registry.add_reporter("otlp", reporter, on_request()).unwrap();
    let counter = registry.add_group("g").counter("n");
    counter.inc_by(3);
    handle.report_now(Duration::ZERO).unwrap_err();
    receiver.wait_for(|received| received.requests.len() > 2);
    counter.inc_by(4);
    let stopping = thread::spawn(move || registry.shutdown(PATIENCE));
    // There are two reports before it comes back: what was counted meanwhile is in the last one.
    receiver.wait_for(|received| {
        received.requests.iter().any(|request| request.wire != received.requests[0].wire)
    });
    receiver.always(Answer::Ok);
    let outcomes = stopping.join().unwrap();
    assert!(outcomes[0].1.is_ok(), "{outcomes:?}");
    assert_eq!(total(&receiver.received(), "g.n"), 7);
    assert_eq!(receiver.received().taken(), 1);
    drop(counter);
}

#[test]
fn reports_with_spans_and_events_are_over_before_the_next_is_due() {
    const INTERVAL: Duration = Duration::from_millis(500);
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        receiver.always(Answer::Hang);
        let registry = quiet_registry();
        let reporter = Box::new(OtlpReporter::new(options(&receiver, protocol)));
        let often = ReporterOptions::default().with_interval(INTERVAL);
        let handle = registry.add_reporter("otlp", reporter, often).unwrap();
        let group = registry.add_group("g");
        let counter = group.counter("n");
        counter.inc();
        // At best one of the machine's busy moments is none of these: the shortest counts.
        let report = |_| {
            group.report_span(Span::new("test", "a"));
            let begun = Instant::now();
            let error = handle.report_now(PATIENCE).unwrap_err().to_string();
            assert!(error.contains("did not answer within"), "{error}");
            begun.elapsed()
        };
        let shortest = (0..3).map(report).min().unwrap();
        assert!(shortest < INTERVAL, "{shortest:?}");
    }
}

#[test]
fn while_nobody_is_there_nothing_grows_but_what_is_counted() {
    for temporality in [Temporality::Cumulative, Temporality::Delta] {
        let receiver = OtlpReceiver::start();
        receiver.always(Answer::status(400));
        let job = Job::new(options(&receiver, Protocol::HttpProtobuf).with_temporality(temporality));
        let group = job.registry.add_group("g");
        let counters: Vec<_> = (0..50).map(|number| group.counter(format!("n{number}"))).collect();
        let mut lengths = Vec::new();
        for _ in 0..40 {
            counters.iter().for_each(flowmeter_core::Counter::inc);
            job.report().unwrap_err();
            let last = receiver.received().requests.pop().unwrap();
            lengths.push(last.wire.len());
        }
        assert_eq!(
            receiver.received().requests.len(),
            40,
            "each report is one request, and has the newest alone"
        );
        assert!(lengths.iter().all(|length| *length == lengths[0]), "{lengths:?}");
        receiver.always(Answer::Ok);
        job.report().unwrap();
        let received = receiver.received();
        let totals = received.totals().unwrap();
        assert!(
            totals.values().all(|total| *total == flowmeter_testkit::otlp::Total::Integers(40)),
            "{totals:?}"
        );
    }
}

//! What the log says: what a receiver says once, and nothing that is secret.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod receiver;

use std::io::{self, Write};
use std::sync::{LazyLock, Mutex};

use flowmeter_core::{ConfigSection, Event, ReporterFactory, Span};
use flowmeter_otlp::{OtlpFactory, OtlpReporter, Protocol};
use flowmeter_testkit::otlp::{Answer, OtlpReceiver};
use flowmeter_testkit::{PATIENCE, on_request, quiet_registry};

use receiver::{ALL, options_of_one_attempt, url};

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Begins to write the log of all threads.
static BEGUN: LazyLock<()> = LazyLock::new(|| {
    struct Writer;
    impl Write for Writer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            LOG.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let log = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE);
    log.with_ansi(false).with_writer(|| Writer).init();
});

/// How many lines of the log have all of these.
fn lines(parts: &[&str]) -> usize {
    let log = String::from_utf8(LOG.lock().unwrap().clone()).unwrap();
    log.lines().filter(|line| parts.iter().all(|part| line.contains(part))).count()
}

#[test]
fn what_a_receiver_says_is_said_once_and_not_without_end() {
    LazyLock::force(&BEGUN);
    let receiver = OtlpReceiver::start();
    let registry = quiet_registry();
    let options = options_of_one_attempt(&receiver, Protocol::HttpProtobuf);
    let reporter = Box::new(OtlpReporter::new(options));
    let handle = registry.add_reporter("talkative", reporter, on_request()).unwrap();
    let group = registry.add_group("g");
    let counter = group.counter("n");
    let partial = |rejected, message: &str| Answer::Partial { rejected, message: message.to_owned() };
    let report = |answer| {
        receiver.script([answer]);
        counter.inc();
        handle.report_now(PATIENCE).unwrap();
    };
    (0..3).for_each(|_| report(partial(1, "too old\u{1b}")));
    assert_eq!(lines(&["talkative", "too old\\u{1b}", "has rejected some"]), 1);
    report(partial(0, "mind the units"));
    assert_eq!(lines(&["talkative", "mind the units", "has something to say"]), 1);
    (0..100).for_each(|number| report(partial(1, &format!("number {number}"))));
    assert_eq!(lines(&["talkative", "number"]), 18, "twenty in all");
}

#[test]
fn that_spans_and_events_are_not_taken_is_said_once() {
    LazyLock::force(&BEGUN);
    let receiver = OtlpReceiver::start();
    let registry = quiet_registry();
    let options = options_of_one_attempt(&receiver, Protocol::HttpProtobuf);
    let handle =
        registry.add_reporter("refused", Box::new(OtlpReporter::new(options)), on_request()).unwrap();
    let group = registry.add_group("g");
    for _ in 0..3 {
        receiver.always(Answer::status(404));
        group.report_span(Span::new("test", "a"));
        group.report_event(Event::new("test", "b"));
        // It reports what waits, and metrics, of which there are none.
        handle.report_now(PATIENCE).unwrap();
    }
    assert_eq!(handle.status().dropped_milestones, 6);
    assert_eq!(lines(&["refused", "404 Not Found", "does not take spans or events"]), 1);
}

#[test]
fn a_variable_that_cannot_be_read_is_named_once() {
    LazyLock::force(&BEGUN);
    let factory = OtlpFactory::with_environment([
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "later"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "never"),
    ]);
    drop(factory.build(&ConfigSection::new("reporters.otlp")).unwrap());
    for variable in
        ["OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_METRIC_EXPORT_TIMEOUT"]
    {
        assert_eq!(lines(&[variable, "an environment variable is ignored"]), 1, "{variable}");
    }
}

#[test]
fn secrets_are_said_nowhere() {
    LazyLock::force(&BEGUN);
    for protocol in ALL {
        for answer in [
            Answer::Ok,
            Answer::status(401),
            Answer::status(404),
            Answer::status(413),
            Answer::status(307),
            Answer::grpc(16, "who"),
            Answer::CloseUnread,
            Answer::Garbage,
            Answer::Partial { rejected: 1, message: "some".to_owned() },
        ] {
            let receiver = OtlpReceiver::start();
            let secret = url(&receiver, protocol).replacen("://", "://user:hunter2@", 1) + "/?token=hunter2";
            let options = options_of_one_attempt(&receiver, protocol)
                .with_endpoint(secret.parse().unwrap())
                .with_header("authorization", "Bearer hunter2");
            let reporter = OtlpReporter::new(options);
            let mut said = format!("{reporter:?}");
            let registry = quiet_registry();
            let handle = registry.add_reporter("secretive", Box::new(reporter), on_request()).unwrap();
            said += &format!("{:?} {:?}", handle.endpoint(), registry);
            let group = registry.add_group("g");
            group.counter("n").inc();
            group.report_span(Span::new("test", "a"));
            receiver.always(answer);
            said += &format!("{:?}", handle.report_now(PATIENCE));
            let requests = receiver.received().requests;
            assert!(requests.iter().all(|request| request.headers["authorization"] == "Bearer hunter2"));
            receiver.always(Answer::CloseUnread);
            said += &format!("{:?}", handle.status());
            said += &format!("{:?}", registry.shutdown(PATIENCE));
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
    assert!(lines(&["secretive"]) > 0);
    // The log of flowmeter: other crates say at finer levels what they like.
    let log = String::from_utf8(LOG.lock().unwrap().clone()).unwrap();
    let ours = log.lines().filter(|line| line.contains("flowmeter"));
    ours.for_each(|line| assert!(!line.contains("hunter2"), "{line}"));
}

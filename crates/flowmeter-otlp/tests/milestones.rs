//! Spans and events: what they say, and what becomes of them where a receiver does not take them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod receiver;

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use flowmeter_core::{
    AttributeValue, Clock, Event, JobManagerJobGroup, MetricGroup, ReporterStatus, Severity, Span,
};
use flowmeter_otlp::{Endpoint, NamingPolicy, OtlpOptions, OtlpReporter, Protocol, Temporality};
use flowmeter_testkit::PATIENCE;
use flowmeter_testkit::otlp::{Answer, Message, OtlpReceiver, Received};
use opentelemetry_proto::tonic::trace::v1::Status;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;

use receiver::{ALL, Job, attributes, options, options_of_one_attempt, records, spans};

/// The paths that spans and events come by.
fn is_of(path: &str, signal: &str) -> bool {
    path.to_ascii_lowercase().contains(signal)
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::Text(text.to_owned())
}

/// The names of all spans and of all events that were taken, in their order.
fn names(received: &Received) -> (Vec<String>, Vec<String>) {
    let spans = spans(received).into_iter().map(|span| span.told.name);
    let events = records(received).into_iter().map(|record| record.told.event_name);
    (spans.collect(), events.collect())
}

fn numbered(name: &str, numbers: impl IntoIterator<Item = u64>) -> Vec<String> {
    numbers.into_iter().map(|number| format!("{name}-{number}")).collect()
}

fn tell(group: &MetricGroup, number: u64) {
    group.report_span(Span::new("test", format!("span-{number}")));
    group.report_event(Event::new("test", format!("event-{number}")));
}

/// Waits until the reporter is done with what was told before, whatever came of it, and returns how it stands.
fn settled(job: &Job, is_so: impl Fn(&ReporterStatus) -> bool) -> ReporterStatus {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let status = job.otlp.status();
        if is_so(&status) {
            return status;
        }
        assert!(std::time::Instant::now() < deadline, "{status:?}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn job_of(job: &Job) -> (impl Sized + use<>, JobManagerJobGroup) {
    let job_manager = job.registry.job_manager("host-1");
    let of_job = job_manager.job("job-1", "a job");
    (job_manager, of_job)
}

#[test]
fn a_span_says_all_that_it_has() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        let job = Job::new(options(&receiver, protocol).with_resource("service.name", "n"));
        let (_job_manager, of_job) = job_of(&job);
        let now = job.clock.unix();
        let at = |millis| now - Duration::from_millis(millis);
        of_job.report_span(
            Span::new("a.Scope", "outer")
                .starting_at(at(100))
                .ending_at(at(10))
                .with("number", 7_i64)
                .with("job_name", "another")
                .failed("of this")
                .child(Span::new("a.Scope", "inner").starting_at(at(90)).ending_at(at(20)).succeeded())
                .child(Span::new("b.Scope", "other").child(Span::new("a.Scope", "innermost"))),
        );
        let received = receiver.wait_for(|received| spans(received).len() == 4);
        let spans = spans(&received);
        let find = |name: &str| spans.iter().find(|span| span.told.name == name).unwrap();
        let [outer, inner, other, innermost] = ["outer", "inner", "other", "innermost"].map(find);
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap();
        assert_eq!(outer.told.start_time_unix_nano, nanoseconds(at(100)));
        assert_eq!(outer.told.end_time_unix_nano, nanoseconds(at(10)));
        assert_eq!(outer.resource["service.name"], text("n"));
        assert_eq!((&*outer.scope, &*other.scope), ("a.Scope", "b.Scope"));
        for span in [inner, other] {
            assert_eq!(span.told.parent_span_id, outer.told.span_id);
        }
        assert_eq!(innermost.told.parent_span_id, other.told.span_id);
        assert!(outer.told.parent_span_id.is_empty());
        let ids: BTreeSet<_> = spans.iter().map(|span| &span.told.span_id).collect();
        assert_eq!(ids.len(), 4);
        assert!(ids.iter().all(|id| id.len() == 8));
        assert!(spans.iter().all(|span| span.told.trace_id == outer.told.trace_id));
        assert_eq!(outer.told.trace_id.len(), 16);
        let status = outer.told.status.as_ref().unwrap();
        assert_eq!((status.code(), &*status.message), (StatusCode::Error, "of this"));
        assert_eq!(inner.told.status.as_ref().unwrap().code(), StatusCode::Ok);
        assert_eq!(other.told.status.as_ref().map_or(StatusCode::Unset, Status::code), StatusCode::Unset);
        // Its own attribute says more than the variable of that name.
        let expected = [
            ("host.name", text("host-1")),
            ("job_id", text("job-1")),
            ("job_name", text("another")),
            ("number", AttributeValue::I64(7)),
        ];
        assert_eq!(
            attributes(&outer.told.attributes),
            expected.map(|(key, value)| (key.to_owned(), value)).into()
        );
        assert_eq!(attributes(&inner.told.attributes)["job_name"], text("a job"));
    }
}

#[test]
fn an_event_says_all_that_it_has() {
    for (protocol, naming) in ALL
        .into_iter()
        .flat_map(|protocol| [(protocol, NamingPolicy::Native), (protocol, NamingPolicy::Flink)])
    {
        let receiver = OtlpReceiver::start();
        let options = options(&receiver, protocol).with_naming(naming).with_resource_variable("job_id");
        let job = Job::new(options);
        let (_job_manager, of_job) = job_of(&job);
        let observed = job.clock.unix() - Duration::from_secs(3);
        of_job.add_group_kv("name", "of a group").report_event(
            Event::new("a.Scope", "happened")
                .observed_at(observed)
                .with_severity(Severity::Warn)
                .with_body("it did")
                .with("truth", true)
                .with("half", 0.5),
        );
        let received = receiver.wait_for(|received| !records(received).is_empty());
        let [record] = &records(&received)[..] else { panic!("{received:?}") };
        assert_eq!(u128::from(record.told.time_unix_nano), observed.as_nanos());
        assert_eq!(record.told.observed_time_unix_nano, record.told.time_unix_nano);
        assert_eq!((record.told.severity_number, &*record.told.severity_text), (13, "WARN"));
        assert_eq!(&*record.scope, "a.Scope");
        assert_eq!(format!("{:?}", record.told.body).matches("\"it did\"").count(), 1);
        assert_eq!(record.resource["job_id"], text("job-1"), "a variable of the resource");
        // Flink has the name in an attribute, and OpenTelemetry in a field of its own.
        let (host, name, event_name) = match naming {
            NamingPolicy::Flink => ("host", "happened", ""),
            _ => ("host.name", "of a group", "happened"),
        };
        assert_eq!(record.told.event_name, event_name);
        let expected = [
            (host, text("host-1")),
            ("job_name", text("a job")),
            ("name", text(name)),
            ("truth", AttributeValue::Bool(true)),
            ("half", AttributeValue::F64(0.5)),
        ];
        assert_eq!(
            attributes(&record.told.attributes),
            expected.map(|(key, value)| (key.to_owned(), value)).into()
        );
    }
}

#[test]
fn what_is_sent_twice_has_the_same_identifiers() {
    let receiver = OtlpReceiver::start();
    let job = Job::new(options_of_one_attempt(&receiver, Protocol::HttpProtobuf));
    receiver.always(Answer::Lost);
    let group = job.registry.add_group("g");
    group.report_span(Span::new("test", "a").child(Span::new("test", "b")));
    settled(&job, |status| status.failures == 1);
    receiver.always(Answer::Ok);
    job.report().unwrap();
    group.report_span(Span::new("test", "c"));
    let received = receiver.wait_for(|received| spans(received).len() == 5);
    let ids: Vec<_> =
        spans(&received).into_iter().map(|span| (span.told.trace_id, span.told.span_id)).collect();
    assert_eq!(ids[..2], ids[2..4]);
    assert!(!ids[..4].contains(&ids[4]));
    assert_eq!(job.otlp.status().dropped_milestones, 0);
}

#[test]
fn what_is_not_taken_for_now_comes_again() {
    for protocol in ALL {
        for answer in [Answer::status(503), Answer::CloseUnread] {
            let receiver = OtlpReceiver::start();
            let job = Job::new(options_of_one_attempt(&receiver, protocol));
            let group = job.registry.add_group("g");
            receiver.always(answer);
            tell(&group, 0);
            settled(&job, |status| status.failures > 0);
            tell(&group, 1);
            job.report().unwrap_err();
            receiver.always(Answer::Ok);
            job.report().unwrap();
            let expected = (numbered("span", 0..2), numbered("event", 0..2));
            assert_eq!(names(&receiver.received()), expected);
            let status = job.otlp.status();
            assert_eq!((status.reported_milestones, status.dropped_milestones), (4, 0));
        }
    }
}

#[test]
fn a_receiver_that_takes_none_gets_the_next_all_the_same_and_they_are_counted() {
    for protocol in ALL {
        let refusals = if protocol == Protocol::Grpc {
            vec![Answer::grpc(12, "unknown service"), Answer::grpc(3, "no")]
        } else {
            vec![Answer::status(404), Answer::status(400), Answer::Garbage]
        };
        for refusal in refusals {
            let receiver = OtlpReceiver::start();
            let job = Job::new(options(&receiver, protocol));
            let group = job.registry.add_group("g");
            receiver.always(refusal);
            tell(&group, 0);
            settled(&job, |status| status.dropped_milestones == 2);
            tell(&group, 1);
            let status = settled(&job, |status| status.dropped_milestones == 4);
            assert_eq!(status.failures, 0, "they are not the metrics' fault");
            let before = receiver.received().requests.len();
            receiver.always(Answer::Ok);
            tell(&group, 2);
            let received = receiver.wait_for(|received| received.requests.len() >= before + 2);
            let later = Received { requests: received.requests[before..].to_vec(), ..Received::default() };
            assert_eq!(names(&later), (numbered("span", [2]), numbered("event", [2])));
        }
    }
}

#[test]
fn what_a_receiver_rejects_of_a_request_is_counted_as_dropped() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        let job = Job::new(options(&receiver, protocol));
        let group = job.registry.add_group("g");
        receiver.always(Answer::Partial { rejected: 1, message: "no".to_owned() });
        group.report_span(Span::new("test", "a").child(Span::new("test", "b")));
        settled(&job, |status| status.dropped_milestones == 1 && status.reported_milestones == 1);
        group.report_event(Event::new("test", "c"));
        settled(&job, |status| status.dropped_milestones == 2 && status.reported_milestones == 2);
    }
}

/// A reporter whose spans and events go to receivers of their own.
fn apart(metrics: &OtlpReceiver, of_spans: &OtlpReceiver, of_events: &OtlpReceiver) -> OtlpReporter {
    let way = |receiver, path| {
        let url = format!("{}{path}", OtlpReceiver::http_url(receiver));
        options_of_one_attempt(receiver, Protocol::HttpProtobuf)
            .with_endpoint(Endpoint::complete(&url).unwrap())
    };
    OtlpReporter::new(way(metrics, "/v1/metrics"))
        .with_spans(way(of_spans, "/a/v1/traces"))
        .with_events(way(of_events, "/b/v1/logs"))
}

#[test]
fn spans_that_are_not_taken_do_not_keep_events_back_nor_the_other_way_round() {
    let [metrics, of_spans, of_events] = [0; 3].map(|_| OtlpReceiver::start());
    let job = Job::new(apart(&metrics, &of_spans, &of_events));
    let group = job.registry.add_group("g");
    for (away, present) in [(&of_spans, &of_events), (&of_events, &of_spans)] {
        let before = [present, away].map(|receiver| receiver.received().requests.len());
        // What came since, each once.
        let came = |receiver: &OtlpReceiver, before: usize| {
            let requests = receiver.received().requests.split_off(before);
            let (spans, events) = names(&Received { requests, ..Received::default() });
            assert_eq!(spans.len() + events.len(), 3, "{spans:?} {events:?}");
        };
        away.always(Answer::status(503));
        for number in 0..3 {
            tell(&group, number);
            job.report().unwrap_err();
        }
        came(present, before[0]);
        away.always(Answer::Ok);
        job.report().unwrap();
        came(away, before[1]);
    }
    assert_eq!(job.otlp.status().reported_milestones, 12);
    assert!(metrics.received().requests.iter().all(|request| request.path == "/v1/metrics"));
    assert!(of_spans.received().requests.iter().all(|request| request.path == "/a/v1/traces"));
    assert!(of_events.received().requests.iter().all(|request| request.path == "/b/v1/logs"));
}

#[test]
fn spans_of_many_threads_arrive_each_once() {
    const THREADS: u64 = 4;
    const EACH: u64 = 250;
    let [metrics, of_spans, of_events] = [0; 3].map(|_| OtlpReceiver::start());
    let job = Job::new(apart(&metrics, &of_spans, &of_events));
    // Events fail now and then, so that spans beside them are taken before them.
    of_events.script((0..20).flat_map(|_| [Answer::Ok, Answer::status(503)]));
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let group = job.registry.add_group("g").add_group_kv("thread", &thread.to_string());
            scope.spawn(move || (0..EACH).for_each(|number| tell(&group, thread * EACH + number)));
        }
        for _ in 0..20 {
            let _ = job.report();
        }
    });
    of_events.always(Answer::Ok);
    job.report().unwrap();
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    let expected = |name| sorted(numbered(name, 0..THREADS * EACH));
    assert_eq!(sorted(names(&of_spans.received()).0), expected("span"));
    assert_eq!(sorted(names(&of_events.received()).1), expected("event"));
    assert_eq!(job.otlp.status().reported_milestones, 2 * THREADS * EACH);
}

#[test]
fn more_than_a_request_holds_is_several() {
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let receiver = OtlpReceiver::start();
        let options = options_of_one_attempt(&receiver, protocol)
            .with_request_size(OtlpOptions::LEAST_REQUEST_SIZE)
            .with_resource("long", "x".repeat(1_000))
            .with_resource_variable("number");
        let job = Job::new(options);
        let group = job.registry.add_group("g");
        receiver.always(Answer::status(503));
        group.report_event(Event::new("test", "event-0"));
        settled(&job, |status| status.failures == 1);
        // Each is of another resource, which has all that resources have.
        let all = 1..60_u64;
        all.clone().for_each(|number| tell(&group.add_group_kv("number", &number.to_string()), number));
        let giant = (0..100).fold(Span::new("test", "giant"), |span, number| {
            span.child(Span::new("test", format!("child-{number}")).with("text", "x".repeat(100)))
        });
        group.report_span(giant);
        receiver.always(Answer::Ok);
        job.report().unwrap();
        let received = receiver.received();
        let (spans, events) = names(&received);
        assert_eq!(events, numbered("event", 0..60));
        assert_eq!(spans[..59], numbered("span", all)[..]);
        assert_eq!(spans.len(), 59 + 101);
        let taken = received.requests.iter().filter(|request| request.is_taken);
        let (of_spans, others): (Vec<_>, Vec<_>) = taken.partition(|request| is_of(&request.path, "trace"));
        // A span and all below it are one, however long.
        let (giant, of_spans) = of_spans.split_last().unwrap();
        assert!(giant.wire.len() > OtlpOptions::LEAST_REQUEST_SIZE);
        assert!(of_spans.len() > 10 && others.len() > 10);
        for request in of_spans.iter().chain(&others) {
            assert!(request.wire.len() <= OtlpOptions::LEAST_REQUEST_SIZE, "{}", request.wire.len());
        }
    }
}

#[test]
fn a_giant_that_a_receiver_refuses_costs_itself_alone() {
    let receiver = OtlpReceiver::start();
    let options = options_of_one_attempt(&receiver, Protocol::HttpProtobuf);
    let job = Job::new(options.with_request_size(OtlpOptions::LEAST_REQUEST_SIZE));
    let group = job.registry.add_group("g");
    receiver.script([Answer::status(503)]);
    group.report_span(Span::new("test", "span-0"));
    settled(&job, |status| status.failures == 1);
    group.report_span(Span::new("test", "giant").with("text", "x".repeat(8_000)));
    group.report_span(Span::new("test", "span-1"));
    receiver.script([Answer::Ok, Answer::status(413)]);
    job.report().unwrap();
    assert_eq!(names(&receiver.received()).0, numbered("span", 0..2));
    let status = job.otlp.status();
    assert_eq!((status.dropped_milestones, status.reported_milestones), (1, 3));
}

#[test]
fn the_last_ones_arrive_though_the_receiver_comes_back_only_then() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        let job = Job::new(options_of_one_attempt(&receiver, protocol).with_temporality(Temporality::Delta));
        let group = job.registry.add_group("g");
        let nobody = receiver.stop();
        tell(&group, 0);
        settled(&job, |status| status.failures > 0);
        let receiver = nobody.start();
        let outcomes = job.registry.shutdown(PATIENCE);
        assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok()), "{outcomes:?}");
        assert_eq!(names(&receiver.received()), (numbered("span", [0]), numbered("event", [0])));
    }
}

#[test]
fn who_does_not_want_them_is_not_sent_any() {
    let receiver = OtlpReceiver::start();
    let url = format!("{}/v1/metrics", receiver.http_url());
    let complete =
        options(&receiver, Protocol::HttpProtobuf).with_endpoint(Endpoint::complete(&url).unwrap());
    for options in [complete, options(&receiver, Protocol::HttpProtobuf).with_milestones(false)] {
        let job = Job::new(options);
        let group = job.registry.add_group("g");
        let counter = group.counter("n");
        tell(&group, 0);
        job.report().unwrap();
        drop(counter);
        assert_eq!(job.otlp.status().reported_milestones, 0);
    }
    // Only one of both has a way: the other is not waited for.
    let way = options(&receiver, Protocol::HttpProtobuf);
    let job = Job::new(OtlpReporter::new(way.clone().with_milestones(false)).with_events(way));
    tell(&job.registry.add_group("g"), 7);
    settled(&job, |status| status.reported_milestones == 2);
    let received = receiver.received();
    assert_eq!(names(&received), (Vec::new(), numbered("event", [7])));
    let is_metrics = |message: &Result<Message, String>| matches!(message, Ok(Message::Metrics(_)));
    assert_eq!(received.requests.iter().filter(|request| !is_metrics(&request.message)).count(), 1);
}

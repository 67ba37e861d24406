//! After all that can happen on the way, a receiver has what was counted: exactly where the protocol allows that, and else at
//! most as much more as was counted as uncertain.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod receiver;

use std::time::{Duration, Instant};

use flowmeter_core::{Counter, Histogram};
use flowmeter_otlp::{OtlpOptions, Protocol, Temporality};
use flowmeter_testkit::PATIENCE;
use flowmeter_testkit::otlp::{Answer, OtlpReceiver, Received, Total};

use receiver::{ALL, Job, LONG, options, options_of_one_attempt, points, sum_of_points, total};

const TEMPORALITIES: [Temporality; 3] = [Temporality::Cumulative, Temporality::Delta, Temporality::LowMemory];

/// A counter and a histogram that grow together.
struct Counted {
    counter: Counter,
    histogram: Histogram<u64>,
}

impl Counted {
    fn new(job: &Job) -> Self {
        let group = job.registry.add_group("g");
        Self { counter: group.counter("n"), histogram: group.histogram("h") }
    }

    fn count(&self, values: u64) {
        self.counter.inc_by(values);
        (0..values).for_each(|_| self.histogram.record(3));
    }

    #[track_caller]
    fn assert_exact(&self, received: &Received) {
        assert_eq!(total(received, "g.n"), self.counter.get().cast_signed());
        let totals = received.totals().unwrap();
        let histogram = totals.iter().find(|(series, _)| series.name == "g.h").unwrap().1;
        let count = self.counter.get();
        assert_eq!(*histogram, Total::Histogram { count, sum: 3.0 * count as f64 });
    }
}

/// Reports, while the receiver does something, and once more when it does nothing, with other counts each time.
fn after(protocol: Protocol, temporality: Temporality, answers: &[Answer]) -> (Job, Counted, Received) {
    let receiver = OtlpReceiver::start();
    let job = Job::new(options(&receiver, protocol).with_temporality(temporality));
    let counted = Counted::new(&job);
    counted.count(5);
    job.report().unwrap();
    for answer in answers {
        receiver.script([answer.clone()]);
        counted.count(7);
        let _ = job.report();
    }
    receiver.always(Answer::Ok);
    counted.count(11);
    job.report().unwrap();
    (job, counted, receiver.received())
}

#[test]
fn what_surely_was_not_taken_is_made_good_exactly() {
    for protocol in ALL {
        let mut answers = vec![
            Answer::status(429),
            Answer::retry_after(503, "0"),
            Answer::status(503),
            Answer::status(400),
            Answer::status(404),
            Answer::status(500),
        ];
        if protocol == Protocol::Grpc {
            answers.extend([
                Answer::grpc_retry(14, Duration::from_millis(1)),
                Answer::grpc_retry(8, Duration::from_millis(1)),
                Answer::grpc(8, "no memory"),
                Answer::grpc(3, "no unit"),
                Answer::grpc(12, ""),
            ]);
        }
        for temporality in TEMPORALITIES {
            let (job, counted, received) = after(protocol, temporality, &answers);
            counted.assert_exact(&received);
            assert_eq!(job.otlp.status().uncertain_values, 0);
            assert_eq!(job.otlp.status().dropped_values, 0);
        }
    }
}

#[test]
fn what_may_have_been_taken_is_uncertain_and_no_more_than_that_is_there_twice() {
    for protocol in ALL {
        let mut answers =
            vec![Answer::Close, Answer::CloseUnread, Answer::Lost, Answer::status(502), Answer::status(504)];
        answers.extend([Answer::Garbage, Answer::Oversized(10 << 20)]);
        if protocol == Protocol::Grpc {
            answers.extend([Answer::grpc(14, ""), Answer::grpc(4, "")]);
        }
        for answer in answers {
            let (_, counted, received) =
                after(protocol, Temporality::Cumulative, std::slice::from_ref(&answer));
            counted.assert_exact(&received);

            let (job, counted, received) = after(protocol, Temporality::Delta, std::slice::from_ref(&answer));
            let (sum, truth) = (sum_of_points(&received, "g.n"), counted.counter.get().cast_signed());
            let uncertain = job.otlp.status().uncertain_values;
            assert!(sum >= truth, "{answer:?} by {protocol:?}: {sum} of {truth}");
            // Each report has two points, and what it has of the counter is seven.
            assert!(
                sum - truth <= 7 * (uncertain / 2).cast_signed(),
                "{answer:?} by {protocol:?}: {sum} of {truth}"
            );
            assert!(uncertain <= 2, "{answer:?} by {protocol:?}: {uncertain}");
        }
    }
}

#[test]
fn a_receiver_that_hangs_costs_a_report_and_no_count() {
    for protocol in ALL {
        for temporality in TEMPORALITIES {
            let receiver = OtlpReceiver::start();
            let options = options(&receiver, protocol).with_temporality(temporality);
            let job = Job::new(options.with_report_timeout(Duration::from_millis(300)));
            let counted = Counted::new(&job);
            counted.count(5);
            receiver.script([Answer::Hang]);
            let begun = Instant::now();
            let error = job.report().unwrap_err();
            assert!(error.contains("did not answer within"), "{error}");
            assert!((Duration::from_millis(300)..LONG).contains(&begun.elapsed()));
            counted.count(2);
            eventually(|| job.report());
            counted.assert_exact(&receiver.received());
            let is_delta = temporality != Temporality::Cumulative;
            assert_eq!(job.otlp.status().uncertain_values > 0, is_delta);
        }
    }
}

/// A report that has little time succeeds at last, however slow the machine is.
#[track_caller]
fn eventually(mut report: impl FnMut() -> Result<(), String>) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = report() {
        assert!(Instant::now() < deadline, "{error}");
    }
}

#[test]
fn a_receiver_may_come_late_and_go_and_come_back() {
    for protocol in ALL {
        for temporality in TEMPORALITIES {
            let absent = OtlpReceiver::start();
            let options = options_of_one_attempt(&absent, protocol).with_temporality(temporality);
            let nowhere = absent.stop();
            let job = Job::new(options);
            let counted = Counted::new(&job);
            for _ in 0..3 {
                counted.count(1);
                let error = job.report().unwrap_err();
                assert!(error.contains("see whether a receiver listens there"), "{error}");
            }
            let receiver = nowhere.start();
            counted.count(10);
            job.report().unwrap();
            counted.assert_exact(&receiver.received());
            receiver.close_connections();
            counted.count(100);
            eventually(|| job.report());
            let received = receiver.received();
            if job.otlp.status().uncertain_values == 0 {
                counted.assert_exact(&received);
            }
            // It is another one after that, which has what came since, and the whole of what is cumulative.
            let nowhere = receiver.stop();
            counted.count(1_000);
            job.report().unwrap_err();
            let receiver = nowhere.start();
            counted.count(10_000);
            job.report().unwrap();
            let expected = if temporality == Temporality::Cumulative { 11_113 } else { 11_000 };
            assert_eq!(total(&receiver.received(), "g.n"), expected);
        }
    }
}

/// Options by which a report of some dozens of groups is several requests.
fn small(options: OtlpOptions) -> OtlpOptions {
    options.with_request_size(OtlpOptions::LEAST_REQUEST_SIZE)
}

/// Counters of many groups, which are in the requests of a report one after another.
fn many(job: &Job) -> Vec<Counter> {
    let group = job.registry.add_group("g");
    (0..300).map(|number| group.add_group_kv("number", &number.to_string()).counter("n")).collect()
}

#[test]
fn of_several_requests_only_what_was_not_taken_comes_again() {
    for protocol in ALL {
        for temporality in TEMPORALITIES {
            let receiver = OtlpReceiver::start();
            let job = Job::new(small(options(&receiver, protocol)).with_temporality(temporality));
            let counters = many(&job);
            counters.iter().for_each(|counter| counter.inc_by(3));
            receiver.script([Answer::Ok, Answer::status(400)]);
            let error = job.report().unwrap_err();
            let received = receiver.received();
            let requests = received.requests.len();
            assert!(requests >= 4, "{requests}");
            assert_eq!(received.taken(), requests - 1, "those behind it were sent all the same");
            assert!(error.contains(&format!("1 of {requests} requests were not taken")), "{error}");
            let is_delta = temporality != Temporality::Cumulative;
            job.report().unwrap();
            let again = receiver.received();
            if is_delta {
                assert_eq!(points(&again, "g.number.n").len(), 300, "each once");
                assert_eq!(sum_of_points(&again, "g.number.n"), 900);
            }
            counters.iter().for_each(Counter::inc);
            job.report().unwrap();
            let totals = receiver.received().totals().unwrap();
            assert_eq!(totals.len(), 300);
            assert!(totals.values().all(|total| *total == Total::Integers(4)), "{totals:?}");
            assert_eq!(job.otlp.status().uncertain_values, 0);
        }
    }
}

#[test]
fn those_behind_one_that_is_not_taken_for_now_are_not_sent() {
    let receiver = OtlpReceiver::start();
    let options = options_of_one_attempt(&receiver, Protocol::HttpProtobuf);
    let job = Job::new(small(options).with_temporality(Temporality::Delta));
    let counters = many(&job);
    counters.iter().for_each(|counter| counter.inc_by(3));
    receiver.script([Answer::Ok, Answer::status(503)]);
    let error = job.report().unwrap_err();
    assert!(error.contains("requests were not taken"), "{error}");
    assert_eq!(receiver.received().requests.len(), 2);
    job.report().unwrap();
    assert_eq!(sum_of_points(&receiver.received(), "g.number.n"), 900);
    assert!(receiver.received().totals().unwrap().values().all(|total| *total == Total::Integers(3)));
}

#[test]
fn points_that_a_receiver_rejects_are_dropped_and_counted() {
    for protocol in ALL {
        for temporality in [Temporality::Cumulative, Temporality::Delta] {
            let receiver = OtlpReceiver::start();
            let job = Job::new(options(&receiver, protocol).with_temporality(temporality));
            let counted = Counted::new(&job);
            counted.count(1);
            let partial = |rejected| Answer::Partial { rejected, message: "too old".to_owned() };
            receiver.script([partial(1), partial(0), partial(1_000)]);
            for expected in [1, 1, 3] {
                counted.count(1);
                job.report().unwrap();
                // A receiver cannot reject more than there was.
                assert_eq!(job.otlp.status().dropped_values, expected);
            }
            counted.assert_exact(&receiver.received());
        }
    }
}

//! Since when points count: differences follow each other without gap and overlap, and starts last as long as what they are of.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod receiver;

use std::time::Duration;

use flowmeter_core::{Clock, TaskInfo, TaskManagerGroup};
use flowmeter_otlp::{Protocol, Temporality};
use flowmeter_testkit::otlp::{Answer, OtlpReceiver};

use receiver::{Job, integer, options, options_of_one_attempt, points, total};

/// Start, end and value of all points of a counter, in seconds since the test began.
fn seconds(receiver: &OtlpReceiver, name: &str) -> Vec<(u64, u64, i64)> {
    const BEGUN: u64 = 1_700_000_000_000_000_000;
    let since = |time: u64| (time - BEGUN) / 1_000_000_000;
    let received = receiver.received();
    let points = points(&received, name).into_iter();
    points
        .map(|point| (since(point.start_time_unix_nano), since(point.time_unix_nano), integer(point)))
        .collect()
}

#[test]
fn a_difference_begins_where_the_one_before_it_ended() {
    let receiver = OtlpReceiver::start();
    let options = options_of_one_attempt(&receiver, Protocol::HttpProtobuf);
    let job = Job::new(options.with_temporality(Temporality::Delta));
    let group = job.registry.add_group("g");
    let counter = group.counter("n");
    counter.inc_by(1);
    job.report().unwrap();
    counter.inc_by(2);
    job.report().unwrap();
    // Nothing to say.
    job.report().unwrap();
    counter.inc_by(3);
    receiver.script([Answer::status(503)]);
    job.report().unwrap_err();
    counter.inc_by(4);
    job.report().unwrap();
    let later = group.counter("later");
    later.inc_by(9);
    job.report().unwrap();
    // One that stood still begins where it last was seen to, and one that failed is made up for.
    assert_eq!(seconds(&receiver, "g.n"), [(0, 1, 1), (1, 2, 2), (3, 5, 7)]);
    assert_eq!(seconds(&receiver, "g.later"), [(5, 6, 9)]);
    assert_eq!(total(&receiver.received(), "g.n"), 10);
}

fn task(task_manager: &TaskManagerGroup, count: u64) -> impl Drop + use<> {
    let job = task_manager.job("job-1", "a job");
    let task = job.task(TaskInfo { id: "1", name: "map", ..TaskInfo::default() });
    let counter = task.counter("records");
    counter.inc_by(count);
    struct Held<T>(Option<T>);
    impl<T> Drop for Held<T> {
        fn drop(&mut self) {
            self.0.take();
        }
    }
    Held(Some((counter, task, job)))
}

const NAME: &str = "taskmanager.job.task.records";

#[test]
fn a_task_that_is_restarted_goes_on_as_the_same_series() {
    for (temporality, expected) in [
        (Temporality::Cumulative, [(0, 1, 5), (0, 2, 12), (0, 3, 12), (0, 4, 12)]),
        (Temporality::Delta, [(0, 1, 5), (1, 2, 7), (0, 0, 0), (0, 0, 0)]),
    ] {
        let receiver = OtlpReceiver::start();
        let job = Job::new(options(&receiver, Protocol::Grpc).with_temporality(temporality));
        let task_manager = job.registry.task_manager("host-1", "tm-1");
        let first = task(&task_manager, 5);
        job.report().unwrap();
        drop(first);
        let _second = task(&task_manager, 7);
        (0..3).for_each(|_| job.report().unwrap());
        let expected: Vec<_> = expected.into_iter().filter(|(_, end, _)| *end > 0).collect();
        assert_eq!(seconds(&receiver, NAME), expected);
        assert_eq!(total(&receiver.received(), NAME), 12);
    }
}

#[test]
fn a_series_that_was_gone_begins_anew() {
    for (temporality, start) in [(Temporality::Cumulative, 1_000), (Temporality::Delta, 1_000)] {
        let receiver = OtlpReceiver::start();
        let job = Job::new(options(&receiver, Protocol::Grpc).with_temporality(temporality));
        let task_manager = job.registry.task_manager("host-1", "tm-1");
        drop(task(&task_manager, 5));
        job.report().unwrap();
        // It is final, and then it is forgotten.
        job.clock.advance(Duration::from_secs(999) - job.clock.monotonic());
        job.report().unwrap();
        let _second = task(&task_manager, 7);
        job.report().unwrap();
        let last = *seconds(&receiver, NAME).last().unwrap();
        assert_eq!(last, (start, 1_001, 7));
        assert_eq!(total(&receiver.received(), NAME), 12);
    }
}

#[test]
fn a_reporter_that_is_restarted_goes_on_where_it_was() {
    let receiver = OtlpReceiver::start();
    let options = options(&receiver, Protocol::HttpProtobuf).with_temporality(Temporality::Delta);
    let job = Job::new(options);
    let counter = job.registry.add_group("g").counter("n");
    counter.inc_by(1);
    job.report().unwrap();
    counter.inc_by(2);
    job.otlp.restart(flowmeter_testkit::PATIENCE).unwrap();
    job.report().unwrap();
    assert_eq!(seconds(&receiver, "g.n"), [(0, 1, 1), (1, 2, 2)]);
}

//! How points are divided among requests, and what becomes of those that no request has room for.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod job;

use std::time::Duration;

use flowmeter_core::{Clock, Counter, TraceContext};
use flowmeter_otlp::{NamingPolicy, Temporality};
use job::{Job, Wire, decoded, described, options, report};

/// The lines of all requests.
fn lines(wire: &Wire) -> Vec<String> {
    let texts = decoded(&wire.requests()).iter().map(described).collect::<String>();
    texts.lines().map(str::to_owned).collect()
}

/// The values of all points of integers, in the order in which they were sent.
fn integers(wire: &Wire) -> Vec<i64> {
    let value = |line: &String| line.split_once("AsInt(")?.1.trim_end_matches(')').parse().ok();
    lines(wire).iter().filter_map(value).collect()
}

#[test]
fn what_was_not_taken_is_sent_again_and_nothing_twice() {
    let delta = options(|options| {
        options.temporality = Temporality::Delta;
        options.request_size = 420;
    });
    let wire = Wire::new(&delta);
    let mut job = Job::empty();
    let group = |number: usize| job.registry.add_group("g").add_group_kv("number", &number.to_string());
    let counters: Vec<_> = (0..20).map(|number| group(number).counter("n")).collect();
    let handle = job.add(&wire);
    counters.iter().for_each(|counter| counter.inc_by(100));
    wire.accept(2);
    report(&handle);
    let requests = decoded(&wire.requests());
    assert!(requests.len() > 3, "{}", requests.len());
    let taken = requests[..2].iter().map(described).collect::<String>().matches("AsInt").count();
    assert_eq!(integers(&wire).len(), 20);

    counters.iter().for_each(Counter::inc);
    wire.accept(usize::MAX);
    report(&handle);
    let expected: Vec<_> = (0..20).map(|number| if number < taken { 1 } else { 101 }).collect();
    assert_eq!(integers(&wire), expected);

    report(&handle);
    assert_eq!(wire.requests(), Vec::<Vec<u8>>::new(), "nothing has grown");
    counters[7].inc_by(5);
    report(&handle);
    assert_eq!(integers(&wire), [5]);
    job.hold(counters);
}

#[test]
fn a_point_that_no_request_has_room_for_is_left_out_and_counted() {
    for naming in [NamingPolicy::Native, NamingPolicy::Flink] {
        let wire = Wire::new(&options(|options| {
            options.request_size = 600;
            options.naming = naming;
        }));
        let mut job = Job::empty();
        let groups = ["a".to_owned(), "b".repeat(600), "c".to_owned()];
        let groups = groups.map(|value| job.registry.add_group("g").add_group_kv("key", &value));
        let meters = groups.each_ref().map(|group| group.meter("m"));
        let histograms = groups.each_ref().map(|group| group.histogram::<u64>("h"));
        meters.iter().for_each(|meter| meter.mark_by(7));
        let handle = job.add(&wire);
        report(&handle);
        // In Flink a meter is two metrics.
        assert_eq!(wire.dropped(), if naming == NamingPolicy::Native { 2 } else { 3 });
        assert_eq!(integers(&wire), [7, 7]);
        assert!(wire.requests().iter().all(|request| request.len() <= 600));
        job.hold((meters, histograms));
    }
}

#[test]
fn a_resource_is_once_in_a_request_though_series_come_by_turns() {
    let wire = Wire::new(&options(|options| options.resource_variables = vec!["tm_id".to_owned()]));
    let mut job = Job::empty();
    let managers = ["1", "2", "3"].map(|id| job.registry.task_manager("h", id));
    let groups: Vec<_> =
        (0..9).map(|number| managers[number % 3].add_group_kv("n", &number.to_string())).collect();
    let counters: Vec<_> = groups.iter().flat_map(|group| [group.counter("a"), group.counter("b")]).collect();
    let handle = job.add(&wire);
    for _ in 0..2 {
        report(&handle);
        let lines = lines(&wire);
        assert_eq!(lines.iter().filter(|line| line.starts_with("resource")).count(), 3);
        assert_eq!(lines.iter().filter(|line| line.contains("sum, cumulative")).count(), 6);
        assert_eq!(lines.iter().filter(|line| line.contains("AsInt(0)")).count(), 18);
    }
    job.hold((managers, counters));
}

#[test]
fn a_resource_has_each_key_once() {
    let wire = Wire::new(&options(|options| {
        options.resource.push(("host.name".to_owned(), "from options".to_owned()));
        options.resource.push(("service.name".to_owned(), "the latter".to_owned()));
        options.resource_variables = vec!["host".to_owned()];
    }));
    let mut job = Job::empty();
    let manager = job.registry.task_manager("h", "1");
    let group = manager.add_group_kv("value", "v").add_group_kv("host.name", "user's");
    let state = group.text_gauge("state");
    state.set("RUNNING");
    let handle = job.add(&wire);
    report(&handle);
    let lines = lines(&wire);
    assert!(
        lines[0].starts_with("resource {service.name=\"the latter\", host.name=\"from options\", "),
        "{}",
        lines[0]
    );
    let attributes = "{host.name=\"h\", host.name_=\"user's\", tm_id=\"1\", value_=\"v\", value=\"RUNNING\"}";
    assert!(lines[3].contains(attributes), "{}", lines[3]);
    job.hold((manager, state));
}

#[test]
fn exemplars_of_a_difference_are_from_its_time() {
    let wire = Wire::new(&options(|options| options.temporality = Temporality::Delta));
    let mut job = Job::empty();
    job.clock.advance(Duration::from_secs(100));
    let counter = job.registry.add_group("g").counter("n");
    let span = TraceContext::new([7; 16], [8; 8]);
    let handle = job.add(&wire);
    let since = job.clock.unix();
    for (context, is_sent) in
        [(span, false), (span.at(since - Duration::from_nanos(1)), false), (span.at(since), true)]
    {
        counter.inc_with_exemplar(&context);
        report(&handle);
        assert_eq!(lines(&wire)[3].contains(&"07".repeat(16)), is_sent, "{context:?}");
    }
    job.hold(counter);
}

#[test]
fn what_was_accepted_adds_up_to_what_was_counted() {
    for naming in [NamingPolicy::Native, NamingPolicy::Flink] {
        let wire = Wire::new(&options(|options| {
            options.temporality = Temporality::Delta;
            options.request_size = 700;
            options.naming = naming;
        }));
        let mut job = Job::empty();
        let group = job.registry.add_group("g");
        let meter = |number: usize| group.add_group_kv("number", &number.to_string()).meter("m");
        let meters: Vec<_> = (0..30).map(meter).collect();
        let handle = job.add(&wire);
        let (mut counted, mut accepted) = (0, 0);
        for (round, taken) in [3, 0, 1, 100, 2, 5, 0, usize::MAX].into_iter().enumerate() {
            for (number, meter) in meters.iter().enumerate() {
                let events = (round * number) as u64 % 7;
                meter.mark_by(events);
                counted += events;
            }
            job.clock.advance(Duration::from_secs(1));
            wire.accept(taken);
            report(&handle);
            let requests = decoded(&wire.requests());
            assert!(requests.len() > 1);
            let texts: String = requests.iter().take(taken).map(described).collect();
            let value = |line: &str| line.split_once("AsInt(")?.1.trim_end_matches(')').parse::<u64>().ok();
            accepted += texts.lines().filter_map(value).sum::<u64>();
        }
        assert_eq!(accepted, counted, "{naming:?}");
        job.hold(meters);
    }
}

#[test]
fn with_low_memory_what_a_callback_reads_is_since_its_start() {
    let wire = Wire::new(&options(|options| options.temporality = Temporality::LowMemory));
    let mut job = Job::empty();
    let (own, other) = (job.registry.add_group("g"), job.registry.add_group("g").add_group_kv("key", "x"));
    let counter = own.counter("n");
    let histogram = other.histogram::<u64>("h");
    other.counter_callback("n", || 7);
    let handle = job.add(&wire);
    for (time, since) in [(1, 0), (2, 1)] {
        counter.inc_by(5);
        histogram.record(3);
        job.clock.advance(Duration::from_secs(1));
        report(&handle);
        let lines = lines(&wire);
        let about = |since| format!("170000000{since}000000000 to 170000000{time}000000000: ");
        let has = |kind: &str, point: String| {
            let place = lines.iter().position(|line| line.ends_with(kind)).unwrap();
            assert!(lines[place + 1].contains(&point), "{point} is not in {lines:#?}");
        };
        has("[] sum, delta, monotonic", format!("{}AsInt(5)", about(since)));
        has("[] sum, cumulative, monotonic", format!("{}AsInt(7)", about(0)));
        has("[] exponential histogram, delta", format!("{}1 with sum Some(3.0)", about(since)));
    }
    job.hold((counter, histogram));
}

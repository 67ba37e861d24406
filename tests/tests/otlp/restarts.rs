//! A collector that is not there yet, goes, and comes back.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use flowmeter::otlp::{OtlpOptions, Protocol, RetryOptions, Temporality};
use flowmeter::{Registry, ReporterHandle, ReporterOptions, TaskInfo};
use flowmeter_e2e::{Collector, CollectorKind, Relay, wait_for};
use flowmeter_testkit::otlp::{OtlpReceiver, Received, Total};
use flowmeter_testkit::{Capture, PATIENCE, on_request};

use crate::{address, reporting, settled};

/// How often the collector goes after it has come.
const TIMES: usize = 2;
/// How many records a window has.
const WINDOW: u64 = 20;

/// What series have come to, by name and window.
type Totals = BTreeMap<(String, String), Total>;

/// A job that knows what it has counted.
#[derive(Default)]
struct Job {
    is_over: AtomicBool,
    records: AtomicU64,
}

impl Job {
    /// Counts until it is told that it is over, and returns what it has counted.
    fn run(&self, registry: &Registry) -> Totals {
        let task_manager = registry.task_manager("host", "tm-1");
        let job = task_manager.job("a3f0", "word count");
        let task = job.task(TaskInfo { id: "1", name: "Map", ..TaskInfo::default() });
        let (records, queued) = (task.counter("numRecordsIn"), task.up_down_counter("queue.count"));
        let sizes = task.histogram::<u64>("sizes");
        let (mut number, mut sum, mut in_queue, mut windows) = (0_u64, 0_u64, 0, Totals::new());
        while !self.is_over.load(Relaxed) {
            number += 1;
            records.inc();
            sizes.record(number);
            sum += number;
            let change = if number.is_multiple_of(3) { -2 } else { 1 };
            queued.add(change);
            in_queue += change;
            if number.is_multiple_of(WINDOW) {
                // It is gone before most reports.
                let window = (number / WINDOW).to_string();
                task.add_group_kv("window", &window).counter("fired").inc_by(number);
                windows.insert(named("window.fired", &window), Total::Integers(number.cast_signed()));
            }
            self.records.store(number, Relaxed);
            thread::sleep(Duration::from_millis(1));
        }
        let count = Total::Integers(number.cast_signed());
        let sizes = Total::Histogram { count: number, sum: sum as f64 };
        windows.extend([
            (named("num_records_in", ""), count),
            (named("queue_count", ""), Total::Integers(in_queue)),
            (named("sizes", ""), sizes),
        ]);
        windows
    }

    /// Does something, and returns what comes of it when the job has gone on meanwhile.
    fn goes_on_while<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = self.records.load(Relaxed);
        let done = work();
        wait_for("the next record", || (self.records.load(Relaxed) > before).then_some(()));
        done
    }
}

/// Has a job end, also when its test fails, which waits for it.
struct End<'a>(&'a Job);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Relaxed);
    }
}

fn named(name: &str, window: &str) -> (String, String) {
    (format!("taskmanager.job.task.{name}"), window.to_owned())
}

/// What the job's series have come to.
fn totals(received: &Received) -> Totals {
    let all = received.totals().expect("what came is right").into_iter();
    let of_job = all.filter(|(series, _)| series.name.starts_with("taskmanager.job.task."));
    let named = |(series, total): (flowmeter_testkit::otlp::Series, Total)| {
        let window = series.attributes.get("window").cloned().unwrap_or_default();
        ((series.name, window), total)
    };
    of_job.map(named).collect()
}

/// Makes numbered reports, and counts those that fail.
struct Reports<'a> {
    reporter: &'a ReporterHandle,
    number: flowmeter::Counter,
    made: i64,
    failures: u64,
}

impl Reports<'_> {
    fn make(&mut self) -> bool {
        self.number.inc();
        self.made += 1;
        let is_taken = self.reporter.report_now(PATIENCE).is_ok();
        self.failures += u64::from(!is_taken);
        is_taken
    }

    /// Makes one that the collector takes, and waits until that is passed on.
    fn arrive(&mut self, receiver: &OtlpReceiver) {
        wait_for("a report", || self.make().then_some(()));
        let has_come = |received: &Received| {
            let totals = received.totals().expect("what came is right");
            let number = totals.iter().find(|(series, _)| series.name == "reports.number");
            number.is_some_and(|(_, total)| *total == Total::Integers(self.made))
        };
        assert!(has_come(&settled(receiver, has_come)), "report {}", self.made);
    }

    /// Makes one that nobody takes.
    fn fail(&mut self) {
        assert!(!self.make(), "nobody is there");
    }
}

fn a_collector_may_go(kind: CollectorKind, test: &str, protocol: Protocol, temporality: Temporality) {
    let receiver = OtlpReceiver::start();
    let Some(mut collector) = Collector::new(kind, test, &receiver.http_url()) else { return };
    let options = options(&address(&collector, protocol), protocol, temporality);
    let be_there = |is_there: bool| if is_there { collector.restart() } else { collector.kill() };
    nothing_is_lost(&receiver, options, be_there);
}

/// The receiver stays, and the way to it goes.
fn the_way_may_go(temporality: Temporality) {
    let receiver = OtlpReceiver::start();
    let url = receiver.http_url();
    let mut relay = Relay::new(url.strip_prefix("http://").expect("a URL").parse().expect("an address"));
    let options = options(&format!("http://{}", relay.address()), Protocol::HttpJson, temporality);
    let be_there = |is_there: bool| if is_there { relay.restart() } else { relay.kill() };
    nothing_is_lost(&receiver, options, be_there);
}

/// Options of reports that fail soon, but not for want of time.
fn options(url: &str, protocol: Protocol, temporality: Temporality) -> OtlpOptions {
    let retry = RetryOptions::default().with_backoff(Duration::from_millis(20), Duration::from_millis(50));
    OtlpOptions::default()
        .with_protocol(protocol)
        .with_endpoint(url.parse().expect("a URL"))
        .with_temporality(temporality)
        .with_report_timeout(Duration::from_secs(1))
        .with_retry(retry)
}

/// Has what is between a reporter and a receiver come late, go and come back.
fn nothing_is_lost(receiver: &OtlpReceiver, options: OtlpOptions, mut be_there: impl FnMut(bool)) {
    let (registry, reporter) = reporting(options, on_request());
    let capture = Capture::push();
    let often = ReporterOptions::default().with_interval(Duration::from_millis(20));
    let beside = registry.add_reporter("beside", capture.reporter(), often).expect("it starts");

    let job = Job::default();
    let number = registry.add_group("reports").counter("number");
    let mut reports = Reports { reporter: &reporter, number, made: 0, failures: 0 };
    let truth = thread::scope(|scope| {
        let counted = scope.spawn(|| job.run(&registry));
        let end = End(&job);
        // The first time it was not there yet.
        for _ in 0..=TIMES {
            be_there(false);
            let before = beside.status().reports;
            job.goes_on_while(|| reports.fail());
            wait_for("the other reporter", || (beside.status().reports > before).then_some(()));
            be_there(true);
            reports.arrive(receiver);
        }
        drop(end);
        counted.join().expect("the job does not panic")
    });
    assert!(registry.shutdown(PATIENCE).iter().all(|(_, outcome)| outcome.is_ok()));

    let received = settled(receiver, |received| totals(received) == truth);
    assert_eq!(totals(&received), truth);
    let status = reporter.status();
    assert_eq!((status.failures, status.dropped_values), (reports.failures, 0), "{status:?}");
    assert!(status.last_error.is_some(), "{status:?}");
    let beside = beside.status();
    assert_eq!((beside.failures, beside.last_error), (0, None));
    let of_records = |(name, count): (String, f64)| name.contains(".numRecordsIn{").then_some(count);
    let counted = capture.latest().into_iter().find_map(of_records);
    let truth = truth[&named("num_records_in", "")];
    assert_eq!(counted.map(|count| Total::Integers(count as i64)), Some(truth));
}

#[test]
fn by_grpc() {
    a_collector_may_go(CollectorKind::Rotel, "restarts, gRPC", Protocol::Grpc, Temporality::Cumulative);
}

#[test]
fn by_grpc_in_deltas() {
    a_collector_may_go(CollectorKind::Rotel, "restarts, gRPC, deltas", Protocol::Grpc, Temporality::Delta);
}

#[test]
fn by_http() {
    a_collector_may_go(
        CollectorKind::Rotel,
        "restarts, HTTP",
        Protocol::HttpProtobuf,
        Temporality::Cumulative,
    );
}

#[test]
fn by_http_in_deltas() {
    a_collector_may_go(
        CollectorKind::Rotel,
        "restarts, HTTP, deltas",
        Protocol::HttpProtobuf,
        Temporality::Delta,
    );
}

#[test]
fn by_json() {
    let (json, cumulative) = (Protocol::HttpJson, Temporality::Cumulative);
    a_collector_may_go(CollectorKind::Official, "restarts, JSON", json, cumulative);
}

#[test]
fn by_json_in_deltas() {
    let (json, delta) = (Protocol::HttpJson, Temporality::Delta);
    a_collector_may_go(CollectorKind::Official, "restarts, JSON, deltas", json, delta);
}

#[test]
fn a_way_by_json() {
    the_way_may_go(Temporality::Cumulative);
}

#[test]
fn a_way_by_json_in_deltas() {
    the_way_may_go(Temporality::Delta);
}

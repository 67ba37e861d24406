//! Groups that share an identity in a backend: one after the other they are one series, at one time they clash.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use flowmeter_core::{
    Clashes, CollectedCounter, Family, GroupView, Metric, Naming, Number, Report, ReportError, ReportMode,
    ReportNumber, Reporter, ReporterContext, TaskInfo, Unit, Value,
};
use flowmeter_testkit::{Capture, PATIENCE, driven, names, on_request, quiet_registry};

const MAP: TaskInfo<'_> =
    TaskInfo { id: "", name: "map", subtask_index: 0, attempt_id: "", attempt_number: None };

fn values(lines: &flowmeter_testkit::Lines) -> Vec<f64> {
    lines.iter().map(|(_, value)| *value).collect()
}

#[test]
fn a_task_that_is_restarted_goes_on_as_the_same_series() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let task_manager = registry.task_manager("h", "tm");
    let job = task_manager.job("j", "job");
    let mut seen = Vec::new();
    for attempt in 1..=3_u64 {
        let task = job.task(MAP);
        task.counter("n").inc_by(attempt);
        handle.report_now(PATIENCE).unwrap();
        seen.push(values(&capture.last()));
        drop(task);
    }
    for _ in 0..2 {
        handle.report_now(PATIENCE).unwrap();
        seen.push(values(&capture.last()));
    }
    assert_eq!(seen, [vec![1.0], vec![3.0], vec![6.0], vec![6.0], vec![]]);
    assert_eq!(registry.statistics().clashes, 0, "one after the other is no clash");
}

#[test]
fn every_kind_goes_on_as_it_should() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let run = |n: u64| {
        let group = registry.add_group("g");
        group.shared_counter("counter").inc_by(n);
        group.meter("meter").mark_by(n);
        group.up_down_counter("inFlight").add(5);
        group.gauge::<u64>("gauge").set(n);
        let histogram = group.histogram::<u64>("histogram");
        (0..n).for_each(|value| histogram.record(value));
        group.counter_callback("callback", move || n);
        group.try_register::<CollectedCounter>("collected").unwrap().set(n);
        if n == 10 {
            group.counter("onlyFirst").inc_by(7);
        }
        group
    };
    run(10).close();
    run(4).close();
    let last = run(2);
    handle.report_now(PATIENCE).unwrap();
    let expected = [
        ("g.callback{}", 2.0),
        ("g.collected{}", 2.0),
        ("g.counter{}", 16.0),
        ("g.gauge{}", 2.0),
        ("g.histogram{}", 16.0),
        ("g.inFlight{}", 5.0),
        ("g.meter{}", 16.0),
        ("g.onlyFirst{}", 7.0),
    ];
    assert_eq!(capture.last(), expected.map(|(name, value)| (name.to_owned(), value)));
    // What nobody goes on from leaves after its last report.
    handle.report_now(PATIENCE).unwrap();
    assert!(!names(&capture.last()).contains(&"g.onlyFirst{}"));
    drop(last);
}

#[test]
fn restarts_in_a_loop_lose_nothing_and_leave_nothing() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    for _ in 0..20 {
        for _ in 0..1_000 {
            let group = registry.add_group("g");
            group.counter("n").inc();
            group.close();
        }
        handle.report_now(PATIENCE).unwrap();
        // A push reporter has delivered it, so the next one begins anew.
        assert_eq!(values(&capture.last()), [1_000.0]);
        assert_eq!(handle.status().undelivered_groups, 0);
    }
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), []);
    assert_eq!(registry.statistics().dropped_unread_series, 0);
}

#[test]
fn a_successor_waits_until_its_predecessor_is_final() {
    let capture = Capture::push();
    let (registry, clock, handle) = driven(&capture);
    let first = registry.add_group("g");
    let still_counting = first.counter("n");
    first.close();
    let second = registry.add_group("g").counter("n");
    second.inc_by(10);
    still_counting.inc();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(values(&capture.last()), [1.0]);
    still_counting.inc();
    clock.advance(Duration::from_secs(1));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(values(&capture.last()), [12.0], "the grace time is over");
    assert_eq!(registry.statistics().clashes, 0);
}

#[test]
fn a_restart_just_before_the_end_is_in_the_last_report() {
    for closed in [false, true] {
        let capture = Capture::push();
        let (registry, _, handle) = driven(&capture);
        let first = registry.add_group("g");
        let held = first.counter("n");
        held.inc();
        handle.report_now(PATIENCE).unwrap();
        first.close();
        let second = registry.add_group("g");
        second.counter("n").inc_by(1_000);
        if closed {
            second.close();
        }
        registry.shutdown(PATIENCE);
        assert_eq!(values(&capture.last()), [1_001.0]);
        assert_eq!(registry.statistics().dropped_unread_series, 0);
        drop(held);
    }
}

#[test]
fn two_scrapers_see_one_series_over_a_restart() {
    let capture = Capture::pull();
    let (registry, _, handle) = driven(&capture);
    let group = registry.add_group("g");
    group.counter("n").inc_by(10);
    group.close();
    handle.report_now(PATIENCE).unwrap();
    capture.context().delivered(capture.numbers()[0]);
    handle.wait_delivered(PATIENCE).unwrap();
    let next = registry.add_group("g").counter("n");
    next.inc_by(5);
    // The second scraper never saw the 10, and needs not.
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(values(&capture.last()), [15.0]);
}

#[test]
fn open_groups_of_one_identity_clash_and_the_later_one_is_promoted() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let first = registry.task_manager("h", "tm");
    let second = registry.task_manager("h", "tm");
    let (a, b, other) = (first.counter("n"), second.counter("n"), second.counter("other"));
    a.inc_by(1);
    b.inc_by(2);
    handle.report_now(PATIENCE).unwrap();
    let n = "taskmanager.n{host=h,tm_id=tm}".to_owned();
    let also = ("taskmanager.other{host=h,tm_id=tm}".to_owned(), 0.0);
    assert_eq!(capture.last(), [(n.clone(), 1.0), also.clone()], "what they do not have in common is shown");
    for i in 0..50 {
        // Whatever else comes and goes, it stays one clash.
        registry.add_group("x").add_group_kv("i", &i.to_string()).close();
        handle.report_now(PATIENCE).unwrap();
    }
    assert_eq!(registry.statistics().clashes, 1);
    drop((a, first));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(
        capture.last(),
        [(n.clone(), 1.0), also.clone()],
        "it goes on from the first, without what it counted meanwhile"
    );
    b.inc_by(5);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), [(n, 6.0), also]);
    drop((b, other, second));
}

#[test]
fn two_thousand_clashing_groups_are_withheld_without_harm() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let groups: Vec<_> = (0..2_000).map(|_| registry.task_manager("h", "tm")).collect();
    let counters: Vec<_> = groups.iter().map(|group| group.counter("n")).collect();
    counters.iter().for_each(flowmeter_core::Counter::inc);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(values(&capture.last()), [1.0]);
    assert_eq!(registry.statistics().clashes, 1_999);
    drop((counters, groups));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(values(&capture.last()), [1.0]);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), []);
}

#[test]
fn closed_groups_behind_an_open_one_wait_within_limits_and_are_counted() {
    let capture = Capture::push();
    let (registry, clock, _) = driven(&capture);
    let mut options = on_request().with_retention(Duration::from_secs(1), Duration::from_secs(60));
    options.keep_groups = 10;
    let handle = registry.add_reporter("limited", capture.reporter(), options).unwrap();
    let holder = registry.task_manager("h", "tm");
    let shown = holder.counter("n");
    handle.report_now(PATIENCE).unwrap();
    for _ in 0..100 {
        let clashing = registry.task_manager("h", "tm");
        clashing.counter("n").inc();
        drop(clashing);
        clock.advance(Duration::from_secs(2));
    }
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(handle.status().undelivered_groups, 10);
    assert_eq!(registry.statistics().dropped_unread_series, 90);
    clock.advance(Duration::from_secs(60));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(handle.status().undelivered_groups, 0);
    assert_eq!(registry.statistics().dropped_unread_series, 100);
    handle.wait_delivered(PATIENCE).unwrap();
    shown.inc();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(values(&capture.last()), [1.0]);
}

#[test]
fn a_withheld_family_of_a_closed_group_is_counted() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let (a, b) =
        (registry.add_group("g").add_group_kv("i", "1"), registry.add_group("g").add_group_kv("i", "2"));
    let shown = a.counter("n");
    b.counter(Metric::new("n").with_unit(Unit::BYTES)).inc_by(77);
    b.close();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(names(&capture.last()), ["g.i.n{i=1}"]);
    assert_eq!(registry.statistics().dropped_unread_series, 1);
    drop(shown);
}

#[test]
fn what_no_scraper_fetched_before_the_end_is_counted() {
    let capture = Capture::pull();
    let (registry, _, handle) = driven(&capture);
    let group = registry.add_group("g");
    group.counter("n").inc_by(9);
    group.close();
    handle.report_now(PATIENCE).unwrap();
    registry.shutdown(PATIENCE);
    assert_eq!(registry.statistics().dropped_unread_series, 1);
}

/// Lets the test go on while a group is being prepared.
struct Gate {
    inner: Capture,
    entered: mpsc::Sender<()>,
    opened: Mutex<mpsc::Receiver<()>>,
}

impl Reporter for Gate {
    fn mode(&self) -> ReportMode {
        ReportMode::Pull
    }

    fn naming(&self) -> Naming {
        Naming::Labeled
    }

    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        self.inner.reporter().start(context)
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        self.entered.send(()).unwrap();
        self.opened.lock().unwrap().recv().unwrap();
        self.inner.reporter().prepare_group(group, out);
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        self.inner.reporter().prepare_family(family, out);
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        self.inner.reporter().report(report)
    }
}

#[test]
fn a_metric_that_comes_while_its_group_is_taken_in_is_delivered_too() {
    let capture = Capture::pull();
    let registry = quiet_registry();
    let ((entered, at_gate), (open, opened)) = (mpsc::channel(), mpsc::channel());
    let gate = Gate { inner: capture.clone(), entered, opened: Mutex::new(opened) };
    let handle = registry.add_reporter("gate", Box::new(gate), on_request()).unwrap();
    let group = registry.add_group("g");
    group.counter("first").inc();
    let reporting = {
        let handle = handle.clone();
        thread::spawn(move || handle.report_now(PATIENCE).unwrap())
    };
    at_gate.recv().unwrap();
    group.counter("second").inc_by(42);
    group.close();
    open.send(()).unwrap();
    reporting.join().unwrap();
    capture.context().delivered(capture.numbers()[0]);
    // The first is delivered, the second is not, so the group is not.
    handle.wait_delivered(Duration::from_millis(100)).unwrap_err();
    handle.report_now(PATIENCE).unwrap();
    capture.context().delivered(*capture.numbers().last().unwrap());
    handle.wait_delivered(PATIENCE).unwrap();
    assert_eq!(capture.last(), [("g.first{}".to_owned(), 1.0), ("g.second{}".to_owned(), 42.0)]);
}

/// Writes flat names, as StatsD has them.
#[derive(Clone, Default)]
struct Flat {
    lines: Arc<Mutex<Vec<(String, u64)>>>,
    sends_clashes: bool,
}

impl Reporter for Flat {
    fn clashes(&self) -> Clashes {
        if self.sends_clashes { Clashes::Sent } else { Clashes::Withheld }
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let mut lines = Vec::new();
        for family in report.families() {
            family.for_each(|series| {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let Value::Number(Number::U64(value)) = series.value() else { return Err("not a count") };
                lines.push((format!("{}.{}", text(series.prepared()), text(family.prepared())), value));
                Ok(())
            })?;
        }
        *self.lines.lock().unwrap() = lines;
        Ok(())
    }
}

#[test]
fn flat_names_clash_across_scopes() {
    let registry = quiet_registry();
    let flat = Flat::default();
    let handle = registry.add_reporter("flat", Box::new(flat.clone()), on_request()).unwrap();
    let report = || {
        handle.report_now(PATIENCE).unwrap();
        flat.lines.lock().unwrap().clone()
    };
    let task_manager = registry.task_manager("h", "tm");
    let job = task_manager.job("j", "job");
    // By Flink's default formats a task and an operator of one name are one identifier.
    let task = job.task(MAP);
    let operator = task.operator("o", "map");
    let (of_task, of_operator) = (task.counter("in"), operator.counter("in"));
    let only_operator = operator.counter("late");
    of_task.inc_by(1);
    of_operator.inc_by(2);
    let (first, second) =
        ("h.taskmanager.tm.job.map.0.in".to_owned(), "h.taskmanager.tm.job.map.0.late".to_owned());
    assert_eq!(report(), [(first, 1), (second, 0)]);
    assert_eq!(registry.statistics().clashes, 1);
    drop(only_operator);
}

#[test]
fn clashing_series_are_all_sent_where_that_is_the_rule() {
    let registry = quiet_registry();
    let flat = Flat { sends_clashes: true, ..Flat::default() };
    let handle = registry.add_reporter("flat", Box::new(flat.clone()), on_request()).unwrap();
    let report = || {
        handle.report_now(PATIENCE).unwrap();
        let lines = flat.lines.lock().unwrap();
        assert!(lines.iter().all(|(name, _)| name == "h.taskmanager.tm.job.map.0.in"), "{lines:?}");
        lines.iter().map(|(_, value)| *value).collect::<Vec<_>>()
    };
    let task_manager = registry.task_manager("h", "tm");
    let job = task_manager.job("j", "job");
    let task = job.task(MAP);
    let operator = task.operator("o", "map");
    let (of_task, of_operator) = (task.counter("in"), operator.counter("in"));
    of_task.inc_by(10);
    of_operator.inc_by(200);
    assert_eq!(report(), [10, 200]);
    // One of them goes; the other was there before, and is not its successor.
    operator.close();
    drop(of_operator);
    assert_eq!(report(), [10, 200]);
    assert_eq!(report(), [10]);
    // Who comes back is.
    task.close();
    drop(of_task);
    let again = job.task(MAP);
    let counter = again.counter("in");
    counter.inc_by(5);
    assert_eq!(report(), [15]);
    // Nor is the other way round one the successor of the other.
    let operator = again.operator("o", "map");
    let of_operator = operator.counter("in");
    of_operator.inc_by(200);
    assert_eq!(report(), [15, 200]);
    again.close();
    drop(counter);
    assert_eq!(report(), [15, 200]);
    assert_eq!(report(), [200]);
    assert_eq!(registry.statistics().clashes, 0);
}

#[test]
fn deliveries_acknowledge_no_later_report() {
    let capture = Capture::pull();
    let (registry, _, handle) = driven(&capture);
    handle.report_now(PATIENCE).unwrap();
    let group = registry.add_group("g");
    group.counter("n").inc();
    group.close();
    handle.report_now(PATIENCE).unwrap();
    let numbers: Vec<ReportNumber> = capture.numbers();
    capture.context().delivered(numbers[0]);
    handle.wait_delivered(Duration::from_millis(50)).unwrap_err();
    capture.context().delivered(numbers[1]);
    handle.wait_delivered(PATIENCE).unwrap();
}

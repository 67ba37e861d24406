//! Series that were withheld, because another of their identity was there at the same time: they go on from that one
//! without what they counted meanwhile, which the backend was told of by the other one or by nobody.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowmeter_core::{
    CollectedCounter, Counter, HistogramOptions, HistogramSnapshot, Metric, MetricSet, Number, Registry,
    Report, ReportError, Reporter, ReporterHandle, ReporterOptions, TaskInfo, Value,
};
use flowmeter_testkit::{MockClock, PATIENCE, Pair, on_request, quiet_registry_on};

const MAP: TaskInfo<'_> =
    TaskInfo { id: "", name: "map", subtask_index: 0, attempt_id: "", attempt_number: None };

/// What a report had of one series.
#[derive(Clone, Debug, Default, PartialEq)]
struct Line {
    value: f64,
    /// Of a sum, all that was sent so far.
    sent: u64,
    rate: Option<f64>,
    /// Since the clock began.
    start: u64,
    /// The same of what is new in this report.
    delta_start: u64,
    histogram: HistogramSnapshot,
    /// All that was sent of it so far.
    sent_histogram: HistogramSnapshot,
}

/// A reporter with flat names that wants all there is.
#[derive(Clone, Default)]
struct Flat {
    lines: Arc<Mutex<BTreeMap<String, Line>>>,
    classic: bool,
}

impl Reporter for Flat {
    fn deltas(&self) -> bool {
        true
    }

    fn rates(&self) -> bool {
        true
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let mut lines = BTreeMap::new();
        let mut last = self.lines.lock().unwrap();
        for family in report.families() {
            let family = if self.classic { family.for_classic_buckets() } else { family };
            family.for_each(|series| {
                let name = family.family().name().to_owned();
                let before: Line = last.get(&name).cloned().unwrap_or_default();
                let mut line = Line { rate: series.rate(), ..before };
                let seconds = |time: Duration| (time - Duration::from_secs(1_700_000_000)).as_secs();
                (line.start, line.delta_start) =
                    (seconds(series.start_time()), seconds(series.delta_start()));
                match series.value() {
                    Value::Number(number) => line.value = number.to_f64(),
                    Value::Histogram(snapshot) => line.histogram = snapshot.clone(),
                    _ => return Err("not a number"),
                }
                line.sent += series.delta().unwrap_or(0);
                if let Some(delta) = series.histogram_delta() {
                    match line.sent_histogram.count() {
                        0 => line.sent_histogram = delta,
                        _ => line.sent_histogram.merge(&delta),
                    }
                }
                assert_eq!(lines.insert(name.clone(), line), None, "{name} is there twice");
                Ok(())
            })?;
        }
        *last = lines;
        Ok(())
    }
}

struct Bench {
    registry: Registry,
    clock: Arc<MockClock>,
    flat: Flat,
    handle: ReporterHandle,
}

impl Bench {
    fn new() -> Self {
        Self::with(Flat::default(), on_request())
    }

    fn with(flat: Flat, options: ReporterOptions) -> Self {
        let clock = Arc::new(MockClock::default());
        let registry = quiet_registry_on(clock.clone());
        let handle = registry.add_reporter("flat", Box::new(flat.clone()), options).unwrap();
        Self { registry, clock, flat, handle }
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn report(&self) -> BTreeMap<String, Line> {
        self.handle.report_now(PATIENCE).unwrap();
        self.flat.lines.lock().unwrap().clone()
    }

    /// Value, and all that was sent, of the series `n`.
    fn n(&self) -> Option<(f64, u64)> {
        self.report().get("n").map(|line| (line.value, line.sent))
    }

    fn clashes(&self) -> u64 {
        self.registry.statistics().clashes
    }
}

/// A job of the bench, with what is above it.
macro_rules! job {
    ($bench:ident, $job:ident) => {
        let task_manager = $bench.registry.task_manager("h", "tm");
        let $job = task_manager.job("j", "job");
    };
}

#[test]
fn a_task_and_its_operator_do_not_add_up_when_the_task_ends_first() {
    let bench = Bench::new();
    job!(bench, job);
    let (task, other) = (job.task(MAP), job.task(MAP));
    let operator = other.operator("o", "map");
    let (of_task, of_operator) = (task.counter("n"), operator.counter("n"));
    of_task.inc_by(10);
    of_operator.inc_by(10);
    assert_eq!(bench.n(), Some((10.0, 10)));
    of_task.inc_by(5);
    of_operator.inc_by(5);
    bench.pass(10);
    drop((of_task, task));
    assert_eq!(bench.n(), Some((15.0, 15)), "not what the operator counted of the same records");
    of_operator.inc_by(3);
    bench.pass(10);
    let line = bench.report()["n"].clone();
    assert_eq!((line.start, line.delta_start), (0, 10), "it goes on as the series that began with the task");
    drop((of_operator, operator));
    assert_eq!(bench.n(), Some((18.0, 18)), "what it counted since is sent");
    assert_eq!((bench.n(), bench.clashes()), (None, 1));
}

#[test]
fn what_came_and_went_together_between_two_reports_does_not_add_up_either() {
    for task_ends_first in [true, false] {
        let bench = Bench::new();
        job!(bench, job);
        let task = job.task(MAP);
        let operator = task.operator("o", "map");
        let (of_task, of_operator) = (task.counter("n"), operator.counter("n"));
        of_task.inc_by(7);
        of_operator.inc_by(7);
        bench.pass(1);
        if task_ends_first {
            drop((of_task, of_operator, task, operator));
        } else {
            drop((of_task, of_operator, operator, task));
        }
        assert_eq!(bench.n(), Some((7.0, 7)));
        assert_eq!(bench.clashes(), 1, "what is not sent is counted and named");
    }
}

#[test]
fn a_successor_that_came_after_the_end_loses_nothing() {
    let bench = Bench::new();
    job!(bench, job);
    let first = job.task(MAP);
    let held = first.counter("n");
    held.inc_by(1);
    assert_eq!(bench.n(), Some((1.0, 1)));
    bench.pass(1);
    // Its handle is still there, so it is not final, and the next one waits.
    first.close();
    let second = job.task(MAP);
    let counter = second.counter("n");
    counter.inc_by(10);
    held.inc_by(2);
    assert_eq!(bench.n(), Some((3.0, 3)));
    counter.inc_by(100);
    drop(held);
    assert_eq!(bench.n(), Some((113.0, 113)));
    assert_eq!(bench.clashes(), 0);
}

#[test]
fn a_restart_that_overlaps_counts_from_the_report_that_sees_the_end() {
    let bench = Bench::new();
    job!(bench, job);
    let first = job.task(MAP);
    first.counter("n").inc_by(4);
    bench.pass(1);
    let second = job.task(MAP);
    let counter = second.counter("n");
    counter.inc_by(10);
    bench.pass(1);
    drop(first);
    counter.inc_by(20);
    assert_eq!(bench.n(), Some((4.0, 4)));
    counter.inc_by(30);
    assert_eq!(bench.n(), Some((34.0, 34)));
    bench.pass(1);
    drop((counter, second));
    // A true successor of the one that was withheld has all its own counts, whatever was withheld of that.
    job.task(MAP).counter("n").inc_by(500);
    assert_eq!(bench.n(), Some((534.0, 534)));
    assert_eq!(bench.clashes(), 1);
}

#[test]
fn one_that_clashes_with_the_first_of_a_chain_clashes_with_the_chain() {
    for look_between in [false, true] {
        let bench = Bench::new();
        job!(bench, job);
        let groups = [0, 1, 2].map(|_| job.task(MAP));
        let first = groups[0].counter("n");
        first.inc_by(1);
        bench.pass(2);
        // Its handle is still there a second after its end, so it is not final when the first is.
        let second = groups[1].counter("n");
        second.inc_by(10);
        groups[1].close();
        bench.clock.advance(Duration::from_millis(300));
        let third = groups[2].counter("n");
        third.inc_by(100);
        bench.clock.advance(Duration::from_millis(300));
        groups[0].close();
        drop(first);
        if look_between {
            assert_eq!(bench.n(), Some((1.0, 1)));
        }
        third.inc_by(100);
        bench.pass(5);
        assert_eq!(bench.n(), Some((1.0, 1)), "it was there while the first was");
        third.inc_by(1_000);
        assert_eq!(bench.n(), Some((1_001.0, 1_001)));
        assert_eq!(bench.clashes(), 2);
        drop(second);
    }
}

#[test]
fn one_that_nobody_goes_before_begins_when_it_is_shown() {
    // Closed groups are not kept, not even until they are final.
    let bench = Bench::with(Flat::default(), on_request().with_kept_groups(0));
    let (first, second) = (bench.registry.task_manager("h", "tm"), bench.registry.task_manager("h", "tm"));
    let _others = (first.gauge::<u64>("gauge"), first.histogram::<u64>("histogram"));
    let (held, counter, level) = (first.counter("n"), second.counter("n"), second.up_down_counter("level"));
    let (first_level, gauge) = (first.up_down_counter("level"), second.gauge::<u64>("gauge"));
    let histogram = second.histogram::<u64>("histogram");
    held.inc_by(1);
    first_level.add(1);
    counter.inc_by(70);
    level.add(5);
    gauge.set(6);
    histogram.record(9);
    assert_eq!(bench.n(), Some((1.0, 1)));
    bench.pass(3);
    first.close();
    bench.report();
    let lines = bench.report();
    let of = |name: &str| (lines[name].value, lines[name].sent, lines[name].start);
    assert_eq!(of("n"), (0.0, 1, 3), "nothing of what it counted meanwhile, and since now");
    assert_eq!((of("level"), of("gauge")), ((5.0, 0, 0), (6.0, 0, 0)), "levels are what they are");
    assert_eq!((lines["histogram"].histogram.count(), lines["histogram"].start), (0, 3));
    counter.inc_by(2);
    histogram.record(3);
    let lines = bench.report();
    assert_eq!((lines["n"].value, lines["n"].sent, lines["n"].start), (2.0, 3, 3));
    assert_eq!((lines["n"].delta_start, lines["histogram"].delta_start), (3, 3));
    assert_eq!((lines["histogram"].histogram.count(), lines["histogram"].sent_histogram.count()), (1, 1));
    drop((held, first_level));
}

#[test]
fn histograms_go_on_without_what_they_recorded_meanwhile() {
    for (classic, bounds) in [(false, &[][..]), (false, &[2.0, 8.0][..]), (true, &[2.0, 8.0]), (true, &[])] {
        let bench = Bench::with(Flat { classic, ..Flat::default() }, on_request());
        let groups = [0, 1].map(|_| bench.registry.task_manager("h", "tm"));
        let metric = || Metric::new("h").with_histogram(HistogramOptions::DEFAULT.with_bounds(bounds));
        let [first, second] = groups.each_ref().map(|group| group.histogram::<u64>(metric()));
        (1..=4).for_each(|value| first.record(value));
        // Far apart, so that it is coarser later on than when it takes over.
        [1, 2, 1_000].into_iter().for_each(|value| second.record(value));
        let lines = bench.report();
        assert_eq!(lines["h"].histogram.count(), 4);
        let [one, two] = groups;
        bench.pass(1);
        drop((first, one));
        let histogram = bench.report()["h"].histogram.clone();
        assert_eq!((histogram.count(), histogram.sum()), (4, Number::U64(10)), "{classic} {bounds:?}");
        assert_eq!((histogram.min(), histogram.max()), (Some(Number::U64(1)), Some(Number::U64(4))));
        [5, 6].into_iter().for_each(|value| second.record(value));
        let line = bench.report()["h"].clone();
        for histogram in [&line.histogram, &line.sent_histogram] {
            assert_eq!((histogram.count(), histogram.sum()), (6, Number::U64(21)));
            if !bounds.is_empty() {
                assert_eq!(histogram.classic().unwrap().counts(), [2, 4, 0]);
            }
        }
        let max = line.histogram.max().unwrap().to_f64();
        // The least and greatest that it has recorded are those from before, so these are estimates within a bucket.
        assert!(classic || (5.0..=7.0).contains(&max), "{max}");
        [2, 3].into_iter().for_each(|value| second.record(1 << (20 * value)));
        let histogram = bench.report()["h"].sent_histogram.clone();
        assert_eq!((histogram.count(), histogram.max()), (8, Some(Number::U64(1 << 60))));
        drop((second, two));
        assert_eq!(bench.report()["h"].histogram.count(), 8, "and so it ends");
    }
}

#[test]
fn rates_go_on_without_a_leap() {
    let bench = Bench::new();
    let groups = [0, 1].map(|_| bench.registry.task_manager("h", "tm"));
    let [first, second] = groups.each_ref().map(|group| group.counter("n"));
    let run = |rate: u64, counters: &[&Counter]| {
        for _ in 0..10 {
            counters.iter().for_each(|counter| counter.inc_by(rate));
            bench.pass(1);
        }
    };
    run(5, &[&first, &second]);
    assert_eq!(bench.report()["n"].rate, Some(5.0));
    let [one, two] = groups;
    run(5, &[&first, &second]);
    drop((first, one));
    assert_eq!(bench.report()["n"].rate, Some(5.0));
    run(5, &[&second]);
    assert_eq!(bench.report()["n"].rate, Some(5.0));
    drop((second, two));

    // The same where nobody has asked for the rate of the first.
    let bench = Bench::new();
    let groups = [0, 1].map(|_| bench.registry.task_manager("h", "tm"));
    let [first, second] = groups.each_ref().map(|group| group.counter("n"));
    first.inc_by(1_000);
    second.inc_by(1_000);
    bench.pass(5);
    let [one, two] = groups;
    drop((first, one));
    assert_eq!(bench.report()["n"].rate, None);
    for _ in 0..10 {
        second.inc_by(3);
        bench.pass(1);
    }
    assert_eq!(bench.report()["n"].rate, Some(3.0));
    drop((second, two));
}

#[test]
fn what_something_else_keeps_goes_on_without_what_it_grew_by_meanwhile() {
    let bench = Bench::new();
    let groups = [0, 1].map(|_| bench.registry.task_manager("h", "tm"));
    let sources = [0, 1].map(|_| Arc::new(AtomicU64::new(0)));
    for (group, source) in groups.iter().zip(&sources) {
        let source = Arc::clone(source);
        group.counter_callback("n", move || source.load(Relaxed));
    }
    sources[0].store(100, Relaxed);
    sources[1].store(40, Relaxed);
    assert_eq!(bench.n(), Some((100.0, 100)));
    sources[1].store(60, Relaxed);
    bench.pass(1);
    let [one, two] = groups;
    drop(one);
    assert_eq!(bench.n(), Some((100.0, 100)));
    sources[1].store(65, Relaxed);
    assert_eq!(bench.n(), Some((105.0, 105)));
    // It begins anew: what it counts now cannot be told from what was withheld until it is more than that.
    sources[1].store(10, Relaxed);
    assert_eq!(bench.report()["n"].value, 100.0);
    sources[1].store(70, Relaxed);
    assert_eq!(bench.report()["n"].value, 110.0);
    drop(two);
}

#[test]
fn a_counter_and_what_something_else_keeps_do_not_add_up() {
    let bench = Bench::new();
    let groups = [0, 1].map(|_| bench.registry.task_manager("h", "tm"));
    let counter = groups[0].counter("n");
    let collected = groups[1].try_register::<CollectedCounter>("n").unwrap();
    counter.inc_by(50);
    collected.set(50);
    assert_eq!(bench.n(), Some((50.0, 50)));
    let [one, two] = groups;
    drop((counter, one));
    collected.set(60);
    assert_eq!(bench.n(), Some((50.0, 50)));
    collected.set(67);
    assert_eq!(bench.n(), Some((57.0, 57)));
    drop((collected, two));
}

#[test]
fn what_has_no_value_yet_waits_for_one() {
    let bench = Bench::new();
    let groups = [0, 1].map(|_| bench.registry.task_manager("h", "tm"));
    let counter = groups[0].counter("n");
    counter.inc_by(50);
    let source = Arc::new(AtomicU64::new(0));
    let read = Arc::clone(&source);
    groups[1].counter_callback("n", move || match read.load(Relaxed) {
        0 => panic!("told to"),
        value => value,
    });
    assert_eq!(bench.n(), Some((50.0, 50)));
    let [one, two] = groups;
    bench.pass(2);
    drop((counter, one));
    assert_eq!(bench.n(), Some((50.0, 50)), "the first, for the last time");
    assert_eq!(bench.n(), None);
    source.store(1_000, Relaxed);
    assert_eq!(bench.n(), Some((0.0, 0)));
    source.store(1_007, Relaxed);
    assert_eq!(bench.n(), Some((7.0, 7)));
    drop(two);
}

#[test]
fn what_came_after_one_that_was_let_in_late_does_not_take_its_place() {
    let bench = Bench::with(Flat::default(), on_request().with_series_limit(2));
    let first = bench.registry.add_group("first");
    let filler = Pair::register(&first);
    let groups = [0, 1].map(|_| bench.registry.task_manager("h", "tm"));
    bench.report();
    let late = groups[0].counter("n");
    late.inc_by(5);
    bench.report();
    assert_eq!(bench.registry.statistics().limited_series, 1);
    first.close();
    drop(filler);
    (0..2).for_each(|_| drop(bench.report()));
    assert_eq!(bench.n(), Some((5.0, 5)));
    let after = groups[1].counter("n");
    after.inc_by(7);
    assert_eq!(bench.n(), Some((5.0, 5)));
    drop((late, after, groups));
}

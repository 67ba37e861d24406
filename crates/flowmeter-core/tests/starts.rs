//! When series began, by the wall clock.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowmeter_core::{
    CollectedCounter, Descriptor, Metric, MetricSet, Number, Registry, Report, ReportError, Reporter,
    ReporterHandle, SetCells, TaskInfo, Value,
};
use flowmeter_testkit::{MockClock, PATIENCE, on_request, quiet_registry_on};

const BEGUN: Duration = Duration::from_secs(1_700_000_000);

/// Start and value of each series in the last report, and its time.
type Seen = (BTreeMap<String, (u64, u64)>, u64);

#[derive(Clone, Default)]
struct Starts(Arc<Mutex<Seen>>);

/// In seconds since the test began.
fn seconds(time: Duration) -> u64 {
    (time - BEGUN).as_secs()
}

impl Reporter for Starts {
    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let mut starts = BTreeMap::new();
        for family in report.families() {
            let name = family.family().name();
            family.for_each(|series| {
                assert!(series.start_time() <= report.unix_time());
                let Value::Number(Number::U64(value)) = series.value() else { return Err("no sum".into()) };
                starts.insert(name.to_owned(), (seconds(series.start_time()), value));
                Ok::<_, ReportError>(())
            })?;
        }
        *self.0.lock().unwrap() = (starts, seconds(report.unix_time()));
        Ok(())
    }
}

struct Bench {
    registry: Registry,
    clock: Arc<MockClock>,
    handle: ReporterHandle,
    seen: Starts,
}

impl Bench {
    fn new() -> Self {
        let (clock, seen) = (Arc::new(MockClock::default()), Starts::default());
        let registry = quiet_registry_on(Arc::clone(&clock) as _);
        let handle = registry.add_reporter("starts", Box::new(seen.clone()), on_request()).unwrap();
        Self { registry, clock, handle, seen }
    }

    /// Reports ten seconds after what was before. Returns the time of that.
    fn report(&self) -> u64 {
        self.clock.advance(Duration::from_secs(10));
        self.handle.report_now(PATIENCE).unwrap();
        self.seen.0.lock().unwrap().1
    }

    /// Start and value of a series in the last report.
    fn of(&self, name: &str) -> (u64, u64) {
        self.seen.0.lock().unwrap().0[name]
    }

    fn start(&self, name: &str) -> u64 {
        self.of(name).0
    }
}

#[test]
fn a_clock_that_is_set_back_leaves_no_start_in_the_future() {
    let bench = Bench::new();
    bench.clock.advance(Duration::from_secs(1_000));
    let group = bench.registry.add_group("g");
    let first = group.counter("first");
    assert_eq!(bench.report(), 1_010);
    bench.clock.advance(Duration::from_secs(990));
    let second = group.counter("second");
    assert_eq!(bench.report(), 2_010);
    bench.clock.set_unix(BEGUN + Duration::from_secs(1_500));
    let third = group.counter("third");
    let starts = || (bench.start("first"), bench.start("second"), bench.start("third"));
    for time in [1_510, 1_520] {
        assert_eq!(bench.report(), time);
        // What began later than it is now has begun so long ago as it has.
        assert_eq!(starts(), (1_000, 1_490, 1_500));
    }
    drop((first, second, third));
}

#[test]
fn a_clock_that_is_set_forward_is_for_what_comes_later() {
    let bench = Bench::new();
    let group = bench.registry.add_group("g");
    let first = group.counter("first");
    assert_eq!(bench.report(), 10);
    bench.clock.advance(Duration::from_secs(1));
    bench.clock.set_unix(BEGUN + Duration::from_secs(5_000));
    let second = group.counter("second");
    for time in [5_010, 5_020] {
        assert_eq!(bench.report(), time);
        assert_eq!((bench.start("first"), bench.start("second")), (0, 5_000));
    }
    drop((first, second));
}

#[test]
fn a_clock_that_is_kept_right_moves_no_start() {
    let bench = Bench::new();
    bench.clock.advance(Duration::from_secs(100));
    let counter = bench.registry.add_group("g").counter("n");
    for millis in [109_600, 120_000, 130_400] {
        bench.clock.set_unix(BEGUN + Duration::from_millis(millis - 10_000));
        bench.report();
        assert_eq!(bench.start("n"), 100);
    }
    drop(counter);
}

struct OfFile {
    collected: CollectedCounter,
}

impl MetricSet for OfFile {
    const DESCRIPTORS: &'static [Descriptor] =
        &[Descriptor::of::<CollectedCounter>(Metric::new("collected"))];

    fn from_cells(cells: &mut SetCells) -> Self {
        Self { collected: cells.take() }
    }
}

#[test]
fn a_sum_that_begins_anew_elsewhere_has_begun_after_it_was_seen_last() {
    let bench = Bench::new();
    let kept = Arc::new(AtomicU64::new(0));
    let group = bench.registry.add_group("g");
    let (read, collect) = (Arc::clone(&kept), Arc::clone(&kept));
    group.counter_callback("callback", move || read.load(Relaxed));
    let told = group.try_register::<CollectedCounter>("told").unwrap();
    group.collector(move |set: &OfFile| set.collected.set(collect.load(Relaxed)));
    for (value, start) in [(100, 0), (150, 0), (5, 20), (9, 20), (9, 20), (8, 50)] {
        kept.store(value, Relaxed);
        told.set(value);
        bench.report();
        for name in ["callback", "told", "collected"] {
            assert_eq!(bench.of(name), (start, value), "{name}");
        }
    }
}

#[test]
fn a_sum_that_is_kept_elsewhere_begins_anew_with_its_task() {
    let bench = Bench::new();
    let task_manager = bench.registry.task_manager("host-1", "tm-1");
    let job = task_manager.job("job-1", "a job");
    let task = || job.task(TaskInfo { id: "1", name: "map", ..TaskInfo::default() });
    let first = task();
    first.counter_callback("n", || 100);
    bench.report();
    drop(first);
    let second = task();
    second.counter_callback("n", || 7);
    for _ in 0..3 {
        bench.report();
    }
    assert_eq!(bench.of("n"), (10, 7));
}

//! Differences: what a backend accepts of them adds up to what was counted, whatever fails on the way.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use flowmeter_core::{
    Clock, CollectedCounter, Counter, Descriptor, Gauge, GroupView, HistogramSnapshot, Metric, MetricSet,
    Registry, Report, ReportError, Reporter, ReporterHandle, ReporterOptions, SetCells, TaskInfo,
};
use flowmeter_testkit::{MockClock, PATIENCE, on_request, quiet_registry, quiet_registry_on};

/// What the next report does after it has sent so many series.
#[derive(Clone, Copy, Default)]
enum Plan {
    #[default]
    Succeed,
    /// Fails with so many accepted.
    FailAfter(usize),
    /// Panics with so many accepted.
    PanicAfter(usize),
}

/// When the mock clock begins.
const EPOCH: u64 = 1_700_000_000;

/// A backend that adds up the differences that it accepts.
#[derive(Clone, Default)]
struct Backend {
    sums: Arc<Mutex<BTreeMap<String, u64>>>,
    histogram: Arc<Mutex<HistogramSnapshot>>,
    plan: Arc<Mutex<Plan>>,
    /// Since when the differences of the last report count, in seconds of the mock clock.
    since: Arc<Mutex<BTreeMap<String, u64>>>,
    observed: Arc<Mutex<Vec<String>>>,
}

impl Backend {
    fn plan(&self, plan: Plan) {
        *self.plan.lock().unwrap() = plan;
    }

    fn sum(&self, name: &str) -> u64 {
        self.sums.lock().unwrap().get(name).copied().unwrap_or(0)
    }

    fn since(&self, name: &str) -> u64 {
        self.since.lock().unwrap()[name]
    }

    fn total(&self) -> u64 {
        self.sums.lock().unwrap().values().sum()
    }
}

impl Reporter for Backend {
    fn deltas(&self) -> bool {
        true
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        group.variables().for_each(|(_, value)| out.extend_from_slice(value.as_bytes()));
        out.push(b'.');
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let plan = *self.plan.lock().unwrap();
        let limit = match plan {
            Plan::Succeed => usize::MAX,
            Plan::FailAfter(limit) | Plan::PanicAfter(limit) => limit,
        };
        let mut sent = 0;
        self.observed.lock().unwrap().clear();
        for family in report.families() {
            family.for_each(|series| {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let name = text(series.prepared()) + &text(family.prepared());
                // Asked for in any case; accepted only up to the limit.
                let (delta, histogram) = (series.delta(), series.histogram_delta());
                let since = series.delta_start().as_secs().saturating_sub(EPOCH);
                self.since.lock().unwrap().insert(name.clone(), since);
                if series.is_observed() {
                    self.observed.lock().unwrap().push(name.clone());
                }
                if sent < limit {
                    sent += 1;
                    if let Some(delta) = delta {
                        *self.sums.lock().unwrap().entry(name).or_default() += delta;
                    }
                    if let Some(histogram) = histogram {
                        self.histogram.lock().unwrap().merge(&histogram);
                    }
                    report.acknowledge(series.mark());
                }
                Ok::<_, ReportError>(())
            })?;
        }
        match plan {
            Plan::Succeed => Ok(()),
            Plan::FailAfter(_) => Err("told to".into()),
            Plan::PanicAfter(_) => panic!("told to"),
        }
    }
}

fn with_backend() -> (Registry, ReporterHandle, Backend) {
    let (registry, backend) = (quiet_registry(), Backend::default());
    let handle = registry.add_reporter("backend", Box::new(backend.clone()), on_request()).unwrap();
    (registry, handle, backend)
}

#[test]
fn differences_count_since_the_last_report_of_which_one_was_accepted() {
    let (clock, backend) = (Arc::new(MockClock::default()), Backend::default());
    let registry = quiet_registry_on(clock.clone());
    let handle = registry.add_reporter("backend", Box::new(backend.clone()), on_request()).unwrap();
    let group = registry.add_group("g");
    let names = [".a", ".b", ".h"];
    let (a, _b) = (group.counter("a"), group.counter("b"));
    clock.advance(Duration::from_secs(3));
    let histogram = group.histogram::<u64>("h");
    let report = |plan| {
        clock.advance(Duration::from_secs(7));
        backend.plan(plan);
        let _ = handle.report_now(PATIENCE);
        names.map(|name| backend.since(name))
    };
    a.inc();
    assert_eq!(report(Plan::FailAfter(0)), [0, 0, 3], "their start");
    assert_eq!(report(Plan::FailAfter(2)), [0, 0, 3]);
    histogram.record(1);
    assert_eq!(report(Plan::Succeed), [17, 17, 3], "the third was not accepted");
    assert_eq!(report(Plan::PanicAfter(1)), [24, 24, 24]);
    assert_eq!(report(Plan::Succeed), [31, 24, 24]);
    // Who comes back goes on, whatever it has counted before the other one was final.
    group.close();
    let group = registry.add_group("g");
    let again = group.counter("a");
    again.inc();
    backend.plan(Plan::Succeed);
    drop((a, histogram));
    clock.advance(Duration::from_secs(2));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!((backend.since(".a"), backend.sum(".a")), (38, 2));
    clock.advance(Duration::from_secs(2));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(backend.since(".a"), 40);
    // Nobody was told of the first of these two, so it is part of what the second has to tell.
    for n in [10, 100] {
        let group = registry.add_group("other");
        group.counter("n").inc_by(n);
        clock.advance(Duration::from_secs(1));
        group.close();
    }
    handle.report_now(PATIENCE).unwrap();
    assert_eq!((backend.since(".n"), backend.sum(".n")), (42, 110));
}

#[test]
fn a_clock_that_is_set_back_makes_no_time_that_ends_before_it_begins() {
    /// The system's clock is this much behind, from some time on.
    #[derive(Debug, Default)]
    struct SetBack(MockClock, AtomicU64);
    impl Clock for SetBack {
        fn monotonic(&self) -> Duration {
            self.0.monotonic()
        }
        fn unix(&self) -> Duration {
            self.0.unix() - Duration::from_secs(self.1.load(Ordering::Relaxed))
        }
    }
    let (clock, backend) = (Arc::new(SetBack::default()), Backend::default());
    let registry = quiet_registry_on(clock.clone());
    let handle = registry.add_reporter("backend", Box::new(backend.clone()), on_request()).unwrap();
    let counter = registry.add_group("g").counter("n");
    clock.0.advance(Duration::from_secs(1_000));
    handle.report_now(PATIENCE).unwrap();
    clock.1.store(600, Ordering::Relaxed);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(backend.since(".n"), 400, "not 1000");
    drop(counter);
}

#[test]
fn reporters_know_what_something_else_keeps() {
    /// What a collector sets.
    struct Both(Counter, Gauge<u64>);
    impl MetricSet for Both {
        const DESCRIPTORS: &'static [Descriptor] = &[
            Descriptor::of::<Counter>(Metric::new("collectedCounter")),
            Descriptor::of::<Gauge<u64>>(Metric::new("collectedGauge")),
        ];
        fn from_cells(cells: &mut SetCells) -> Self {
            Self(cells.take(), cells.take())
        }
    }
    let (registry, handle, backend) = with_backend();
    let group = registry.add_group("g");
    let own = (group.counter("own"), group.shared_counter("shared"), group.meter("meter"));
    let kept = group.try_register::<CollectedCounter>("kept").unwrap();
    group.counter_callback("callback", || 1);
    group.gauge_callback("gaugeCallback", || 1_u64);
    group.collector(|both: &Both| {
        both.0.inc();
        both.1.set(1);
    });
    handle.report_now(PATIENCE).unwrap();
    let mut observed = backend.observed.lock().unwrap().clone();
    observed.sort_unstable();
    assert_eq!(observed, [".callback", ".collectedCounter", ".collectedGauge", ".gaugeCallback", ".kept"]);
    drop((own, kept));
}

#[test]
fn a_report_that_fails_is_made_up_for() {
    let (registry, handle, backend) = with_backend();
    let group = registry.add_group("g");
    let counters = ["a", "b", "c", "d"].map(|name| group.counter(name));
    let plans = [
        Plan::FailAfter(0),
        Plan::Succeed,
        Plan::FailAfter(2),
        Plan::PanicAfter(1),
        Plan::FailAfter(3),
        Plan::PanicAfter(0),
        Plan::Succeed,
    ];
    for (plan, round) in plans.into_iter().zip(1..) {
        counters.iter().zip([1, 10, 100, 1_000]).for_each(|(counter, n)| counter.inc_by(n * round));
        backend.plan(plan);
        assert_eq!(handle.report_now(PATIENCE).is_ok(), matches!(plan, Plan::Succeed));
    }
    for (name, n) in ["a", "b", "c", "d"].into_iter().zip([1, 10, 100, 1_000]) {
        assert_eq!(backend.sum(&format!(".{name}")), 28 * n, "{name}");
    }
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(backend.total(), 28 * 1_111, "nothing new, nothing sent");
}

#[test]
fn the_last_values_of_a_group_are_sent_once() {
    let (registry, handle, backend) = with_backend();
    let group = registry.add_group("g");
    group.shared_counter("n").inc_by(5);
    handle.report_now(PATIENCE).unwrap();
    group.shared_counter("n").inc_by(2);
    group.close();
    backend.plan(Plan::FailAfter(0));
    handle.report_now(PATIENCE).unwrap_err();
    // Accepted, although the report as a whole was not.
    backend.plan(Plan::FailAfter(1));
    handle.report_now(PATIENCE).unwrap_err();
    backend.plan(Plan::Succeed);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(backend.total(), 7);
    handle.wait_delivered(PATIENCE).unwrap();
}

#[test]
fn a_task_that_is_restarted_goes_on_with_its_account() {
    let (registry, handle, backend) = with_backend();
    for n in 1..=50 {
        let group = registry.add_group("g");
        group.counter("n").inc_by(n);
        group.histogram::<u64>("h").record(n);
        if n % 3 == 0 {
            backend.plan(if n % 2 == 0 { Plan::Succeed } else { Plan::FailAfter(1) });
            let _ = handle.report_now(PATIENCE);
        }
        group.close();
    }
    backend.plan(Plan::Succeed);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(backend.total(), 50 * 51 / 2);
    let histogram = backend.histogram.lock().unwrap().clone();
    assert_eq!((histogram.count(), histogram.sum().to_f64()), (50, 1275.0));
}

#[test]
fn times_of_a_task_that_is_restarted_keep_their_buckets_in_seconds() {
    let (registry, handle, backend) = with_backend();
    for round in 1..=4 {
        let group = registry.add_group("g");
        let latency = group.shared_histogram::<Duration>("latency");
        latency.record(Duration::from_millis(250 * round));
        latency.new_writer().record(Duration::from_millis(250 * round + 1));
        if round % 2 == 0 {
            handle.report_now(PATIENCE).unwrap();
        }
        group.close();
    }
    handle.report_now(PATIENCE).unwrap();
    let seen = backend.histogram.lock().unwrap().clone();
    assert_eq!((seen.bucket_unit(), seen.sum().to_f64()), (1e9, 5_004e6));
    let up_to = [-3, -2, -1, 0, 1].map(|exponent| seen.count_up_to_power_of_two(exponent));
    assert_eq!(up_to, [0, 1, 3, 7, 8]);
}

#[test]
fn histograms_have_accounts_too() {
    let (registry, handle, backend) = with_backend();
    let histogram = registry.add_group("g").histogram::<f64>("latency");
    let mut truth = 0.0;
    for round in 0..20_i32 {
        for i in 1..=round {
            // Further and further apart, so that the scale changes on the way.
            let value = 2_f64.powi(4 * i);
            histogram.record(value);
            truth += value;
        }
        backend.plan(if round % 3 == 0 { Plan::FailAfter(0) } else { Plan::Succeed });
        let _ = handle.report_now(PATIENCE);
    }
    backend.plan(Plan::Succeed);
    handle.report_now(PATIENCE).unwrap();
    let seen = backend.histogram.lock().unwrap().clone();
    assert_eq!(seen.count(), 190);
    assert!((seen.sum().to_f64() - truth).abs() <= truth * 1e-12);
}

#[test]
fn a_callback_that_begins_anew_is_taken_for_a_restart() {
    let (registry, handle, backend) = with_backend();
    let source = Arc::new(AtomicU64::new(10));
    let read = Arc::clone(&source);
    registry.add_group("g").counter_callback("n", move || read.load(Ordering::Relaxed));
    handle.report_now(PATIENCE).unwrap();
    source.store(4, Ordering::Relaxed);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(backend.total(), 14);
}

#[test]
fn what_was_counted_before_there_was_a_metric_did_not_happen_now() {
    let (registry, handle, backend) = with_backend();
    let register = || registry.add_group("g").try_register::<CollectedCounter>("n").unwrap();
    let count = register();
    let mut sums = Vec::new();
    // It begins anew at 20, and a report that fails is made up for.
    for (value, plan) in [
        (1_000_000, Plan::Succeed),
        (1_000_050, Plan::Succeed),
        (1_000_060, Plan::FailAfter(0)),
        (1_000_070, Plan::Succeed),
        (20, Plan::Succeed),
    ] {
        count.set(value);
        backend.plan(plan);
        assert_eq!(handle.report_now(PATIENCE).is_ok(), matches!(plan, Plan::Succeed));
        sums.push(backend.sum(".n"));
    }
    // Another one goes on from there.
    drop(count);
    registry.add_group("g").close();
    let again = register();
    again.set(25);
    handle.report_now(PATIENCE).unwrap();
    sums.push(backend.sum(".n"));
    assert_eq!(sums, [0, 50, 50, 70, 90, 95]);
}

#[test]
fn what_is_accepted_adds_up_to_the_truth_while_tasks_come_and_go() {
    let (registry, backend) = (quiet_registry(), Backend::default());
    let mut options = ReporterOptions::default().with_interval(Duration::from_millis(1));
    options.restart_backoff = Duration::from_millis(1);
    let handle = registry.add_reporter("backend", Box::new(backend.clone()), options).unwrap();
    let truth = AtomicU64::new(0);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|worker: u64| {
                let (registry, truth) = (&registry, &truth);
                scope.spawn(move || {
                    let task_manager = registry.task_manager("h", &format!("tm-{worker}"));
                    let job = task_manager.job("j", "job");
                    for i in 0..2_000_u64 {
                        // Ten identities, over and over.
                        let id = (i % 10).to_string();
                        let task = job.task(TaskInfo { id: &id, ..TaskInfo::default() });
                        let (records, bytes) = (task.counter("records"), task.shared_counter("bytes"));
                        records.inc_by(i);
                        bytes.inc_by(2 * i);
                        truth.fetch_add(3 * i, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let mut rounds = 0;
        while !workers.iter().all(thread::ScopedJoinHandle::is_finished) {
            rounds += 1;
            backend.plan(match rounds % 4 {
                0 => Plan::Succeed,
                1 => Plan::FailAfter(rounds % 7),
                2 => Plan::PanicAfter(rounds % 5),
                _ => Plan::FailAfter(0),
            });
            let _ = handle.report_now(PATIENCE);
        }
    });
    backend.plan(Plan::Succeed);
    // It may be down from its last panic.
    handle.restart(PATIENCE).unwrap();
    handle.report_now(PATIENCE).unwrap();
    handle.wait_delivered(PATIENCE).unwrap();
    assert_eq!(backend.total(), truth.load(Ordering::Relaxed));
    let statistics = registry.statistics();
    assert_eq!((statistics.dropped_unread_series, statistics.clashes), (0, 0));
}

#[test]
fn a_name_that_the_first_group_registers_late_does_not_take_the_place_of_the_seconds() {
    let (registry, handle, backend) = with_backend();
    let (first, second) = (registry.task_manager("h", "tm"), registry.task_manager("h", "tm"));
    let x = first.counter("x");
    handle.report_now(PATIENCE).unwrap();
    second.counter("y").inc_by(100);
    handle.report_now(PATIENCE).unwrap();
    first.counter("y").inc_by(5);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(backend.sum("htm.y"), 100, "what is shown stays");
    drop((x, first));
    handle.report_now(PATIENCE).unwrap();
    drop(second);
    (0..2).for_each(|_| handle.report_now(PATIENCE).unwrap());
    assert_eq!(backend.sum("htm.y"), 100, "what was counted beside it is not sent");
}

#[test]
fn another_kind_or_storage_begins_or_goes_on_as_it_should() {
    let (registry, handle, backend) = with_backend();
    let group = registry.add_group("g");
    group.counter_callback("n", || 100);
    handle.report_now(PATIENCE).unwrap();
    group.close();
    let group = registry.add_group("g");
    group.counter("n").inc_by(5);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(backend.sum(".n"), 105, "it goes on from what the callback gave last");
    group.close();
    let group = registry.add_group("g");
    group.histogram::<u64>("n").record(1);
    handle.report_now(PATIENCE).unwrap();
    group.close();
    let group = registry.add_group("g");
    group.counter("n").inc_by(7);
    (0..4).for_each(|_| handle.report_now(PATIENCE).unwrap());
    assert_eq!(backend.sum(".n"), 105 + 7, "and not from the histogram");
}

#[test]
fn two_names_of_one_group_that_are_one_in_the_backend_clash() {
    let (registry, handle, backend) = with_backend();
    let group = registry.add_group("g");
    let (dot, underscore) = (group.counter("a.b"), group.counter("a_b"));
    dot.inc_by(1);
    underscore.inc_by(7);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!((backend.sum(".a_b"), registry.statistics().clashes), (1, 1));
    drop((dot, underscore));
    group.close();
    let group = registry.add_group("g");
    group.counter("a.b").inc_by(100);
    (0..2).for_each(|_| handle.report_now(PATIENCE).unwrap());
    assert_eq!(backend.sum(".a_b"), 101, "what was withheld is not part of it");
}

#[test]
fn a_group_that_comes_back_in_another_thread_while_it_closes_is_counted_once() {
    const ROUNDS: u64 = 500;
    let (registry, handle, backend) = with_backend();
    let parent = registry.add_group("parent");
    let mut group = parent.add_group("g");
    let mut counter = group.counter("n");
    for _ in 0..ROUNDS {
        counter.inc();
        let (old_group, old_counter) = (group, counter);
        (group, counter) = thread::scope(|scope| {
            scope.spawn(move || {
                drop(old_counter);
                old_group.close();
            });
            scope.spawn(|| handle.report_now(PATIENCE).unwrap());
            loop {
                let group = parent.add_group("g");
                if let Ok(counter) = group.try_register::<Counter>("n") {
                    break (group, counter);
                }
            }
        });
    }
    handle.report_now(PATIENCE).unwrap();
    assert_eq!((backend.total(), registry.statistics().clashes), (ROUNDS, 0));
}

//! A daemon holds exactly what a job has counted.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use flowmeter::statsd::{HistogramMode, StatsdOptions};
use flowmeter::{HistogramSnapshot, MetricGroup, ReporterOptions, TaskInfo, TaskManagerJobGroup};
use flowmeter_e2e::{State, Statsd, StatsdConfig};
use flowmeter_testkit::PATIENCE;

use crate::{address, reporting};

/// What a job has counted, by its own account.
#[derive(Default)]
struct Truth {
    counters: BTreeMap<String, f64>,
    gauges: BTreeMap<String, f64>,
    timers: BTreeMap<String, Vec<f64>>,
}

/// How often each task has something to do: often enough for some reports, and for no histogram to have more
/// values in one than are sent.
const ROUNDS: u32 = 30;

/// What tasks are called below their job.
const TASK: &str = "host.taskmanager.tm-1.word_count.Map";

/// How far values of histograms can be off: the half of a bucket.
fn error() -> f64 {
    HistogramSnapshot::default().relative_error()
}

impl Truth {
    fn count(&mut self, name: String, value: u64) {
        *self.counters.entry(name).or_default() += value as f64;
    }

    /// A task that ends now and then, and comes back.
    fn task(job: &TaskManagerJobGroup, subtask_index: usize, truth: &Mutex<Self>) {
        let name = |metric: &str| format!("{TASK}.{subtask_index}.{metric}");
        let info = TaskInfo { id: "1", name: "Map", subtask_index, ..TaskInfo::default() };
        for part in 1..=3_u32 {
            let task = job.task(info);
            let (records, requests) = (task.counter("numRecordsIn"), task.meter("requests"));
            let (lag, load) = (task.gauge::<i64>("lag"), task.gauge::<f64>("load"));
            let healthy = task.gauge::<bool>("healthy");
            let (latency, sizes) = (task.histogram::<Duration>("latency"), task.histogram::<u64>("sizes"));
            for round in 1..=ROUNDS / 3 {
                let number = u64::from(round * part) + subtask_index as u64;
                records.inc_by(number);
                requests.mark_by(2 * number);
                // Also what would be a change of the gauge, if it was sent as it is.
                lag.set(number.cast_signed() - 20);
                load.set(-0.1 * number as f64);
                healthy.set(round.is_multiple_of(2));
                latency.record(Duration::from_micros(number * 1_001));
                sizes.record(number);
                let mut truth = truth.lock().expect("no task panics");
                truth.count(name("numRecordsIn"), number);
                truth.count(name("requests"), 2 * number);
                truth.window(&task, &name("window"), round);
                truth.gauges.extend([
                    (name("lag"), number as f64 - 20.0),
                    (name("load"), -0.1 * number as f64),
                    (name("healthy"), f64::from(u8::from(round.is_multiple_of(2)))),
                ]);
                let mut record = |metric, value| truth.timers.entry(name(metric)).or_default().push(value);
                record("latency", (number * 1_001) as f64 / 1e3);
                record("sizes", number as f64);
                drop(truth);
                thread::sleep(Duration::from_millis(10));
            }
        }
    }

    /// A group that most reports see once at most.
    fn window(&mut self, task: &MetricGroup, name: &str, number: u32) {
        let window = task.add_group_kv("window", &number.to_string());
        window.counter("fired").inc();
        self.count(format!("{name}.{number}.fired"), 1);
    }

    /// What a daemon holds is this and nothing else.
    fn is_held_by(&self, state: &State) {
        assert_eq!(state.bad_lines, 0.0);
        assert_eq!(state.counters, self.counters);
        assert_eq!(state.gauges, self.gauges);
        assert_eq!(state.timers.keys().collect::<Vec<_>>(), self.timers.keys().collect::<Vec<_>>());
        for (name, timer) in &state.timers {
            let mut recorded = self.timers[name].clone();
            recorded.sort_by(f64::total_cmp);
            let mut values = timer.values.clone();
            values.sort_by(f64::total_cmp);
            assert_eq!((timer.count, values.len()), (recorded.len() as f64, recorded.len()), "{name}");
            let near = |found: f64, exact: f64| {
                assert!((found / exact - 1.0).abs() <= error(), "{name}: {found} for {exact}");
            };
            values.iter().zip(&recorded).for_each(|(value, exact)| near(*value, *exact));
            near(timer.mean(), recorded.iter().sum::<f64>() / recorded.len() as f64);
            let (least, greatest) = (recorded[0], recorded[recorded.len() - 1]);
            near(timer.lower, least);
            near(timer.upper, greatest);
        }
    }
}

/// Runs a job under the eyes of a daemon.
fn a_daemon_holds_the_truth(test: &str, scheme: &str, config: StatsdConfig) {
    let Some(statsd) = Statsd::start(test, config) else { return };
    let options = StatsdOptions::default()
        .with_address(address(scheme, &statsd))
        .with_histograms(HistogramMode::Timers);
    let often = ReporterOptions::default().with_interval(Duration::from_millis(50));
    let (registry, reporter) = reporting(options, often);
    let truth = Mutex::<Truth>::default();
    let task_manager = registry.task_manager("host", "tm-1");
    let job = task_manager.job("a3f0", "word count");
    thread::scope(|scope| {
        for subtask_index in 0..3 {
            let (job, truth) = (&job, &truth);
            scope.spawn(move || Truth::task(job, subtask_index, truth));
        }
    });
    drop((job, task_manager));
    let outcomes = registry.shutdown(PATIENCE);
    assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok()), "{outcomes:?}");
    let status = reporter.status();
    assert!(status.reports > 2, "{status:?}");
    assert_eq!((status.failures, status.dropped_values, status.uncertain_values), (0, 0, 0), "{status:?}");
    truth.into_inner().expect("no task panics").is_held_by(&statsd.settled());
}

#[test]
fn by_udp() {
    a_daemon_holds_the_truth("the truth, UDP", "udp", StatsdConfig::default());
}

#[test]
fn by_udp_with_a_daemon_that_forgets() {
    a_daemon_holds_the_truth("the truth, forgetting", "udp", StatsdConfig::default().forgetting());
}

#[test]
fn by_udp_over_ipv6() {
    let Some(config) = StatsdConfig::default().on_ipv6() else { return };
    a_daemon_holds_the_truth("the truth, UDP over IPv6", "udp", config);
}

#[test]
fn by_tcp() {
    a_daemon_holds_the_truth("the truth, TCP", "tcp", StatsdConfig::default());
}

#[test]
fn by_tcp_over_ipv6() {
    let Some(config) = StatsdConfig::default().on_ipv6() else { return };
    a_daemon_holds_the_truth("the truth, TCP over IPv6", "tcp", config);
}

/// By the default formats a task and the operator that it is named after have one identifier, and here they count the
/// same records.
#[test]
fn a_task_and_its_operator_that_have_one_name_are_counted_once() {
    let Some(statsd) = Statsd::start("one name", StatsdConfig::default()) else { return };
    let options =
        StatsdOptions::default().with_address(address("tcp", &statsd)).with_histograms(HistogramMode::Timers);
    let often = ReporterOptions::default().with_interval(Duration::from_millis(20));
    let (registry, reporter) = reporting(options, often);
    let task_manager = registry.task_manager("host", "tm-1");
    let job = task_manager.job("a3f0", "word count");
    let mut truth = 0;
    // At times none of an attempt is seen while it runs.
    for attempt in 1..=40_u64 {
        let task = job.task(TaskInfo { id: "1", name: "Map", ..TaskInfo::default() });
        let operator = task.operator("2", "Map");
        let (of_task, of_operator) = (task.counter("numRecordsIn"), operator.counter("numRecordsIn"));
        let (task_sizes, operator_sizes) =
            (task.histogram::<u64>("sizes"), operator.histogram::<u64>("sizes"));
        for round in 1..=attempt % 4 {
            of_task.inc_by(attempt);
            of_operator.inc_by(attempt);
            task_sizes.record(attempt);
            operator_sizes.record(attempt);
            truth += attempt;
            thread::sleep(Duration::from_millis(3 * round));
        }
        // The first to go is one or the other.
        if attempt.is_multiple_of(2) {
            drop((of_task, task_sizes));
            drop(task);
        }
    }
    drop((job, task_manager));
    let outcomes = registry.shutdown(PATIENCE);
    assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok()), "{outcomes:?}");
    assert!(reporter.status().reports > 2);
    let state = statsd.settled();
    let name = |metric: &str| format!("{TASK}.0.{metric}");
    assert_eq!(state.counters, [(name("numRecordsIn"), truth as f64)].into());
    let sizes = &state.timers[&name("sizes")];
    assert_eq!(sizes.count, (1..=40_u64).map(|attempt| attempt % 4).sum::<u64>() as f64);
}

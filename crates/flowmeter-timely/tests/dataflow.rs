//! Real dataflows, measured, against what their closures counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowmeter_core::{
    Family, GroupView, Naming, Number, Registry, Report, ReportError, Reporter, ReporterHandle,
    ReporterOptions, Value,
};
use flowmeter_testkit::quiet_registry;
use flowmeter_timely::{Error, TimelyInstrumentation};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::ProbeHandle;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Enter, Leave, Probe, ToStream};

const PATIENCE: Duration = Duration::from_secs(20);

/// `scope.metric` of an operator or task of a worker.
type Key = (String, String, String);

/// The last value of every series.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<BTreeMap<Key, u64>>>);

impl Reporter for Ledger {
    fn naming(&self) -> Naming {
        Naming::Labeled
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        group
            .variables()
            .for_each(|(key, value)| out.extend_from_slice(format!("{key}={value},").as_bytes()));
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{}.{}", family.logical_scope(), family.name()).as_bytes());
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let mut values = self.0.lock().unwrap();
        for family in report.families() {
            let metric = format!("{}.{}", family.family().logical_scope(), family.family().name());
            family.for_each(|series| {
                let Value::Number(Number::U64(value)) = series.value() else { return Ok(()) };
                let (group, name) = (series.group(), name_of(&series.group()));
                let subtask = variable(&group, "subtask_index");
                values.insert((metric.clone(), name, subtask), value);
                Ok::<_, ReportError>(())
            })?;
        }
        Ok(())
    }
}

fn variable(group: &GroupView<'_>, key: &str) -> String {
    group.variables().find(|(known, _)| *known == key).map(|(_, value)| value.to_owned()).unwrap_or_default()
}

/// The name of the operator, or of the task where there is none.
fn name_of(group: &GroupView<'_>) -> String {
    let operator = variable(group, "operator_name");
    if operator.is_empty() { variable(group, "task_name") } else { operator }
}

impl Ledger {
    /// The sum over all workers.
    fn sum(&self, metric: &str, name: &str) -> u64 {
        let values = self.0.lock().unwrap();
        values
            .iter()
            .filter(|((known, of, _), _)| known == metric && of == name)
            .map(|(_, value)| value)
            .sum()
    }
}

fn instrumented() -> (Registry, TimelyInstrumentation, ReporterHandle, Ledger) {
    let registry = quiet_registry();
    let ledger = Ledger::default();
    let options = ReporterOptions::default().with_interval(Duration::from_millis(2));
    let handle = registry.add_reporter("ledger", Box::new(ledger.clone()), options).unwrap();
    let instrumentation = TimelyInstrumentation::new(Arc::new(registry.task_manager("h", "tm")), "j");
    (registry, instrumentation, handle, ledger)
}

#[test]
fn an_exchange_within_a_region_on_two_workers_is_counted_exactly() {
    const RECORDS: u64 = 50_000;
    let (registry, instrumentation, handle, ledger) = instrumented();
    let (mapped, counted, emitted) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let truth = Arc::new([mapped, counted, emitted]);
    let in_workers = Arc::clone(&truth);
    let guards = timely::execute(timely::Config::process(2), move |worker| {
        instrumentation.install(worker).unwrap();
        let probe = ProbeHandle::new();
        let (index, truth) = (worker.index() as u64, Arc::clone(&in_workers));
        worker.dataflow_named::<u64, _, _>("job", |scope| {
            let numbers = (0..RECORDS).map(move |n| n * 2 + index).to_stream(scope).container::<Vec<_>>();
            let (at_map, at_count, at_emit) = (Arc::clone(&truth), Arc::clone(&truth), truth);
            let even = numbers.flat_map(move |n| {
                at_map[0].fetch_add(1, Relaxed);
                (n % 3 == 0).then_some(n)
            });
            let counts = scope.region_named("Counting", |inner| {
                even.enter(inner)
                    .unary::<CapacityContainerBuilder<Vec<u64>>, _, _, _>(
                        Exchange::new(|n: &u64| *n / 7),
                        "Count",
                        |_, _| {
                            move |input, output| {
                                input.for_each(|capability, records| {
                                    at_count[1].fetch_add(records.len() as u64, Relaxed);
                                    let mut session = output.session(&capability);
                                    for n in records.drain(..).filter(|n| n % 2 == 0) {
                                        at_emit[2].fetch_add(1, Relaxed);
                                        session.give(n);
                                    }
                                });
                            }
                        },
                    )
                    .leave(scope)
            });
            counts.probe_with(&probe).sink(Pipeline, "Sink", |(input, _)| input.for_each(|_, _| ()));
        });
        while !probe.done() {
            worker.step_or_park(Some(Duration::from_millis(100)));
        }
    });
    for result in guards.unwrap().join() {
        result.unwrap();
    }
    handle.wait_delivered(PATIENCE).unwrap();
    let [mapped, counted, emitted] = [0, 1, 2].map(|i: usize| truth[i].load(Relaxed));
    assert_eq!(mapped, 2 * RECORDS);
    let operator = |name: &str| {
        ["numRecordsIn", "numRecordsOut"]
            .map(|metric| ledger.sum(&format!("taskmanager.job.task.operator.{metric}"), name))
    };
    let task = |name: &str| {
        ["numRecordsIn", "numRecordsOut"]
            .map(|metric| ledger.sum(&format!("taskmanager.job.task.{metric}"), name))
    };
    assert_eq!(operator("ToStreamBuilder")[1], mapped);
    assert_eq!(operator("FlatMap"), [mapped, counted]);
    assert_eq!(operator("Count"), [counted, emitted]);
    // A region takes what enters it, before the exchange, and gives what leaves it.
    assert_eq!(task("Counting"), [counted, emitted]);
    assert_eq!(operator("Counting"), [0, 0]);
    assert_eq!(operator("Sink"), [emitted, 0]);
    assert!(ledger.sum("taskmanager.job.task.busyTime", "Counting") > 0);
    assert!(ledger.sum("taskmanager.job.task.operator.numActivations", "Count") >= 2);
    let statistics = registry.statistics();
    assert_eq!(
        (statistics.clashes, statistics.refused_registrations, statistics.dropped_unread_series),
        (0, 0, 0)
    );
}

#[test]
fn groups_leave_when_their_dataflow_is_complete() {
    let (registry, instrumentation, handle, ledger) = instrumented();
    timely::execute_directly(move |worker| {
        instrumentation.install(worker).unwrap();
        for _ in 0..100 {
            worker.dataflow::<u64, _, _>(|scope| {
                (0..10_u64).to_stream(scope).container::<Vec<_>>().flat_map(|n| [n]).probe();
            });
            while worker.step_or_park(Some(Duration::from_millis(100))) {}
        }
    });
    handle.wait_delivered(PATIENCE).unwrap();
    // One dataflow after the other has the same names, but an address of its own.
    assert_eq!(ledger.sum("taskmanager.job.task.operator.numRecordsIn", "FlatMap"), 10);
    let present = Arc::new(AtomicU64::new(0));
    struct Present(Arc<AtomicU64>);
    impl Reporter for Present {
        fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
            self.0.store(report.families().count() as u64, Relaxed);
            Ok(())
        }
    }
    present.store(99, Relaxed);
    let late =
        registry.add_reporter("late", Box::new(Present(Arc::clone(&present))), ReporterOptions::default());
    late.unwrap().report_now(PATIENCE).unwrap();
    assert_eq!(present.load(Relaxed), 0);
}

#[test]
fn a_worker_is_instrumented_once() {
    let (_registry, instrumentation, ..) = instrumented();
    timely::execute_directly(move |worker| {
        instrumentation.install(worker).unwrap();
        assert!(matches!(instrumentation.install(worker), Err(Error::AlreadyLogged)));
    });
}

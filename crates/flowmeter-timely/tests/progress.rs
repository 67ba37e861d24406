//! What the engine and its jobs say beside records: watermarks, back pressure, and metrics of an operator's own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowmeter_core::{Counter, Registry, ReporterHandle};
use flowmeter_testkit::{Capture, PATIENCE, on_request, quiet_registry};
use flowmeter_timely::{Error, MeasuredOperator, TimelyInstrumentation};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::{Input, Map};
use timely::dataflow::operators::{Concat, Enter, Leave, Probe};
use timely::worker::Worker;

const OPERATOR: &str = "taskmanager.job.task.operator";

fn registry() -> (Registry, TimelyInstrumentation, ReporterHandle, Capture) {
    let (registry, capture) = (quiet_registry(), Capture::push());
    let handle = registry.add_reporter("capture", capture.reporter(), on_request()).unwrap();
    let instrumentation = TimelyInstrumentation::new(Arc::new(registry.task_manager("h", "tm")), "j");
    (registry, instrumentation, handle, capture)
}

/// What the last report has of a metric, where the labels contain this.
fn value(capture: &Capture, metric: &str, label: &str) -> Option<f64> {
    let lines = capture.last();
    let found =
        lines.iter().find(|(name, _)| name.starts_with(&format!("{metric}{{")) && name.contains(label));
    found.map(|(_, value)| *value)
}

/// Lets a worker go on until a report says so.
fn until(worker: &mut Worker, handle: &ReporterHandle, capture: &Capture, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        worker.step_or_park(Some(Duration::from_millis(1)));
        handle.report_now(PATIENCE).unwrap();
        if holds() {
            return;
        }
        assert!(Instant::now() < deadline, "it did not come to that: {:#?}", capture.last());
    }
}

#[test]
fn watermarks_follow_the_slowest_input_into_regions_and_out_again() {
    let (_registry, instrumentation, handle, capture) = registry();
    timely::execute_directly(move |worker| {
        instrumentation.install_with_watermarks(worker, |time: &u64| *time as i64).unwrap();
        let (mut first, mut second) = worker.dataflow_named::<u64, _, _>("job", |scope| {
            let (first, numbers) = scope.new_input::<u64>();
            let (second, others) = scope.new_input::<u64>();
            let inside = scope.region_named("Region", |inner| {
                numbers.concat(others).enter(inner).map(|n| n + 1).leave(scope)
            });
            inside.sink(Pipeline, "Sink", |(input, _)| input.for_each(|_, _| ()));
            (first, second)
        });
        let seen = |name: &str, metric: &str| value(&capture, &format!("{OPERATOR}.{metric}"), name);
        first.advance_to(5);
        second.advance_to(9);
        until(worker, &handle, &capture, || {
            seen("operator_name=Sink", "currentInputWatermark") == Some(4.0)
                && seen("operator_name=FlatMap", "currentInputWatermark") == Some(4.0)
                && seen("operator_name=FlatMap", "currentOutputWatermark") == Some(4.0)
                && seen("operator_name=Concatenate", "currentInput1Watermark") == Some(4.0)
                && seen("operator_name=Concatenate", "currentInput2Watermark") == Some(8.0)
                && value(&capture, "taskmanager.job.task.currentInputWatermark", "Region") == Some(4.0)
        });
        first.advance_to(20);
        until(worker, &handle, &capture, || seen("operator_name=Sink", "currentInputWatermark") == Some(8.0));
        drop((first, second));
    });
}

#[test]
fn one_receiver_of_progress_is_enough() {
    let (_registry, instrumentation, ..) = registry();
    timely::execute_directly(move |worker| {
        instrumentation.install_with_watermarks(worker, |time: &u64| *time as i64).unwrap();
        let again = instrumentation.install_with_watermarks(worker, |time: &u64| *time as i64);
        assert!(matches!(again, Err(Error::AlreadyLogged)));
        assert!(matches!(instrumentation.install(worker), Err(Error::AlreadyLogged)));
    });
}

#[test]
fn an_operator_has_metrics_of_its_own_and_says_when_it_is_held_back() {
    let (_registry, instrumentation, handle, capture) = registry();
    timely::execute_directly(move |worker| {
        instrumentation.install(worker).unwrap();
        let is_held_back = Rc::new(Cell::new(false));
        let told = Rc::clone(&is_held_back);
        let (mut input, probe) = worker.dataflow_named::<u64, _, _>("job", |scope| {
            let (input, numbers) = scope.new_input::<u64>();
            let stream = numbers.unary::<CapacityContainerBuilder<Vec<u64>>, _, _, _>(
                Pipeline,
                "Holds back",
                move |_, info| {
                    let mut measured = MeasuredOperator::new(&info.address);
                    let mut late: Option<Counter> = None;
                    move |input, output| {
                        measured.set_back_pressured(told.get());
                        if late.is_none() {
                            late = measured.group().map(|group| group.counter("late"));
                        }
                        input.for_each(|capability, numbers| {
                            late.as_ref().inspect(|late| late.inc_by(numbers.len() as u64));
                            output.session(&capability).give_container(numbers);
                        });
                    }
                },
            );
            (input, stream.probe().0)
        });
        let mut round = 0;
        let mut next = |worker: &mut Worker| {
            round += 1;
            input.send(round);
            input.advance_to(round);
            worker.step_while(|| probe.less_than(&round));
        };
        next(worker);
        worker.step();
        next(worker);
        until(worker, &handle, &capture, || {
            value(&capture, &format!("{OPERATOR}.late"), "Holds back") >= Some(1.0)
        });
        let of_task = |metric: &str| value(&capture, &format!("taskmanager.job.task.{metric}"), "Holds back");
        assert_eq!(of_task("softBackPressuredTime"), Some(0.0));
        is_held_back.set(true);
        next(worker);
        until(worker, &handle, &capture, || of_task("softBackPressuredTime") > Some(20_000_000.0));
        is_held_back.set(false);
        next(worker);
        until(worker, &handle, &capture, || of_task("maxSoftBackPressureTimeMs") >= Some(20.0));
        // Over: from now on it is idle.
        until(worker, &handle, &capture, || of_task("idleTime") > Some(0.0));
        let held_back = of_task("softBackPressuredTime");
        let idle = of_task("idleTime");
        until(worker, &handle, &capture, || of_task("idleTime") > idle.map(|idle| idle + 20_000_000.0));
        assert!(of_task("softBackPressuredTime") <= held_back.map(|held_back| held_back + 5_000_000.0));
        let parts = ["busyTime", "idleTime", "softBackPressuredTime", "hardBackPressuredTime"].map(of_task);
        assert!(parts.iter().all(Option::is_some) && parts[3] == Some(0.0), "{parts:?}");
    });
}

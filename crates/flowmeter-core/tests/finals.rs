//! When the values of a closed group are final, and what is left of it then.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use flowmeter_core::{Family, GroupView, MetricSet, Report, ReportError, Reporter};
use flowmeter_testkit::{Capture, PATIENCE, Pair, driven, on_request, quiet_registry};

#[test]
fn a_new_group_begins_at_zero_in_memory_that_others_had() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    for round in 0..5 {
        let groups: Vec<_> =
            (0..20).map(|i| registry.add_group("g").add_group_kv("i", &format!("{round}-{i}"))).collect();
        let sets: Vec<_> = groups.iter().map(Pair::register).collect();
        for set in &sets {
            assert_eq!((set.0.get(), set.1.get()), (0, 0));
            set.0.inc_by(3);
            set.1.inc_by(5);
        }
        handle.report_now(PATIENCE).unwrap();
        assert_eq!(capture.last().iter().map(|(_, value)| value).sum::<f64>(), 20.0 * 8.0);
        drop(sets);
        groups.iter().for_each(flowmeter_core::MetricGroup::close);
        handle.report_now(PATIENCE).unwrap();
    }
}

#[test]
fn a_clone_of_a_handle_is_waited_for_too() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let group = registry.add_group("g");
    let counter = group.shared_counter("n");
    let clone = counter.clone();
    drop(counter);
    group.close();
    handle.report_now(PATIENCE).unwrap();
    clone.inc();
    drop(clone);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), [("g.n{}".to_owned(), 1.0)]);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), []);
}

/// Waits after it has read all values and before its report ends.
struct Slow {
    inner: Capture,
    read: mpsc::Sender<()>,
    go_on: mpsc::Receiver<()>,
}

impl Reporter for Slow {
    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        self.inner.prepare_group(group, out);
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        self.inner.prepare_family(family, out);
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        self.inner.report(report)?;
        self.read.send(())?;
        self.go_on.recv()?;
        Ok(())
    }
}

#[test]
fn what_is_recorded_while_a_report_runs_is_in_the_next() {
    let capture = Capture::push();
    let registry = quiet_registry();
    let ((read, has_read), (end, go_on)) = (mpsc::channel(), mpsc::channel());
    let slow = Slow { inner: capture.clone(), read, go_on };
    let handle = registry.add_reporter("slow", Box::new(slow), on_request()).unwrap();
    let group = registry.add_group("g");
    let counter = group.counter("n");
    group.close();
    let report = |during: &mut dyn FnMut()| {
        let reporting = {
            let handle = handle.clone();
            thread::spawn(move || handle.report_now(PATIENCE).unwrap())
        };
        has_read.recv_timeout(PATIENCE).unwrap();
        during();
        end.send(()).unwrap();
        reporting.join().unwrap();
        capture.last()
    };
    // The group is final by the end of the report, but was not when its values were read.
    let mut counter = Some(counter);
    let first = report(&mut || {
        if let Some(counter) = counter.take() {
            counter.inc_by(7);
        }
    });
    assert_eq!(first, [("g.n{}".to_owned(), 0.0)]);
    assert_eq!(report(&mut || ()), [("g.n{}".to_owned(), 7.0)]);
    assert_eq!(report(&mut || ()), []);
    // The last report on the way out has somebody to go on for it.
    end.send(()).unwrap();
    registry.shutdown(PATIENCE);
    let _ = has_read.recv_timeout(Duration::ZERO);
}

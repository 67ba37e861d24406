//! None of the user's code runs under a lock: clocks, callbacks, reporters, destructors and log subscribers may use the registry.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::Duration;

use flowmeter_core::{
    Clock, Counter, Family, GroupView, MetricGroup, Registry, RegistryOptions, Report, ReportError, Reporter,
    ReporterContext, TimeMeter,
};
use flowmeter_testkit::{PATIENCE, on_request};
use tracing::span;

/// The group that everybody meddles with.
static GROUP: OnceLock<MetricGroup> = OnceLock::new();
static MEDDLED: AtomicU64 = AtomicU64::new(0);

thread_local!(static MEDDLING: Cell<bool> = const { Cell::new(false) });

/// Does what takes every lock of the core that user code can reach. It would wait for ever for a lock that its caller holds.
fn meddle() {
    let Some(group) = GROUP.get().filter(|_| !MEDDLING.replace(true)) else { return };
    let number = MEDDLED.fetch_add(1, Relaxed);
    let name = format!("meddled{number}");
    drop(group.try_register::<Counter>(name.clone()));
    let _ = group.remove(&name);
    let below = group.add_group_kv("number", &number.to_string());
    below.gauge_callback("callback", || 1_u64);
    below.close();
    MEDDLING.set(false);
}

struct Nosy(AtomicU64);

impl Clock for Nosy {
    fn monotonic(&self) -> Duration {
        meddle();
        Duration::from_millis(self.0.fetch_add(1, Relaxed))
    }

    fn unix(&self) -> Duration {
        meddle();
        Duration::from_secs(1_700_000_000)
    }
}

/// Meddles when it is dropped.
struct Last;

impl Drop for Last {
    fn drop(&mut self) {
        meddle();
    }
}

struct Busy(Last);

impl Reporter for Busy {
    fn start(&mut self, _: &ReporterContext) -> Result<(), ReportError> {
        meddle();
        Ok(())
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        meddle();
        out.extend_from_slice(group.identifier().as_bytes());
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        meddle();
        out.extend_from_slice(family.name().as_bytes());
    }

    fn accepts(&self, _: &Family) -> bool {
        meddle();
        true
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        for family in report.families() {
            family.for_each(|_| {
                meddle();
                Ok::<_, ReportError>(())
            })?;
        }
        Err("so that there is a log line".into())
    }

    fn stop(&mut self) {
        meddle();
    }
}

/// A log that meddles with each line.
struct Log;

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        meddle();
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

fn use_everything() {
    let options = RegistryOptions::default().with_clock(Arc::new(Nosy(AtomicU64::new(0))));
    let registry = Registry::with_options(options);
    let group = GROUP.get_or_init(|| registry.add_group("g"));
    let options = on_request().with_series_limit(30).with_callback_patience(Duration::from_millis(20));
    let handle = registry.add_reporter("busy", Box::new(Busy(Last)), options).unwrap();
    let task_managers = [registry.task_manager("h", "tm"), registry.task_manager("h", "tm")];
    for round in 0..3 {
        let counters = task_managers.each_ref().map(|task_manager| task_manager.counter("clashes"));
        let (timed, last) = (group.try_register::<TimeMeter>("timed"), Last);
        group.gauge_callback("computed", move || {
            let _ = &last;
            meddle();
            7_u64
        });
        group.text_callback("panics", || -> String { panic!("told to") });
        let crowd: Vec<_> =
            (0..20).map(|i| group.add_group_kv("i", &format!("{round}-{i}")).counter("n")).collect();
        drop(group.counter("computed"));
        let _ = handle.report_now(PATIENCE);
        let _ = handle.restart(PATIENCE);
        for metric in ["computed", "panics", "timed"] {
            let _ = group.remove(metric);
        }
        drop((counters, timed, crowd));
        let _ = handle.report_now(PATIENCE);
    }
    drop(task_managers);
    let _ = registry.remove_reporter("busy", PATIENCE);
    drop(registry.add_reporter("busy", Box::new(Busy(Last)), on_request()));
    registry.shutdown(PATIENCE);
}

#[test]
fn user_code_may_use_the_registry_wherever_it_runs() {
    tracing::subscriber::set_global_default(Log).unwrap();
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        use_everything();
        done.send(()).unwrap();
    });
    is_done.recv_timeout(PATIENCE).expect("somebody waits for a lock that is held");
    assert!(MEDDLED.load(Relaxed) > 100, "{MEDDLED:?}");
}

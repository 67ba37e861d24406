//! Nothing that was counted is lost, whoever registers, records, closes, reports and joins at the same time.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use flowmeter_core::{
    GroupView, Number, Report, ReportError, ReportMode, ReportNumber, Reporter, ReporterContext,
    ReporterOptions, TaskInfo, Value,
};
use flowmeter_testkit::{PATIENCE, on_request, quiet_registry};

/// Keeps the last value of every series it ever saw, and fails every third report.
#[derive(Clone, Default)]
struct Ledger {
    values: Arc<Mutex<BTreeMap<Vec<u8>, u64>>>,
    reports: Arc<AtomicU64>,
    context: Arc<Mutex<Option<ReporterContext>>>,
    pull: bool,
    flaky: bool,
}

impl Ledger {
    fn sum(&self) -> u64 {
        self.values.lock().unwrap().values().sum()
    }
}

impl Reporter for Ledger {
    fn mode(&self) -> ReportMode {
        if self.pull { ReportMode::Pull } else { ReportMode::Push }
    }

    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        *self.context.lock().unwrap() = Some(context.clone());
        Ok(())
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        group.variables().for_each(|(_, value)| out.extend_from_slice(value.as_bytes()));
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let number: ReportNumber = report.number();
        let failing = self.flaky && self.reports.fetch_add(1, Ordering::Relaxed).is_multiple_of(3);
        let mut seen = BTreeMap::new();
        for family in report.families() {
            family.for_each(|series| {
                let Value::Number(Number::U64(value)) = series.value() else { return Err("not a count") };
                let mut key = family.prepared().to_vec();
                key.extend_from_slice(series.prepared());
                match seen.insert(key, value) {
                    None => Ok(()),
                    Some(_) => Err("a series is twice in one report"),
                }
            })?;
        }
        if failing {
            return Err("this one does not count".into());
        }
        let mut values = self.values.lock().unwrap();
        for (key, value) in seen {
            let last = values.insert(key, value).unwrap_or(0);
            assert!(last <= value, "a count went down");
        }
        if self.pull
            && let Some(context) = &*self.context.lock().unwrap()
        {
            context.delivered(number);
        }
        Ok(())
    }
}

#[test]
fn every_reporter_ends_with_the_jobs_own_count() {
    const TASKS: u64 = 3_000;
    let registry = quiet_registry();
    let ledgers = [
        Ledger::default(),
        Ledger { flaky: true, ..Ledger::default() },
        Ledger { pull: true, ..Ledger::default() },
    ];
    let intervals = [1, 7, 1_000];
    let handles: Vec<_> = ledgers
        .iter()
        .zip(intervals)
        .enumerate()
        .map(|(i, (ledger, interval))| {
            let options = ReporterOptions::default().with_interval(Duration::from_millis(interval));
            let name = format!("ledger-{i}");
            registry.add_reporter(&name, Box::new(ledger.clone()), options).unwrap()
        })
        .collect();
    let truth = AtomicU64::new(0);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let scraper = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                handles[2].report_now(PATIENCE).unwrap();
            }
        });
        let workers: Vec<_> = (0..2)
            .map(|worker: u64| {
                let (registry, truth) = (&registry, &truth);
                scope.spawn(move || {
                    let task_manager = registry.task_manager("h", &format!("tm-{worker}"));
                    let job = task_manager.job("j", "job");
                    for i in 0..TASKS {
                        let id = i.to_string();
                        let task = job.task(TaskInfo { id: &id, ..TaskInfo::default() });
                        let (records, bytes) = (task.counter("records"), task.shared_counter("bytes"));
                        for n in 0..i % 50 {
                            records.inc();
                            bytes.inc_by(n);
                            truth.fetch_add(1 + n, Ordering::Relaxed);
                        }
                        // Half of them record after the group is closed, and within the grace time.
                        if i % 2 == 0 {
                            drop(task);
                        }
                        records.inc();
                        truth.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        scraper.join().unwrap();
    });
    for handle in &handles[..2] {
        // The flaky one needs a second try at times.
        while handle.report_now(PATIENCE).is_err() {}
    }
    handles[2].report_now(PATIENCE).unwrap();
    for (handle, ledger) in handles.iter().zip(&ledgers) {
        handle.wait_delivered(PATIENCE).unwrap();
        assert_eq!(ledger.sum(), truth.load(Ordering::Relaxed), "{}", handle.name());
        assert_eq!(ledger.values.lock().unwrap().len() as u64, 2 * 2 * TASKS);
    }
    let statistics = registry.statistics();
    assert_eq!((statistics.dropped_unread_series, statistics.clashes), (0, 0));
}

#[test]
fn a_reporter_that_joins_meanwhile_finds_each_series_once() {
    let registry = quiet_registry();
    let group = registry.add_group("g");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let mut counters = Vec::new();
            let mut i = 0;
            while !done.load(Ordering::Relaxed) || i < 20_000 {
                let counter = group.add_group_kv("i", &i.to_string()).counter("n");
                counter.inc();
                counters.push(counter);
                i += 1;
            }
            counters
        });
        let joined: Vec<_> = (0..20)
            .map(|i| {
                let ledger = Ledger::default();
                let name = format!("ledger-{i}");
                (registry.add_reporter(&name, Box::new(ledger.clone()), on_request()).unwrap(), ledger)
            })
            .collect();
        done.store(true, Ordering::Relaxed);
        let counters = worker.join().unwrap();
        for (handle, ledger) in &joined {
            handle.report_now(PATIENCE).unwrap();
            assert_eq!(ledger.sum(), counters.len() as u64, "{}", handle.name());
        }
    });
}

//! Reporters that panic and come back, and those that a configuration makes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use flowmeter_core::{
    ConfigError, ConfigKey, ConfigSection, ConfigValue, Family, GroupView, KeyInfo, Report, ReportError,
    Reporter, ReporterContext, ReporterFactory, ReporterHandle, ReporterOptions,
};
use flowmeter_testkit::{Capture, PATIENCE, driven, on_request, quiet_registry};

/// What happens to the reporters of a factory, and what they have sent.
#[derive(Default)]
struct Fate {
    built: AtomicU64,
    /// How many of the next starts fail.
    failing_starts: AtomicU64,
    /// How many of the next reports panic, after they have sent what is acknowledged.
    panicking_reports: AtomicU64,
    sent: AtomicU64,
}

fn is_next(times: &AtomicU64) -> bool {
    times.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
}

/// A reporter that sends differences, and can report once it is started: as one that was stopped has no connection.
struct Sender {
    fate: Arc<Fate>,
    number: u64,
    started: bool,
}

impl Reporter for Sender {
    fn deltas(&self) -> bool {
        true
    }

    fn start(&mut self, _: &ReporterContext) -> Result<(), ReportError> {
        if is_next(&self.fate.failing_starts) {
            return Err("no connection".into());
        }
        assert!(!self.started, "started twice");
        self.started = true;
        Ok(())
    }

    fn endpoint(&self) -> Option<String> {
        Some(format!("test://{}", self.number))
    }

    fn other_endpoints(&self) -> Vec<(&'static str, String)> {
        vec![("other", format!("other://{}", self.number))]
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        assert!(self.started, "reports without a connection");
        for family in report.families() {
            family.for_each(|series| {
                self.fate.sent.fetch_add(series.delta().unwrap_or(0), Relaxed);
                report.acknowledge(series.mark());
                Ok::<_, ReportError>(())
            })?;
        }
        assert!(!is_next(&self.fate.panicking_reports), "told to");
        Ok(())
    }

    fn stop(&mut self) {
        assert!(self.started, "stopped twice");
        self.started = false;
    }
}

struct Factory(Arc<Fate>);

const NUMBER: ConfigKey<u64> = ConfigKey::new("number", "A number to begin with.").with_default("0");

impl ReporterFactory for Factory {
    fn reporter_type(&self) -> &str {
        "sender"
    }

    fn keys(&self) -> &[KeyInfo] {
        const { &[NUMBER.info()] }
    }

    fn build(&self, section: &ConfigSection) -> Result<Box<dyn Reporter>, ConfigError> {
        let number = section.get(&NUMBER)? + self.0.built.fetch_add(1, Relaxed);
        if number == 13 {
            return Err(section.invalid(&NUMBER, "it brings bad luck"));
        }
        Ok(Box::new(Sender { fate: Arc::clone(&self.0), number, started: false }))
    }
}

/// A factory with values for what a section does not say.
struct Preset(Factory, &'static [(&'static str, &'static str)]);

impl ReporterFactory for Preset {
    fn reporter_type(&self) -> &str {
        self.0.reporter_type()
    }

    fn keys(&self) -> &[KeyInfo] {
        self.0.keys()
    }

    fn defaults(&self) -> Vec<(&'static str, ConfigValue)> {
        self.1.iter().map(|(key, value)| (*key, (*value).into())).collect()
    }

    fn build(&self, section: &ConfigSection) -> Result<Box<dyn Reporter>, ConfigError> {
        self.0.build(section)
    }
}

fn section() -> ConfigSection {
    ConfigSection::new("reporters.sender").with("interval", "3650d")
}

fn until(handle: &ReporterHandle, condition: impl Fn(&ReporterHandle) -> bool) {
    let end = Instant::now() + PATIENCE;
    while !condition(handle) {
        assert!(Instant::now() < end, "{:?}", handle.status());
        std::thread::yield_now();
    }
}

#[test]
fn a_reporter_that_panics_is_replaced_and_no_count_is_lost_or_doubled() {
    let (registry, fate) = (quiet_registry(), Arc::new(Fate::default()));
    let handle =
        registry.add_configured_reporter("s", Arc::new(Factory(Arc::clone(&fate))), section()).unwrap();
    assert_eq!(handle.endpoint().as_deref(), Some("test://0"));
    let counter = registry.add_group("g").counter("n");
    for round in 1..=5 {
        counter.inc_by(10);
        fate.panicking_reports.store(1, Relaxed);
        let error = handle.report_now(PATIENCE).unwrap_err();
        assert_eq!(error.to_string(), "reporter `s` failed: panicked: told to");
        counter.inc();
        handle.report_now(PATIENCE).unwrap();
        assert_eq!(fate.sent.load(Relaxed), counter.get());
        assert_eq!(handle.endpoint(), Some(format!("test://{round}")), "it is another reporter");
        let all = [("s", "test"), ("other", "other")]
            .map(|(name, scheme)| (name.to_owned(), format!("{scheme}://{round}")));
        assert_eq!(handle.endpoints(), all);
    }
    let status = handle.status();
    assert_eq!((status.reports, status.failures, status.panics, status.restarts), (5, 5, 5, 5));
    assert!(!status.is_down);
}

#[test]
fn one_that_goes_on_panicking_waits_longer_and_longer() {
    let (registry, fate) = (quiet_registry(), Arc::new(Fate::default()));
    let handle = registry
        .add_configured_reporter(
            "s",
            Arc::new(Factory(Arc::clone(&fate))),
            section().with("restart.backoff", "3650d"),
        )
        .unwrap();
    let counter = registry.add_group("g").counter("n");
    fate.panicking_reports.store(2, Relaxed);
    handle.report_now(PATIENCE).unwrap_err();
    assert!(!handle.status().is_down, "the first time it is restarted at once");
    counter.inc_by(7);
    handle.report_now(PATIENCE).unwrap_err();
    let status = handle.status();
    assert_eq!((status.is_down, status.restarts), (true, 1));
    assert_eq!((handle.endpoint(), handle.endpoints()), (None, Vec::new()));
    let error = handle.report_now(PATIENCE).unwrap_err();
    assert_eq!(
        error.to_string(),
        "reporter `s` failed: it is down until it is restarted; its last error was: panicked: told to"
    );
    // Somebody has mended it.
    handle.restart(PATIENCE).unwrap();
    counter.inc();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(fate.sent.load(Relaxed), 8);
}

#[test]
fn one_that_cannot_start_again_is_tried_until_it_does() {
    let (registry, fate) = (quiet_registry(), Arc::new(Fate::default()));
    let mut options = on_request();
    options.restart_backoff = Duration::from_millis(1);
    let sender = Sender { fate: Arc::clone(&fate), number: 7, started: false };
    let handle = registry.add_reporter("s", Box::new(sender), options).unwrap();
    let group = registry.add_group("g");
    let counter = group.counter("n");
    counter.inc_by(3);
    fate.panicking_reports.store(1, Relaxed);
    fate.failing_starts.store(4, Relaxed);
    handle.report_now(PATIENCE).unwrap_err();
    until(&handle, |handle| !handle.status().is_down);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(handle.endpoint().as_deref(), Some("test://7"), "the same one, for want of a factory");
    assert_eq!(fate.sent.load(Relaxed), 3);
    let status = handle.status();
    assert_eq!((status.restarts, status.failures, status.panics), (5, 5, 1));
    assert_eq!(status.last_error.as_deref(), Some("no connection"));
}

#[test]
fn one_that_is_down_at_the_end_gets_another_try() {
    let (registry, fate) = (quiet_registry(), Arc::new(Fate::default()));
    let section = section().with("restart.backoff", "3650d");
    let handle =
        registry.add_configured_reporter("s", Arc::new(Factory(Arc::clone(&fate))), section).unwrap();
    let counter = registry.add_group("g").counter("n");
    fate.panicking_reports.store(2, Relaxed);
    handle.report_now(PATIENCE).unwrap_err();
    handle.report_now(PATIENCE).unwrap_err();
    assert!(handle.status().is_down);
    counter.inc_by(9);
    assert!(registry.shutdown(PATIENCE).iter().all(|(_, outcome)| outcome.is_ok()));
    assert_eq!(fate.sent.load(Relaxed), 9);
}

#[test]
fn the_others_and_the_job_do_not_notice() {
    let capture = Capture::push();
    let (registry, _, others) = driven(&capture);
    let fate = Arc::new(Fate::default());
    fate.panicking_reports.store(u64::MAX, Relaxed);
    let section = section().with("restart.backoff", "1ms");
    let handle =
        registry.add_configured_reporter("s", Arc::new(Factory(Arc::clone(&fate))), section).unwrap();
    for i in 0..200 {
        let task_manager = registry.task_manager("h", &i.to_string());
        task_manager.counter("n").inc();
        drop(task_manager);
        let _ = handle.report_now(PATIENCE);
        others.report_now(PATIENCE).unwrap();
        assert_eq!(capture.last().len(), 1);
    }
    let status = handle.status();
    assert_eq!(status.reports, 0);
    assert!(status.panics > 1 && status.undelivered_groups > 0, "{status:?}");
}

#[test]
fn a_wrong_section_says_what_is_wrong_and_starts_nothing() {
    let (registry, fate) = (quiet_registry(), Arc::new(Fate::default()));
    let said = |section: ConfigSection| {
        let factory = Arc::new(Factory(Arc::clone(&fate)));
        registry.add_configured_reporter("s", factory, section).unwrap_err().to_string()
    };
    let unknown = said(section().with("nubmer", 1));
    assert!(
        unknown.starts_with("reporter `s`: unknown key `reporters.sender.nubmer`: did you mean `number`?"),
        "{unknown}"
    );
    assert_eq!(
        said(section().with("number", -1)),
        "reporter `s`: `reporters.sender.number` cannot be `-1`: give a whole number, 0 or more"
    );
    assert_eq!(
        said(section().with("number", 13)),
        "reporter `s`: `reporters.sender.number` cannot be `13`, it brings bad luck: give a whole number, 0 or more"
    );
    assert_eq!(
        said(section().with("interval", "soon")),
        "reporter `s`: `reporters.sender.interval` cannot be `soon`: give a duration such as `500ms`, `10s` or `1min 30s`"
    );
    assert_eq!(
        said(section().with("type", "csv")),
        "reporter `s`: `reporters.sender.type` cannot be `csv`, this factory makes reporters of type `sender`: give a text"
    );
    fate.failing_starts.store(1, Relaxed);
    assert_eq!(said(section().with("type", "sender")), "reporter `s` cannot start: no connection");
    // The name is free.
    registry.add_configured_reporter("s", Arc::new(Factory(fate)), section()).unwrap();
}

#[test]
fn a_report_that_outlasts_its_interval_skips_ticks_and_says_so() {
    const INTERVAL: Duration = Duration::from_millis(10);
    /// Takes ten intervals for its first report.
    struct Slow(mpsc::Sender<()>, bool);
    impl Reporter for Slow {
        fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> {
            self.0.send(())?;
            if !std::mem::replace(&mut self.1, true) {
                std::thread::sleep(10 * INTERVAL);
            }
            Ok(())
        }
    }
    let registry = quiet_registry();
    let (begin, began) = mpsc::channel();
    let start = Instant::now();
    let options = ReporterOptions::default().with_interval(INTERVAL);
    let handle = registry.add_reporter("slow", Box::new(Slow(begin, false)), options).unwrap();
    for reports in 1..=10 {
        began.recv_timeout(PATIENCE).unwrap();
        let intervals = start.elapsed().as_nanos() / INTERVAL.as_nanos();
        let skipped = handle.status().skipped;
        // None of those that were missed is made up for.
        assert!(
            u128::from(reports + skipped) <= intervals + 2,
            "{reports} and {skipped} in {intervals} intervals"
        );
    }
    assert!(handle.status().skipped >= 9, "{:?}", handle.status());
}

#[test]
fn whoever_looks_all_the_time_does_not_keep_reports_from_being_made() {
    let registry = quiet_registry();
    let options =
        ReporterOptions::default().with_interval(Duration::from_millis(5)).with_grace(Duration::MAX);
    let handle = registry.add_reporter("capture", Capture::push().reporter(), options).unwrap();
    let group = registry.add_group("g");
    // So that a look takes longer than an interval.
    let counters: Vec<_> =
        (0..20_000).map(|i| group.add_group_kv("i", &i.to_string()).counter("n")).collect();
    group.close();
    until(&handle, |handle| {
        let _ = handle.wait_delivered(Duration::ZERO);
        handle.status().reports >= 5
    });
    drop(counters);
}

/// Cannot start, and panics as it goes.
struct Unlucky(mpsc::Sender<()>, mpsc::Receiver<()>);

impl Reporter for Unlucky {
    fn start(&mut self, _: &ReporterContext) -> Result<(), ReportError> {
        self.0.send(())?;
        let _ = self.1.recv();
        Err("no luck".into())
    }

    fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> {
        Ok(())
    }
}

impl Drop for Unlucky {
    fn drop(&mut self) {
        panic!("told to");
    }
}

#[test]
fn one_that_cannot_start_leaves_nothing_behind_and_is_not_waited_for() {
    let registry = quiet_registry();
    let add = || {
        let ((begin, began), (end, go_on)) = (mpsc::channel(), mpsc::channel());
        (Box::new(Unlucky(begin, go_on)), began, end)
    };
    let (unlucky, _began, end) = add();
    drop(end);
    let error = registry.add_reporter("r", unlucky, on_request()).unwrap_err();
    assert_eq!(error.to_string(), "reporter `r` cannot start: panicked: told to");
    // A shutdown that comes while one is starting does not wait for more than that.
    let (unlucky, began, end) = add();
    std::thread::scope(|scope| {
        let adding = scope.spawn(|| registry.add_reporter("r", unlucky, on_request()).map(drop).unwrap_err());
        began.recv_timeout(PATIENCE).unwrap();
        let shutting = scope.spawn(|| registry.shutdown(PATIENCE));
        let deadline = Instant::now() + PATIENCE;
        let is_shut_down = || {
            let again = registry.add_reporter("r", Capture::push().reporter(), on_request());
            matches!(again, Err(flowmeter_core::Error::ShutDown { .. }))
        };
        while !is_shut_down() {
            assert!(Instant::now() < deadline);
        }
        drop(end);
        adding.join().unwrap();
        assert!(matches!(&shutting.join().unwrap()[..], [(_, Ok(()))]));
    });
}

#[test]
fn a_panic_while_preparing_is_counted_and_costs_what_it_was_about() {
    struct Picky(Capture);
    impl Reporter for Picky {
        fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
            assert_ne!(group.identifier(), "bad", "told to");
            self.0.reporter().prepare_group(group, out);
        }

        fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
            assert_ne!(family.name(), "bad", "told to");
            out.extend_from_slice(family.name().as_bytes());
        }

        fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
            self.0.reporter().report(report)
        }
    }
    let (registry, capture) = (quiet_registry(), Capture::push());
    let handle = registry.add_reporter("picky", Box::new(Picky(capture.clone())), on_request()).unwrap();
    let groups = ["good", "bad"].map(|name| registry.add_group(name));
    let counters = [groups[0].counter("good"), groups[1].counter("good"), groups[0].counter("bad")];
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), [("good{}".to_owned(), 0.0)]);
    let status = handle.status();
    assert_eq!((status.reports, status.failures, status.panics, status.dropped_values), (1, 2, 2, 1));
    assert_eq!(
        status.last_error.as_deref(),
        Some("panicked preparing metric `good.bad`, which is not reported"),
        "the last of both"
    );
    assert_eq!(registry.statistics().dropped_unread_series, 0);
    drop(counters);
}

#[test]
fn a_reporter_that_has_ended_says_so() {
    let (registry, capture) = (quiet_registry(), Capture::pull());
    let handle = registry.add_reporter("capture", capture.reporter(), on_request()).unwrap();
    assert_eq!(registry.reporter("capture").unwrap().name(), "capture");
    let group = registry.add_group("g");
    drop(group.counter("n"));
    group.close();
    registry.remove_reporter("capture", PATIENCE).unwrap();
    assert!(registry.reporter("capture").is_none() && registry.reporters().is_empty());
    for outcome in [handle.report_now(PATIENCE), handle.restart(PATIENCE), handle.wait_delivered(PATIENCE)] {
        let error = outcome.unwrap_err().to_string();
        assert_eq!(error, "reporter `capture` has ended: it was removed, or the registry was shut down");
    }
    assert_eq!(handle.endpoint(), None);
    assert_eq!(handle.status().undelivered_groups, 1);
}

#[test]
fn a_factory_may_have_values_for_what_its_section_does_not_say() {
    let error = |section: ConfigSection| {
        let preset = Preset(Factory(Arc::default()), &[("interval", "0s"), ("number", "13")]);
        let added = quiet_registry().add_configured_reporter("s", Arc::new(preset), section);
        added.err().map(|error| error.to_string())
    };
    let begins = |error: Option<String>, begin: &str| error.is_some_and(|error| error.starts_with(begin));
    let empty = ConfigSection::new("reporters.sender");
    assert!(begins(error(empty), "reporter `s`: `reporters.sender.interval` cannot be `0s`"));
    assert!(begins(error(section()), "reporter `s`: `reporters.sender.number` cannot be `13`"));
    assert_eq!(error(section().with("number", 1)), None, "what is said comes first");
}

/// Says what it is told of itself whenever it is started.
struct Curious(mpsc::Sender<(Duration, u64)>);

impl Reporter for Curious {
    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        Ok(self.0.send((context.interval(), context.seed()))?)
    }

    fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> {
        panic!("told to")
    }
}

#[test]
fn a_reporter_is_told_the_same_after_a_restart() {
    let (sender, told) = mpsc::channel();
    let registry = quiet_registry();
    let options = on_request().with_interval(Duration::from_secs(3600));
    let add = |name: &str| {
        let reporter = Box::new(Curious(sender.clone()));
        registry.add_reporter(name, reporter, options.clone()).unwrap()
    };
    let handle = add("a");
    let _ = handle.report_now(PATIENCE);
    let [first, again] = [(); 2].map(|()| told.recv_timeout(PATIENCE).unwrap());
    assert_eq!(first, again);
    assert_eq!(first.0, Duration::from_secs(3600));
    add("b");
    assert_ne!(told.recv_timeout(PATIENCE).unwrap().1, first.1);
}

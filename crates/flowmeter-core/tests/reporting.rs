//! What reporters see: all of it, in order, once more after the end, whatever else goes wrong.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use flowmeter_core::{Error, Report, ReportError, Reporter, ReporterContext, ReporterOptions};
use flowmeter_testkit::{
    Capture, MockClock, PATIENCE, driven, names, on_request, quiet_registry, quiet_registry_on,
};

#[test]
fn families_are_sorted_and_series_come_in_the_order_of_registration() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let group = registry.add_group("g");
    let (c, a) = (group.add_group_kv("k", "c"), group.add_group_kv("k", "a"));
    let handles = [c.counter("zeta"), c.counter("alpha"), a.counter("alpha"), c.counter("unwanted")];
    handle.report_now(PATIENCE).unwrap();
    let expected = ["g.k.alpha{k=c}", "g.k.alpha{k=a}", "g.k.zeta{k=c}"];
    assert_eq!(names(&capture.last()), expected);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(names(&capture.last()), expected);
    drop(handles);
}

#[test]
fn every_kind_of_metric_is_read() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let group = registry.add_group("g");
    let (counter, up_down) = (group.counter("counter"), group.up_down_counter("upDown"));
    let (shared, shared_up_down) =
        (group.shared_counter("shared"), group.shared_up_down_counter("sharedUpDown"));
    let (float, signed) = (group.gauge::<f64>("float"), group.gauge::<i64>("signed"));
    let (truth, shared_gauge) = (group.gauge::<bool>("truth"), group.shared_gauge::<u64>("sharedGauge"));
    let (histogram, shared_histogram) =
        (group.histogram::<f64>("histogram"), group.shared_histogram::<u64>("sharedHistogram"));
    let (meter, shared_meter) = (group.meter("meter"), group.shared_meter("sharedMeter"));
    group.gauge_callback("callback", || -2.5);
    group.counter_callback("counterCallback", || 12);
    counter.inc_by(u64::MAX);
    counter.inc_by(3);
    up_down.add(-4);
    shared.inc_by(5);
    shared_up_down.add(-6);
    float.set(0.25);
    signed.set(-7);
    truth.set(true);
    shared_gauge.set(8);
    histogram.record(1.0);
    let (shared_writer, meter_writer) = (shared.new_writer(), shared_meter.new_writer());
    shared_writer.inc_by(15);
    shared_up_down.new_writer().add(-2);
    meter.mark_by(9);
    shared_meter.mark();
    meter_writer.mark_by(9);
    let histogram_writer = shared_histogram.new_writer();
    histogram_writer.record(1);
    shared_histogram.record(2);
    handle.report_now(PATIENCE).unwrap();
    let expected = [
        ("g.callback{}", -2.5),
        ("g.counter{}", 2.0),
        ("g.counterCallback{}", 12.0),
        ("g.float{}", 0.25),
        ("g.histogram{}", 1.0),
        ("g.meter{}", 9.0),
        ("g.shared{}", 20.0),
        ("g.sharedGauge{}", 8.0),
        ("g.sharedHistogram{}", 2.0),
        ("g.sharedMeter{}", 10.0),
        ("g.sharedUpDown{}", -8.0),
        ("g.signed{}", -7.0),
        ("g.truth{}", 1.0),
        ("g.upDown{}", -4.0),
    ];
    assert_eq!(capture.last(), expected.map(|(name, value)| (name.to_owned(), value)));
}

#[test]
fn a_reporter_that_comes_later_sees_what_is_there() {
    let registry = quiet_registry();
    let group = registry.add_group("g");
    let counters: Vec<_> = (0..50).map(|i| group.add_group_kv("i", &i.to_string()).counter("n")).collect();
    registry.add_group("gone").counter("n").inc();
    registry.add_group("gone").close();
    let capture = Capture::push();
    let handle = registry.add_reporter("late", capture.reporter(), on_request()).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last().len(), counters.len());
    assert_eq!(capture.last()[49].0, "g.i.n{i=49}");
}

#[test]
fn a_closed_group_is_reported_once_more_with_its_final_values() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let task_manager = registry.task_manager("h", "tm");
    let job = task_manager.job("j", "job");
    let counter = job.counter("n");
    counter.inc();
    handle.report_now(PATIENCE).unwrap();
    counter.inc_by(41);
    drop(counter);
    drop(job);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last()[0].1, 42.0);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), []);
}

#[test]
fn values_are_final_when_the_last_handle_goes_or_the_grace_time_is_over() {
    let capture = Capture::push();
    let (registry, clock, handle) = driven(&capture);
    let (held, dropped) = (registry.add_group("held"), registry.add_group("dropped"));
    let (late, early) = (held.counter("n"), dropped.counter("n"));
    held.close();
    dropped.close();
    late.inc();
    early.inc();
    drop(early);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(names(&capture.last()), ["dropped.n{}", "held.n{}"]);
    // Its handle is still there, so there may be more to come.
    late.inc();
    clock.advance(Duration::from_millis(900));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), [("held.n{}".to_owned(), 2.0)]);
    clock.advance(Duration::from_millis(100));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), [("held.n{}".to_owned(), 2.0)]);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), []);
}

#[test]
fn a_failed_or_panicking_report_keeps_final_values_for_the_next() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let group = registry.add_group("g");
    group.counter("n").inc_by(7);
    group.close();
    capture.fail(true);
    let error = handle.report_now(PATIENCE).unwrap_err();
    assert_eq!(error.to_string(), "reporter `capture` failed: told to");
    capture.fail(false);
    capture.panic(true);
    let error = handle.report_now(PATIENCE).unwrap_err();
    assert_eq!(error.to_string(), "reporter `capture` failed: panicked: told to");
    capture.panic(false);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), [("g.n{}".to_owned(), 7.0)]);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), []);
    let status = handle.status();
    assert_eq!((status.reports, status.failures, status.panics), (2, 2, 1));
    assert_eq!(status.last_error.as_deref(), Some("panicked: told to"));
}

#[test]
fn a_pull_reporter_keeps_final_values_until_they_were_delivered_and_for_other_scrapers() {
    let capture = Capture::pull();
    let clock = Arc::new(MockClock::default());
    let registry = quiet_registry_on(clock.clone());
    let options = on_request().with_retention(Duration::from_secs(60), Duration::from_secs(600));
    let handle = registry.add_reporter("pull", capture.reporter(), options).unwrap();
    let group = registry.add_group("g");
    group.counter("n").inc_by(7);
    group.close();
    let expected = [("g.n{}".to_owned(), 7.0)];
    // Rendered, but the answer did not get through; then it did.
    handle.report_now(PATIENCE).unwrap();
    clock.advance(Duration::from_secs(61));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), expected);
    assert!(matches!(handle.wait_delivered(Duration::ZERO), Err(Error::Timeout { .. })));
    assert_eq!(handle.status().undelivered_groups, 1);
    let last = capture.reports().len();
    capture.context().delivered(report_number(last));
    handle.wait_delivered(PATIENCE).unwrap();
    // Another scraper comes within the minute.
    clock.advance(Duration::from_secs(59));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), expected);
    clock.advance(Duration::from_secs(1));
    handle.report_now(PATIENCE).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), []);
    assert_eq!(registry.statistics().dropped_unread_series, 0);
}

/// The numbers of reports come from reports alone, so this makes some.
fn report_number(n: usize) -> flowmeter_core::ReportNumber {
    struct Numbers(mpsc::Sender<flowmeter_core::ReportNumber>);
    impl Reporter for Numbers {
        fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
            self.0.send(report.number())?;
            Ok(())
        }
    }
    let (sender, numbers) = mpsc::channel();
    let registry = quiet_registry();
    let handle = registry.add_reporter("numbers", Box::new(Numbers(sender)), on_request()).unwrap();
    for _ in 0..n {
        handle.report_now(PATIENCE).unwrap();
    }
    numbers.iter().nth(n - 1).unwrap()
}

#[test]
fn final_values_that_nobody_fetches_are_dropped_in_the_end_and_counted() {
    let capture = Capture::pull();
    let (registry, clock, handle) = driven(&capture);
    let group = registry.add_group("g");
    let _ = (group.counter("n"), group.counter("m"));
    group.close();
    handle.report_now(PATIENCE).unwrap();
    clock.advance(Duration::from_secs(600));
    handle.report_now(PATIENCE).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), []);
    assert_eq!(registry.statistics().dropped_unread_series, 2);
}

#[test]
fn no_more_closed_groups_are_kept_than_the_options_say() {
    let capture = Capture::pull();
    let clock = Arc::new(MockClock::default());
    let registry = quiet_registry_on(clock.clone());
    let mut options = on_request();
    options.keep_groups = 10;
    let handle = registry.add_reporter("pull", capture.reporter(), options).unwrap();
    for i in 0..100 {
        let group = registry.add_group("g").add_group_kv("i", &i.to_string());
        group.counter("n").inc();
        clock.advance(Duration::from_millis(1));
        group.close();
    }
    handle.report_now(PATIENCE).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(names(&capture.last()).len(), 10);
    assert_eq!(names(&capture.last())[0], "g.i.n{i=90}", "the oldest go");
    assert_eq!(registry.statistics().dropped_unread_series, 90);
}

#[test]
fn families_of_one_name_clash_and_the_later_one_takes_over_when_the_first_goes() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let (first, second) =
        (registry.add_group("g").add_group_kv("i", "1"), registry.add_group("g").add_group_kv("i", "2"));
    let counter = first.counter("n");
    let gauge = second.gauge::<f64>("n");
    gauge.set(0.5);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(names(&capture.last()), ["g.i.n{i=1}"]);
    assert_eq!(registry.statistics().clashes, 1);
    drop(counter);
    first.close();
    handle.report_now(PATIENCE).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.last(), [("g.i.n{i=2}".to_owned(), 0.5)]);
}

#[test]
fn one_family_from_several_sets_is_in_the_order_of_registration() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let top = registry.add_group("g");
    let mut keep: Vec<Box<dyn std::any::Any>> = Vec::new();
    for i in 0..6 {
        let group = top.add_group_kv("i", &i.to_string());
        // Two storages of one family: two sets.
        if i % 2 == 0 {
            keep.push(Box::new(group.counter("n")));
        } else {
            keep.push(Box::new(group.shared_counter("n")));
        }
    }
    handle.report_now(PATIENCE).unwrap();
    let expected: Vec<_> = (0..6).map(|i| format!("g.i.n{{i={i}}}")).collect();
    assert_eq!(names(&capture.last()), expected);
}

/// Blocks in every report until it is let go.
struct Hanging(mpsc::Receiver<()>);

impl Reporter for Hanging {
    fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> {
        let _ = self.0.recv();
        Ok(())
    }
}

#[test]
fn a_hanging_reporter_holds_up_nobody() {
    let registry = quiet_registry();
    let (release, gate) = mpsc::channel();
    let hanging = registry.add_reporter("hanging", Box::new(Hanging(gate)), on_request()).unwrap();
    let capture = Capture::push();
    let handle = registry.add_reporter("capture", capture.reporter(), on_request()).unwrap();
    assert!(matches!(hanging.report_now(Duration::from_millis(50)), Err(Error::Timeout { .. })));
    // 200,000 groups come and go behind its back: no more of them wait for it than the inbox holds.
    for i in 0..200_000 {
        let task_manager = registry.task_manager("h", "tm");
        task_manager.counter("n").inc();
        if i % 20_000 == 0 {
            drop(task_manager);
            handle.report_now(PATIENCE).unwrap();
        }
    }
    let dropped = registry.statistics().dropped_unread_series;
    assert!(dropped > 60_000, "{dropped}");
    handle.report_now(PATIENCE).unwrap();
    // The hanging one takes all of it; the other has a last report to make.
    let outcomes = registry.shutdown(Duration::from_secs(3));
    let failed: Vec<_> =
        outcomes.iter().filter(|(_, outcome)| outcome.is_err()).map(|(name, _)| name).collect();
    assert_eq!(failed, ["hanging"]);
    assert_eq!(capture.stops(), 1);
    drop(release);
}

#[test]
fn shutdown_reports_one_last_time_and_nothing_starts_after_it() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let group = registry.add_group("g");
    let counter = group.counter("n");
    counter.inc_by(9);
    let outcomes = registry.shutdown(PATIENCE);
    assert!(matches!(&outcomes[..], [(name, Ok(()))] if name == "capture"), "{outcomes:?}");
    assert_eq!(capture.reports(), [[("g.n{}".to_owned(), 9.0)]]);
    assert_eq!(capture.stops(), 1);
    assert!(matches!(handle.report_now(PATIENCE), Err(Error::Stopped { .. })));
    let again = registry.add_reporter("again", Capture::push().reporter(), on_request());
    assert!(matches!(again, Err(Error::ShutDown { .. })));
    assert!(registry.shutdown(PATIENCE).is_empty());
}

#[test]
fn dropping_the_registry_shuts_it_down_and_handles_survive_it() {
    let capture = Capture::push();
    let (registry, _, _) = driven(&capture);
    let group = registry.add_group("g");
    let counter = group.counter("n");
    counter.inc();
    drop(registry);
    assert_eq!(capture.last(), [("g.n{}".to_owned(), 1.0)]);
    counter.inc();
    assert_eq!(counter.get(), 2);
    assert!(group.is_closed());
}

#[test]
fn a_reporter_that_cannot_start_leaves_its_name_free() {
    struct Unable;
    impl Reporter for Unable {
        fn start(&mut self, _: &ReporterContext) -> Result<(), ReportError> {
            Err("no port".into())
        }
        fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> {
            Ok(())
        }
    }
    let registry = quiet_registry();
    let error = registry.add_reporter("r", Box::new(Unable), on_request()).unwrap_err();
    assert_eq!(error.to_string(), "reporter `r` cannot start: no port");
    let capture = Capture::push();
    registry.add_reporter("r", capture.reporter(), on_request()).unwrap();
    let error = registry.add_reporter("r", capture.reporter(), on_request()).unwrap_err();
    assert_eq!(error.to_string(), "a reporter named `r` exists already: choose another name");
}

#[test]
fn reports_come_at_their_interval() {
    let capture = Capture::push();
    let registry = quiet_registry();
    let options = ReporterOptions::default().with_interval(Duration::from_millis(5));
    registry.add_reporter("capture", capture.reporter(), options).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while capture.reports().len() < 5 {
        assert!(Instant::now() < deadline, "no reports");
        std::thread::yield_now();
    }
}

/// Panics when it prepares a group or a family with a certain name.
struct Picky(Capture, &'static str);

impl Reporter for Picky {
    fn prepare_group(&self, group: &flowmeter_core::GroupView<'_>, out: &mut Vec<u8>) {
        assert!(!group.logical_scope().contains(self.1), "told to");
        self.0.prepare_group(group, out);
    }
    fn prepare_family(&self, family: &flowmeter_core::Family, out: &mut Vec<u8>) {
        assert!(family.name() != self.1, "told to");
        self.0.prepare_family(family, out);
    }
    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        self.0.report(report)
    }
}

#[test]
fn a_panic_while_preparing_costs_only_what_was_prepared() {
    let registry = quiet_registry();
    let capture = Capture::push();
    let picky = Box::new(Picky(capture.clone(), "bad"));
    let handle = registry.add_reporter("picky", picky, on_request()).unwrap();
    let keep = ["bad", "good"]
        .map(|group| registry.add_group(group))
        .map(|group| (group.counter("bad"), group.counter("n")));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(names(&capture.last()), ["good.n{}"]);
    drop(keep);
}

#[test]
fn the_shortest_reporter_is_short() {
    struct Lines(mpsc::Sender<String>);
    impl Reporter for Lines {
        fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
            for family in report.families() {
                family.for_each(|series| {
                    let group = String::from_utf8_lossy(series.prepared());
                    let name = String::from_utf8_lossy(family.prepared());
                    self.0.send(format!("{group}.{name} {:?}", series.value()))
                })?;
            }
            Ok(())
        }
    }
    let registry = quiet_registry();
    let (sender, lines) = mpsc::channel();
    let handle = registry.add_reporter("lines", Box::new(Lines(sender)), on_request()).unwrap();
    let task_manager = registry.task_manager("h", "tm");
    let _counter = task_manager.counter("n");
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(lines.recv().unwrap(), "h.taskmanager.tm.n Number(U64(0))");
}

/// Takes its time, unless it is to stop.
struct Leisurely {
    context: Option<ReporterContext>,
    outcomes: mpsc::Sender<bool>,
}

impl Reporter for Leisurely {
    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        self.context = Some(context.clone());
        Ok(())
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let is_first = report.families().count() == 0;
        let time = if is_first { Duration::from_millis(1) } else { Duration::MAX };
        self.outcomes.send(self.context.as_ref().is_some_and(|context| context.pause(time))).unwrap();
        Ok(())
    }
}

#[test]
fn a_report_that_takes_its_time_hears_of_the_end() {
    let (outcomes, seen) = mpsc::channel();
    let registry = quiet_registry();
    let reporter = Box::new(Leisurely { context: None, outcomes });
    let handle = registry.add_reporter("leisurely", reporter, on_request()).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert!(!seen.recv_timeout(PATIENCE).unwrap(), "the time went by");
    let counter = registry.add_group("g").counter("n");
    let outcomes = registry.shutdown(PATIENCE);
    assert!(outcomes.iter().all(|(_, outcome)| outcome.is_ok()), "{outcomes:?}");
    assert!(seen.recv_timeout(PATIENCE).unwrap(), "the last report need not wait");
    drop(counter);
}

/// Says how much time there is left: of its first report when the end has come, of others at once.
struct Hurried {
    context: Option<ReporterContext>,
    left: mpsc::Sender<Option<Duration>>,
}

impl Reporter for Hurried {
    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        self.context = Some(context.clone());
        Ok(())
    }

    fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> {
        let context = self.context.as_ref().ok_or("it was not started")?;
        self.left.send(context.time_left())?;
        if context.pause(PATIENCE) {
            self.left.send(context.time_left())?;
        }
        Ok(())
    }
}

#[test]
fn the_last_report_has_the_time_that_the_end_has() {
    let (left, seen) = mpsc::channel();
    let registry = quiet_registry();
    let reporter = Box::new(Hurried { context: None, left });
    let handle = registry.add_reporter("hurried", reporter, on_request()).unwrap();
    handle.report_now(Duration::ZERO).unwrap_err();
    let next = || seen.recv_timeout(PATIENCE).unwrap();
    assert_eq!(next(), None, "nobody stops it");
    registry.remove_reporter("hurried", 3 * PATIENCE).unwrap();
    assert_eq!(next(), Some(Duration::ZERO), "the last report comes after it");
    let left = [next().unwrap(), next().unwrap()];
    assert!(PATIENCE < left[0] && left[1] <= left[0] && left[0] < 3 * PATIENCE, "{left:?}");
}

/// Hands out what it can ask of the core.
struct Generous(mpsc::Sender<ReporterContext>);

impl Reporter for Generous {
    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        self.0.send(context.clone()).map_err(|error| error.to_string().into())
    }

    fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> {
        Ok(())
    }
}

#[test]
fn who_pauses_elsewhere_keeps_no_report_from_being_made() {
    let (sender, contexts) = mpsc::channel();
    let registry = quiet_registry();
    let handle = registry.add_reporter("generous", Box::new(Generous(sender)), on_request()).unwrap();
    let context = contexts.recv_timeout(PATIENCE).unwrap();
    let (begins, begun) = mpsc::channel();
    let elsewhere = std::thread::spawn(move || {
        begins.send(()).unwrap();
        context.pause(Duration::MAX)
    });
    begun.recv_timeout(PATIENCE).unwrap();
    // It has come to wait by one of them.
    for _ in 0..200 {
        handle.report_now(PATIENCE).unwrap();
    }
    registry.shutdown(PATIENCE);
    assert!(elsewhere.join().unwrap());
}

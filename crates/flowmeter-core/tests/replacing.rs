//! Reporters that take the place of running ones: no count is lost and none is doubled.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use flowmeter_core::{
    Clashes, ConfigError, ConfigKey, ConfigSection, Error, Event, Family, GroupView, KeyInfo, MetricFilter,
    Naming, Report, ReportError, Reporter, ReporterContext, ReporterFactory, ReporterOptions,
};
use flowmeter_testkit::{Capture, PATIENCE, driven, on_request, quiet_registry};

/// What backends have by now, by name and variables: what all differences add up to.
type Totals = Arc<Mutex<BTreeMap<String, u64>>>;

/// A reporter that sends differences, under a prefix.
#[derive(Clone, Default)]
struct Sender {
    totals: Totals,
    prefix: &'static str,
    /// Of all variables, those that tell groups apart.
    by: &'static [&'static str],
    failing: bool,
    labeled: bool,
}

impl Sender {
    fn total(&self, name: &str) -> u64 {
        self.totals.lock().unwrap().get(name).copied().unwrap_or(0)
    }

    fn boxed(&self) -> Box<dyn Reporter> {
        Box::new(self.clone())
    }
}

impl Reporter for Sender {
    fn naming(&self) -> Naming {
        if self.labeled { Naming::Labeled } else { Naming::Flat }
    }

    fn clashes(&self) -> Clashes {
        Clashes::Withheld
    }

    fn deltas(&self) -> bool {
        true
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        for (_, value) in group.variables().filter(|(key, _)| self.by.contains(key)) {
            out.extend_from_slice(format!("{value}.").as_bytes());
        }
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("{}{}", self.prefix, family.name()).as_bytes());
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        if self.failing {
            return Err("no connection".into());
        }
        for family in report.families() {
            family.for_each(|series| {
                let name = [series.prepared(), family.prepared()].concat();
                let more = series.delta().unwrap_or(0);
                *self.totals.lock().unwrap().entry(String::from_utf8(name).unwrap()).or_default() += more;
                Ok::<_, ReportError>(())
            })?;
        }
        Ok(())
    }
}

/// A factory of senders that cannot start if told so.
struct Factory(Sender);

const FAIL: ConfigKey<bool> = ConfigKey::new("fail", "Whether it cannot start.").with_default("false");

struct Unstartable;

impl Reporter for Unstartable {
    fn start(&mut self, _: &ReporterContext) -> Result<(), ReportError> {
        Err("the port is taken".into())
    }

    fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> {
        Ok(())
    }
}

impl ReporterFactory for Factory {
    fn reporter_type(&self) -> &str {
        "sender"
    }

    fn keys(&self) -> &[KeyInfo] {
        const { &[FAIL.info()] }
    }

    fn build(&self, section: &ConfigSection) -> Result<Box<dyn Reporter>, ConfigError> {
        Ok(if section.get(&FAIL)? { Box::new(Unstartable) } else { self.0.boxed() })
    }
}

fn section() -> ConfigSection {
    ConfigSection::new("reporters.s").with("interval", "3650d")
}

#[test]
fn differences_go_on_where_they_were() {
    let registry = quiet_registry();
    let sender = Sender::default();
    let handle = registry.add_reporter("s", sender.boxed(), on_request()).unwrap();
    let group = registry.add_group("g");
    let (counter, histogram) = (group.counter("n"), group.histogram("h"));
    counter.inc_by(10);
    histogram.record(3);
    handle.report_now(PATIENCE).unwrap();
    counter.inc_by(5);
    let renamed = Sender { prefix: "new_", ..sender.clone() };
    let same = registry.replace_reporter("s", renamed.boxed(), on_request(), PATIENCE).unwrap();
    assert_eq!(sender.total("n"), 15, "it reports once more");
    counter.inc_by(2);
    same.report_now(PATIENCE).unwrap();
    assert_eq!((sender.total("n"), sender.total("new_n")), (15, 2));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(sender.total("new_n"), 2, "a handle from before is one of the new");
    assert_eq!(handle.status().reports, 4);
    let names: Vec<_> = registry.reporters().iter().map(|reporter| reporter.name().to_owned()).collect();
    assert_eq!(names, ["s"]);
}

#[test]
fn what_the_former_could_not_deliver_comes_from_the_next() {
    // Removed series are final when the grace time is over.
    let options = || on_request().with_grace(Duration::ZERO);
    let registry = quiet_registry();
    let down = Sender { failing: true, ..Sender::default() };
    let up = Sender { failing: false, ..down.clone() };
    registry.add_reporter("s", down.boxed(), options()).unwrap();
    let group = registry.add_group("g");
    let counter = group.counter("n");
    counter.inc_by(10);
    let removed = group.counter("removed");
    removed.inc_by(4);
    group.remove("removed").unwrap();
    drop(removed);
    let other = registry.add_group("other").counter("m");
    other.inc();
    drop(counter);
    group.close();
    let handle = registry.replace_reporter("s", up.boxed(), options(), PATIENCE).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!((up.total("n"), up.total("removed"), up.total("m")), (10, 4, 1));
    handle.wait_delivered(PATIENCE).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(up.total("n"), 10);
    assert_eq!(handle.status().series, 1, "closed groups are gone");
}

#[test]
fn filters_may_take_more_or_less() {
    let registry = quiet_registry();
    let sender = Sender::default();
    let only = |name: &str| {
        on_request().with_metrics(MetricFilter::default().including(&format!("*:{name}")).unwrap())
    };
    let handle = registry.add_reporter("s", sender.boxed(), only("a")).unwrap();
    let group = registry.add_group("g");
    let (a, b) = (group.counter("a"), group.counter("b"));
    a.inc_by(1);
    b.inc_by(2);
    registry.replace_reporter("s", sender.boxed(), only("b"), PATIENCE).unwrap();
    a.inc_by(10);
    b.inc_by(20);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!((sender.total("a"), sender.total("b"), handle.status().series), (1, 22, 1));
    registry.replace_reporter("s", sender.boxed(), on_request(), PATIENCE).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(sender.total("b"), 22);
    // What it was not to see for a time comes now, and what was sent before that does not come again.
    assert_eq!(sender.total("a"), 11);
}

#[test]
fn what_went_on_from_another_still_does() {
    let registry = quiet_registry();
    let sender = Sender { by: &["job_id"], ..Sender::default() };
    let handle = registry.add_reporter("s", sender.boxed(), on_request().with_grace(Duration::ZERO)).unwrap();
    let task_manager = registry.task_manager("h", "tm");
    let first = task_manager.job("j", "job");
    let counter = first.counter("n");
    counter.inc_by(3);
    let cumulative = Capture::push();
    registry.add_reporter("c", cumulative.reporter(), on_request().with_grace(Duration::ZERO)).unwrap();
    drop((counter, first));
    let second = task_manager.job("j", "job");
    let counter = second.counter("n");
    counter.inc_by(4);
    handle.report_now(PATIENCE).unwrap();
    registry.reporter("c").unwrap().report_now(PATIENCE).unwrap();
    registry
        .replace_reporter("s", Sender { prefix: "x_", ..sender.clone() }.boxed(), on_request(), PATIENCE)
        .unwrap();
    let replaced = Capture::push();
    registry.replace_reporter("c", replaced.reporter(), on_request(), PATIENCE).unwrap();
    counter.inc_by(5);
    for reporter in registry.reporters() {
        reporter.report_now(PATIENCE).unwrap();
    }
    assert_eq!((sender.total("j.n"), sender.total("j.x_n")), (7, 5));
    let values: Vec<_> = replaced.last().iter().map(|(_, value)| *value).collect();
    assert_eq!(values, [12.0], "a sum is what it was, and more");
}

#[test]
fn names_that_clashed_may_be_told_apart_from_now_on() {
    let registry = quiet_registry();
    let sender = Sender { by: &["job_id"], labeled: true, ..Sender::default() };
    let handle = registry.add_reporter("s", sender.boxed(), on_request()).unwrap();
    let task_manager = registry.task_manager("h", "tm");
    let other = registry.task_manager("h", "other");
    let (first, second) = (task_manager.job("j", "job"), other.job("j", "job"));
    let (one, two) = (first.counter("n"), second.counter("n"));
    one.inc_by(1);
    two.inc_by(100);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(sender.total("j.n"), 1, "the later one is withheld");
    let apart = Sender { by: &["tm_id", "job_id"], ..sender.clone() };
    registry.replace_reporter("s", apart.boxed(), on_request(), PATIENCE).unwrap();
    one.inc_by(2);
    two.inc_by(200);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!((sender.total("tm.j.n"), sender.total("other.j.n")), (2, 200));
    // And the other way round.
    registry.replace_reporter("s", sender.boxed(), on_request(), PATIENCE).unwrap();
    one.inc_by(4);
    two.inc_by(400);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(sender.total("j.n"), 5);
    drop((one, first));
    two.inc_by(800);
    handle.report_now(PATIENCE).unwrap();
    two.inc_by(1600);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(sender.total("j.n") - 5, 1600, "what it counts while it is withheld is not sent");
}

#[test]
fn one_that_cannot_start_leaves_all_as_it_was() {
    let registry = quiet_registry();
    let sender = Sender::default();
    let factory = Arc::new(Factory(sender.clone()));
    let handle = registry.add_configured_reporter("s", factory.clone(), section()).unwrap();
    let counter = registry.add_group("g").counter("n");
    counter.inc();
    let replace = |section: ConfigSection| {
        registry.replace_configured_reporter("s", factory.clone(), section, PATIENCE).unwrap_err().to_string()
    };
    assert_eq!(replace(section().with("fail", "true")), "reporter `s` cannot start: the port is taken");
    assert_eq!(
        replace(section().with("fail", "maybe")),
        "reporter `s`: `reporters.s.fail` cannot be `maybe`: give `true` or `false`"
    );
    counter.inc_by(2);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(sender.total("n"), 3);
    let error = registry.replace_reporter("t", sender.boxed(), on_request(), PATIENCE).unwrap_err();
    assert_eq!(error.to_string(), "there is no reporter named `t`: it was never added, or has been removed");
}

/// Reports when it is let.
struct Hanging(mpsc::Receiver<()>, mpsc::Sender<()>);

impl Reporter for Hanging {
    fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> {
        self.1.send(())?;
        self.0.recv_timeout(PATIENCE)?;
        Ok(())
    }
}

#[test]
fn one_that_hangs_is_not_replaced_later_by_surprise() {
    let registry = quiet_registry();
    let ((go, goes), (hangs, hung)) = (mpsc::channel(), mpsc::channel());
    let handle = registry.add_reporter("s", Box::new(Hanging(goes, hangs)), on_request()).unwrap();
    let sender = Sender::default();
    std::thread::scope(|scope| {
        let report = scope.spawn(|| handle.report_now(PATIENCE));
        hung.recv_timeout(PATIENCE).unwrap();
        let soon = Duration::from_millis(1);
        let error = registry.replace_reporter("s", sender.boxed(), on_request(), soon).unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{error}");
        go.send(()).unwrap();
        report.join().unwrap().unwrap();
    });
    registry.add_group("g").counter("n").inc();
    go.send(()).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert!(sender.totals.lock().unwrap().is_empty());
}

#[test]
fn a_reporter_that_is_asked_keeps_final_values_for_the_next() {
    let capture = Capture::pull();
    let (registry, clock, handle) = driven(&capture);
    let task_manager = registry.task_manager("h", "tm");
    let job = task_manager.job("j", "job");
    let counter = job.counter("n");
    counter.inc_by(6);
    drop((counter, job));
    clock.advance(Duration::from_secs(2));
    handle.report_now(PATIENCE).unwrap();
    let next = Capture::pull();
    registry.replace_reporter(handle.name(), next.reporter(), on_request(), PATIENCE).unwrap();
    handle.report_now(PATIENCE).unwrap();
    let values: Vec<_> = next.last().iter().map(|(_, value)| *value).collect();
    assert_eq!(values, [6.0]);
    next.context().delivered(*next.numbers().last().unwrap());
    handle.wait_delivered(PATIENCE).unwrap();
}

#[test]
fn what_was_delivered_before_is_not_waited_for_again() {
    let capture = Capture::pull();
    let (registry, _, handle) = driven(&capture);
    let group = registry.add_group("g");
    group.counter("n").inc();
    group.close();
    handle.report_now(PATIENCE).unwrap();
    capture.context().delivered(*capture.numbers().last().unwrap());
    handle.wait_delivered(PATIENCE).unwrap();
    let next = Capture::pull();
    registry.replace_reporter(handle.name(), next.reporter(), on_request(), PATIENCE).unwrap();
    handle.wait_delivered(PATIENCE).unwrap();
    assert_eq!(next.numbers(), [], "nobody had to ask");
}

#[test]
fn series_that_were_removed_leave_the_next_as_well() {
    let options = || on_request().with_grace(Duration::ZERO);
    let registry = quiet_registry();
    let down = Sender { failing: true, ..Sender::default() };
    let up = Sender { failing: false, ..down.clone() };
    let handle = registry.add_reporter("s", down.boxed(), options()).unwrap();
    let group = registry.add_group("g");
    let (stays, removed) = (group.counter("stays"), group.counter("removed"));
    stays.inc();
    removed.inc();
    group.remove("removed").unwrap();
    handle.report_now(PATIENCE).unwrap_err();
    registry.replace_reporter("s", up.boxed(), options(), PATIENCE).unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!((up.total("removed"), handle.status().series), (1, 1));
}

#[test]
fn spans_and_events_wait_for_the_next() {
    let registry = quiet_registry();
    let (former, next) = (Capture::push().with_milestones(), Capture::push().with_milestones());
    former.fail(true);
    registry.add_reporter("s", former.reporter(), on_request()).unwrap();
    let group = registry.add_group("g");
    group.report_event(Event::new("test", "restart"));
    registry.replace_reporter("s", next.reporter(), on_request(), PATIENCE).unwrap();
    let handle = registry.reporter("s").unwrap();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(next.wait_for_milestones(1)[0].name(), "restart");
    assert_eq!((former.stops(), handle.status().dropped_milestones), (1, 0));
    let without = Capture::push();
    registry.replace_reporter("s", without.reporter(), ReporterOptions::default(), PATIENCE).unwrap();
    group.report_event(Event::new("test", "unheard"));
    registry.replace_reporter("s", next.reporter(), on_request(), PATIENCE).unwrap();
    group.report_event(Event::new("test", "heard"));
    assert_eq!(next.wait_for_milestones(2)[1].name(), "heard");
}

#[test]
fn threads_that_register_and_count_meanwhile_lose_nothing() {
    let registry = quiet_registry();
    let sender = Sender { by: &["job_id"], ..Sender::default() };
    registry.add_reporter("s", sender.boxed(), on_request().with_grace(Duration::ZERO)).unwrap();
    let task_manager = registry.task_manager("h", "tm");
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let task_manager = &task_manager;
            scope.spawn(move || {
                for number in 0..200 {
                    let job = task_manager.job(&format!("{thread}-{number}"), "job");
                    let counter = job.counter("n");
                    for _ in 0..50 {
                        counter.inc();
                    }
                }
            });
        }
        for round in 0..40 {
            let options = on_request().with_grace(Duration::ZERO);
            let options = if round % 2 == 0 { options } else { options.without_variable("tm_id") };
            registry.replace_reporter("s", sender.boxed(), options, PATIENCE).unwrap();
        }
    });
    for (name, outcome) in registry.shutdown(PATIENCE) {
        assert!(outcome.is_ok(), "{name}: {outcome:?}");
    }
    let totals = sender.totals.lock().unwrap();
    assert_eq!(totals.len(), 400);
    assert!(totals.values().all(|total| *total == 50), "{totals:?}");
}

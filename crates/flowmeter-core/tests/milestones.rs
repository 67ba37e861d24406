//! Spans and events, from groups to reporters.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use flowmeter_core::{
    AttributeValue, Event, Milestone, Milestones, Report, ReportError, ReportMode, Reporter, ReporterContext,
    ReporterHandle, ReporterOptions, Severity, Span, SpanStatus, VariableFilter,
};
use flowmeter_testkit::{
    Capture, CapturedMilestone, MockClock, PATIENCE, driven, on_request, quiet_registry, quiet_registry_on,
};

fn event(name: &'static str) -> Event {
    Event::new("tests", name)
}

/// What a reporter does with one batch.
enum Act {
    Take,
    /// Fails, with so many taken.
    Fail(usize),
    Panic,
}

/// A reporter that does what it is told, batch by batch, and notes the names in each.
#[derive(Clone, Default)]
struct Told(Arc<(Mutex<Script>, Condvar)>);

#[derive(Default)]
struct Script {
    acts: VecDeque<Act>,
    /// Panics of any batch that has this.
    poison: Option<&'static str>,
    /// Waits within a batch.
    is_held: bool,
    /// The same until the reporter is to stop.
    is_held_to_the_end: bool,
    context: Option<ReporterContext>,
    batches: Vec<Vec<String>>,
    /// How many reports came since the last batch.
    reports_after: usize,
    /// How many reports panic.
    panicking_reports: usize,
    mode: Option<ReportMode>,
}

impl Told {
    fn acting(acts: impl IntoIterator<Item = Act>) -> Self {
        let told = Self::default();
        told.lock().acts.extend(acts);
        told
    }

    fn lock(&self) -> MutexGuard<'_, Script> {
        self.0.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.lock());
        self.0.1.notify_all();
    }

    /// The batches, once there are so many.
    fn batches(&self, count: usize) -> Vec<Vec<String>> {
        self.wait(|script| script.batches.len() >= count).batches.clone()
    }

    fn wait(&self, until: impl Fn(&Script) -> bool) -> MutexGuard<'_, Script> {
        let waited = self.0.1.wait_timeout_while(self.lock(), PATIENCE, |script| !until(script));
        let (script, _) = waited.unwrap_or_else(std::sync::PoisonError::into_inner);
        assert!(until(&script), "{:?}", script.batches);
        script
    }
}

impl Reporter for Told {
    fn mode(&self) -> ReportMode {
        self.lock().mode.unwrap_or(ReportMode::Push)
    }

    fn milestones(&self) -> bool {
        true
    }

    fn start(&mut self, context: &ReporterContext) -> Result<(), ReportError> {
        self.lock().context = Some(context.clone());
        Ok(())
    }

    fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> {
        let mut script = self.lock();
        if script.panicking_reports > 0 {
            script.panicking_reports -= 1;
            drop(script);
            panic!("told to");
        }
        script.reports_after += 1;
        Ok(())
    }

    fn report_milestones(&mut self, milestones: &Milestones<'_>) -> Result<(), ReportError> {
        let name = |milestone: &Milestone| match milestone {
            Milestone::Span(span) => span.name().to_owned(),
            Milestone::Event(event) => event.name().to_owned(),
        };
        let names: Vec<_> = milestones.iter().map(|view| name(view.milestone())).collect();
        assert_eq!(names.len(), milestones.len());
        let mut script = self.lock();
        let is_poisoned = script.poison.is_some_and(|poison| names.iter().any(|name| name == poison));
        script.batches.push(names);
        script.reports_after = 0;
        let act = script.acts.pop_front();
        let to_the_end = script.context.clone().filter(|_| script.is_held_to_the_end);
        drop(script);
        self.0.1.notify_all();
        drop(self.wait(|script| !script.is_held));
        let is_stopping = to_the_end.is_none_or(|context| context.pause(PATIENCE));
        assert!(is_stopping, "nobody stopped it");
        assert!(!is_poisoned, "poisoned");
        match act {
            Some(Act::Fail(taken)) => {
                milestones.acknowledge(taken);
                Err("told to".into())
            }
            Some(Act::Panic) => panic!("told to"),
            Some(Act::Take) | None => Ok(()),
        }
    }
}

fn counted(handle: &ReporterHandle) -> (u64, u64) {
    let status = handle.status();
    (status.reported_milestones, status.dropped_milestones)
}

/// Has the reporter taken notice of all that was reported.
fn settle(handle: &ReporterHandle) {
    handle.wait_delivered(PATIENCE).unwrap();
}

#[test]
fn spans_and_events_come_by_themselves_with_the_variables_of_their_group() {
    for capture in [Capture::push(), Capture::pull()] {
        let capture = capture.with_milestones();
        let clock = Arc::new(MockClock::default());
        let registry = quiet_registry_on(Arc::clone(&clock) as _);
        let options = on_request().without_variable("job_id").with_variable("region", "eu");
        let handle = registry.add_reporter("capture", capture.reporter(), options).unwrap();
        let plain = Capture::push();
        registry.add_reporter("plain", plain.reporter(), on_request()).unwrap();
        let job_manager = registry.job_manager("host-1");
        let job = job_manager.job("j", "a job");
        let at = |seconds: u64| Duration::from_secs(1_600_000_000 + seconds);
        job.report_span(
            Span::new("scope.A", "Checkpoint")
                .starting_at(at(1))
                .ending_at(at(4))
                .with("checkpointId", 17)
                .with("isUnaligned", false)
                .failed("late")
                .child(Span::new("scope.A", format!("Task {}", 1)).with("share", 0.5)),
        );
        job.add_group_kv("user", "x").report_event(
            event("Happened").with_severity(Severity::Error).with_body("it did").with("why", "so"),
        );
        let seen = capture.wait_for_milestones(2);
        let [span, happened] = &*seen else { panic!("{seen:?}") };
        assert_eq!((span.number, happened.number), (1, 2));
        assert_eq!(
            (&*span.logical_scope, &*happened.logical_scope),
            ("jobmanager.job", "jobmanager.job.user")
        );
        let variables = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Vec<_>>()
        };
        assert_eq!(
            span.variables,
            variables(&[("host", "host-1"), ("job_name", "a job"), ("region", "eu")]),
            "as the reporter is to see them"
        );
        assert_eq!(
            happened.variables,
            variables(&[("host", "host-1"), ("job_name", "a job"), ("user", "x"), ("region", "eu")])
        );
        let Milestone::Span(span) = &span.milestone else { panic!("{span:?}") };
        assert_eq!((span.scope(), span.start(), span.end()), ("scope.A", at(1), at(4)));
        assert_eq!(span.status(), &SpanStatus::Error("late".to_owned()));
        let attributes =
            [("checkpointId", AttributeValue::I64(17)), ("isUnaligned", AttributeValue::Bool(false))];
        assert!(span.attributes().eq(attributes.iter().map(|(key, value)| (*key, value))));
        let [child] = span.children() else { panic!("{span:?}") };
        assert_eq!((child.name(), child.start(), child.end()), ("Task 1", at(1), at(4)));
        let Milestone::Event(happened) = &happened.milestone else { panic!("{happened:?}") };
        assert_eq!((happened.body(), happened.severity().text()), ("it did", "ERROR"));
        assert_eq!(happened.observed(), registry.add_group("g").clock().unix());
        settle(&handle);
        assert_eq!(counted(&handle), (2, 0));
        assert_eq!(plain.all_milestones(), [], "it does not want any");
        assert_eq!(handle.status().reports, 0, "nobody waited for a report");
    }
}

#[test]
fn what_a_closed_group_says_comes_too() {
    let capture = Capture::push().with_milestones();
    let (registry, _, _) = driven(&capture);
    let job_manager = registry.job_manager("host-1");
    let job = job_manager.job("j", "a job");
    let outlives = job.add_group("user");
    drop(job);
    assert!(outlives.is_closed());
    outlives.report_event(event("Last"));
    let seen = capture.wait_for_milestones(1);
    assert_eq!((seen[0].name(), &*seen[0].logical_scope), ("Last", "jobmanager.job.user"));
    assert!(seen[0].variables.contains(&("job_id".to_owned(), "j".to_owned())));
}

#[test]
fn filters_of_groups_are_about_them_and_those_of_metrics_are_not() {
    let capture = Capture::push().with_milestones();
    let registry = quiet_registry();
    let options = on_request()
        .with_groups(VariableFilter::default().excluding("job_name", "test-*"))
        .with_metrics(flowmeter_core::MetricFilter::default().including("nothing").unwrap());
    let handle = registry.add_reporter("capture", capture.reporter(), options).unwrap();
    let job_manager = registry.job_manager("host-1");
    job_manager.job("1", "test-1").report_event(event("Unwanted"));
    job_manager.job("2", "real").report_event(event("Wanted"));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.all_milestones().iter().map(CapturedMilestone::name).collect::<Vec<_>>(), ["Wanted"]);
    assert_eq!(counted(&handle), (1, 0), "what is not wanted is not dropped");
}

#[test]
fn what_was_not_taken_comes_again_with_the_next_report() {
    let told = Told::acting([Act::Take, Act::Fail(2), Act::Fail(0), Act::Take]);
    told.lock().is_held = true;
    let registry = quiet_registry();
    let handle = registry.add_reporter("told", Box::new(told.clone()), on_request()).unwrap();
    let group = registry.add_group("g");
    group.report_event(event("first"));
    told.batches(1);
    // Nobody waits for the batch that is under way.
    for name in ["a", "b", "c"] {
        group.report_event(event(name));
    }
    told.change(|script| script.is_held = false);
    assert_eq!(told.batches(2)[1], ["a", "b", "c"]);
    settle(&handle);
    group.report_event(event("d"));
    settle(&handle);
    assert_eq!(told.lock().batches.len(), 2, "what comes after a failure does not ask for another attempt");
    assert_eq!(counted(&handle), (3, 0));
    let error = handle.report_now(PATIENCE).unwrap_err();
    assert_eq!(error.to_string(), "reporter `told` failed: told to");
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(told.batches(4)[2..], [["c", "d"], ["c", "d"]]);
    assert_eq!(counted(&handle), (5, 0));
    group.report_event(event("e"));
    assert_eq!(told.batches(5)[4], ["e"], "by itself again");
    let status = handle.status();
    assert_eq!((status.failures, status.panics, status.reports), (2, 0, 2));
    assert_eq!(status.last_error.as_deref(), Some("told to"));
}

#[test]
fn another_attempt_is_made_after_the_interval() {
    let told = Told::acting([Act::Fail(0)]);
    let registry = quiet_registry();
    let options = on_request().with_interval(Duration::from_millis(5));
    let handle = registry.add_reporter("told", Box::new(told.clone()), options).unwrap();
    registry.add_group("g").report_event(event("a"));
    assert_eq!(told.batches(2), [["a"], ["a"]]);
    drop(handle);
}

#[test]
fn a_pull_reporter_tries_again_when_it_is_asked() {
    let told = Told::acting([Act::Fail(0)]);
    told.lock().mode = Some(ReportMode::Pull);
    let registry = quiet_registry();
    let handle = registry.add_reporter("told", Box::new(told.clone()), on_request()).unwrap();
    registry.add_group("g").report_event(event("a"));
    told.batches(1);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(told.batches(2), [["a"], ["a"]]);
}

#[test]
fn new_ones_are_dropped_when_too_many_wait() {
    let capture = Capture::push().with_milestones();
    capture.fail(true);
    let registry = quiet_registry();
    let options = on_request().with_milestone_queue(3);
    let handle = registry.add_reporter("capture", capture.reporter(), options).unwrap();
    let other = Capture::push().with_milestones();
    registry.add_reporter("other", other.reporter(), on_request()).unwrap();
    let group = registry.add_group("g");
    for name in ["a", "b", "c", "d", "e"] {
        group.report_event(event(name));
    }
    assert_eq!(counted(&handle), (0, 2));
    capture.fail(false);
    handle.report_now(PATIENCE).unwrap();
    let names = |capture: &Capture| {
        capture.all_milestones().iter().map(|seen| seen.name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&capture), ["a", "b", "c"]);
    group.report_event(event("f"));
    assert_eq!(capture.wait_for_milestones(4)[3].name(), "f", "there is room again");
    settle(&handle);
    assert_eq!(counted(&handle), (4, 2));
    assert_eq!(other.wait_for_milestones(6).len(), 6, "it is each reporter's own affair");
}

#[test]
fn no_more_bytes_wait_than_can() {
    let capture = Capture::push().with_milestones();
    let (registry, _, handle) = driven(&capture);
    let group = registry.add_group("g");
    let text = "x".repeat(8 * 1024);
    let mut before = 0;
    for round in 1..=2 {
        capture.fail(true);
        for _ in 0..200 {
            let heavy = event("heavy");
            group.report_event((0..40).fold(heavy, |event, i| event.with(i.to_string(), text.clone())));
        }
        let (_, dropped) = counted(&handle);
        assert!((130..=140).contains(&(dropped - before)), "{dropped} in round {round}");
        assert_eq!(registry.statistics().cut_milestones, 200 * round, "each was too large by itself");
        capture.fail(false);
        handle.report_now(PATIENCE).unwrap();
        assert_eq!(counted(&handle), (200 * round - dropped, dropped));
        before = dropped;
    }
}

#[test]
fn a_panic_restarts_the_reporter_and_nothing_is_lost() {
    let told = Told::acting([Act::Panic]);
    let registry = quiet_registry();
    let handle = registry.add_reporter("told", Box::new(told.clone()), on_request()).unwrap();
    let group = registry.add_group("g");
    group.report_event(event("a"));
    told.batches(1);
    settle(&handle);
    group.report_event(event("b"));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(told.batches(3), [["a"], ["a"], ["b"]], "one by one after the panic");
    let status = handle.status();
    assert_eq!((status.panics, status.failures, status.restarts, status.is_down), (1, 1, 1, false));
    assert_eq!(counted(&handle), (2, 0));
}

#[test]
fn what_makes_a_reporter_panic_again_costs_itself_alone() {
    let told = Told::default();
    told.change(|script| (script.poison, script.is_held) = (Some("poison"), true));
    let registry = quiet_registry();
    let options = on_request().with_restart_backoff(Duration::from_millis(1));
    let handle = registry.add_reporter("told", Box::new(told.clone()), options).unwrap();
    let group = registry.add_group("g");
    for name in ["first", "a", "poison", "b"] {
        group.report_event(event(name));
    }
    told.batches(1);
    told.change(|script| script.is_held = false);
    // It is down for a moment after the second panic, and refuses reports.
    let end = Instant::now() + PATIENCE;
    while counted(&handle) != (3, 1) {
        assert!(Instant::now() < end, "{:?}", told.lock().batches);
        let _ = handle.report_now(PATIENCE);
    }
    assert_eq!(handle.status().panics, 2);
    let batches = told.lock().batches.clone();
    assert_eq!(batches[batches.len() - 2..], [["poison"], ["b"]]);
}

#[test]
fn the_last_ones_come_before_the_last_report() {
    for mode in [ReportMode::Push, ReportMode::Pull] {
        let told = Told::acting([Act::Fail(0), Act::Take]);
        told.lock().mode = Some(mode);
        let registry = quiet_registry();
        let handle = registry.add_reporter("told", Box::new(told.clone()), on_request()).unwrap();
        let group = registry.add_group("g");
        group.report_event(event("a"));
        told.batches(1);
        settle(&handle);
        group.report_event(event("b"));
        let outcomes = registry.shutdown(PATIENCE);
        assert!(outcomes[0].1.is_ok(), "{outcomes:?}");
        assert_eq!(told.batches(2)[1], ["a", "b"]);
        assert_eq!(told.lock().reports_after, usize::from(mode == ReportMode::Push));
        group.report_event(event("nobody is there"));
        assert_eq!(counted(&handle), (2, 0));
    }
}

#[test]
fn the_last_report_is_made_though_the_last_ones_panic() {
    let told = Told::default();
    told.change(|script| (script.poison, script.is_held_to_the_end) = (Some("poison"), true));
    let registry = quiet_registry();
    let handle = registry.add_reporter("told", Box::new(told.clone()), on_request()).unwrap();
    let group = registry.add_group("g");
    group.report_event(event("first"));
    told.batches(1);
    for name in ["a", "poison", "b"] {
        group.report_event(event(name));
    }
    // Nor does it matter that the last report itself panics once.
    told.lock().panicking_reports = 1;
    let outcomes = registry.shutdown(PATIENCE);
    assert!(outcomes[0].1.is_ok(), "{outcomes:?}");
    assert_eq!(told.lock().reports_after, 1);
    assert_eq!(counted(&handle), (3, 1));
}

#[test]
fn what_is_left_at_the_end_is_counted() {
    let capture = Capture::push().with_milestones();
    let (registry, _, handle) = driven(&capture);
    capture.fail(true);
    registry.add_group("g").report_event(event("a"));
    let error = registry.remove_reporter("capture", PATIENCE).unwrap_err();
    assert_eq!(error.to_string(), "reporter `capture` failed: told to");
    assert_eq!(counted(&handle), (0, 1));
}

#[test]
fn reporting_does_not_wait_for_a_reporter() {
    let told = Told::default();
    told.lock().is_held = true;
    let registry = quiet_registry();
    let handle = registry.add_reporter("told", Box::new(told.clone()), on_request()).unwrap();
    let group = registry.add_group("g");
    group.report_event(event("a"));
    told.batches(1);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..1_000).for_each(|_| group.report_event(event("many"))));
        }
    });
    assert_eq!(counted(&handle), (0, 4_001 - ReporterOptions::default().milestone_queue as u64));
    told.change(|script| script.is_held = false);
    let batches = told.batches(2);
    assert_eq!(
        batches[1].len(),
        ReporterOptions::default().milestone_queue - 1,
        "what came together is one batch"
    );
}

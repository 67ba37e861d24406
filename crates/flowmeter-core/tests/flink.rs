//! What goes wrong in Flink's metric system, and not here; `docs/explanation/flink.md` has the whole list.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::marker::PhantomData;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use flowmeter_core::{
    ConfigSection, Counter, Gauge, Histogram, Meter, MetricFilter, Number, Registry, Report, ReportError,
    Reporter, ReporterOptions, SharedCounter, TaskInfo, UpDownCounter, Value,
};
use flowmeter_testkit::{Capture, Observed, PATIENCE, driven, names, on_request, quiet_registry};

#[test]
fn no_registration_is_refused_in_silence() {
    let registry = Registry::new();
    let capture = Capture::push();
    let handle = registry.add_reporter("capture", capture.reporter(), on_request()).unwrap();
    let task_manager = registry.task_manager("h", "tm");
    let closed = task_manager.add_group("closed");
    closed.close();
    let _known = task_manager.counter("n");
    let refusals: [(&str, &dyn Fn()); 7] = [
        ("a second metric of a name", &|| task_manager.counter("n").inc()),
        ("one of another kind", &|| task_manager.gauge::<f64>("n").set(1.0)),
        ("a metric without a name", &|| task_manager.counter("").inc()),
        ("a variable of the system", &|| drop(task_manager.add_group_kv("host", "other"))),
        ("a metric of a closed group", &|| closed.counter("n").inc()),
        ("its callback", &|| closed.gauge_callback("n", || 1.0)),
        ("a group below it", &|| drop(closed.add_group("below"))),
    ];
    for ((what, register), refused) in refusals.into_iter().zip(1..) {
        register();
        assert_eq!(registry.statistics().refused_registrations, refused, "{what}");
    }
    // Whoever watches the backend sees it as well.
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(capture.value("flowmeter.refusedRegistrations{}"), Some(7.0));
}

#[test]
fn a_variable_is_never_lost_to_the_order_of_calls() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let top = registry.add_group("top");
    let _counters = [
        // A plain group first, and a key of its name; then a plain group of the name of a key, and another key below.
        top.add_group("a").counter("plain"),
        top.add_group_kv("a", "1").counter("keyed"),
        top.add_group_kv("b", "2").counter("keyed"),
        top.add_group("b").add_group_kv("c", "3").counter("below"),
    ];
    handle.report_now(PATIENCE).unwrap();
    let expected = ["top.a.keyed{a=1}", "top.a.plain{}", "top.b.c.below{c=3}", "top.b.keyed{b=2}"];
    assert_eq!(names(&capture.last()), expected);
}

/// To Flink a function without state is one object, wherever it is registered.
fn constant() -> u64 {
    7
}

#[test]
fn one_function_in_two_subtasks_and_under_two_names_is_as_many_series() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let task_manager = registry.task_manager("h", "tm");
    let job = task_manager.job("j", "job");
    let tasks = [0, 1].map(|subtask_index| job.task(TaskInfo { subtask_index, ..TaskInfo::default() }));
    for task in &tasks {
        task.gauge_callback("first", constant);
        task.gauge_callback("second", constant);
    }
    handle.report_now(PATIENCE).unwrap();
    let seen = capture.last();
    for metric in ["first", "second"] {
        for subtask in [0, 1] {
            let is_it = |name: &str| {
                name.contains(&format!(".{metric}{{")) && name.contains(&format!("subtask_index={subtask}"))
            };
            let values: Vec<_> =
                seen.iter().filter(|(name, _)| is_it(name)).map(|(_, value)| *value).collect();
            assert_eq!(values, [7.0], "{metric} of subtask {subtask} in {seen:?}");
        }
    }
}

#[test]
fn histograms_of_subtasks_add_up_and_forget_nothing() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let group = registry.add_group("g");
    let histograms = ["0", "1"].map(|subtask| group.add_group_kv("i", subtask).histogram::<f64>("latency"));
    // One subtask in ten is slow, and has been for long: what follows would fill any window of recent values.
    (0..1_000).for_each(|_| histograms[1].record(100.5));
    (0..9_000).for_each(|_| histograms[0].record(1.5));
    let mut all = histograms[0].snapshot();
    all.merge(&histograms[1].snapshot());
    let (p95, error) = (all.quantile(0.95).unwrap(), all.relative_error());
    assert!((p95 - 100.5).abs() <= 100.5 * error, "{p95} is not within {error} of 100.5");
    handle.report_now(PATIENCE).unwrap();
    let of = |subtask| capture.observed(&format!("g.i.latency{{i={subtask}}}"));
    assert_eq!(of(0), Some(Observed::Histogram { count: 9_000, sum: 13_500.0 }));
    assert_eq!(of(1), Some(Observed::Histogram { count: 1_000, sum: 100_500.0 }));
}

#[test]
fn single_writer_handles_cannot_be_shared_by_threads() {
    /// The constant of the type comes before that of the trait, if the type has it.
    struct Of<T>(PhantomData<T>);
    impl<T: Sync> Of<T> {
        const IS_SHARED: bool = true;
    }
    trait Otherwise {
        const IS_SHARED: bool = false;
    }
    impl<T> Otherwise for Of<T> {}
    let single = [
        Of::<Counter>::IS_SHARED,
        Of::<UpDownCounter>::IS_SHARED,
        Of::<Meter>::IS_SHARED,
        Of::<Gauge<f64>>::IS_SHARED,
        Of::<Histogram<u64>>::IS_SHARED,
    ];
    assert_eq!(single, [false; 5]);
    assert_eq!([Of::<SharedCounter>::IS_SHARED], [true], "others are for that");
}

#[test]
fn what_may_go_down_is_a_kind_of_its_own_and_has_no_differences() {
    /// Kind, value and difference of each series, in the order of names.
    struct Sums(mpsc::Sender<(bool, f64, Option<u64>)>);
    impl Reporter for Sums {
        fn deltas(&self) -> bool {
            true
        }

        fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
            for family in report.families() {
                let grows = family.family().kind().is_monotonic_sum();
                family.for_each(|series| {
                    let Value::Number(number) = series.value() else { return Err("not a number".into()) };
                    Ok::<_, ReportError>(self.0.send((grows, Number::to_f64(number), series.delta()))?)
                })?;
            }
            Ok(())
        }
    }
    let (sender, sums) = mpsc::channel();
    let registry = quiet_registry();
    let handle = registry.add_reporter("sums", Box::new(Sums(sender)), on_request()).unwrap();
    let group = registry.add_group("g");
    let (grows, moves) = (group.counter("grows"), group.up_down_counter("moves"));
    for (down, expected) in [(1, -1.0), (3, -4.0)] {
        grows.inc_by(5);
        moves.add(-down);
        handle.report_now(PATIENCE).unwrap();
        let seen = [sums.recv().unwrap(), sums.recv().unwrap()];
        assert_eq!(seen[0].2, Some(5));
        assert_eq!(
            seen.map(|(grows, value, _)| (grows, value)),
            [(true, grows.get() as f64), (false, expected)]
        );
        assert_eq!(seen[1].2, None);
    }
}

#[test]
fn long_names_stay_whole_and_missing_ones_are_empty() {
    let registry = quiet_registry();
    let task_manager = registry.task_manager("h", "tm");
    let job = task_manager.job("j", "");
    let task = job.task(TaskInfo { name: "map", ..TaskInfo::default() });
    // Flink cuts names of operators after 80 characters, and these would be one.
    let long = "flat map ".repeat(12);
    for end in ["to words", "to lines"] {
        let name = format!("{long}{end}");
        assert_eq!(task.operator("o", &name).view().identifier(), format!("h.taskmanager.tm..{name}.0"));
    }
}

/// What a reporter with these options gets of counters with such names.
fn seen_of(counters: &[&str], options: ReporterOptions) -> Vec<String> {
    let registry = quiet_registry();
    let capture = Capture::push();
    let handle = registry.add_reporter("capture", capture.reporter(), options).unwrap();
    let group = registry.add_group("g");
    let _counters: Vec<_> = counters.iter().map(|name| group.counter((*name).to_owned())).collect();
    handle.report_now(PATIENCE).unwrap();
    let name = |line: &str| line.trim_start_matches("g.").trim_end_matches("{}").to_owned();
    names(&capture.last()).into_iter().map(name).collect()
}

#[test]
fn only_a_star_is_more_than_itself_in_a_filter() {
    const NAMES: [&str; 7] = ["(a|b)", "[", "a", "a+b", "a.b", "aXb", "aab"];
    for name in NAMES {
        let filter = MetricFilter::default().including(&format!("*:{name}")).unwrap();
        assert_eq!(seen_of(&NAMES, on_request().with_metrics(filter)), [name]);
    }
    let filter = MetricFilter::default().including("*:a*b").unwrap();
    assert_eq!(seen_of(&NAMES, on_request().with_metrics(filter)), ["a+b", "a.b", "aXb", "aab"]);
}

#[test]
fn an_empty_list_of_includes_is_none_and_not_nothing() {
    let section = ConfigSection::new("reporters.r")
        .with("interval", "3650d")
        .with("filter.includes", "")
        .with("filter.excludes", "*:b");
    assert_eq!(seen_of(&["a", "b", "c"], ReporterOptions::from_section(&section).unwrap()), ["a", "c"]);
}

#[test]
fn what_an_option_cannot_be_is_an_error_and_not_another_value() {
    for (key, value, expected) in [
        ("interval", "soon", "cannot be `soon`: give a duration such as `500ms`, `10s` or `1min 30s`"),
        ("scope.delimiter", "::", "cannot be `::`: give one character"),
        (
            "filter.includes",
            "*:x:*:extra",
            "cannot be `*:x:*:extra`, `*:x:*:extra` has too many parts: give `scope`, `scope:names` or \
             `scope:names:types`: give a list, or texts with `;` between them",
        ),
    ] {
        let section = ConfigSection::new("reporters.r").with(key, value);
        let error = ReporterOptions::from_section(&section).unwrap_err();
        assert_eq!(error.to_string(), format!("`reporters.r.{key}` {expected}"));
    }
}

#[test]
fn a_filter_is_changed_while_the_job_runs() {
    let registry = quiet_registry();
    let group = registry.add_group("g");
    let counters = ["a", "b"].map(|name| group.counter(name));
    let mut seen = Vec::new();
    for pattern in ["g:a", "g:b", "g"] {
        counters.iter().for_each(Counter::inc);
        let capture = Capture::push();
        let options = on_request().with_metrics(MetricFilter::default().including(pattern).unwrap());
        registry.add_reporter("r", capture.reporter(), options).unwrap();
        registry.remove_reporter("r", PATIENCE).unwrap();
        seen.push(capture.last());
    }
    let line = |name: &str, value| (format!("g.{name}{{}}"), value);
    assert_eq!(seen, [vec![line("a", 1.0)], vec![line("b", 2.0)], vec![line("a", 3.0), line("b", 3.0)]]);
}

#[test]
fn the_time_that_reports_take_does_not_delay_those_that_follow() {
    const INTERVAL: Duration = Duration::from_millis(20);
    struct Working(mpsc::Sender<Instant>);
    impl Reporter for Working {
        fn report(&mut self, _: &Report<'_>) -> Result<(), ReportError> {
            self.0.send(Instant::now())?;
            thread::sleep(INTERVAL / 2);
            Ok(())
        }
    }
    let registry = quiet_registry();
    let (sender, begins) = mpsc::channel();
    let options = ReporterOptions::default().with_interval(INTERVAL);
    let handle = registry.add_reporter("working", Box::new(Working(sender)), options).unwrap();
    let first = begins.recv_timeout(PATIENCE).unwrap();
    // After 20 reports the time that they took is ten intervals. A busy machine may delay any report, but not all of them.
    let in_time = (1..300).any(|number| {
        let begin = begins.recv_timeout(PATIENCE).unwrap();
        let ticks = u32::try_from(number + handle.status().skipped).unwrap();
        number >= 20 && begin.duration_since(first) < INTERVAL * (ticks + 5)
    });
    assert!(in_time);
}

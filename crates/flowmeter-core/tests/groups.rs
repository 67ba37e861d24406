//! Groups, their places and variables, and what registering in them does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::mpsc;

use flowmeter_core::{
    Counter, Descriptor, Error, Gauge, Histogram, Metric, MetricSet, Registry, RegistryOptions, Report,
    ReportError, Reporter, ScopeFormats, ScopeKind, SetCells, SharedCounter, TaskInfo, Unit,
};
use flowmeter_testkit::{Capture, PATIENCE, on_request, quiet_registry};

fn variables(group: &flowmeter_core::MetricGroup) -> Vec<(String, String)> {
    group.view().variables().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn system_groups_have_flinks_scopes_variables_and_identifiers() {
    let registry = quiet_registry();
    let task_manager = registry.task_manager("h", "tm-1");
    let job = task_manager.job("j1", "My Job");
    let task = job.task(TaskInfo {
        id: "t1",
        name: "Map",
        subtask_index: 3,
        attempt_id: "a9",
        attempt_number: Some(2),
    });
    let operator = task.operator("o1", "Filter");
    assert_eq!(operator.view().logical_scope(), "taskmanager.job.task.operator");
    assert_eq!(operator.view().identifier(), "h.taskmanager.tm-1.My Job.Filter.3");
    assert_eq!(task.view().identifier(), "h.taskmanager.tm-1.My Job.Map.3");
    let below = operator.add_group("a").add_group_kv("b", "c");
    for (kind, of_group) in [
        (ScopeKind::Operator, operator.view()),
        (ScopeKind::Task, task.view()),
        (ScopeKind::TaskManagerJob, job.view()),
    ] {
        assert_eq!(below.view().system_components(kind), Some(of_group.components()));
    }
    assert_eq!(below.view().system_components(ScopeKind::JobManager), None);
    assert_eq!(registry.add_group("a").view().system_components(ScopeKind::Root), Some(Vec::new()));
    assert_eq!(job.view().identifier(), "h.taskmanager.tm-1.My Job");
    let expected = [
        ("host", "h"),
        ("tm_id", "tm-1"),
        ("job_id", "j1"),
        ("job_name", "My Job"),
        ("task_id", "t1"),
        ("task_name", "Map"),
        ("task_attempt_id", "a9"),
        ("task_attempt_num", "2"),
        ("subtask_index", "3"),
        ("operator_id", "o1"),
        ("operator_name", "Filter"),
    ];
    assert!(operator.view().variables().eq(expected));

    let job_manager = registry.job_manager("h");
    let job = job_manager.job("j1", "My Job");
    let coordinator =
        job.operator(&TaskInfo { id: "t1", name: "Map", ..TaskInfo::default() }, "o1", "Source");
    assert_eq!(coordinator.view().logical_scope(), "jobmanager.job.operator");
    assert_eq!(coordinator.view().identifier(), "h.jobmanager.My Job.Source");
    assert_eq!(job_manager.view().identifier(), "h.jobmanager");
}

#[test]
fn user_groups_extend_scope_identifier_and_variables() {
    let registry = quiet_registry();
    let task_manager = registry.task_manager("h", "tm");
    let group = task_manager.add_group("windows").add_group_kv("split", "7.a").add_group("late");
    assert_eq!(group.view().logical_scope(), "taskmanager.windows.split.late");
    assert_eq!(group.view().components(), ["h", "taskmanager", "tm", "windows", "split", "7.a", "late"]);
    assert_eq!(variables(&group)[2..], [("split".to_owned(), "7.a".to_owned())]);
    assert_eq!(registry.add_group("apart").add_group_kv("k", "v").view().identifier(), "apart.k.v");
}

#[test]
fn the_same_name_is_the_same_group_and_a_key_is_not_a_name() {
    let registry = quiet_registry();
    let top = registry.add_group("top");
    let shared = top.add_group("x").shared_counter("n");
    top.add_group("x").shared_counter("n").inc();
    assert_eq!(shared.get(), 1);

    // A plain group of the same name does not take the variable from a group made with a key.
    let keyed = top.add_group_kv("x", "1");
    assert_eq!(variables(&keyed), [("x".to_owned(), "1".to_owned())]);
}

#[test]
fn inner_variables_win_and_system_variables_cannot_be_hidden() {
    let registry = quiet_registry();
    let task_manager = registry.task_manager("h", "tm");
    let inner = task_manager.add_group_kv("k", "outer").add_group_kv("other", "o").add_group_kv("k", "inner");
    let expected = [("host", "h"), ("tm_id", "tm"), ("k", "inner"), ("other", "o")];
    assert!(inner.view().variables().eq(expected));

    let error = task_manager.try_add_group_kv("host", "mine").unwrap_err();
    assert!(matches!(&error, Error::SystemVariable { key, .. } if key == "host"), "{error}");
    let refused = task_manager.add_group_kv("host", "mine");
    refused.counter("n").inc();
    assert!(refused.is_closed());
    assert_eq!(registry.statistics().refused_registrations, 2, "the group and the metric in it");
}

#[test]
fn names_cannot_be_empty_and_groups_cannot_be_endlessly_deep() {
    let registry = quiet_registry();
    let mut group = registry.add_group("g");
    assert!(matches!(group.try_add_group(""), Err(Error::EmptyName { .. })));
    assert!(matches!(group.try_add_group_kv("", "v"), Err(Error::EmptyName { .. })));
    assert!(matches!(group.try_register::<Counter>(""), Err(Error::EmptyName { .. })));
    group.counter("").inc();
    let error = loop {
        match group.try_add_group("g") {
            Ok(deeper) => group = deeper,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::TooDeep { depth: 64, .. }), "{error}");
}

#[test]
fn a_second_handle_of_a_single_writer_metric_is_refused_but_works() {
    let registry = quiet_registry();
    let group = registry.add_group("g");
    let first = group.counter("n");
    let error = group.try_register::<Counter>("n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "metric `n` is already registered in group `g`: keep its handle, ask for shared handles alone, all of one kind and unit, or choose another name"
    );
    let second = group.counter("n");
    first.inc();
    second.inc_by(5);
    assert_eq!((first.get(), second.get()), (1, 5));
    assert_eq!(registry.statistics().refused_registrations, 1);

    // Sharing takes both sides.
    assert!(group.try_register::<SharedCounter>("n").is_err());
    let _shared = group.shared_counter("m");
    assert!(group.try_register::<Counter>("m").is_err());
    let many: Vec<_> = (0..200).map(|i| group.counter(format!("many-{i}"))).collect();
    assert_eq!(many.len(), 200);
    assert!((0..200).all(|i| group.try_register::<Counter>(format!("many-{i}")).is_err()));
}

#[test]
fn a_closed_group_takes_nothing_more() {
    let registry = quiet_registry();
    let group = registry.add_group("g");
    let below = group.add_group("below");
    let before = below.counter("n");
    group.close();
    group.close();
    assert!(group.is_closed() && below.is_closed());
    before.inc();
    assert_eq!(before.get(), 1, "handles go on working");
    assert!(matches!(below.try_register::<Counter>("m"), Err(Error::GroupClosed { .. })));
    assert!(matches!(group.try_add_group("h"), Err(Error::GroupClosed { .. })));
    below.gauge::<f64>("m").set(1.0);
    below.gauge_callback("c", || 1.0);
    assert!(below.add_group("h").is_closed());
    assert!(!registry.add_group("g").is_closed(), "the name is free again");
}

#[test]
fn an_owner_closes_what_is_below_it() {
    let registry = quiet_registry();
    let task_manager = registry.task_manager("h", "tm");
    let job = task_manager.job("j", "job");
    let task = job.task(TaskInfo::default());
    let operator = task.operator("o", "op");
    let user = operator.add_group("user");
    drop(job);
    assert!(task.is_closed() && operator.is_closed() && user.is_closed());
    assert!(!task_manager.is_closed());
    let late = task.operator("p", "late");
    assert!(late.is_closed(), "an owner below a closed group is closed from the start");
}

#[derive(Debug)]
struct JoinMetrics {
    matched: Counter,
    ratio: Gauge<f64>,
    latency: Histogram<u64>,
    retries: SharedCounter,
}

impl MetricSet for JoinMetrics {
    const DESCRIPTORS: &'static [Descriptor] = &[
        Descriptor::of::<Counter>(Metric::new("matched").with_unit(Unit::RECORDS)),
        Descriptor::of::<Gauge<f64>>(Metric::new("ratio")),
        Descriptor::of::<Histogram<u64>>(Metric::new("latency").with_unit(Unit::NANOSECONDS)),
        Descriptor::of::<SharedCounter>(Metric::new("retries")),
    ];

    fn from_cells(cells: &mut SetCells) -> Self {
        Self { matched: cells.take(), ratio: cells.take(), latency: cells.take(), retries: cells.take() }
    }
}

#[test]
fn a_set_is_registered_whole_or_not_at_all() {
    let registry = quiet_registry();
    let capture = Capture::push();
    let handle = registry.add_reporter("capture", capture.reporter(), on_request()).unwrap();
    let group = registry.add_group("join");
    let set = JoinMetrics::register(&group);
    set.matched.inc_by(3);
    set.ratio.set(0.5);
    set.latency.record(7);
    set.retries.inc();
    let error = JoinMetrics::try_register(&group).unwrap_err();
    assert!(matches!(&error, Error::DuplicateMetric { metric, .. } if metric == "matched"), "{error}");
    let other = registry.add_group("other");
    let _taken = other.counter("ratio");
    let error = JoinMetrics::try_register(&other).unwrap_err();
    assert!(error.to_string().contains("`ratio`"), "of another kind, but of the same name: {error}");
    let third = registry.add_group("third");
    let _taken = third.shared_counter("retries");
    assert!(JoinMetrics::try_register(&third).is_err());

    handle.report_now(PATIENCE).unwrap();
    let lines: Vec<_> = capture.last().into_iter().filter(|(name, _)| name.starts_with("join.")).collect();
    let expected =
        [("join.latency{}", 1.0), ("join.matched{}", 3.0), ("join.ratio{}", 0.5), ("join.retries{}", 1.0)];
    assert!(lines.iter().map(|(name, value)| (name.as_str(), *value)).eq(expected), "{lines:?}");
    assert_eq!(capture.value("third.matched{}"), None);
}

#[test]
#[should_panic(expected = "handle 1 of a metric set is not what its descriptor says")]
fn a_set_that_contradicts_its_table_says_so() {
    #[derive(Debug)]
    struct Wrong(#[expect(dead_code)] Gauge<f64>);
    impl MetricSet for Wrong {
        const DESCRIPTORS: &'static [Descriptor] = &[Descriptor::of::<Counter>(Metric::new("n"))];
        fn from_cells(cells: &mut SetCells) -> Self {
            Self(cells.take())
        }
    }
    drop(Wrong::register(&quiet_registry().add_group("g")));
}

#[test]
fn a_name_is_in_a_set_once() {
    #[derive(Debug)]
    struct Twice(#[expect(dead_code)] Counter, Counter);
    impl MetricSet for Twice {
        const DESCRIPTORS: &'static [Descriptor] =
            &[Descriptor::of::<Counter>(Metric::new("n")), Descriptor::of::<Counter>(Metric::new("n"))];
        fn from_cells(cells: &mut SetCells) -> Self {
            Self(cells.take(), cells.take())
        }
    }
    let registry = quiet_registry();
    let group = registry.add_group("g");
    let error = Twice::try_register(&group).unwrap_err();
    assert!(matches!(&error, Error::DuplicateMetric { metric, .. } if metric == "n"), "{error}");
    // It works all the same, unseen.
    let set = Twice::register(&group);
    set.1.inc();
    assert_eq!(set.1.get(), 1);
    assert_eq!(registry.statistics().refused_registrations, 1);
}

#[test]
fn handles_move_between_threads() {
    fn moves<T: Send>(_: &T) {}
    fn shares<T: Send + Sync + Clone>(_: &T) {}
    let registry = quiet_registry();
    let group = registry.add_group("g");
    moves(&group.counter("a"));
    moves(&group.up_down_counter("b"));
    moves(&group.gauge::<bool>("c"));
    moves(&group.histogram::<f64>("d"));
    shares(&group.shared_counter("e"));
    shares(&group.shared_up_down_counter("f"));
    shares(&group.shared_gauge::<i64>("g"));
    shares(&group);
    // A future that keeps a single-writer handle by unique reference can be spawned on any executor.
    async fn task(counter: &mut Counter) {
        std::future::ready(()).await;
        counter.inc();
    }
    let mut counter = group.counter("h");
    moves(&task(&mut counter));
}

#[test]
fn identifiers_follow_the_scope_formats() {
    let formats = ScopeFormats::default()
        .with(ScopeKind::TaskManagerJob, "<tm_id>.<job_name>")
        .and_then(|formats| formats.with(ScopeKind::Task, "*.<task_name>.<subtask_index>"))
        .and_then(|formats| formats.with(ScopeKind::Operator, "*.<operator_id>.<task_attempt_num>.end"))
        .and_then(|formats| formats.with(ScopeKind::JobManagerJob, "jobs.<job_id>.literal"))
        .unwrap();
    let registry = Registry::with_options(RegistryOptions::default().with_scope_formats(formats));
    let task_manager = registry.task_manager("h", "tm.1");
    let job = task_manager.job("j", "job");
    let info =
        TaskInfo { id: "7", name: "map", subtask_index: 2, attempt_number: Some(3), ..TaskInfo::default() };
    let task = job.task(info);
    let operator = task.operator("o", "filter");
    // Inherited all the way down; a delimiter within a component is none. What inherits nothing stays as it was.
    assert_eq!(task_manager.view().identifier(), "h.taskmanager.tm_1");
    assert_eq!(task.view().identifier(), "tm_1.job.map.2");
    assert_eq!(operator.add_group("user").view().identifier(), "tm_1.job.map.2.o.3.end.user");
    assert_eq!(operator.view().components()[0], "tm.1");
    let job_manager = registry.job_manager("h");
    assert_eq!(job_manager.job("j", "job").view().identifier(), "jobs.j.literal");
    assert_eq!(operator.view().logical_scope(), "taskmanager.job.task.operator");
    let shouting = operator.view().identifier_filtered(|text| text.to_uppercase().into());
    assert_eq!(shouting, "TM_1.JOB.MAP.2.O.3.END");
}

#[test]
fn a_reporter_has_its_own_delimiter() {
    struct Names(mpsc::Sender<String>);
    impl Reporter for Names {
        fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
            for family in report.families() {
                family.for_each(|series| {
                    let group = String::from_utf8_lossy(series.prepared());
                    let name = family.family().identifier('_');
                    Ok::<_, ReportError>(self.0.send(format!("{group}_{name}"))?)
                })?;
            }
            Ok(())
        }
    }
    let (sender, names) = mpsc::channel();
    let registry = quiet_registry();
    let mut options = on_request();
    options.scope_delimiter = '_';
    let handle = registry.add_reporter("names", Box::new(Names(sender)), options).unwrap();
    let _counter = registry.add_group("a_b").add_group("c.d").counter("e_f");
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(names.recv().unwrap(), "a-b_c.d_e-f");
}

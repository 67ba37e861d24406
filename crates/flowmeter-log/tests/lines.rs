//! What lines look like, and how many there are.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod log;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{
    Clock, Event, Metric, OperatorGroup, Registry, ReporterHandle, ReporterOptions, Severity, Span, TaskInfo,
    TaskManagerGroup, Unit,
};
use flowmeter_log::{LogLevel, LogOptions, LogReporter, NamingPolicy, Signals, is_writing};
use flowmeter_testkit::{MockClock, PATIENCE, on_request, quiet_registry_on};
use log::Log;
use tracing::Level;

/// A registry with a log reporter, and the log.
struct Bench {
    clock: Arc<MockClock>,
    registry: Registry,
    reporter: ReporterHandle,
    /// Behind the registry, whose end is a report.
    log: Log,
}

impl Bench {
    fn new(options: LogOptions) -> Self {
        Self::with(options, on_request())
    }

    fn with(options: LogOptions, reporter_options: ReporterOptions) -> Self {
        let (log, clock) = (Log::begin(), Arc::new(MockClock::default()));
        let registry = quiet_registry_on(Arc::clone(&clock) as Arc<dyn Clock>);
        let reporter = Box::new(LogReporter::new(options));
        let reporter = registry.add_reporter("log", reporter, reporter_options).unwrap();
        Self { clock, registry, reporter, log }
    }

    fn report(&self) -> Vec<String> {
        self.log.take();
        self.reporter.report_now(PATIENCE).unwrap();
        self.log.take().into_iter().map(|line| line.text).collect()
    }

    /// The spans and events that were written since the last time.
    fn milestones(&self) -> Vec<String> {
        self.reporter.report_now(PATIENCE).unwrap();
        let lines = self.log.take().into_iter().filter(|line| line.target != "flowmeter::report");
        lines.map(|line| line.text).collect()
    }
}

fn options(naming: NamingPolicy) -> LogOptions {
    LogOptions::default().with_naming(naming)
}

/// Compares a text with a file, or writes that anew.
fn compare(text: &str, golden: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(golden);
    if std::env::var_os("FLOWMETER_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "differs from {golden}; FLOWMETER_WRITE_GOLDEN=1 rewrites it:\n{text}");
}

/// Every kind of metric, with awkward names. Returns what must be held.
fn fill(bench: &Bench) -> impl Sized + use<> {
    let task_manager = bench.registry.task_manager("host-1", "tm.1:7");
    let of_job = task_manager.job("a3f0", "word count");
    let task =
        of_job.task(TaskInfo { id: "2", name: "map -> sink", subtask_index: 1, ..TaskInfo::default() });
    let operator = task.operator("2.1", "count");
    let records = Metric::new("numRecordsIn").with_rate_name("numRecordsInPerSecond");
    let records = operator.counter(records);
    let (mails, queue) = (task.meter("mails"), task.up_down_counter("queueLength"));
    let (state, healthy) = (task.text_gauge("state"), task.gauge::<bool>("healthy"));
    let gauges = task_manager.add_group_kv("user.key", "x,y|z=1;a\nb").add_group("Status.CPU");
    let floats = [("load", 0.25), ("nan", f64::NAN), ("infinite", f64::NEG_INFINITY), ("tiny", -1.5e-9)];
    let floats = floats.map(|(name, value)| {
        let gauge = gauges.gauge::<f64>(name);
        gauge.set(value);
        gauge
    });
    let renamed = Metric::new("cpuLoad").with_policy_names(&[("flink", "Status.JVM.CPU.Load")]);
    let renamed = task_manager.add_group("process").gauge::<f64>(renamed);
    let latency = Metric::new("latency")
        .with_policy_names(&[("flink", "/taskmanager.job.task.latency.source_id.operator_id.latency")]);
    let latency = operator.add_group("latency").add_group_kv("source_id", "s:1").histogram::<f64>(latency);
    let sizes = operator.histogram::<u64>(Metric::new("batchSize").with_unit(Unit::RECORDS));
    let wait = operator.histogram::<Duration>("wait");
    let empty = operator.histogram::<u64>("empty");
    records.inc_by(u64::MAX - 3);
    queue.add(-3);
    state.set("RUNNING \"so far\"\n");
    healthy.set(true);
    renamed.set(1e7);
    latency.record(2.5);
    [0, 1, 2, 3, 1_000_000].into_iter().for_each(|size| sizes.record(size));
    [5, 50, 500].into_iter().for_each(|micros| wait.record(Duration::from_micros(micros)));
    bench.reporter.report_now(PATIENCE).unwrap();
    bench.clock.advance(Duration::from_secs(60));
    mails.mark_by(120);
    ((task_manager, of_job, task, operator), (records, mails, queue, state, healthy), floats, renamed)
        .with((latency, sizes, wait, empty))
}

/// Holds some more.
trait With: Sized {
    fn with<T>(self, other: T) -> (Self, T) {
        (self, other)
    }
}

impl<T> With for T {}

#[test]
fn each_form_is_as_its_golden_file_has_it() {
    for (naming, golden) in [(NamingPolicy::Native, "native.txt"), (NamingPolicy::Flink, "flink.txt")] {
        let bench = Bench::new(options(naming));
        let held = fill(&bench);
        compare(&(bench.report().join("\n") + "\n"), golden);
        drop(held);
    }
}

/// The metrics of Flink's report that is captured in `flink-2.3-slf4j.txt`, of which that has an excerpt, sorted.
fn probe(task_manager: &TaskManagerGroup, operator: &OperatorGroup, bench: &Bench) -> impl Sized + use<> {
    let counters = (
        operator.counter("myCounter"),
        operator.up_down_counter("negCounter"),
        operator.add_group("weird name-1.x,y=z*?\"").counter("odd name:with.dots-and/slash"),
        operator.add_group("plainGroup").add_group("nested").counter("inPlain"),
    );
    counters.0.inc_by(20_400);
    counters.1.add(-4);
    counters.2.inc_by(5);
    counters.3.inc_by(7);
    let gauges = (
        operator.gauge::<bool>("boolGauge"),
        operator.text_gauge("stringGauge"),
        [("infGauge", f64::INFINITY), ("nanGauge", f64::NAN), ("tinyGauge", 1.5e-9)].map(|(name, value)| {
            let gauge = operator.gauge::<f64>(name);
            gauge.set(value);
            gauge
        }),
    );
    gauges.0.set(true);
    gauges.1.set("hello world");
    let meter = operator.meter("myMeter");
    let records = Metric::new("numRecordsIn").with_rate_name("numRecordsInPerSecond");
    let records = operator.counter(records);
    bench.reporter.report_now(PATIENCE).unwrap();
    bench.clock.advance(Duration::from_secs(60));
    meter.mark_by(19_103);
    records.inc_by(19_103);
    let job = task_manager.job("687edb36", "Probe Job: metrics");
    let task = job.task(TaskInfo { id: "3", name: "My Map", subtask_index: 0, ..TaskInfo::default() });
    let operator = task.operator("3.0", "My Map");
    let sizes = operator.add_group_kv("state_name", "s").histogram::<u64>("valueStateGetKeySize");
    (0..128).for_each(|_| sizes.record(8));
    (counters, gauges, meter, records).with((job, task, operator, sizes))
}

#[test]
fn a_report_is_what_flink_writes_of_the_same_metrics() {
    let bench = Bench::new(options(NamingPolicy::Flink));
    let task_manager = bench.registry.task_manager("127.0.0.1", "127.0.0.1:44075-bfc3d1");
    let job = task_manager.job("687edb36c45437de42216486fc39408e", "Probe Job: metrics");
    let task = job.task(TaskInfo { id: "2", name: "My Map", subtask_index: 1, ..TaskInfo::default() });
    let operator = task.operator("2.0", "My Map");
    let held = probe(&task_manager, &operator, &bench);
    let [report] = &bench.report()[..] else { panic!("not one message") };
    let captured = include_str!("golden/flink-2.3-slf4j.txt");
    // Flink has the count of what has a rate too, which is another line of the capture.
    let report: Vec<_> = report.lines().filter(|line| !line.contains("numRecordsIn:")).collect();
    assert_eq!(report, [""].into_iter().chain(captured.lines()).collect::<Vec<_>>());
    drop(held);
}

#[test]
fn levels_and_targets_are_those_that_filters_name() {
    for (level, expected) in [
        (LogLevel::Debug, Level::DEBUG),
        (LogLevel::Info, Level::INFO),
        (LogLevel::Warn, Level::WARN),
        (LogLevel::Error, Level::ERROR),
    ] {
        let bench = Bench::new(LogOptions::default().with_level(level));
        let counter = bench.registry.add_group("g").counter("n");
        bench.registry.add_group("g").report_span(Span::new("s", "span"));
        let severities = [Severity::Debug, Severity::Warn, Severity::Fatal];
        for severity in severities {
            bench.registry.add_group("g").report_event(Event::new("s", "event").with_severity(severity));
        }
        bench.reporter.report_now(PATIENCE).unwrap();
        let mut lines: Vec<_> = bench.log.take().into_iter().map(|line| (line.target, line.level)).collect();
        lines.sort_by(|a, b| a.0.cmp(&b.0));
        let line = |target: &str, level| (format!("flowmeter::{target}"), level);
        let events = [Level::DEBUG, Level::WARN, Level::ERROR].map(|level| line("event", level));
        let others = [line("report", expected), line("span", expected)];
        assert_eq!(lines, [&events[..], &others].concat());
        drop(counter);
    }
}

#[test]
fn what_nobody_takes_is_not_written_and_no_failure() {
    let bench = Bench::new(LogOptions::default().with_level(LogLevel::Trace));
    let counter = bench.registry.add_group("g").counter("n");
    assert!(bench.report().is_empty());
    assert_eq!(bench.reporter.status().dropped_values, 0);
    drop(counter);
}

#[test]
fn a_group_that_is_longer_than_a_message_has_several_lines() {
    let bench = Bench::new(LogOptions::default().with_message_size(256));
    let group = bench.registry.add_group("g").add_group_kv("key", "value");
    let counters: Vec<_> = (10..60).map(|number| group.counter(format!("counter{number}"))).collect();
    let long = group.counter("x".repeat(300));
    let lines = bench.report();
    assert!(lines.len() == 3 && lines.iter().all(|line| line.len() <= 256), "{lines:#?}");
    let parts: Vec<_> = lines.iter().map(|line| line.strip_prefix("g.key key=value |").unwrap()).collect();
    let expected: String = (10..60).map(|number| format!(" counter{number}=0")).collect();
    assert_eq!(parts.concat(), expected);
    assert_eq!(bench.reporter.status().dropped_values, 1, "this one has no room in any message");
    drop((counters, long));
}

#[test]
fn a_report_of_flink_that_is_longer_than_a_message_is_several() {
    let bench = Bench::new(options(NamingPolicy::Flink).with_message_size(256));
    let group = bench.registry.add_group("g");
    let counters: Vec<_> = (10..60).map(|number| group.counter(format!("counter{number}"))).collect();
    let messages = bench.report();
    assert!(messages.len() > 3 && messages.iter().all(|message| message.len() <= 256), "{messages:#?}");
    let whole = messages.concat();
    assert_eq!(whole.matches(": 0").count(), 50);
    assert!(whole.starts_with("\n====") && whole.ends_with("===="));
    drop(counters);
}

#[test]
fn a_report_has_no_more_lines_than_it_may_and_says_what_is_missing() {
    let bench = Bench::new(LogOptions::default().with_lines(3));
    let groups = ["a", "b", "c", "d", "e"].map(|name| bench.registry.add_group(name));
    let counters = groups.map(|group| (group.counter("m"), group.counter("n")));
    let left_out = "2 more lines with 4 values are left out of this report: raise `lines`, or filter";
    assert_eq!(bench.report(), ["a | m=0 n=0", "b | m=0 n=0", "c | m=0 n=0", left_out]);
    assert_eq!(bench.reporter.status().dropped_values, 4);
    drop(counters);
}

#[test]
fn spans_and_events_have_lines_of_their_own() {
    let job_of = |bench: &Bench| {
        let second = Duration::from_secs;
        let job_manager = bench.registry.job_manager("host-1");
        let job = job_manager.job("j1", "a job");
        let child = Span::new("s", "Align").with("task", "map").failed("too \"late\"");
        let span = Span::new("my.Coordinator", "Checkpoint")
            .starting_at(second(1_000))
            .ending_at(second(1_000) + Duration::from_millis(408))
            .with("checkpointId", 1)
            .with("ratio", 0.5)
            .succeeded()
            .child(child);
        job.report_span(span);
        let event = Event::new("my.JobMaster", "JobStatusChangeEvent").observed_at(second(2_000));
        job.report_event(event.with_body("a task\nhas failed").with("newJobStatus", "RESTARTING"));
        bench.milestones()
    };
    assert_eq!(
        job_of(&Bench::new(LogOptions::default())),
        [
            "Checkpoint scope=my.Coordinator start=1000.000 seconds=0.408 status=ok | host=host-1 job_id=j1 job_name=\"a job\" \
             | checkpointId=1 ratio=0.5",
            "Align scope=s parent=Checkpoint start=1000.000 seconds=0.408 status=error error=\"too \\\"late\\\"\" | host=host-1 \
             job_id=j1 job_name=\"a job\" | task=\"map\"",
            "JobStatusChangeEvent scope=my.JobMaster severity=INFO time=2000.000 body=\"a task\\nhas failed\" | host=host-1 \
             job_id=j1 job_name=\"a job\" | newJobStatus=\"RESTARTING\"",
        ]
    );
    // As captured from Flink, which shows no event but by its address.
    assert_eq!(
        job_of(&Bench::new(options(NamingPolicy::Flink))),
        [
            "Reported span: SimpleSpan{scope=my.Coordinator, name=Checkpoint, startTsMillis=1000000, endTsMillis=1000408, \
             attributes={checkpointId=1, ratio=0.5, <host>=host-1, <job_id>=j1, <job_name>=a job}, \
             children=[SimpleSpan{scope=s, name=Align, startTsMillis=1000000, endTsMillis=1000408, \
             attributes={task=map, <host>=host-1, <job_id>=j1, <job_name>=a job}, children=[]}]}",
            "Reported event: SimpleEvent{scope=my.JobMaster, name=JobStatusChangeEvent, observedTsMillis=2000000, \
             severity=INFO, body=a task_has failed, attributes={newJobStatus=RESTARTING, <host>=host-1, <job_id>=j1, \
             <job_name>=a job}}",
        ]
    );
}

#[test]
fn signals_that_are_not_wanted_are_not_written() {
    for (signals, expected) in [
        (Signals::none().and_metrics(), ["metrics"]),
        (Signals::none().and_spans(), ["Checkpoint"]),
        (Signals::none().and_events(), ["JobStatusChangeEvent"]),
    ] {
        let bench = Bench::new(LogOptions::default().with_signals(signals));
        let job_manager = bench.registry.job_manager("h");
        let counter = job_manager.shared_counter("n");
        counter.inc();
        job_manager.report_span(Span::new("s", "Checkpoint"));
        job_manager.report_event(Event::new("s", "JobStatusChangeEvent"));
        bench.reporter.report_now(PATIENCE).unwrap();
        let written = bench.log.take().into_iter().map(|line| match line.target.as_str() {
            "flowmeter::report" => "metrics".to_owned(),
            _ => line.text.split(' ').next().unwrap().to_owned(),
        });
        let written: Vec<_> = written.collect();
        assert_eq!(written, expected);
    }
}

#[test]
fn a_span_that_has_no_room_is_dropped_and_counted() {
    for naming in [NamingPolicy::Native, NamingPolicy::Flink] {
        let bench = Bench::new(options(naming).with_message_size(300));
        let group = bench.registry.add_group("g");
        group.report_span(Span::new("s", "fits"));
        group.report_span(Span::new("s", "long").with("text", "x".repeat(300)));
        assert_eq!(bench.milestones().len(), 1);
        assert_eq!(bench.reporter.status().dropped_milestones, 1);
    }
}

#[test]
fn what_makes_an_event_of_each_line_makes_no_more_than_there_may_be() {
    let bench = Bench::new(LogOptions::default().with_lines(10));
    let registry = bench.registry.add_group("log");
    bench.log.listen(Arc::new(move |line| registry.report_event(Event::new("log", line.text.clone()))));
    bench.registry.add_group("g").report_event(Event::new("s", "first"));
    for _ in 0..50 {
        bench.reporter.report_now(PATIENCE).unwrap();
    }
    let events = bench.log.take().into_iter().filter(|line| line.target == "flowmeter::event").count();
    assert_eq!(events, 10);
    assert!(bench.reporter.status().dropped_milestones > 0);
}

#[test]
fn what_asks_leaves_a_reporters_own_lines_out() {
    let bench = Bench::new(LogOptions::default().with_lines(10));
    let registry = bench.registry.add_group("log");
    bench.log.listen(Arc::new(move |line| {
        if !is_writing() {
            registry.report_event(Event::new("log", line.text.clone()));
        }
    }));
    bench.registry.add_group("g").report_event(Event::new("s", "first"));
    tracing::warn!(target: "flowmeter::event", "another");
    for _ in 0..50 {
        bench.reporter.report_now(PATIENCE).unwrap();
    }
    let lines = bench.log.take();
    assert_eq!(lines.len(), 3, "the first, the other one, and what was made of that: {lines:#?}");
}

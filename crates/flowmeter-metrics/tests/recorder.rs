//! What libraries record with the macros of the facade is in the group, as it was recorded.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt;
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use flowmeter_core::{Family, MetricGroup, Registry, Report, ReportError, Reporter, ReporterOptions};
use flowmeter_metrics::{GroupRecorder, RecorderOptions};
use flowmeter_testkit::{Capture, MockClock, Observed, PATIENCE, driven};
use metrics::{
    Key, Label, Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
    with_local_recorder,
};
use metrics_util::layers::{FanoutBuilder, FilterLayer, PrefixLayer, Stack};
use proptest::prelude::*;

/// What a registry with one recorder reports.
struct Bridged {
    registry: Registry,
    clock: Arc<MockClock>,
    capture: Capture,
    reporter: flowmeter_core::ReporterHandle,
    group: MetricGroup,
}

impl Bridged {
    fn new() -> Self {
        let capture = Capture::push();
        let (registry, clock, reporter) = driven(&capture);
        let group = registry.add_group("lib");
        Self { registry, clock, capture, reporter, group }
    }

    fn reported(&self) -> Vec<(String, Observed)> {
        self.reporter.report_now(PATIENCE).unwrap();
        let bare = |name: String| name.strip_suffix("{}").map(str::to_owned).unwrap_or(name);
        self.capture.last_series().into_iter().map(|(name, value)| (bare(name), value)).collect()
    }

    fn number(&self, name: &str) -> Option<f64> {
        self.reported().into_iter().find(|(series, _)| series == name).map(|(_, value)| value.to_f64())
    }
}

#[test]
fn each_kind_is_recorded_as_the_facade_says() {
    let bridged = Bridged::new();
    let recorder = GroupRecorder::new(bridged.group.clone());
    with_local_recorder(&recorder, || {
        counter!("requests").increment(2);
        counter!("requests").absolute(7);
        counter!("requests").absolute(3);
        gauge!("level").set(4.0);
        gauge!("level").increment(2.5);
        gauge!("level").decrement(1.0);
        histogram!("size").record(3.0);
        histogram!("size").record_many(5.0, 1_000_000_000);
    });
    assert_eq!(bridged.number("lib.requests"), Some(7.0));
    assert_eq!(bridged.number("lib.level"), Some(5.5));
    let (_, size) = bridged.reported().into_iter().find(|(name, _)| name == "lib.size").unwrap();
    assert_eq!(size, Observed::Histogram { count: 1_000_000_001, sum: 5_000_000_003.0 });
}

#[test]
fn labels_are_variables_whatever_their_order() {
    let bridged = Bridged::new();
    let recorder = GroupRecorder::new(bridged.group.clone());
    with_local_recorder(&recorder, || {
        counter!("requests", "method" => "GET", "code" => "200").increment(1);
        counter!("requests", "code" => "200", "method" => "GET").increment(2);
        let (code, method) = ("200".to_owned(), "GET".to_owned());
        counter!("requests".to_owned(), "code" => code, "method" => method).increment(4);
    });
    assert_eq!(recorder.statistics().keys, 1);
    assert_eq!(bridged.number("lib.code.method.requests{code=200,method=GET}"), Some(7.0));
}

#[test]
fn a_label_named_like_a_system_variable_is_exported() {
    let bridged = Bridged::new();
    let recorder = GroupRecorder::new(bridged.group.clone());
    with_local_recorder(&recorder, || {
        for _ in 0..3 {
            counter!("requests", "host" => "example.org").increment(1);
        }
        counter!("requests", "exported_host" => "example.org").increment(1);
    });
    assert_eq!(bridged.number("lib.exported_host.requests{exported_host=example.org}"), Some(4.0));
    let statistics = recorder.statistics();
    assert_eq!((statistics.altered, statistics.refused), (1, 0));
    assert_eq!(bridged.registry.statistics().refused_registrations, 0);
}

#[test]
fn what_the_core_refuses_works_and_is_counted_once() {
    let bridged = Bridged::new();
    let recorder = GroupRecorder::new(bridged.group.clone());
    with_local_recorder(&recorder, || {
        for _ in 0..3 {
            counter!("requests").increment(1);
            gauge!("requests").set(9.0);
            counter!("").increment(1);
            let deep: Vec<_> = (0..70).map(|i| Label::new(format!("l{i}"), "x")).collect();
            counter!("deep", deep).increment(1);
        }
        bridged.group.close();
        counter!("late").increment(1);
        counter!("late", "a" => "b").increment(1);
    });
    assert_eq!(recorder.statistics().refused, 5);
    assert_eq!(bridged.registry.statistics().refused_registrations, 5);
    assert_eq!(bridged.number("lib.requests"), Some(3.0));
}

#[test]
fn beyond_the_limit_nothing_is_recorded_and_that_is_counted() {
    let bridged = Bridged::new();
    let options = RecorderOptions::default().with_series_limit(2);
    let recorder = GroupRecorder::with_options(bridged.group.clone(), options);
    with_local_recorder(&recorder, || {
        for i in 0..5 {
            counter!("requests", "id" => i.to_string()).increment(1);
            counter!("requests", "id" => "0").increment(1);
        }
    });
    assert_eq!((recorder.statistics().keys, recorder.statistics().limited), (2, 3));
    assert_eq!(bridged.reported().len(), 2);
    assert_eq!(bridged.number("lib.id.requests{id=0}"), Some(6.0));
}

#[test]
fn threads_that_come_together_for_the_last_key_all_have_it() {
    let bridged = Bridged::new();
    let options = RecorderOptions::default().with_series_limit(1);
    for round in 0..2_000 {
        let group = bridged.group.add_group(&round.to_string());
        let recorder = GroupRecorder::with_options(group.clone(), options.clone());
        let together = Barrier::new(3);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    together.wait();
                    with_local_recorder(&recorder, || counter!("n").increment(1));
                });
            }
        });
        assert_eq!(group.shared_counter("n").get(), 3, "round {round}");
        assert_eq!(recorder.statistics().limited, 0, "round {round}");
        group.close();
    }
}

#[test]
fn threads_that_record_together_lose_nothing() {
    let bridged = Bridged::new();
    let recorder = GroupRecorder::new(bridged.group.clone());
    let threads: u32 = 4;
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                with_local_recorder(&recorder, || {
                    for i in 0..20_000_u32 {
                        counter!("n", "id" => (i % 50).to_string()).increment(1);
                        gauge!("level").increment(0.5);
                        histogram!("h").record(1.0);
                    }
                });
            });
        }
    });
    for id in 0..50 {
        assert_eq!(bridged.number(&format!("lib.id.n{{id={id}}}")), Some(f64::from(threads) * 400.0));
    }
    assert_eq!(bridged.number("lib.level"), Some(f64::from(threads) * 10_000.0));
    assert_eq!(bridged.number("lib.h"), Some(f64::from(threads) * 20_000.0));
}

/// Remembers what families say of themselves.
#[derive(Clone, Default)]
struct Descriptions(Arc<Mutex<Vec<[String; 3]>>>);

impl Reporter for Descriptions {
    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let of = |family: &Family| {
            [family.name(), family.unit().as_str(), family.description()].map(str::to_owned)
        };
        *self.0.lock().unwrap() = report.families().map(|view| of(view.family())).collect();
        Ok(())
    }
}

#[test]
fn descriptions_are_kept_before_and_after_the_first_use() {
    let bridged = Bridged::new();
    let seen = Descriptions::default();
    let options = ReporterOptions::default().with_interval(Duration::from_secs(3600));
    let reporter = bridged.registry.add_reporter("seen", Box::new(seen.clone()), options).unwrap();
    let recorder = GroupRecorder::new(bridged.group.clone());
    with_local_recorder(&recorder, || {
        describe_histogram!("before", Unit::Milliseconds, "How long it took.");
        histogram!("before").record(1.0);
        gauge!("after", "a" => "b").set(1.0);
        describe_gauge!("after", "How full it is.");
        counter!("late").increment(1);
        describe_counter!("late", Unit::Bytes, "What was read.");
        counter!("late", "a" => "b").increment(1);
        counter!("never").increment(1);
    });
    reporter.report_now(PATIENCE).unwrap();
    let seen = seen.0.lock().unwrap().clone();
    let expected = [
        ["after", "", "How full it is."],
        ["before", "ms", "How long it took."],
        ["late", "", "What was read."],
        ["late", "", "What was read."],
        ["never", "", ""],
    ];
    assert_eq!(seen, expected.map(|said| said.map(str::to_owned)));
    assert_eq!(recorder.statistics().late_units, 1);
}

#[test]
fn layers_of_the_utilities_go_in_front() {
    let bridged = Bridged::new();
    let other = bridged.registry.add_group("other");
    let fanout = FanoutBuilder::default()
        .add_recorder(GroupRecorder::new(bridged.group.clone()))
        .add_recorder(GroupRecorder::new(other))
        .build();
    let stack = Stack::new(fanout).push(PrefixLayer::new("app")).push(FilterLayer::from_patterns(["debug"]));
    with_local_recorder(&stack, || {
        counter!("requests").increment(3);
        histogram!("size").record(2.0);
        gauge!("debug.level").set(1.0);
    });
    let reported = bridged.reported();
    let names: Vec<_> = reported.iter().map(|(name, value)| (name.as_str(), value.to_f64())).collect();
    let expected = [
        ("lib.app.requests", 3.0),
        ("lib.app.size", 1.0),
        ("other.app.requests", 3.0),
        ("other.app.size", 1.0),
    ];
    assert_eq!(names, expected);
}

const TIMEOUT: Duration = Duration::from_secs(60);

fn with_timeout(group: &MetricGroup) -> GroupRecorder {
    GroupRecorder::with_options(group.clone(), RecorderOptions::default().with_idle_timeout(TIMEOUT))
}

#[test]
fn what_is_idle_goes_with_its_groups_and_what_is_held_stays() {
    let bridged = Bridged::new();
    let recorder = with_timeout(&bridged.group);
    let held = with_local_recorder(&recorder, || {
        counter!("gone", "a" => "1", "b" => "2").increment(1);
        counter!("gone").increment(1);
        counter!("absolute").absolute(1);
        gauge!("used", "a" => "2").set(1.0);
        counter!("held", "a" => "2")
    });
    let label_group = bridged.group.add_group_kv("a", "1");
    assert_eq!(bridged.reported().len(), 6);
    bridged.clock.advance(TIMEOUT / 2);
    with_local_recorder(&recorder, || gauge!("used", "a" => "2").set(2.0));
    recorder.maintain();
    bridged.clock.advance(TIMEOUT / 2);
    // The report asks for the gauge, which has the idle ones removed: they are in it once more, or were in the one before.
    bridged.reported();
    bridged.clock.advance(Duration::from_secs(20));
    bridged.reported();
    let reported = bridged.reported();
    let names: Vec<_> = reported.iter().map(|(name, value)| (name.as_str(), value.to_f64())).collect();
    let expected = [
        ("lib.a.held{a=2}", 0.0),
        ("lib.a.used{a=2}", 2.0),
        ("lib.absolute", 1.0),
        ("lib.bridgedSeries", 3.0),
    ];
    assert_eq!(names, expected);
    assert!(label_group.is_closed());
    assert_eq!((recorder.statistics().keys, recorder.statistics().removed), (3, 2));
    held.increment(5);
    assert_eq!(bridged.number("lib.a.held{a=2}"), Some(5.0));
}

#[test]
fn a_counter_that_returns_at_once_goes_on_from_its_count() {
    let bridged = Bridged::new();
    let recorder = with_timeout(&bridged.group);
    let count = || with_local_recorder(&recorder, || counter!("n", "a" => "1").increment(3));
    count();
    assert_eq!(bridged.number("lib.a.n{a=1}"), Some(3.0));
    bridged.clock.advance(TIMEOUT);
    recorder.maintain();
    assert_eq!(recorder.statistics().removed, 1);
    count();
    assert_eq!(bridged.number("lib.a.n{a=1}"), Some(6.0));
}

#[test]
fn a_kind_that_was_refused_does_not_take_the_other_with_it() {
    let bridged = Bridged::new();
    let recorder = with_timeout(&bridged.group);
    let held = with_local_recorder(&recorder, || {
        gauge!("n").set(1.0);
        let held = counter!("m");
        gauge!("m").set(1.0);
        held
    });
    bridged.clock.advance(TIMEOUT);
    recorder.maintain();
    assert_eq!(recorder.statistics().removed, 2);
    // A series that was removed would be in one more report.
    for count in 1..=3 {
        held.increment(1);
        assert_eq!(bridged.number("lib.m"), Some(f64::from(count)));
        bridged.clock.advance(TIMEOUT);
    }
}

#[test]
fn series_that_come_and_go_leave_room_for_others() {
    let bridged = Bridged::new();
    let options = RecorderOptions::default().with_series_limit(10).with_idle_timeout(TIMEOUT);
    let recorder = GroupRecorder::with_options(bridged.group.clone(), options);
    for i in 0..100 {
        with_local_recorder(&recorder, || counter!("n", "id" => i.to_string()).increment(1));
        bridged.clock.advance(TIMEOUT / 2);
    }
    let statistics = recorder.statistics();
    assert_eq!(statistics.limited, 0);
    assert!(statistics.keys < 10 && statistics.removed > 90, "{statistics:?}");
}

/// Calls something with each log line.
struct Listener<F>(F);

impl<F: Fn(&tracing::Event<'_>) + 'static> tracing::Subscriber for Listener<F> {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        (self.0)(event);
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}

/// The message and all fields, as most subscribers show them.
#[derive(Default)]
struct Shown(String);

impl tracing::field::Visit for Shown {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        self.0 += &format!("{field}={value:?} ");
    }
}

#[test]
fn log_lines_that_count_themselves_do_not_wait_for_what_they_tell_of() {
    let bridged = Bridged::new();
    let recorder = GroupRecorder::new(bridged.group.clone());
    // As a program may count its log lines.
    let counting = Listener(|_: &tracing::Event<'_>| counter!("log_lines").increment(1));
    tracing::subscriber::with_default(counting, || {
        with_local_recorder(&recorder, || {
            // Each is refused, and said so within its registration.
            counter!("").increment(1);
            assert_eq!(recorder.statistics().nested, 1);
            counter!("log_lines").increment(0);
            gauge!("").increment(1);
            histogram!("").record(1.0);
            counter!("n", "host" => "h").increment(1);
        });
    });
    assert_eq!(recorder.statistics().nested, 1);
    assert_eq!(bridged.number("lib.log_lines"), Some(3.0));
}

#[test]
fn a_log_line_may_wait_for_another_thread_that_registers() {
    /// Series that are never read, as many as nearly fill what may wait for a reporter.
    const WAITING: usize = 65_000;
    let bridged = Bridged::new();
    for _ in 0..WAITING {
        let group = bridged.registry.add_group("short");
        drop(group.counter("n"));
        group.close();
    }
    let recorder = GroupRecorder::new(bridged.group.clone());
    let (of_line, waited) = (recorder.clone(), Arc::new(Mutex::new(Vec::new())));
    let outcomes = Arc::clone(&waited);
    // As one that writes to what another thread has locked, which counts what it writes.
    let waiting = Listener(move |_: &tracing::Event<'_>| {
        let (recorder, (done, is_done)) = (of_line.clone(), mpsc::channel());
        thread::spawn(move || {
            with_local_recorder(&recorder, || counter!("lines_of_others").increment(1));
            done.send(()).unwrap();
        });
        outcomes.lock().unwrap().push(is_done.recv_timeout(PATIENCE).is_ok());
    });
    tracing::subscriber::with_default(waiting, || {
        with_local_recorder(&recorder, || {
            for i in 0..2_000 {
                counter!("n", "id" => i.to_string()).increment(1);
            }
        });
    });
    assert_eq!(*waited.lock().unwrap(), [true], "the core has said once that nobody reads these");
    assert_eq!(bridged.registry.statistics().dropped_unread_series, WAITING as u64);
    assert_eq!(bridged.number("lib.lines_of_others"), Some(1.0));
}

#[test]
fn what_labels_say_stays_on_one_line_of_the_log() {
    let bridged = Bridged::new();
    let recorder =
        GroupRecorder::with_options(bridged.group.clone(), RecorderOptions::default().with_series_limit(3));
    let lines = Arc::new(Mutex::new(Vec::new()));
    let of_lines = Arc::clone(&lines);
    let keeping = Listener(move |event: &tracing::Event<'_>| {
        let mut shown = Shown::default();
        event.record(&mut shown);
        of_lines.lock().unwrap().push(shown.0);
    });
    let evil = "x\n2026-01-01 ERROR \u{1b}[31mforged";
    tracing::subscriber::with_default(keeping, || {
        with_local_recorder(&recorder, || {
            counter!("n", "path" => evil).increment(1);
            // Refused, renamed, and beyond the limit.
            gauge!("n", "path" => evil).set(1.0);
            counter!("n", "host" => evil).increment(1);
            counter!("m", "path" => evil).increment(1);
        });
    });
    let lines = lines.lock().unwrap();
    assert_eq!(lines.len(), 3, "{lines:?}");
    for line in lines.iter() {
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Sums by key, as a plain map has them: keys are the same whatever the order of their labels is.
    #[test]
    fn every_key_has_a_series_of_its_own(
        recorded in prop::collection::vec(
            ("[ab]", prop::collection::vec(("[xy]|host|\\PC", "[12]?"), 0..4), 0..1000_u64),
            1..40,
        )
    ) {
        let registry = Registry::new();
        let recorder = GroupRecorder::new(registry.add_group("lib"));
        let mut expected = std::collections::HashMap::new();
        let mut keys = Vec::new();
        with_local_recorder(&recorder, || {
            for (name, labels, n) in recorded {
                let labels: Vec<_> = labels.into_iter().map(|(key, value)| Label::new(key, value)).collect();
                let key = Key::from_parts(name.clone(), labels.clone());
                counter!(name, labels).increment(n);
                *expected.entry(series_of(&key)).or_insert(0) += n;
                keys.push(key);
            }
        });
        for key in keys {
            let (name, labels) = series_of(&key);
            let group = labels.iter().fold(registry.add_group("lib"), |group, (key, value)| group.add_group_kv(key, value));
            let found = group.shared_counter(name.clone()).get();
            prop_assert_eq!(Some(&found), expected.get(&(name, labels)));
        }
        prop_assert_eq!(recorder.statistics().refused, 0);
    }
}

/// What the documentation says of labels, said another way.
fn series_of(key: &Key) -> (String, std::collections::BTreeMap<String, String>) {
    let mut labels = std::collections::BTreeMap::<String, String>::new();
    for label in key.labels() {
        let is_refused = matches!(label.key(), "" | "host");
        let name = if is_refused { format!("exported_{}", label.key()) } else { label.key().to_owned() };
        let value = labels.entry(name).or_default();
        *value = value.as_str().max(label.value()).to_owned();
    }
    (key.name().to_owned(), labels)
}

//! What a scraper gets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod client;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use client::{get, request};
use flowmeter_core::{Clock, Registry, ReporterHandle, ReporterOptions, TaskInfo};
use flowmeter_http::Ports;
use flowmeter_prometheus::{NamingPolicy, PrometheusOptions, PrometheusReporter};
use flowmeter_testkit::{MockClock, PATIENCE, quiet_registry, quiet_registry_on};

fn with_reporter(registry: &Registry) -> ReporterHandle {
    serve(registry, PrometheusOptions::default())
}

fn serve(registry: &Registry, options: PrometheusOptions) -> ReporterHandle {
    let reporter = PrometheusReporter::new(options.with_ports(Ports::any()).without_info());
    // Callbacks have all the time that they need, however slow the machine is.
    let options = ReporterOptions::default().with_callback_patience(PATIENCE);
    registry.add_reporter("prometheus", Box::new(reporter), options).unwrap()
}

fn scrape(handle: &ReporterHandle) -> String {
    get(handle, "/metrics").1
}

/// The lines that are no comments.
fn samples(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with('#')).collect()
}

#[test]
fn the_same_program_has_the_same_text() {
    let text = || {
        let registry = quiet_registry();
        let handle = with_reporter(&registry);
        let group = registry.add_group("g");
        let counters: Vec<_> = (0..2_000)
            .map(|i| group.add_group_kv("i", &(i % 100).to_string()).counter(format!("metric{}", i / 100)))
            .collect();
        let text = scrape(&handle);
        drop(counters);
        text
    };
    assert_eq!(text(), text());
}

#[test]
fn a_large_text_arrives_whole() {
    let registry = quiet_registry();
    let handle = with_reporter(&registry);
    let group = registry.add_group("g");
    let counters: Vec<_> =
        (0..20_000).map(|i| group.add_group_kv("i", &format!("{i:050}")).counter("n")).collect();
    counters.iter().zip(0..).for_each(|(counter, i)| counter.inc_by(i));
    let text = scrape(&handle);
    let sum: u64 =
        samples(&text).into_iter().map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum();
    assert_eq!(sum, (0..20_000).sum::<u64>());
}

#[test]
fn other_paths_have_other_answers() {
    let registry = quiet_registry();
    let handle = with_reporter(&registry);
    assert!(get(&handle, "/").1.contains("/metrics"));
    assert!(get(&handle, "/other").0.starts_with("HTTP/1.1 404"));
    assert_eq!(scrape(&handle), "", "nothing is registered");
}

/// Moves only when told.
struct Standing(AtomicBool);

impl Clock for Standing {
    fn monotonic(&self) -> Duration {
        if self.0.load(Ordering::Relaxed) { Duration::from_secs(61) } else { Duration::ZERO }
    }

    fn unix(&self) -> Duration {
        Duration::ZERO
    }
}

#[test]
fn final_values_stay_until_they_were_scraped_and_peeking_is_no_scrape() {
    let clock = Arc::new(Standing(AtomicBool::new(false)));
    let registry = quiet_registry_on(clock.clone());
    let handle = with_reporter(&registry);
    let group = registry.add_group("g");
    let counter = group.counter("n");
    counter.inc_by(7);
    drop(counter);
    group.close();
    let has_final_value = |text: String| text.contains("g_n_total 7\n");
    assert!(has_final_value(get(&handle, "/metrics?peek").1));
    assert!(has_final_value(get(&handle, "/metrics?peek").1));
    assert!(handle.wait_delivered(Duration::ZERO).is_err(), "a peek delivers nothing");
    assert!(has_final_value(scrape(&handle)));
    handle.wait_delivered(PATIENCE).unwrap();
    assert!(has_final_value(scrape(&handle)), "for a second scraper");
    clock.0.store(true, Ordering::Relaxed);
    // The scrape that finds the time over still has it; the next does not.
    scrape(&handle);
    assert_eq!(scrape(&handle), "");
}

#[test]
fn many_scrapers_at_once_are_all_served() {
    let registry = quiet_registry();
    let handle = with_reporter(&registry);
    let group = registry.add_group("g");
    let counters: Vec<_> = (0..1_000).map(|i| group.add_group_kv("i", &i.to_string()).counter("n")).collect();
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert_eq!(scrape(&handle).lines().count(), 1_000 + 2);
                }
            });
        }
    });
    drop(counters);
}

#[test]
fn a_taken_port_is_a_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let options = PrometheusOptions::default().with_ports(Ports::one(port));
    let reporter = Box::new(PrometheusReporter::new(options));
    let error = quiet_registry().add_reporter("prom", reporter, ReporterOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "reporter `prom` cannot start: every port of `{port}` on 127.0.0.1 is taken: \
             set `port` to a free port or a wider range"
        )
    );
}

#[test]
fn a_callback_that_panics_is_missing_and_all_else_is_served() {
    let registry = quiet_registry();
    let handle = with_reporter(&registry);
    let group = registry.add_group("g");
    let counter = group.counter("n");
    counter.inc();
    group.gauge_callback("broken", || -> f64 { panic!("told to") });
    group.gauge_callback("works", || 2_u64);
    let (head, body) = get(&handle, "/metrics");
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert_eq!(samples(&body), ["g_n_total 1", "g_works 2"]);
}

#[test]
fn types_say_what_may_go_down_and_meters_have_their_count() {
    let registry = quiet_registry();
    let handle = with_reporter(&registry);
    let group = registry.add_group("g");
    let (counter, meter, up_down) =
        (group.counter("counter"), group.meter("meter"), group.up_down_counter("upDown"));
    counter.inc_by(3);
    meter.mark_by(4);
    up_down.add(-5);
    let text = scrape(&handle);
    let types: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert_eq!(types, ["g_counter_total counter", "g_meter_total counter", "g_up_down gauge"]);
    assert_eq!(samples(&text), ["g_counter_total 3", "g_meter_total 4", "g_up_down -5"]);
}

#[test]
fn texts_are_labels_and_truth_values_are_numbers() {
    let registry = quiet_registry();
    let handle = with_reporter(&registry);
    let group = registry.add_group("g");
    let state = group.text_gauge("state");
    state.set("RUNNING: \"so far\" é\n");
    group.text_callback("version", || "2.3.0");
    group.gauge_callback("healthy", || true);
    assert_eq!(
        samples(&scrape(&handle)),
        [
            "g_healthy 1",
            "g_state_info{value=\"RUNNING: \\\"so far\\\" é\\n\"} 1",
            "g_version_info{value=\"2.3.0\"} 1"
        ]
    );
}

#[test]
fn names_that_become_one_are_not_mixed_and_counted() {
    let registry = quiet_registry();
    let handle = with_reporter(&registry);
    let (group, other) = (registry.add_group("g"), registry.add_group("g_a"));
    let counters = [group.counter("a.b"), group.counter("a_b"), group.counter("a-b"), other.counter("b")];
    counters.iter().zip(1..).for_each(|(counter, n)| counter.inc_by(n));
    for _ in 0..2 {
        assert_eq!(samples(&scrape(&handle)), ["g_a_b_total 1"], "the first, and the same one each time");
        assert_eq!(registry.statistics().clashes, 3);
    }
}

#[test]
fn labels_have_the_values_of_their_own_variables() {
    let registry = quiet_registry();
    let handle = with_reporter(&registry);
    let task_manager = registry.task_manager("host-1", "tm-1");
    // One name and as many labels, but others; and two groups of one scope.
    let first = task_manager.add_group_kv("x_y", "1").add_group_kv("z", "2");
    let counter = first.counter("m");
    let second = task_manager.add_group("x").add_group_kv("y", "3").add_group_kv("z", "4").counter("m");
    let third = task_manager.add_group_kv("x_y", "5").add_group_kv("z", "6").counter("m");
    let name = "taskmanager_x_y_z_m_total";
    let task_manager = "host=\"host-1\",tm_id=\"tm-1\"";
    let line = |labels: &str| format!("{name}{{{task_manager},{labels}}} 0");
    assert_eq!(
        samples(&scrape(&handle)),
        [line("x_y=\"1\",z=\"2\""), line("x_y=\"5\",z=\"6\"")],
        "another family of the name is withheld"
    );
    assert_eq!(registry.statistics().clashes, 1);
    drop((counter, second, third));
}

#[test]
fn variables_that_become_one_label_stay_apart() {
    let registry = quiet_registry();
    let handle = with_reporter(&registry);
    let group =
        registry.add_group("g").add_group_kv("a.b", "1").add_group_kv("a_b", "2").add_group_kv("le", "3");
    let counter = group.counter("n");
    assert_eq!(samples(&scrape(&handle)), ["g_a_b_a_b_le_n_total{a_b=\"1\",a_b_2=\"2\",le_2=\"3\"} 0"]);
    drop(counter);
}

/// The samples of an answer to a scraper that asks for a format.
fn scrape_as(handle: &ReporterHandle, accept: &str) -> Vec<String> {
    let body = request(handle, "GET /metrics", &[("accept", accept)]).1;
    let body = String::from_utf8(body).unwrap();
    samples(&body).into_iter().map(ToOwned::to_owned).collect()
}

#[test]
fn what_escaping_makes_one_is_left_out_and_counted() {
    let registry = quiet_registry();
    let handle = serve(&registry, PrometheusOptions::default().with_naming(NamingPolicy::Utf8));
    let group = registry.add_group("g");
    let counters = [group.counter("a.b"), group.counter("a_b")];
    counters.iter().zip(1..).for_each(|(counter, n)| counter.inc_by(n));
    let dropped = || handle.status().dropped_values;
    assert_eq!(
        scrape_as(&handle, "text/plain;version=1.0.0;escaping=allow-utf-8"),
        ["{\"g.a.b_total\"} 1", "{\"g.a_b_total\"} 2"]
    );
    assert_eq!(scrape_as(&handle, "text/plain;escaping=values").len(), 2);
    assert_eq!(dropped(), 0);
    assert_eq!(scrape_as(&handle, "text/plain"), ["g_a_b_total 1"]);
    assert_eq!(dropped(), 1);
}

#[test]
fn open_metrics_has_no_name_twice() {
    let registry = quiet_registry();
    let handle = with_reporter(&registry);
    let group = registry.add_group("g");
    let histogram = group.histogram::<u64>("lag");
    let counter = group.counter("lagSum");
    assert!(scrape(&handle).contains("g_lag_sum_total 0\n"), "no clash in text");
    let open = scrape_as(&handle, "application/openmetrics-text");
    assert!(
        open.iter().all(|sample| !sample.starts_with("g_lag_sum_")),
        "`g_lag_sum` is a sample of `g_lag`"
    );
    assert_eq!(open.last().unwrap().split(' ').next(), Some("g_lag_created"));
    assert_eq!(handle.status().dropped_values, 1);
    drop((histogram, counter));
}

#[test]
fn a_name_stays_with_whom_it_was_served_for_first() {
    let registry = quiet_registry();
    let handle = serve(&registry, PrometheusOptions::default().with_naming(NamingPolicy::Utf8));
    let group = registry.add_group("g");
    let first = group.counter("a_b");
    first.inc_by(1_000);
    assert_eq!(scrape_as(&handle, "text/plain"), ["g_a_b_total 1000"]);
    // In the order of names it comes before the other.
    let second = group.counter("a.b");
    second.inc_by(2);
    assert_eq!(scrape_as(&handle, "text/plain"), ["g_a_b_total 1000"]);
    first.inc();
    assert_eq!(scrape_as(&handle, "text/plain"), ["g_a_b_total 1001"]);
    assert_eq!(handle.status().dropped_values, 2);
}

#[test]
fn what_the_process_is_has_its_names_for_itself() {
    let registry = quiet_registry();
    let reporter = PrometheusReporter::new(
        PrometheusOptions::default().with_ports(Ports::any()).with_naming(NamingPolicy::Utf8),
    );
    let handle = registry.add_reporter("prom", Box::new(reporter), ReporterOptions::default()).unwrap();
    let (build, target) = (registry.add_group("flowmeter"), registry.add_group("target"));
    let (build, target) = (build.text_gauge("build"), target.gauge::<u64>("info"));
    build.set("mine");
    let names = |accept| -> Vec<String> {
        let name = |sample: &String| sample.split(['{', ' ']).next().unwrap().to_owned();
        scrape_as(&handle, accept).iter().map(name).collect()
    };
    let own = ["flowmeter_build_info", "target_info"];
    assert_eq!(names("text/plain"), own);
    assert_eq!(names("application/openmetrics-text"), own);
    assert_eq!(handle.status().dropped_values, 4, "both, in each answer");
    assert_eq!(names("text/plain;version=1.0.0;escaping=allow-utf-8").len(), 4, "where they are others");
    drop(target);
}

#[test]
fn a_task_that_restarts_is_one_series_that_goes_on() {
    let clock = Arc::new(MockClock::default());
    let registry = quiet_registry_on(clock.clone());
    let handle = with_reporter(&registry);
    let task_manager = registry.task_manager("h", "tm");
    let job = task_manager.job("1", "j");
    let open = || scrape_as(&handle, "application/openmetrics-text");
    let labels = "{host=\"h\",tm_id=\"tm\",job_id=\"1\",job_name=\"j\",task_id=\"t\",task_name=\"map\",subtask_index=\"0\"}";
    let task = || job.task(TaskInfo { id: "t", name: "map", ..TaskInfo::default() });
    let mut created = None;
    for attempt in 1..=3_u64 {
        let group = task();
        let counter = group.counter("n");
        counter.inc_by(5);
        let check = |samples: Vec<String>| {
            assert_eq!(samples.len(), 2, "{samples:?}");
            assert_eq!(samples[0], format!("taskmanager_job_task_n_total{labels} {}", attempt * 5));
            samples[1].clone()
        };
        let first = check(open());
        assert_eq!(*created.get_or_insert(first.clone()), first, "since when it counts");
        drop((counter, group));
        assert_eq!(check(open()), first, "its end, for two scrapers");
        assert_eq!(check(open()), first);
        clock.advance(Duration::from_secs(1));
    }
}

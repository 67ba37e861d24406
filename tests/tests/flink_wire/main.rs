//! The naming policy `flink` serves for a job what Flink served for it.
//!
//! `golden/flink-2.3-prometheus.txt` has what Flink's own reporter wrote for a real job, and [`job`] has that job's
//! groups in flowmeter. Both texts are read by the strict reader of the test kit. [`jmx`] has the same for beans.

#![cfg(target_os = "linux")]

mod families;
mod jmx;
mod job;
mod known;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use families::{Families, Series, families};
use flowmeter::prometheus::{NamingPolicy, Ports, PrometheusOptions, PrometheusReporter};
use flowmeter_core::ReporterOptions;
use flowmeter_e2e::reference::flink_names;
use flowmeter_testkit::PATIENCE;
use job::Job;
use known::{EXTRAS, Origin, is_like};

const CAPTURE: &str = include_str!("../../golden/flink-2.3-prometheus.txt");

static CAPTURED: LazyLock<Families> = LazyLock::new(|| families(CAPTURE));
static SERVED_TEXT: LazyLock<String> = LazyLock::new(serve);
static SERVED: LazyLock<Families> = LazyLock::new(|| families(&SERVED_TEXT));

/// The metrics of the job's user, below the operator.
const USERS: [&str; 14] = [
    "boolGauge",
    "infGauge",
    "myCounter",
    "myCounter2",
    "myHistogram",
    "myMeter",
    "nanGauge",
    "negCounter",
    "nullGauge",
    "plainGroup_nested_inPlain",
    "stringGauge",
    "tinyGauge",
    "userKey_inKv",
    "weird_name_1_x_y_z____odd_name:with_dots_and_slash",
];

/// Scrapes the job once.
fn serve() -> String {
    let job = Job::new();
    let options = PrometheusOptions::default().with_ports(Ports::any()).with_naming(NamingPolicy::flink());
    let reporter = Box::new(PrometheusReporter::new(options));
    // Callbacks have all the time that they need, however slow the machine is.
    let options = ReporterOptions::default().with_callback_patience(PATIENCE);
    let handle = job.registry.add_reporter("prometheus", reporter, options).expect("a port is free");
    let url = handle.endpoint().expect("it serves");
    let mut response = ureq::get(url).call().expect("it answers");
    let content_type = response.headers().get("content-type").expect("it says what it sends");
    assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8", "that of the capture");
    response.body_mut().read_to_string().expect("metrics are text")
}

/// The names of the captured families that are Flink's, or those that are the user's.
fn captured(of_user: bool) -> BTreeSet<&'static str> {
    let is_users = |name: &str| {
        let own = name.strip_prefix("flink_taskmanager_job_task_operator_");
        own.is_some_and(|own| USERS.contains(&own))
    };
    CAPTURED.keys().map(String::as_str).filter(|name| is_users(name) == of_user).collect()
}

#[test]
fn metrics_of_users_are_those_that_flink_serves() {
    let users = captured(true);
    assert_eq!(users.len(), USERS.len());
    for name in users {
        let ours = SERVED.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        let flinks = &CAPTURED[name];
        assert_eq!((&ours.help, &ours.kind), (&flinks.help, &flinks.kind), "{name}");
        assert_eq!(ours.series(), flinks.series(), "{name}");
        // Rates are over other times, and quantiles of other samples.
        let is_exact =
            |(_, labels): &Series<'_>| !name.ends_with("_myMeter") && !labels.contains_key("quantile");
        for ((series, ours), (_, flinks)) in ours.values().into_iter().zip(flinks.values()) {
            assert!(!is_exact(&series) || ours == flinks, "{series:?} is {ours} instead of {flinks}");
        }
    }
}

#[test]
fn metrics_of_both_are_those_that_flink_serves() {
    let mut both = 0;
    for name in captured(false) {
        let Some(ours) = SERVED.get(name) else { continue };
        let flinks = &CAPTURED[name];
        assert_eq!((&ours.help, &ours.kind), (&flinks.help, &flinks.kind), "{name}");
        assert_eq!(ours.keys(), flinks.keys(), "{name}");
        let (ours, flinks) = (ours.series(), flinks.series());
        let missing: Vec<_> = flinks.difference(&ours).collect();
        assert!(missing.is_empty(), "{name} is not served of {missing:#?} but of {ours:#?}");
        both += 1;
    }
    assert_eq!(both, 175, "families of both");
}

#[test]
fn lines_are_spelled_as_flink_spells_them() {
    for text in [CAPTURE, &SERVED_TEXT] {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, value) = line.rsplit_once(' ').expect("a value");
            assert!(series.ends_with("\",}"), "each label has a comma: {line}");
            let is_java = matches!(value, "NaN" | "+Inf" | "-Inf") || value.contains('.');
            assert!(is_java, "numbers are floating-point: {line}");
        }
    }
}

#[test]
fn what_flink_serves_and_flowmeter_has_not_does_not_apply() {
    let names = flink_names();
    for name in captured(false) {
        let known: Vec<_> = names.iter().filter(|(pattern, _)| is_like(name, pattern)).collect();
        assert!(!known.is_empty(), "docs/reference/flink-metrics.tsv does not have {name}");
        let applies = known.iter().any(|(_, reason)| reason.is_empty());
        assert_eq!(SERVED.contains_key(name), applies, "{name} {known:?}");
    }
}

#[test]
fn what_flowmeter_serves_and_flink_did_not_is_known() {
    let names = flink_names();
    let extras: Vec<_> = SERVED.keys().filter(|name| !CAPTURED.contains_key(*name)).collect();
    for name in &extras {
        let known: Vec<_> = EXTRAS.iter().filter(|extra| is_like(name, extra.pattern)).collect();
        let [extra] = known[..] else { panic!("{name} is in the list {} times", known.len()) };
        let is_flinks = names.iter().any(|(pattern, _)| is_like(name, pattern));
        assert_eq!(is_flinks, extra.origin == Origin::Flink, "{name} {}", extra.reason);
    }
    for extra in EXTRAS {
        let is_there = extras.iter().any(|name| is_like(name, extra.pattern));
        assert!(is_there, "{} is not served: {}", extra.pattern, extra.reason);
    }
}

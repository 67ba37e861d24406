//! What is sent of every kind of metric, in each policy and form.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod job;

use std::path::Path;
use std::time::Duration;

use flowmeter_core::{Metric, Unit};
use flowmeter_otlp::{HistogramForm, NamingPolicy, OtlpOptions, Temporality};
use job::{Job, Wire, decoded, described, options, report};

/// Compares a text with a file, or writes that anew.
fn compare(text: &str, golden: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(golden);
    if std::env::var_os("FLOWMETER_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(text == expected, "differs from {golden}; FLOWMETER_WRITE_GOLDEN=1 rewrites it:\n{text}");
}

/// The request of a report ten seconds on, as opentelemetry-proto reads it.
fn sent(options: &OtlpOptions) -> String {
    let job = Job::full();
    let wire = Wire::new(options);
    let handle = job.add(&wire);
    job.clock.advance(Duration::from_secs(10));
    report(&handle);
    let requests = wire.requests();
    assert_eq!((requests.len(), wire.dropped()), (1, 0));
    let version = env!("CARGO_PKG_VERSION");
    described(&decoded(&requests)[0]).replace(&format!("\"{version}\""), "\"VERSION\"")
}

#[test]
fn requests_are_as_their_golden_files_have_them() {
    compare(&sent(&options(|_| ())), "native.txt");
    let delta = options(|options| {
        options.temporality = Temporality::Delta;
        options.histograms = HistogramForm::Explicit;
        options.resource_variables = vec!["host".to_owned(), "tm_id".to_owned()];
    });
    compare(&sent(&delta), "delta_explicit.txt");
    compare(&sent(&options(|options| options.naming = NamingPolicy::Flink)), "flink.txt");
}

#[test]
fn names_are_such_as_opentelemetry_takes() {
    let wire = Wire::new(&OtlpOptions::default());
    let mut job = Job::empty();
    let group = |name: &str| job.registry.add_group(name);
    let refused = Metric::new("other").with_policy_names(&[("otlp", "2 words")]);
    let time = |name: &'static str| Metric::new(name).with_unit(Unit::MILLISECONDS);
    job.hold((
        (group("g").counter("numRecordsInTotal"), group("g").counter(refused), group("1st").counter("2nd")),
        (group("g").histogram::<u64>(time("waitMs")), group("g").histogram::<u64>(time("ms"))),
        (group("g").gauge::<u64>(time("lagMs")), group("é").counter("é")),
    ));
    let handle = job.add(&wire);
    report(&handle);
    let request = decoded(&wire.requests()).remove(0);
    let metrics = &request.resource_metrics[0].scope_metrics[0].metrics;
    let names: Vec<_> = metrics.iter().map(|metric| (&*metric.name, &*metric.unit)).collect();
    let expected = [
        ("g.lag_ms", "ms"),
        ("g.ms", "s"),
        ("g.num_records_in_total", ""),
        ("g.other", ""),
        ("g.wait", "s"),
        ("metric", ""),
        ("metric.1st.2nd", ""),
    ];
    assert_eq!(names, expected);
}

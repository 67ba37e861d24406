//! What the formats look like, and who gets which.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod client;
mod job;

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use client::{get, request};
use flowmeter_core::{Family, ReporterHandle};
use flowmeter_prometheus::{Buckets, Names, NamingPolicy, NativeNames, PrometheusOptions};
use job::Job;

const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";
const PROTOBUF: &str =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

fn scrape(handle: &ReporterHandle, path: &str, headers: &[(&str, &str)]) -> (String, Vec<u8>) {
    let (head, body) = request(handle, &format!("GET {path}"), headers);
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    (head, body)
}

/// Compares a body with a file, or writes that anew.
fn compare(body: &[u8], golden: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(golden);
    if std::env::var_os("FLOWMETER_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, body).unwrap();
    }
    let expected = std::fs::read(&path).unwrap_or_default();
    let shown = String::from_utf8_lossy(body);
    assert!(body == expected, "differs from {golden}; FLOWMETER_WRITE_GOLDEN=1 rewrites it:\n{shown}");
}

#[test]
fn each_format_is_as_its_golden_file_has_it() {
    let job = Job::new();
    let native = job.serve(PrometheusOptions::default());
    for (accept, content_type, golden) in [
        ("text/plain", "text/plain; version=0.0.4; charset=utf-8", "native.txt"),
        (OPEN_METRICS, "application/openmetrics-text; version=1.0.0; charset=utf-8", "native.om"),
        (
            PROTOBUF,
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
            "native.pb",
        ),
    ] {
        let (head, body) = scrape(&native, "/metrics", &[("accept", accept)]);
        assert!(head.contains(&format!("content-type: {content_type}\r\n")), "{head}");
        assert!(head.contains("vary: Accept, Accept-Encoding\r\n"), "{head}");
        compare(&body, golden);
    }
}

#[test]
fn each_naming_policy_is_as_its_golden_files_have_it() {
    let job = Job::new();
    let utf8 = job.serve(PrometheusOptions::default().with_naming(NamingPolicy::Utf8));
    for (accept, golden) in [
        ("text/plain;version=1.0.0;escaping=allow-utf-8", "utf8.txt"),
        ("application/openmetrics-text;escaping=allow-utf-8", "utf8.om"),
        ("application/openmetrics-text;escaping=values", "utf8_values.om"),
        ("text/plain;escaping=dots", "utf8_dots.txt"),
        ("text/plain", "utf8_underscores.txt"),
    ] {
        compare(&scrape(&utf8, "/metrics", &[("accept", accept)]).1, golden);
    }
    let flink = job.serve(PrometheusOptions::default().with_naming(NamingPolicy::flink()));
    for accept in ["text/plain", OPEN_METRICS, PROTOBUF] {
        let (head, body) = scrape(&flink, "/metrics", &[("accept", accept)]);
        assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{head}");
        compare(&body, "flink.txt");
    }
}

#[test]
fn buckets_are_those_that_were_asked_for() {
    let job = Job::new();
    let length = |buckets| {
        let handle = job.serve(PrometheusOptions::default().with_buckets(buckets));
        let path = "/metrics?name[]=taskmanager_job_task_operator_batch_size";
        (
            scrape(&handle, path, &[("accept", PROTOBUF)]).1.len(),
            scrape(&handle, path, &[("accept", "text/plain")]).1,
        )
    };
    let [classic, native, both] = [Buckets::Classic, Buckets::Native, Buckets::Both].map(length);
    assert!(classic.0 < both.0 && native.0 < both.0, "{} {} {}", classic.0, native.0, both.0);
    assert!(classic.0 + native.0 > both.0, "both have labels, a sum and a count");
    assert!(native.1.windows(7).any(|part| part == b"_bucket"), "text has classic buckets in any case");
    assert_eq!(native.1, both.1);
}

#[test]
fn open_metrics_says_since_when_sums_count_unless_told_not_to() {
    let job = Job::new();
    let has_created = |options| {
        let body = scrape(&job.serve(options), "/metrics", &[("accept", OPEN_METRICS)]).1;
        body.windows(8).any(|part| part == b"_created")
    };
    assert!(has_created(PrometheusOptions::default()));
    assert!(!has_created(PrometheusOptions::default().with_buckets(Buckets::Native).without_created()));
}

/// Keys in capitals and metrics behind a prefix.
struct Shouting;

impl Names for Shouting {
    fn metric_name(&self, family: &Family, out: &mut String) {
        out.push_str("acme:");
        NativeNames.metric_name(family, out);
    }

    fn label_name(&self, key: &str, out: &mut String) {
        out.push_str(&key.to_uppercase());
    }

    fn label_value<'a>(&self, value: &'a str) -> Cow<'a, str> {
        value.replace("host", "node").into()
    }
}

#[test]
fn names_can_be_of_the_users_own() {
    let job = Job::new();
    let names = NamingPolicy::Custom(Arc::new(Shouting));
    let handle = job.serve(PrometheusOptions::default().with_naming(names).without_info());
    let path = "/metrics?name[]=acme:taskmanager_user_key_status_cpu_lag_seconds";
    let body = String::from_utf8(scrape(&handle, path, &[]).1).unwrap();
    let sample = body.lines().last().unwrap();
    let labels = "{HOST=\"node-1\",TM_ID=\"tm \\\"1\\\" \\\\ \\n end\",USER_KEY=\"x\"}";
    assert_eq!(sample, format!("acme:taskmanager_user_key_status_cpu_lag_seconds{labels} -1.5"));
    let handle = job.registry.reporter("prometheus-Custom-Both").unwrap();
    assert_eq!(handle.status().failures, 0);
}

#[test]
fn packed_answers_are_the_plain_ones() {
    let job = Job::new();
    let handle = job.serve(PrometheusOptions::default());
    for accept in ["text/plain", OPEN_METRICS, PROTOBUF] {
        let of = |encoding| scrape(&handle, "/metrics", &[("accept", accept), ("accept-encoding", encoding)]);
        let (head, plain) = of("br");
        assert!(!head.contains("content-encoding"), "{head}");
        let (head, packed) = of("gzip, zstd");
        assert!(head.contains("content-encoding: gzip\r\n"), "{head}");
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&*packed).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain);
        #[cfg(feature = "zstd")]
        {
            let (head, packed) = of("zstd");
            assert!(head.contains("content-encoding: zstd\r\n"), "{head}");
            assert_eq!(zstd::decode_all(&*packed).unwrap(), plain);
        }
    }
    let (head, _) = request(&handle, "GET /metrics", &[("accept-encoding", "identity;q=0, br")]);
    assert!(head.starts_with("HTTP/1.1 406"), "{head}");
}

#[test]
fn metrics_are_selected_by_name() {
    let job = Job::new();
    let handle = job.serve(PrometheusOptions::default());
    let families = |query: &str, accept| {
        let body = scrape(&handle, &format!("/metrics?{query}"), &[("accept", accept)]).1;
        let body = String::from_utf8(body).unwrap();
        let types = body.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        types.map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let text = "text/plain";
    assert_eq!(families("name[]=apart_n_total", text), ["apart_n_total"]);
    assert_eq!(families("name[]=apart_n", text), ["apart_n_total"], "as OpenMetrics calls it");
    assert_eq!(families("name%5B%5D=apart_n_total", OPEN_METRICS), ["apart_n"]);
    let count = "taskmanager_job_task_operator_wait_seconds_count";
    assert_eq!(
        families(&format!("name[]={count}&name[]=target_info"), text),
        ["target_info", "taskmanager_job_task_operator_wait_seconds"]
    );
    assert!(families("name[]=unheard_of", text).is_empty());
    assert!(families("name[]=", text).is_empty(), "a name that nothing has");
    assert!(families("other=apart_n_total", text).len() > 10);
}

#[test]
fn head_says_what_get_would() {
    let job = Job::new();
    let handle = job.serve(PrometheusOptions::default());
    for path in ["/metrics", "/", "/-/healthy", "/other"] {
        let headers = |method| {
            let headers = [("accept", OPEN_METRICS), ("accept-encoding", "gzip")];
            let (head, body) = request(&handle, &format!("{method} {path}"), &headers);
            let lines = head.lines().filter(|line| !line.starts_with("date:"));
            // Which HEAD may leave out.
            let lines = lines.filter(|line| !line.starts_with("transfer-encoding:"));
            (lines.map(ToOwned::to_owned).collect::<Vec<_>>(), body)
        };
        let ((get, _), (head, body)) = (headers("GET"), headers("HEAD"));
        assert_eq!(head, get, "{path}");
        assert!(body.is_empty());
    }
}

#[test]
fn there_are_pages_for_people_and_for_checks() {
    let job = Job::new();
    let handle = job.serve(PrometheusOptions::default());
    let (head, body) = get(&handle, "/");
    assert!(head.contains("content-type: text/html") && body.contains("href=\"/metrics?peek\""), "{head}");
    assert!(get(&handle, "/-/healthy").0.starts_with("HTTP/1.1 200 OK"));
    assert!(get(&handle, "/other").0.starts_with("HTTP/1.1 404"));
}

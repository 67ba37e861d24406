//! Names that only newer servers take reach those servers as they are, and others in the scheme that they ask for.

use std::time::Duration;

use flowmeter::prometheus::{NamingPolicy, PrometheusOptions};
use flowmeter::{Metric, ReporterOptions, Unit};
use flowmeter_e2e::{Prometheus, Protocol, ScrapeJob, Served, program, wait_for};

/// The schemes, with what becomes of the names of a counter and of its label.
const SCHEMES: [(&str, &str, &str); 4] = [
    ("allow-utf-8", "g.user.key.numRecordsIn_total", "user.key"),
    ("underscores", "g_user_key_numRecordsIn_total", "user_key"),
    ("dots", "g_dot_user_dot_key_dot_numRecordsIn__total", "user_dot_key"),
    ("values", "U__g_2e_user_2e_key_2e_numRecordsIn__total", "U__user_2e_key"),
];

#[test]
fn names_reach_each_server_as_it_takes_them() {
    let Some(server) = program("names", "prometheus") else { return };
    let options = PrometheusOptions::default().with_naming(NamingPolicy::Utf8);
    let served = Served::new(options, ReporterOptions::default());
    let group = served.registry.add_group("g").add_group_kv("user.key", "a \"b\"");
    let counter = group.counter(Metric::new("numRecordsIn").with_unit(Unit::RECORDS));
    counter.inc_by(7);
    let job = |protocol| ScrapeJob::new(protocol, Duration::from_secs(1), &served.endpoints);
    let schemes = SCHEMES.map(|(scheme, ..)| job(Protocol::OpenMetrics).with_escaping(scheme, scheme));
    let others = [Protocol::Text, Protocol::Protobuf];
    let jobs: Vec<_> = schemes.into_iter().chain(others.map(job)).collect();
    let prometheus = Prometheus::start(&server, &jobs);
    let has_it = |job: &str, (_, metric, label): (&str, &str, &str)| {
        let query = format!("{{\"{metric}\", \"{label}\"=\"a \\\"b\\\"\", job=\"{job}\"}}");
        assert_eq!(wait_for(&query, || prometheus.number(&query)), 7.0, "{query}");
    };
    for scheme in SCHEMES {
        has_it(scheme.0, scheme);
    }
    // In these formats servers ask for nothing, and get what all of them take.
    for protocol in others {
        has_it(protocol.name(), SCHEMES[1]);
    }
}

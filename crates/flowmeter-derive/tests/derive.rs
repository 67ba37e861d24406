//! What derived metric sets are.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use flowmeter_core::{
    Counter, Descriptor, Gauge, Histogram, MetricKind, MetricSet, SharedCounter, SharedHistogram, TimeMeter,
    Unit, ValueType,
};
use flowmeter_testkit::{Capture, PATIENCE, driven, names};

#[derive(MetricSet)]
struct Io {
    /// Records received, from
    /// all inputs.
    ///
    /// Not what was dropped.
    #[metric(unit = RECORDS)]
    num_records_in: Counter,
    /// Bytes received.
    #[metric(
        name = "bytes",
        unit = "By",
        rate = "bytesPerSecond",
        names(prometheus = "io_bytes_total", flink = ["numBytesIn", "old.numBytesIn"])
    )]
    size: SharedCounter,
}

#[derive(MetricSet)]
struct Access {
    /// Requests.
    #[metric(unit = Unit::new("{request}"))]
    requests: Counter,
    #[metric(set)]
    io: Io,
    /// How long they took.
    #[metric(scale = 2, bucket_limit = 40, bounds = [0.5, 1.0])]
    latency: SharedHistogram<f64>,
    #[metric(set)]
    state: State,
}

#[derive(MetricSet)]
struct State {
    /// Whether it is open.
    r#open: Gauge<bool>,
    /// Time spent.
    busy: TimeMeter,
    /// How long.
    duration: Histogram<Duration>,
}

fn described(descriptors: &[Descriptor]) -> Vec<(&str, &str, &str, MetricKind, ValueType)> {
    descriptors
        .iter()
        .map(|descriptor| {
            let metric = descriptor.metric();
            let (kind, value_type) = (descriptor.kind(), descriptor.value_type());
            (metric.name(), metric.unit().as_str(), metric.description(), kind, value_type)
        })
        .collect()
}

#[test]
fn descriptors_say_what_the_fields_do() {
    use MetricKind::{Counter, Gauge, Histogram};
    use ValueType::{Bool, F64, U64};
    let busy = State::DESCRIPTORS[1].metric();
    let duration = State::DESCRIPTORS[2].metric();
    assert_eq!(
        described(Access::DESCRIPTORS),
        [
            ("requests", "{request}", "Requests.", Counter, U64),
            ("numRecordsIn", "{record}", "Records received, from all inputs.", Counter, U64),
            ("bytes", "By", "Bytes received.", Counter, U64),
            ("latency", "", "How long they took.", Histogram, F64),
            ("open", "", "Whether it is open.", Gauge, Bool),
            ("busy", busy.unit().as_str(), "Time spent.", State::DESCRIPTORS[1].kind(), U64),
            ("duration", "ns", "How long.", Histogram, State::DESCRIPTORS[2].value_type()),
        ]
    );
    assert_eq!(duration.unit(), &Unit::NANOSECONDS, "that of the handle");
    let bytes = Access::DESCRIPTORS[2].metric();
    assert_eq!(bytes.name_in("prometheus"), Some("io_bytes_total"));
    assert_eq!(bytes.name_in("flink"), Some("numBytesIn"));
    assert_eq!(bytes.names_in("flink").collect::<Vec<_>>(), ["numBytesIn", "old.numBytesIn"]);
    assert_eq!(bytes.name_in("otlp"), None);
    assert_eq!(bytes.rate_name(), Some("bytesPerSecond"));
    assert_eq!(Access::DESCRIPTORS[0].metric().rate_name(), None);
    let latency = Access::DESCRIPTORS[3].metric().histogram();
    assert_eq!((latency.scale(), latency.bucket_limit(), latency.bounds()), (2, 40, &[0.5, 1.0][..]));
}

#[test]
fn a_set_in_a_set_is_registered_with_it() {
    let capture = Capture::push();
    let (registry, _, handle) = driven(&capture);
    let group = registry.add_group("g");
    let access = Access::register(&group);
    access.requests.inc_by(1);
    access.io.num_records_in.inc_by(2);
    access.io.size.inc_by(3);
    access.latency.record(0.75);
    access.state.open.set(true);
    access.state.busy.add(Duration::from_nanos(5));
    access.state.duration.record(Duration::from_secs(1));
    handle.report_now(PATIENCE).unwrap();
    let names = names(&capture.last()).join(" ");
    assert_eq!(names, "g.busy{} g.bytes{} g.duration{} g.latency{} g.numRecordsIn{} g.open{} g.requests{}");
    let values: Vec<_> = capture.last().into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, [5.0, 3.0, 1.0, 1.0, 2.0, 1.0, 1.0]);
    assert!(Io::try_register(&group).is_err(), "its names are taken");
}

#[test]
fn mistakes_say_what_to_write_instead() {
    trybuild::TestCases::new().compile_fail("tests/compile_fail/*.rs");
}

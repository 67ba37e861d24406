//! The official exporter says the same of the same values.

use std::collections::BTreeMap;

use flowmeter::otlp::{HistogramForm, OtlpOptions, Protocol, Temporality};
use flowmeter::{HistogramOptions, Metric as Described, MetricGroup, Unit};
use flowmeter_testkit::otlp::{Message, OtlpReceiver, Received};
use flowmeter_testkit::{PATIENCE, on_request};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry_otlp::{MetricExporter, WithExportConfig as _};
use opentelemetry_proto::tonic::metrics::v1::Metric;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality as SdkTemporality};

use crate::received::messages;
use crate::reporting;

const OURS: &str = "ours";
const THEIRS: &str = "theirs";
const BOUNDS: [f64; 4] = [0.5, 1.0, 2.5, 10.0];

/// What is counted in each round, for each of two operators.
struct Round {
    records: [u64; 2],
    queued: [i64; 2],
    load: [f64; 2],
    lag: [i64; 2],
    latencies: [&'static [f64]; 2],
}

const ROUNDS: [Round; 3] = [
    Round {
        records: [3, 1 << 40],
        queued: [5, -3],
        load: [0.1, -1e21],
        lag: [-7, i64::MAX],
        latencies: [&[0.25, 0.5, 3.0], &[100.0]],
    },
    Round {
        records: [4, 1],
        queued: [-6, 1],
        load: [5e-324, 0.0],
        lag: [0, i64::MIN],
        latencies: [&[1.0, 1.5], &[0.125, 2.5, 2.75]],
    },
    Round { records: [1, 1], queued: [1, 0], load: [1.0, 2.0], lag: [1, 2], latencies: [&[10.0], &[0.75]] },
];

const OPERATORS: [&str; 2] = ["map", "sink"];

/// Metrics of one operator.
struct Ours {
    records: flowmeter::Counter,
    queued: flowmeter::UpDownCounter,
    load: flowmeter::Gauge<f64>,
    lag: flowmeter::Gauge<i64>,
    latency: flowmeter::Histogram<f64>,
}

impl Ours {
    fn register(operator: &MetricGroup) -> Self {
        let bounds = HistogramOptions::default().with_bounds(&BOUNDS);
        Self {
            records: operator.counter(
                Described::new("records").with_unit(Unit::RECORDS).with_description("What came in."),
            ),
            queued: operator.up_down_counter("queued"),
            load: operator.gauge("load"),
            lag: operator.gauge(Described::new("lag").with_unit(Unit::BYTES)),
            latency: operator
                .histogram(Described::new("latency").with_unit(Unit::SECONDS).with_histogram(bounds)),
        }
    }
}

struct Theirs {
    records: opentelemetry::metrics::Counter<u64>,
    queued: opentelemetry::metrics::UpDownCounter<i64>,
    load: opentelemetry::metrics::Gauge<f64>,
    lag: opentelemetry::metrics::Gauge<i64>,
    latency: opentelemetry::metrics::Histogram<f64>,
}

impl Theirs {
    fn new(meter: &Meter) -> Self {
        let name = |name: &str| format!("job.operator.{name}");
        Self {
            records: meter
                .u64_counter(name("records"))
                .with_unit("{record}")
                .with_description("What came in.")
                .build(),
            queued: meter.i64_up_down_counter(name("queued")).build(),
            load: meter.f64_gauge(name("load")).build(),
            lag: meter.i64_gauge(name("lag")).with_unit("By").build(),
            latency: meter
                .f64_histogram(name("latency"))
                .with_unit("s")
                .with_boundaries(BOUNDS.to_vec())
                .build(),
        }
    }
}

/// Metrics by name, of the last request of a service: with times that say only whether they are there, and attributes and points in
/// order.
fn said(received: &Received, service: &str) -> BTreeMap<String, Metric> {
    let mut last = None;
    for message in messages(received) {
        let Message::Metrics(message) = message else { continue };
        for resource in &message.resource_metrics {
            let attributes =
                resource.resource.as_ref().map(|resource| &*resource.attributes).unwrap_or_default();
            if crate::received::attributes(attributes).get("service.name").is_some_and(|name| name == service)
            {
                last = Some(resource);
            }
        }
    }
    let metrics = last.expect("it has reported").scope_metrics.iter().flat_map(|scope| &scope.metrics);
    metrics.map(|metric| (metric.name.clone(), normal(metric.clone()))).collect()
}

fn normal(mut metric: Metric) -> Metric {
    /// Both times are there, and in their order.
    macro_rules! normal {
        ($points:expr, $has_start:expr) => {{
            for point in $points.iter_mut() {
                assert!(point.start_time_unix_nano <= point.time_unix_nano && point.time_unix_nano > 0);
                assert!(!$has_start || point.start_time_unix_nano > 0, "{point:?}");
                (point.start_time_unix_nano, point.time_unix_nano) = (0, 0);
                point.attributes.sort_by(|a, b| a.key.cmp(&b.key));
            }
            $points.sort_by_key(|point| format!("{:?}", point.attributes));
        }};
    }
    match metric.data.as_mut().expect("a metric has data") {
        // The SDK says since when a gauge is there. It need not.
        Data::Gauge(gauge) => normal!(gauge.data_points, false),
        Data::Sum(sum) => normal!(sum.data_points, true),
        Data::Histogram(histogram) => normal!(histogram.data_points, true),
        other => panic!("{other:?}"),
    }
    metric
}

/// Extremes of all but the first difference are known to us but for the width of a bucket, so they are left out.
fn without_extremes(mut metrics: BTreeMap<String, Metric>) -> BTreeMap<String, Metric> {
    for metric in metrics.values_mut() {
        if let Some(Data::Histogram(histogram)) = &mut metric.data {
            histogram.data_points.iter_mut().for_each(|point| (point.min, point.max) = (None, None));
        }
    }
    metrics
}

fn both_say_the_same(temporality: Temporality, of_sdk: SdkTemporality) {
    let receiver = OtlpReceiver::start();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("the system has threads");
    let exporter = {
        let _entered = runtime.enter();
        let builder = MetricExporter::builder().with_tonic().with_endpoint(receiver.grpc_url());
        builder.with_temporality(of_sdk).build().expect("a URL")
    };
    let resource = Resource::builder_empty().with_service_name(THEIRS).build();
    let provider = SdkMeterProvider::builder()
        .with_resource(resource)
        .with_reader(PeriodicReader::builder(exporter).build())
        .build();
    let theirs = Theirs::new(&provider.meter("test"));

    let options = OtlpOptions::default()
        .with_protocol(Protocol::Grpc)
        .with_endpoint(receiver.grpc_url().parse().expect("a URL"))
        .with_temporality(temporality)
        .with_histograms(HistogramForm::Explicit)
        .with_resource("service.name", OURS);
    let (registry, reporter) = reporting(options, on_request());
    let job = registry.add_group("job");
    let ours = OPERATORS.map(|name| Ours::register(&job.add_group_kv("operator", name)));

    for (round, number) in ROUNDS.iter().zip(0..) {
        for (operator, name) in OPERATORS.into_iter().enumerate() {
            let (ours, attributes) = (&ours[operator], [KeyValue::new("operator", name)]);
            ours.records.inc_by(round.records[operator]);
            theirs.records.add(round.records[operator], &attributes);
            ours.queued.add(round.queued[operator]);
            theirs.queued.add(round.queued[operator], &attributes);
            ours.load.set(round.load[operator]);
            theirs.load.record(round.load[operator], &attributes);
            ours.lag.set(round.lag[operator]);
            theirs.lag.record(round.lag[operator], &attributes);
            for latency in round.latencies[operator] {
                ours.latency.record(*latency);
                theirs.latency.record(*latency, &attributes);
            }
        }
        reporter.report_now(PATIENCE).expect("the receiver is there");
        provider.force_flush().expect("the receiver is there");
        let received = receiver.received();
        let (mut ours, mut theirs) = (said(&received, OURS), said(&received, THEIRS));
        if temporality == Temporality::Delta && number > 0 {
            ours = without_extremes(ours);
            theirs = without_extremes(theirs);
        }
        assert_eq!(ours.len(), 5, "{ours:?}");
        assert_eq!(ours, theirs, "round {number}");
    }
    let totals = receiver.received().totals().expect("what came is right");
    let of = |service: &str| {
        let of_service = totals.iter().filter(|(series, _)| series.resource["service.name"] == service);
        let named = of_service.map(|(series, total)| ((&series.name, &series.attributes), total));
        named.collect::<BTreeMap<_, _>>()
    };
    assert_eq!(of(OURS), of(THEIRS));
    assert_eq!(of(OURS).len(), 10);
    provider.shutdown().expect("the receiver is there");
}

#[test]
fn cumulative() {
    both_say_the_same(Temporality::Cumulative, SdkTemporality::Cumulative);
}

#[test]
fn in_deltas() {
    both_say_the_same(Temporality::Delta, SdkTemporality::Delta);
}

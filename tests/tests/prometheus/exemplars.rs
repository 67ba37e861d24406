//! Exemplars reach those who read a format that has them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use flowmeter::prometheus::PrometheusOptions;
use flowmeter::{Counter, Histogram, ReporterOptions, TraceContext};
use flowmeter_e2e::{
    Exemplar, Message, Prometheus, Protoc, Protocol, PythonClient, ScrapeJob, Served, get, program, wait_for,
};

/// A process whose metrics have exemplars.
struct Traced {
    served: Served,
    _counter: Counter,
    _histogram: Histogram<Duration>,
    of_counter: Exemplar,
    /// By value, each in a classic bucket of its own.
    of_histogram: Vec<Exemplar>,
}

impl Traced {
    fn new() -> Self {
        let served = Served::new(PrometheusOptions::default(), ReporterOptions::default());
        let group = served.registry.add_group("g");
        let (counter, histogram) = (group.counter("records"), group.histogram::<Duration>("latency"));
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
        // Prometheus has milliseconds.
        let now = Duration::from_millis(u64::try_from(now.as_millis()).expect("it is not that late"));
        let context = |number: u8| {
            TraceContext::new([number; 16], [number; 8]).at(now + Duration::from_millis(number.into()))
        };
        let exemplar = |number: u8, value| Exemplar {
            labels: [("trace_id", 16), ("span_id", 8)]
                .map(|(label, bytes)| (label.to_owned(), format!("{number:02x}").repeat(bytes)))
                .into(),
            value,
            timestamp: context(number).unix_time().map(|time| time.as_secs_f64()),
        };
        counter.inc_by(5);
        counter.inc_by_with_exemplar(3, &context(0xa0));
        let millis = [5, 50, 3_000];
        for (millis, number) in millis.into_iter().zip(1..) {
            histogram.record_with_exemplar(Duration::from_millis(millis), &context(number));
            histogram.record(Duration::from_millis(millis));
        }
        let of_histogram =
            millis.iter().zip(1..).map(|(millis, number)| exemplar(number, *millis as f64 / 1e3)).collect();
        Self {
            served,
            _counter: counter,
            _histogram: histogram,
            of_counter: exemplar(0xa0, 3.0),
            of_histogram,
        }
    }

    fn body(&self, protocol: Protocol) -> Vec<u8> {
        get(&self.served.peek(), &[("accept", protocol.accept())]).body
    }
}

/// Sees that exemplars are the same, with times to the millisecond.
fn are_the_same(found: &[Exemplar], expected: &[Exemplar]) {
    let rounded = |exemplars: &[Exemplar]| -> Vec<_> {
        let millis = |exemplar: &Exemplar| exemplar.timestamp.map(|time| (time * 1e3).round());
        exemplars.iter().map(|exemplar| (millis(exemplar), exemplar.value, exemplar.labels.clone())).collect()
    };
    assert_eq!(rounded(found), rounded(expected));
}

#[test]
fn the_python_client_reads_exemplars_where_they_belong() {
    let Some(client) = PythonClient::find("python client, exemplars") else { return };
    let traced = Traced::new();
    let text = String::from_utf8(traced.body(Protocol::OpenMetrics)).expect("a text");
    let samples = client.read(Protocol::OpenMetrics, &text).unwrap_or_else(|said| panic!("{said}"));
    let (mut of_counter, mut of_histogram, mut above) = (Vec::new(), Vec::new(), 0.0);
    for sample in samples {
        let up_to = sample.labels.get("le").map(|edge| edge.parse().expect("an edge"));
        if let Some(exemplar) = sample.exemplar {
            if let Some(edge) = up_to {
                assert!(above < exemplar.value && exemplar.value <= edge, "{exemplar:?} up to {edge}");
                of_histogram.push(exemplar);
            } else {
                assert_eq!(sample.name, "g_records_total");
                of_counter.push(exemplar);
            }
        }
        above = up_to.unwrap_or(0.0);
    }
    are_the_same(&of_counter, std::slice::from_ref(&traced.of_counter));
    are_the_same(&of_histogram, &traced.of_histogram);
}

fn exemplar(message: &Message) -> Exemplar {
    let label = |label: &Message| {
        let text = |field| label.text(field).unwrap_or_default().to_owned();
        (text("name"), text("value"))
    };
    let seconds = |time: &Message| {
        let nanos: f64 = time.number("nanos").unwrap_or(0.0);
        time.number::<f64>("seconds").expect("a time") + nanos / 1e9
    };
    Exemplar {
        labels: message.messages("label").map(label).collect(),
        value: message.number("value").expect("a value"),
        timestamp: message.message("timestamp").map(seconds),
    }
}

#[test]
fn protoc_decodes_exemplars_of_both_kinds_of_buckets() {
    let Some(protoc) = Protoc::find("protoc, exemplars") else { return };
    let traced = Traced::new();
    let families = protoc.decode(&traced.body(Protocol::Protobuf)).unwrap_or_else(|said| panic!("{said}"));
    let value = |name: &str, kind: &str| {
        let family = families.iter().find(|family| family.text("name") == Some(name));
        family?.message("metric")?.message(kind).cloned()
    };
    let counter = value("g_records_total", "counter").expect("the counter");
    let of_counter: Vec<_> = counter.messages("exemplar").map(exemplar).collect();
    are_the_same(&of_counter, std::slice::from_ref(&traced.of_counter));
    let histogram = value("g_latency_seconds", "histogram").expect("the histogram");
    let native: Vec<_> = histogram.messages("exemplars").map(exemplar).collect();
    are_the_same(&native, &traced.of_histogram);
    let mut classic = Vec::new();
    let mut above = 0.0;
    for bucket in histogram.messages("bucket") {
        let edge = bucket.number("upper_bound").expect("an edge");
        let found: Vec<_> = bucket.messages("exemplar").map(exemplar).collect();
        assert!(found.iter().all(|found| above < found.value && found.value <= edge), "{found:?}");
        classic.extend(found);
        above = edge;
    }
    are_the_same(&classic, &traced.of_histogram);
}

#[test]
fn prometheus_keeps_exemplars() {
    let Some(server) = program("exemplars", "prometheus") else { return };
    let traced = Traced::new();
    let jobs = [Protocol::OpenMetrics, Protocol::Protobuf];
    let job = |protocol| ScrapeJob::new(protocol, Duration::from_secs(1), &traced.served.endpoints);
    let prometheus = Prometheus::start(&server, &jobs.map(job));
    let found = |name: &str, protocol: Protocol| {
        let selector = format!("{name}{{job=\"{}\"}}", protocol.name());
        wait_for(&selector, || Some(prometheus.exemplars(&selector)).filter(|found| !found.is_empty()))
    };
    for protocol in jobs {
        let of_counter = found("g_records_total", protocol);
        are_the_same(&of_counter, std::slice::from_ref(&traced.of_counter));
        are_the_same(&found("g_latency_seconds_bucket", protocol), &traced.of_histogram);
    }
    are_the_same(&found("g_latency_seconds", Protocol::Protobuf), &traced.of_histogram);
}

//! Registries whose reports are encoded, and what comes of them.

#![allow(dead_code, reason = "each test uses some of it")]

use std::any::Any;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowmeter_core::{
    Clock, Family, GroupView, HistogramOptions, Metric, Naming, Registry, Report, ReportError, Reporter,
    ReporterHandle, TaskInfo, TraceContext, Unit,
};
use flowmeter_otlp::{MetricsEncoder, OtlpOptions};
use flowmeter_testkit::{MockClock, PATIENCE, on_request, quiet_registry_on};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint, SummaryDataPoint,
};
use prost::Message;

/// What a test does with a report besides.
type Look = Box<dyn FnMut(&Report<'_>) + Send>;

/// A reporter that keeps what the encoder writes.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Mutex<State>>);

struct State {
    encoder: MetricsEncoder,
    requests: Vec<Vec<u8>>,
    dropped: u64,
    /// How many requests are accepted of each report.
    accepted: usize,
    look: Option<Look>,
}

impl Wire {
    pub(crate) fn new(options: &OtlpOptions) -> Self {
        Self::with_look(options, None)
    }

    /// With a look at each report, after it was encoded.
    pub(crate) fn with_look(options: &OtlpOptions, look: Option<Look>) -> Self {
        let encoder = MetricsEncoder::new(options);
        Self(Arc::new(Mutex::new(State {
            encoder,
            requests: Vec::new(),
            dropped: 0,
            accepted: usize::MAX,
            look,
        })))
    }

    /// Has the backend take so many requests of each report.
    pub(crate) fn accept(&self, requests: usize) {
        self.0.lock().unwrap().accepted = requests;
    }

    /// The requests of the last report.
    pub(crate) fn requests(&self) -> Vec<Vec<u8>> {
        self.0.lock().unwrap().requests.clone()
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.0.lock().unwrap().dropped
    }
}

impl Reporter for Wire {
    fn naming(&self) -> Naming {
        Naming::Labeled
    }

    fn deltas(&self) -> bool {
        self.0.lock().unwrap().encoder.deltas()
    }

    fn rates(&self) -> bool {
        self.0.lock().unwrap().encoder.rates()
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        self.0.lock().unwrap().encoder.prepare_group(group, out);
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        self.0.lock().unwrap().encoder.prepare_family(family, out);
    }

    fn accepts(&self, family: &Family) -> bool {
        self.0.lock().unwrap().encoder.accepts(family)
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let state = &mut *self.0.lock().unwrap();
        state.requests.clear();
        let mut marks = Vec::new();
        state.dropped = state.encoder.encode(report, |body, mark| {
            state.requests.push(body.to_vec());
            marks.push(mark);
        });
        if let Some(look) = &mut state.look {
            look(report);
        }
        if state.accepted < marks.len() {
            if let Some(last) = state.accepted.checked_sub(1) {
                report.acknowledge(marks[last]);
            }
            return Err("the backend takes no more".into());
        }
        Ok(())
    }
}

/// A registry on a clock of its own.
pub(crate) struct Job {
    pub(crate) registry: Registry,
    pub(crate) clock: Arc<MockClock>,
    held: Vec<Box<dyn Any>>,
}

impl Job {
    pub(crate) fn empty() -> Self {
        let clock = Arc::new(MockClock::default());
        Self { registry: quiet_registry_on(Arc::clone(&clock) as Arc<dyn Clock>), clock, held: Vec::new() }
    }

    /// With every kind of metric.
    pub(crate) fn full() -> Self {
        let mut job = Self::empty();
        let now = job.clock.unix();
        let task_manager = job.registry.task_manager("host-1", "tm-1");
        let of_job = task_manager.job("a3f0", "wordcount");
        let task = of_job.task(TaskInfo { id: "2", name: "count", subtask_index: 1, ..TaskInfo::default() });
        let operator = task.operator("2.1", "count (é)");
        let records = Metric::new("numRecordsIn")
            .with_unit(Unit::RECORDS)
            .with_rate_name("numRecordsInPerSecond")
            .with_description("Records received.");
        let counter = operator.counter(records);
        let span = TraceContext::from_hex("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7").unwrap();
        let span = span.at(now + Duration::from_millis(125));
        counter.inc_by(1_000_000_007);
        counter.inc_by_with_exemplar(3, &span);
        let large = operator.counter("large");
        large.inc_by(u64::MAX - 3);
        let idle = operator.counter("idle");
        let cpu = Metric::new("cpuTime")
            .with_unit(Unit::NANOSECONDS)
            .with_policy_names(&[("otlp", "process.cpu.time"), ("flink", "Status.JVM.CPU.Time")]);
        let process = task_manager.add_group("process");
        let cpu = process.counter(cpu);
        cpu.inc_by(1_500_000_000);
        let threads = Metric::new("threads").with_policy_names(&[("otlp", "process.thread.count")]);
        let threads = process.gauge::<u64>(threads);
        threads.set(12);
        let busy = task.counter(Metric::new("busyTime").with_unit(Unit::NANOSECONDS));
        busy.inc_by(1_234_567_890);
        let alone = job.registry.add_group("apart").counter("n");
        alone.inc();
        let meter = task.meter("mails");
        meter.mark_by(4);
        let queue = task.up_down_counter("queueLength");
        queue.add(-3);
        let state = task.text_gauge("state");
        state.set("RUNNING \"so far\" é\n");
        let gauges = task_manager.add_group_kv("user.key", "x").add_group("Status.CPU");
        let floats = [
            (Metric::new("load").with_unit(Unit::RATIO), 0.25),
            (Metric::new("nan"), f64::NAN),
            (Metric::new("infinite"), f64::NEG_INFINITY),
            (Metric::new("tiny"), 1.5e-9),
        ];
        let floats = floats.map(|(metric, value)| {
            let gauge = gauges.gauge::<f64>(metric);
            gauge.set(value);
            gauge
        });
        let lag = gauges.gauge::<i64>(Metric::new("lag").with_unit(Unit::MILLISECONDS));
        lag.set(-1_500);
        let healthy = gauges.gauge::<bool>("healthy");
        healthy.set(true);
        let sizes = operator.histogram::<u64>(Metric::new("batchSize").with_unit(Unit::RECORDS));
        [0, 1, 2, 3, 4, 5, 1_000_000].into_iter().for_each(|size| sizes.record(size));
        let latency = operator.histogram::<Duration>("latency");
        [5, 50, 500].into_iter().for_each(|micros| latency.record(Duration::from_micros(micros)));
        latency.record_with_exemplar(Duration::from_micros(50), &span);
        latency.record_with_exemplar(Duration::from_secs(2_000), &span);
        let balance = operator.histogram::<f64>("balance");
        [-2.0, -1.5, 0.0, 0.5].into_iter().for_each(|value| balance.record(value));
        let bounds = HistogramOptions::DEFAULT.with_bounds(&[1e6, 5e6, 1e9]);
        let wait = operator.shared_histogram::<Duration>(Metric::new("wait").with_histogram(bounds));
        [1, 3, 5_000].into_iter().for_each(|millis| wait.record(Duration::from_millis(millis)));
        let mailbox = Metric::new("mailboxLatencyMs").with_unit(Unit::MILLISECONDS);
        let mailbox = task.histogram::<u64>(mailbox);
        mailbox.record(250);
        let empty = operator.histogram::<u64>("empty");
        job.hold((counter, large, idle, cpu, threads, busy, alone, meter, queue, state));
        job.hold((floats, lag, healthy, sizes, latency, balance, wait, mailbox, empty));
        job.hold((task_manager, of_job, task, operator));
        job
    }

    pub(crate) fn hold(&mut self, handles: impl Any) {
        self.held.push(Box::new(handles));
    }

    pub(crate) fn add(&self, wire: &Wire) -> ReporterHandle {
        self.registry.add_reporter("otlp", Box::new(wire.clone()), on_request()).unwrap()
    }
}

/// Has a reporter report, whether its backend takes all or not.
pub(crate) fn report(handle: &ReporterHandle) {
    let _ = handle.report_now(PATIENCE);
}

pub(crate) fn decoded(requests: &[Vec<u8>]) -> Vec<ExportMetricsServiceRequest> {
    requests.iter().map(|request| ExportMetricsServiceRequest::decode(&**request).unwrap()).collect()
}

/// Default options, changed.
pub(crate) fn options(change: impl FnOnce(&mut OtlpOptions)) -> OtlpOptions {
    let mut options = OtlpOptions::default();
    options.resource = vec![("service.name".to_owned(), "wordcount".to_owned())];
    change(&mut options);
    options
}

/// A request as text, with a line for each point.
pub(crate) fn described(request: &ExportMetricsServiceRequest) -> String {
    let mut text = String::new();
    for of_resource in &request.resource_metrics {
        let resource = of_resource.resource.as_ref().unwrap();
        writeln!(text, "resource {}", pairs(&resource.attributes)).unwrap();
        for scope_metrics in &of_resource.scope_metrics {
            let scope = scope_metrics.scope.as_ref().unwrap();
            writeln!(text, "scope {:?} {:?}", scope.name, scope.version).unwrap();
            for metric in &scope_metrics.metrics {
                let (kind, points) = points_of(metric.data.as_ref().unwrap());
                writeln!(text, "{} [{}] {kind}", metric.name, metric.unit).unwrap();
                if !metric.description.is_empty() {
                    writeln!(text, "  {:?}", metric.description).unwrap();
                }
                points.iter().for_each(|point| writeln!(text, "  {point}").unwrap());
            }
        }
    }
    text
}

fn points_of(data: &Data) -> (String, Vec<String>) {
    let temporality = |number: i32| ["", "delta", "cumulative"][usize::try_from(number).unwrap()];
    match data {
        Data::Gauge(gauge) => ("gauge".to_owned(), gauge.data_points.iter().map(number).collect()),
        Data::Sum(sum) => {
            let monotonic = if sum.is_monotonic { ", monotonic" } else { "" };
            let kind = format!("sum, {}{monotonic}", temporality(sum.aggregation_temporality));
            (kind, sum.data_points.iter().map(number).collect())
        }
        Data::Histogram(histogram) => {
            let kind = format!("histogram, {}", temporality(histogram.aggregation_temporality));
            let point = |p: &HistogramDataPoint| {
                let about = about(&p.attributes, p.start_time_unix_nano, p.time_unix_nano, &p.exemplars);
                let rest = rest(p.count, p.sum, p.min, p.max);
                format!("{about}: {rest}, bounds {:?}, counts {:?}", p.explicit_bounds, p.bucket_counts)
            };
            (kind, histogram.data_points.iter().map(point).collect())
        }
        Data::ExponentialHistogram(histogram) => {
            let kind = format!("exponential histogram, {}", temporality(histogram.aggregation_temporality));
            let point = |p: &ExponentialHistogramDataPoint| {
                let about = about(&p.attributes, p.start_time_unix_nano, p.time_unix_nano, &p.exemplars);
                let rest = rest(p.count, p.sum, p.min, p.max);
                let buckets = |buckets: &Option<Buckets>| {
                    let counts = buckets.iter().flat_map(|b| (b.offset..).zip(b.bucket_counts.clone()));
                    counts.filter(|(_, count)| *count > 0).collect::<Vec<_>>()
                };
                let (positive, negative) = (buckets(&p.positive), buckets(&p.negative));
                let (scale, zeros) = (p.scale, p.zero_count);
                format!("{about}: {rest}, scale {scale}, {zeros} zeros, {positive:?}, negative {negative:?}")
            };
            (kind, histogram.data_points.iter().map(point).collect())
        }
        Data::Summary(summary) => {
            let point = |p: &SummaryDataPoint| {
                let about = about(&p.attributes, p.start_time_unix_nano, p.time_unix_nano, &[]);
                let values = p.quantile_values.iter().map(|value| (value.quantile, value.value));
                format!("{about}: {} with sum {}, {:?}", p.count, p.sum, values.collect::<Vec<_>>())
            };
            ("summary".to_owned(), summary.data_points.iter().map(point).collect())
        }
    }
}

fn number(point: &NumberDataPoint) -> String {
    let about = about(&point.attributes, point.start_time_unix_nano, point.time_unix_nano, &point.exemplars);
    format!("{about}: {:?}", point.value.as_ref().unwrap())
}

fn rest(count: u64, sum: Option<f64>, min: Option<f64>, max: Option<f64>) -> String {
    format!("{count} with sum {sum:?}, from {min:?} to {max:?}")
}

fn about(attributes: &[KeyValue], start: u64, time: u64, exemplars: &[Exemplar]) -> String {
    let mut text = format!("{} {start} to {time}", pairs(attributes));
    for exemplar in exemplars {
        let hex = |id: &[u8]| id.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let (trace, span) = (hex(&exemplar.trace_id), hex(&exemplar.span_id));
        let value = exemplar.value.as_ref().unwrap();
        write!(text, " ({value:?} at {}, {trace} {span})", exemplar.time_unix_nano).unwrap();
    }
    text
}

fn pairs(attributes: &[KeyValue]) -> String {
    let pair = |attribute: &KeyValue| match attribute.value.as_ref().unwrap().value.as_ref().unwrap() {
        any_value::Value::StringValue(value) => format!("{}={value:?}", attribute.key),
        other => panic!("{other:?}"),
    };
    format!("{{{}}}", attributes.iter().map(pair).collect::<Vec<_>>().join(", "))
}

//! A registry with every kind of metric, of which formats have golden files.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{
    Clock, HistogramOptions, Metric, Registry, ReporterHandle, ReporterOptions, TaskInfo, TraceContext, Unit,
};
use flowmeter_http::Ports;
use flowmeter_prometheus::{PrometheusOptions, PrometheusReporter};
use flowmeter_testkit::quiet_registry_on;

/// The time is always the same.
struct Standing;

impl Clock for Standing {
    fn monotonic(&self) -> Duration {
        Duration::from_millis(1_500)
    }

    fn unix(&self) -> Duration {
        Duration::from_millis(1_795_332_757_250)
    }
}

/// The registry, with what keeps its series.
pub(crate) struct Job {
    pub(crate) registry: Registry,
    _held: Vec<Box<dyn Any>>,
}

impl Job {
    pub(crate) fn new() -> Self {
        let registry = quiet_registry_on(Arc::new(Standing));
        let task_manager = registry.task_manager("host-1", "tm \"1\" \\ \n end");
        let job = task_manager.job("a3f0", "wordcount");
        let task = job.task(TaskInfo { id: "2", name: "count", subtask_index: 1, ..TaskInfo::default() });
        let operator = task.operator("2.1", "count");

        let records = Metric::new("numRecordsIn")
            .with_unit(Unit::RECORDS)
            .with_rate_name("numRecordsInPerSecond")
            .with_description("Records \"received\".\nAll \\ of them.");
        let counter = operator.counter(records);
        let span = TraceContext::from_hex("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7").unwrap();
        let span = span.at(Duration::from_millis(1_795_332_757_125));
        counter.inc_by(u64::MAX - 3);
        counter.inc_by_with_exemplar(3, &span);
        let busy = Metric::new("busyTime").with_unit(Unit::NANOSECONDS).with_description("Time at work.");
        let busy = task.counter(busy);
        busy.inc_by(1_234_567_890);
        let no_labels = registry.add_group("apart").counter("n");
        no_labels.inc();
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
        let float = |(metric, value): (Metric, f64)| {
            let gauge = gauges.gauge::<f64>(metric);
            gauge.set(value);
            gauge
        };
        let floats = floats.map(float);
        let lag = gauges.gauge::<i64>(Metric::new("lag").with_unit(Unit::MILLISECONDS));
        lag.set(-1_500);
        let healthy = gauges.gauge::<bool>("healthy");
        healthy.set(true);
        gauges.gauge_callback("computed", || 7_u64);
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
        Self {
            registry,
            _held: vec![
                Box::new((counter, busy, no_labels, meter, queue, state)),
                Box::new((floats, lag, healthy)),
                Box::new((sizes, latency, balance, wait)),
                Box::new((task_manager, job, task, operator)),
            ],
        }
    }

    /// Serves it.
    pub(crate) fn serve(&self, options: PrometheusOptions) -> ReporterHandle {
        let name = format!("prometheus-{:?}-{:?}", options.naming, options.buckets);
        let options = options.with_ports(Ports::any()).with_target("service.name", "a test");
        let reporter = Box::new(PrometheusReporter::new(options));
        self.registry.add_reporter(&name, reporter, ReporterOptions::default()).unwrap()
    }
}

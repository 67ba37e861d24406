//! A process with every kind of metric, under awkward names.

use std::any::Any;
use std::collections::BTreeMap;
use std::time::Duration;

use flowmeter::prometheus::{NamingPolicy, PrometheusOptions};
use flowmeter::{HistogramOptions, Metric, MetricGroup, ReporterOptions, TaskInfo, Unit};

use crate::Served;

/// A process with every kind of metric, and what each of them is to Prometheus.
pub struct EveryKind {
    /// The process.
    pub served: Served,
    /// Its series.
    pub series: Vec<Series>,
    /// Whether names are as they are registered.
    as_registered: bool,
    _handles: Vec<Box<dyn Any>>,
}

/// Labels and their values.
pub type Labels = BTreeMap<String, String>;

/// A series, as Prometheus is to have it.
#[derive(Clone, Debug)]
pub struct Series {
    /// The name, without what is added for samples.
    pub name: String,
    /// The labels.
    pub labels: Labels,
    /// What it is.
    pub held: Held,
}

/// What a series is.
#[derive(Clone, Debug)]
pub enum Held {
    /// A sum that only grows.
    Counter(f64),
    /// A value of the moment.
    Gauge(f64),
    /// A text.
    Text(&'static str),
    /// The values that were recorded, and their exact sum.
    Histogram(Vec<f64>, f64),
}

/// Texts that any writer has trouble with.
const TEXTS: [&str; 5] =
    ["quoted \"so\" \\ and so \\n", "two\nlines", "\u{e9}\u{4e16}\u{1f980}", " ", "{a=\"b\"} # 1"];

/// Numbers that any writer has trouble with.
const NUMBERS: [f64; 9] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MAX,
    f64::MIN_POSITIVE,
    5e-324,
    -0.1,
    1e21,
    123_456_789.125,
];

impl EveryKind {
    /// Registers all of it.
    ///
    /// # Panics
    ///
    /// When the reporter does not start.
    #[must_use]
    pub fn new(naming: NamingPolicy) -> Self {
        let as_registered = matches!(naming, NamingPolicy::Utf8);
        let options = PrometheusOptions::default().with_naming(naming);
        let served = Served::new(options, ReporterOptions::default());
        let mut made = Self { served, series: Vec::new(), as_registered, _handles: Vec::new() };
        let task_manager = made.served.registry.task_manager(TEXTS[0], TEXTS[1]);
        let job = task_manager.job("a3f0", TEXTS[2]);
        // What is empty is no label.
        let task = job.task(TaskInfo { id: "", name: TEXTS[4], subtask_index: 1, ..TaskInfo::default() });
        let labels = [
            ("host", TEXTS[0]),
            ("tm_id", TEXTS[1]),
            ("job_id", "a3f0"),
            ("job_name", TEXTS[2]),
            ("task_name", TEXTS[4]),
            ("subtask_index", "1"),
        ];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        made.sums(&task.add_group("sums"), &labels);
        made.gauges(&task.add_group("gauges"), &labels);
        made.texts(&task.add_group("texts"), &labels);
        made.histograms(&task.add_group("histograms"), &labels);
        made.awkward_names(&task, &labels);
        made._handles.push(Box::new((task, job, task_manager)));
        made
    }

    /// Keeps a handle, and what its metric is below the task: by Prometheus' conventions, and as it is registered.
    fn add(&mut self, names: [&str; 2], labels: &Labels, held: Held, handle: impl Any) {
        let name = match self.as_registered {
            false => format!("taskmanager_job_task_{}", names[0]),
            true => format!("taskmanager.job.task.{}", names[1]),
        };
        self.series.push(Series { name, labels: labels.clone(), held });
        self._handles.push(Box::new(handle));
    }

    fn sums(&mut self, group: &MetricGroup, labels: &Labels) {
        let described = "In \"quotes\", with \\ and\nin two lines.";
        let records = Metric::new("numRecordsIn").with_unit(Unit::RECORDS).with_description(described);
        let counter = group.counter(records);
        counter.inc_by(u64::MAX);
        self.add(
            ["sums_num_records_in_total", "sums.numRecordsIn_total"],
            labels,
            Held::Counter(18_446_744_073_709_551_615.0),
            counter,
        );
        let counter = group.shared_counter(Metric::new("busyTime").with_unit(Unit::NANOSECONDS));
        counter.inc_by(1_234_567_890);
        self.add(
            ["sums_busy_time_seconds_total", "sums.busyTime_seconds_total"],
            labels,
            Held::Counter(1.234_567_89),
            counter,
        );
        let counter = group.counter("untouched");
        self.add(["sums_untouched_total", "sums.untouched_total"], labels, Held::Counter(0.0), counter);
        let meter = group.meter("requests");
        // One more than a double can tell from its neighbour.
        meter.mark_by((1 << 53) + 1);
        self.add(
            ["sums_requests_total", "sums.requests_total"],
            labels,
            Held::Counter(9_007_199_254_740_992.0),
            meter,
        );
        let up_down = group.up_down_counter("queue.count");
        up_down.add(-3);
        self.add(["sums_queue_count_value", "sums.queue.count"], labels, Held::Gauge(-3.0), up_down);
        group.counter_callback("computed", || 7);
        self.add(["sums_computed_total", "sums.computed_total"], labels, Held::Counter(7.0), ());
    }

    fn gauges(&mut self, group: &MetricGroup, labels: &Labels) {
        for (number, i) in NUMBERS.into_iter().zip(0..) {
            let gauge = group.gauge::<f64>(format!("number{i}"));
            gauge.set(number);
            let names = [format!("gauges_number{i}"), format!("gauges.number{i}")];
            self.add(names.each_ref().map(String::as_str), labels, Held::Gauge(number), gauge);
        }
        let gauge = group.gauge::<i64>(Metric::new("lag").with_unit(Unit::MILLISECONDS));
        gauge.set(-1_500);
        self.add(["gauges_lag_seconds", "gauges.lag_seconds"], labels, Held::Gauge(-1.5), gauge);
        let gauge = group.gauge::<i64>("least");
        gauge.set(i64::MIN);
        self.add(["gauges_least", "gauges.least"], labels, Held::Gauge(-9_223_372_036_854_775_808.0), gauge);
        let gauge = group.shared_gauge::<u64>(Metric::new("stateSize").with_unit(Unit::BYTES));
        gauge.set(u64::MAX - 1);
        self.add(
            ["gauges_state_size_bytes", "gauges.stateSize_bytes"],
            labels,
            Held::Gauge(18_446_744_073_709_551_614.0),
            gauge,
        );
        let gauge = group.gauge::<bool>("healthy");
        gauge.set(true);
        self.add(["gauges_healthy", "gauges.healthy"], labels, Held::Gauge(1.0), gauge);
        group.gauge_callback("computed", || 0.5);
        self.add(["gauges_computed", "gauges.computed"], labels, Held::Gauge(0.5), ());
    }

    fn texts(&mut self, group: &MetricGroup, labels: &Labels) {
        for (text, i) in TEXTS.into_iter().zip(0..) {
            let gauge = group.text_gauge(format!("text{i}"));
            gauge.set(text);
            let names = [format!("texts_text{i}"), format!("texts.text{i}")];
            self.add(names.each_ref().map(String::as_str), labels, Held::Text(text), gauge);
        }
        group.text_callback("computed", || "2.3.0");
        self.add(["texts_computed", "texts.computed"], labels, Held::Text("2.3.0"), ());
    }

    fn histograms(&mut self, group: &MetricGroup, labels: &Labels) {
        let histogram = group.histogram::<u64>(Metric::new("batchSize").with_unit(Unit::RECORDS));
        let sizes = [0, 1, 2, 3, 4, 5, 1_000_000, 1 << 53];
        sizes.into_iter().for_each(|size| histogram.record(size));
        let values = sizes.map(|size| size as f64).to_vec();
        let sum = 9_007_199_255_741_007.0;
        self.add(
            ["histograms_batch_size", "histograms.batchSize"],
            labels,
            Held::Histogram(values, sum),
            histogram,
        );

        let histogram = group.shared_histogram::<Duration>("latency");
        let micros = [5, 50, 500, 50_000_000];
        micros.into_iter().for_each(|micros| histogram.record(Duration::from_micros(micros)));
        let values = micros.map(|micros| micros as f64 / 1e6).to_vec();
        self.add(
            ["histograms_latency_seconds", "histograms.latency_seconds"],
            labels,
            Held::Histogram(values, 50.000_555),
            histogram,
        );

        let histogram = group.histogram::<f64>("signed");
        let values = [-1e9, -2.5, 0.0, 0.5, 2.5];
        values.into_iter().for_each(|value| histogram.record(value));
        let held = Held::Histogram(values.to_vec(), -999_999_999.5);
        self.add(["histograms_signed", "histograms.signed"], labels, held, histogram);

        let bounds = HistogramOptions::DEFAULT.with_bounds(&[1e6, 5e6, 1e9]);
        let histogram = group.histogram::<Duration>(Metric::new("wait").with_histogram(bounds));
        let millis = [1, 3, 5, 5_000];
        millis.into_iter().for_each(|millis| histogram.record(Duration::from_millis(millis)));
        let values = millis.map(|millis| millis as f64 / 1e3).to_vec();
        self.add(
            ["histograms_wait_seconds", "histograms.wait_seconds"],
            labels,
            Held::Histogram(values, 5.009),
            histogram,
        );

        let histogram = group.histogram::<u64>("untouched");
        self.add(
            ["histograms_untouched", "histograms.untouched"],
            labels,
            Held::Histogram(Vec::new(), 0.0),
            histogram,
        );
    }

    fn awkward_names(&mut self, group: &MetricGroup, labels: &Labels) {
        let group =
            group.add_group("1st \"group\"").add_group_kv("user.key", TEXTS[3]).add_group_kv("le", "1.5");
        let mut labels = labels.clone();
        let key = if self.as_registered { "user.key" } else { "user_key" };
        // The label `le` is for buckets.
        labels.extend([(key.to_owned(), TEXTS[3].to_owned()), ("le_2".to_owned(), "1.5".to_owned())]);
        let mut add = |names: [&str; 2], held, handle: Box<dyn Any>| {
            let (native, registered) = (
                format!("1st_group_user_key_le_{}", names[0]),
                format!("1st \"group\".user.key.le.{}", names[1]),
            );
            self.add([&native, &registered], &labels, held, handle);
        };
        let counter = group.counter("2nd, {awkward}\n#1");
        counter.inc();
        let names = ["2nd_awkward_1_total", "2nd, {awkward}\n#1_total"];
        add(names, Held::Counter(1.0), Box::new(counter));
        let gauge = group.gauge::<u64>("lagBucket");
        gauge.set(2);
        add(["lag_bucket_value", "lagBucket"], Held::Gauge(2.0), Box::new(gauge));
        let gauge = group.gauge::<u64>("slotsTotal");
        gauge.set(3);
        add(["total_slots", "slotsTotal"], Held::Gauge(3.0), Box::new(gauge));
        let histogram = group.histogram::<u64>("lag \u{e9}");
        histogram.record(3);
        add(["lag", "lag \u{e9}"], Held::Histogram(vec![3.0], 3.0), Box::new(histogram));
    }
}

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};
use metrics_util::MetricKindMask;

use super::Peer;
use crate::data::{BOUNDS, FAMILY_NAMES, LABELS, LabelSet};

/// The `metrics` crate with `metrics-exporter-prometheus`.
pub struct Metrics(PrometheusRecorder);

static METADATA: Metadata<'static> = Metadata::new("flowmeter_bench", Level::INFO, None);

fn builder() -> PrometheusBuilder {
    PrometheusBuilder::new().set_buckets(&BOUNDS).expect("there are bounds")
}

impl Peer for Metrics {
    const NAME: &'static str = "metrics";
    type Labels<'a> = Vec<Label>;
    type Counter = Counter;
    type Gauge = Gauge;
    type Histogram = Histogram;

    fn new(_: usize) -> Self {
        Self(builder().build_recorder())
    }

    /// Lets go of what did not change between two scrapes: the only way there is.
    fn new_forgetful(_: usize) -> Self {
        let idle = Some(Duration::from_nanos(1));
        Self(builder().idle_timeout(MetricKindMask::COUNTER, idle).build_recorder())
    }

    fn labels(set: &LabelSet) -> Vec<Label> {
        LABELS
            .iter()
            .zip(set)
            .map(|(key, value)| Label::new(*key, Arc::<str>::from(value.as_str())))
            .collect()
    }

    fn counter(&self, family: usize, labels: &Vec<Label>) -> Counter {
        self.0.register_counter(&Key::from_parts(FAMILY_NAMES[family], labels.clone()), &METADATA)
    }

    fn inc(counter: &Counter) {
        counter.increment(1);
    }

    fn gauge(&self) -> Gauge {
        self.0.register_gauge(&Key::from_static_name("depth"), &METADATA)
    }

    fn set(gauge: &Gauge, value: f64) {
        gauge.set(value);
    }

    fn histogram(&self) -> Histogram {
        self.0.register_histogram(&Key::from_static_name("latency"), &METADATA)
    }

    fn record(histogram: &Histogram, value: f64) {
        histogram.record(value);
    }

    fn record_all(&self, labels: &Vec<Label>, values: &[f64]) {
        let key = Key::from_parts("operator_latency", labels.clone());
        let histogram = self.0.register_histogram(&key, &METADATA);
        values.iter().for_each(|value| histogram.record(*value));
    }

    fn unregister(&self, _: usize, _: &Vec<Label>, counter: Counter) {
        // Only a scrape can let go of a series.
        drop(counter);
    }

    fn unregister_all(&self, _: &[Vec<Label>], counters: Vec<Counter>) {
        drop(counters);
        // The last values, and then nothing new.
        self.scrape(&mut Vec::new());
        self.scrape(&mut Vec::new());
    }

    fn scrape(&self, text: &mut Vec<u8>) {
        *text = self.0.handle().render().into_bytes();
    }
}

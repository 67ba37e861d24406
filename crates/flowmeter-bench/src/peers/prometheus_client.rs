use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Peer;
use crate::data::{BOUNDS, FAMILY_NAMES, LabelSet};

/// The `prometheus-client` crate.
#[derive(Debug)]
pub struct PrometheusClient {
    registry: Registry,
    families: Vec<Family<Labels, Counter>>,
    gauge: FloatGauge,
    histogram: Histogram,
    histograms: Family<Labels, Histogram, fn() -> Histogram>,
}

type FloatGauge = Gauge<f64, AtomicU64>;

/// Every family keeps a copy of these.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Labels {
    host: Arc<str>,
    tm_id: Arc<str>,
    job_id: Arc<str>,
    task_name: Arc<str>,
    operator_name: Arc<str>,
    subtask_index: Arc<str>,
}

impl Peer for PrometheusClient {
    const NAME: &'static str = "prometheus-client";
    type Labels<'a> = Labels;
    type Counter = Counter;
    type Gauge = FloatGauge;
    type Histogram = Histogram;

    fn new(_: usize) -> Self {
        let mut registry = Registry::default();
        let families = FAMILY_NAMES.map(|name| {
            let family = Family::default();
            registry.register(name.trim_end_matches("_total"), "help", family.clone());
            family
        });
        let gauge = FloatGauge::default();
        registry.register("depth", "help", gauge.clone());
        let new_histogram = || Histogram::new(BOUNDS);
        let histogram = new_histogram();
        registry.register("latency", "help", histogram.clone());
        let histograms = Family::new_with_constructor(new_histogram as fn() -> Histogram);
        registry.register("operator_latency", "help", histograms.clone());
        Self { registry, families: families.into(), gauge, histogram, histograms }
    }

    fn labels(set: &LabelSet) -> Labels {
        let [host, tm_id, job_id, task_name, operator_name, subtask_index] =
            set.each_ref().map(|value| Arc::from(value.as_str()));
        Labels { host, tm_id, job_id, task_name, operator_name, subtask_index }
    }

    fn counter(&self, family: usize, labels: &Labels) -> Counter {
        self.families[family].get_or_create_owned(labels)
    }

    fn inc(counter: &Counter) {
        counter.inc();
    }

    fn gauge(&self) -> FloatGauge {
        self.gauge.clone()
    }

    fn set(gauge: &FloatGauge, value: f64) {
        gauge.set(value);
    }

    fn histogram(&self) -> Histogram {
        self.histogram.clone()
    }

    fn record(histogram: &Histogram, value: f64) {
        histogram.observe(value);
    }

    fn record_all(&self, labels: &Labels, values: &[f64]) {
        let histogram = self.histograms.get_or_create_owned(labels);
        values.iter().for_each(|value| histogram.observe(*value));
    }

    fn unregister(&self, family: usize, labels: &Labels, counter: Counter) {
        drop(counter);
        self.families[family].remove(labels);
    }

    fn scrape(&self, text: &mut Vec<u8>) {
        text.clear();
        let mut buffer = String::from_utf8(std::mem::take(text)).unwrap_or_default();
        encode(&mut buffer, &self.registry).expect("memory takes all");
        *text = buffer.into_bytes();
    }
}

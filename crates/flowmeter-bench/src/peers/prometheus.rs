use prometheus::core::Collector;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, TextEncoder,
};

use super::Peer;
use crate::data::{BOUNDS, FAMILY_NAMES, LABELS, LabelSet};

/// The `prometheus` crate.
#[derive(Debug)]
pub struct Prometheus {
    registry: Registry,
    families: Vec<IntCounterVec>,
    gauge: Gauge,
    histogram: Histogram,
    histograms: HistogramVec,
}

impl Peer for Prometheus {
    const NAME: &'static str = "prometheus";
    type Labels<'a> = &'a LabelSet;
    type Counter = IntCounter;
    type Gauge = Gauge;
    type Histogram = Histogram;

    fn new(_: usize) -> Self {
        let registry = Registry::new();
        let families = FAMILY_NAMES.map(|name| {
            let family = IntCounterVec::new(Opts::new(name, "help"), &LABELS).expect("the names are valid");
            registered(&registry, family)
        });
        let gauge = Gauge::new("depth", "help").expect("the name is valid");
        let options = |name| HistogramOpts::new(name, "help").buckets(BOUNDS.to_vec());
        let histogram = Histogram::with_opts(options("latency")).expect("the bounds are sorted");
        let histograms =
            HistogramVec::new(options("operator_latency"), &LABELS).expect("the bounds are sorted");
        Self {
            families: families.into(),
            gauge: registered(&registry, gauge),
            histogram: registered(&registry, histogram),
            histograms: registered(&registry, histograms),
            registry,
        }
    }

    fn labels(set: &LabelSet) -> &LabelSet {
        set
    }

    fn counter(&self, family: usize, labels: &&LabelSet) -> IntCounter {
        self.families[family].with_label_values(*labels)
    }

    fn inc(counter: &IntCounter) {
        counter.inc();
    }

    fn gauge(&self) -> Gauge {
        self.gauge.clone()
    }

    fn set(gauge: &Gauge, value: f64) {
        gauge.set(value);
    }

    fn histogram(&self) -> Histogram {
        self.histogram.clone()
    }

    fn record(histogram: &Histogram, value: f64) {
        histogram.observe(value);
    }

    fn record_all(&self, labels: &&LabelSet, values: &[f64]) {
        let histogram = self.histograms.with_label_values(*labels);
        values.iter().for_each(|value| histogram.observe(*value));
    }

    fn unregister(&self, family: usize, labels: &&LabelSet, counter: IntCounter) {
        drop(counter);
        self.families[family].remove_label_values(*labels).expect("it was there");
    }

    fn scrape(&self, text: &mut Vec<u8>) {
        text.clear();
        let mut buffer = String::from_utf8(std::mem::take(text)).unwrap_or_default();
        TextEncoder::new().encode_utf8(&self.registry.gather(), &mut buffer).expect("memory takes all");
        *text = buffer.into_bytes();
    }
}

fn registered<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> C {
    registry.register(Box::new(collector.clone())).expect("the names differ");
    collector
}

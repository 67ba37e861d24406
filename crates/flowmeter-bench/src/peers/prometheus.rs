use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry, TextEncoder};

use super::Peer;
use crate::data::{BOUNDS, FAMILY_NAMES, LABELS, LabelSet};

/// The `prometheus` crate.
#[derive(Debug)]
pub struct Prometheus {
    registry: Registry,
    families: Vec<IntCounterVec>,
}

impl Peer for Prometheus {
    const NAME: &'static str = "prometheus";
    type Counter = IntCounter;
    type Histogram = Histogram;

    fn new(_: usize) -> Self {
        let registry = Registry::new();
        let families = FAMILY_NAMES.map(|name| {
            let family = IntCounterVec::new(Opts::new(name, "help"), &LABELS).expect("the names are valid");
            registry.register(Box::new(family.clone())).expect("the names differ");
            family
        });
        Self { registry, families: families.into() }
    }

    fn register_all(&self, sets: &[LabelSet]) -> Vec<IntCounter> {
        let mut counters = Vec::with_capacity(sets.len() * self.families.len());
        for family in &self.families {
            counters.extend(sets.iter().map(|set| family.with_label_values(set)));
        }
        counters
    }

    fn inc(counter: &IntCounter) {
        counter.inc();
    }

    fn histogram(&self) -> Histogram {
        let options = HistogramOpts::new("latency", "help").buckets(BOUNDS.to_vec());
        Histogram::with_opts(options).expect("the bounds are sorted")
    }

    fn record(histogram: &Histogram, value: f64) {
        histogram.observe(value);
    }

    fn come_and_go(&self, family: usize, set: &LabelSet) {
        self.families[family].with_label_values(set);
        self.families[family].remove_label_values(set).expect("it was there");
    }

    fn scrape(&self, text: &mut Vec<u8>) {
        text.clear();
        let mut buffer = String::from_utf8(std::mem::take(text)).unwrap_or_default();
        TextEncoder::new().encode_utf8(&self.registry.gather(), &mut buffer).expect("memory takes all");
        *text = buffer.into_bytes();
    }
}

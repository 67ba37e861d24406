use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::Peer;
use crate::data::{BOUNDS, FAMILY_NAMES, LabelSet};

/// The `prometheus-client` crate.
#[derive(Debug)]
pub struct PrometheusClient {
    registry: Registry,
    families: Vec<Family<Labels, Counter>>,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Labels {
    host: String,
    tm_id: String,
    job_id: String,
    task_name: String,
    operator_name: String,
    subtask_index: String,
}

impl From<&LabelSet> for Labels {
    fn from(set: &LabelSet) -> Self {
        let [host, tm_id, job_id, task_name, operator_name, subtask_index] = set.clone();
        Self { host, tm_id, job_id, task_name, operator_name, subtask_index }
    }
}

impl Peer for PrometheusClient {
    const NAME: &'static str = "prometheus-client";
    type Counter = Counter;
    type Histogram = Histogram;

    fn new(_: usize) -> Self {
        let mut registry = Registry::default();
        let families = FAMILY_NAMES.map(|name| {
            let family = Family::default();
            registry.register(name.trim_end_matches("_total"), "help", family.clone());
            family
        });
        Self { registry, families: families.into() }
    }

    fn register_all(&self, sets: &[LabelSet]) -> Vec<Counter> {
        let mut counters = Vec::with_capacity(sets.len() * self.families.len());
        for family in &self.families {
            counters.extend(sets.iter().map(|set| family.get_or_create_owned(&set.into())));
        }
        counters
    }

    fn inc(counter: &Counter) {
        counter.inc();
    }

    fn histogram(&self) -> Histogram {
        Histogram::new(BOUNDS)
    }

    fn record(histogram: &Histogram, value: f64) {
        histogram.observe(value);
    }

    fn come_and_go(&self, family: usize, set: &LabelSet) {
        let labels = set.into();
        drop(self.families[family].get_or_create_owned(&labels));
        self.families[family].remove(&labels);
    }

    fn scrape(&self, text: &mut Vec<u8>) {
        text.clear();
        let mut buffer = String::from_utf8(std::mem::take(text)).unwrap_or_default();
        encode(&mut buffer, &self.registry).expect("memory takes all");
        *text = buffer.into_bytes();
    }
}

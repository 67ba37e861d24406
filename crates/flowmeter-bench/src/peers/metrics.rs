use metrics::{Counter, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use super::Peer;
use crate::data::{BOUNDS, FAMILY_NAMES, LABELS, LabelSet};

/// The `metrics` crate with `metrics-exporter-prometheus`.
pub struct Metrics(PrometheusRecorder);

static METADATA: Metadata<'static> = Metadata::new("flowmeter_bench", Level::INFO, None);

fn key(name: &'static str, set: &LabelSet) -> Key {
    let labels: Vec<Label> =
        LABELS.iter().zip(set).map(|(key, value)| Label::new(*key, value.clone())).collect();
    Key::from_parts(name, labels)
}

impl Peer for Metrics {
    const NAME: &'static str = "metrics";
    type Counter = Counter;
    type Histogram = Histogram;

    fn new(_: usize) -> Self {
        let builder = PrometheusBuilder::new().set_buckets(&BOUNDS).expect("there are bounds");
        Self(builder.build_recorder())
    }

    fn register_all(&self, sets: &[LabelSet]) -> Vec<Counter> {
        let mut counters = Vec::with_capacity(sets.len() * FAMILY_NAMES.len());
        for name in FAMILY_NAMES {
            counters.extend(sets.iter().map(|set| self.0.register_counter(&key(name, set), &METADATA)));
        }
        counters
    }

    fn inc(counter: &Counter) {
        counter.increment(1);
    }

    fn histogram(&self) -> Histogram {
        self.0.register_histogram(&Key::from_static_name("latency"), &METADATA)
    }

    fn record(histogram: &Histogram, value: f64) {
        histogram.record(value);
    }

    fn come_and_go(&self, family: usize, set: &LabelSet) {
        // There is no way to unregister.
        drop(self.0.register_counter(&key(FAMILY_NAMES[family], set), &METADATA));
    }

    fn scrape(&self, text: &mut Vec<u8>) {
        *text = self.0.handle().render().into_bytes();
    }
}

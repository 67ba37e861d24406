use std::sync::{Arc, Weak};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{BoundCounter, BoundHistogram, Counter, Meter, MeterProvider as _};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{
    Instrument, InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Stream, Temporality,
};

use super::Peer;
use crate::data::{BOUNDS, FAMILY_NAMES, LABELS, LabelSet};

/// The OpenTelemetry SDK, with bound instruments. It has no text of its own: a scrape here only collects.
pub struct OpenTelemetry {
    reader: SharedReader,
    meter: Meter,
    families: Vec<Counter<u64>>,
    _provider: SdkMeterProvider,
}

/// A reader that belongs to the provider and to us.
#[derive(Clone, Debug)]
struct SharedReader(Arc<ManualReader>);

impl MetricReader for SharedReader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.temporality(kind)
    }
}

fn attributes(set: &LabelSet) -> Vec<KeyValue> {
    LABELS.iter().zip(set).map(|(key, value)| KeyValue::new(*key, value.clone())).collect()
}

impl Peer for OpenTelemetry {
    const NAME: &'static str = "opentelemetry";
    type Counter = BoundCounter<u64>;
    type Histogram = BoundHistogram<f64>;

    fn new(label_sets: usize) -> Self {
        let reader = SharedReader(Arc::new(ManualReader::builder().build()));
        let limit = label_sets + 1;
        let provider = SdkMeterProvider::builder()
            .with_reader(reader.clone())
            .with_view(move |_: &Instrument| Stream::builder().with_cardinality_limit(limit).build().ok())
            .build();
        let meter = provider.meter("flowmeter-bench");
        let families = FAMILY_NAMES.map(|name| meter.u64_counter(name).build()).into();
        Self { reader, meter, families, _provider: provider }
    }

    fn register_all(&self, sets: &[LabelSet]) -> Vec<BoundCounter<u64>> {
        let mut counters = Vec::with_capacity(sets.len() * self.families.len());
        for family in &self.families {
            counters.extend(sets.iter().map(|set| family.bind(&attributes(set))));
        }
        counters
    }

    fn inc(counter: &BoundCounter<u64>) {
        counter.add(1);
    }

    fn histogram(&self) -> BoundHistogram<f64> {
        self.meter.f64_histogram("latency").with_boundaries(BOUNDS.to_vec()).build().bind(&[])
    }

    fn record(histogram: &BoundHistogram<f64>, value: f64) {
        histogram.record(value);
    }

    fn come_and_go(&self, family: usize, set: &LabelSet) {
        // Cumulative streams cannot let go of a series.
        drop(self.families[family].bind(&attributes(set)));
    }

    fn scrape(&self, text: &mut Vec<u8>) {
        text.clear();
        let mut metrics = ResourceMetrics::default();
        self.reader.collect(&mut metrics).expect("nothing was shut down");
    }
}

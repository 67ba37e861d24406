use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{
    BoundCounter, BoundGauge, BoundHistogram, Counter, Histogram, Meter, MeterProvider as _,
};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::reader::MetricReader;
use opentelemetry_sdk::metrics::{
    Aggregation, Instrument, InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Stream, Temporality,
};
use prost::Message as _;

use super::Peer;
use crate::data::{BOUNDS, FAMILIES, FAMILY_NAMES, LABELS, LabelSet};

/// The OpenTelemetry SDK, with bound instruments. It has no text of its own: a scrape here only collects.
pub struct OpenTelemetry {
    reader: SharedReader,
    meter: Meter,
    /// Each is made when it is first asked for, because its map is as large as the limit from the beginning.
    families: [OnceLock<Counter<u64>>; FAMILIES],
    histograms: OnceLock<Histogram<f64>>,
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

impl OpenTelemetry {
    /// One whose histograms have exponential buckets, as many and as fine as ours.
    #[must_use]
    pub fn new_exponential(label_sets: usize) -> Self {
        let buckets =
            Aggregation::Base2ExponentialHistogram { max_size: 160, max_scale: 5, record_min_max: true };
        Self::with(label_sets, Temporality::Cumulative, Some(buckets))
    }

    /// Collects all as one request, as its exporter does.
    #[must_use]
    pub fn export(&self) -> Vec<u8> {
        let mut metrics = ResourceMetrics::default();
        self.reader.collect(&mut metrics).expect("nothing was shut down");
        ExportMetricsServiceRequest::from(&metrics).encode_to_vec()
    }

    fn with_temporality(label_sets: usize, temporality: Temporality) -> Self {
        Self::with(label_sets, temporality, None)
    }

    fn with(label_sets: usize, temporality: Temporality, histograms: Option<Aggregation>) -> Self {
        let reader = SharedReader(Arc::new(ManualReader::builder().with_temporality(temporality).build()));
        let limit = label_sets + 1;
        let provider = SdkMeterProvider::builder()
            .with_reader(reader.clone())
            .with_view(move |instrument: &Instrument| {
                let stream = Stream::builder().with_cardinality_limit(limit);
                let is_histogram = instrument.kind() == InstrumentKind::Histogram;
                let buckets = histograms.clone().filter(|_| is_histogram);
                let stream = match buckets {
                    Some(buckets) => stream.with_aggregation(buckets),
                    None => stream,
                };
                stream.build().ok()
            })
            .build();
        let meter = provider.meter("flowmeter-bench");
        Self { reader, meter, families: Default::default(), histograms: OnceLock::new(), _provider: provider }
    }

    fn new_histogram(&self, name: &'static str) -> Histogram<f64> {
        self.meter.f64_histogram(name).with_boundaries(BOUNDS.to_vec()).build()
    }
}

impl Peer for OpenTelemetry {
    const NAME: &'static str = "opentelemetry_sdk";
    type Labels<'a> = [KeyValue; LABELS.len()];
    type Counter = BoundCounter<u64>;
    type Gauge = BoundGauge<f64>;
    type Histogram = BoundHistogram<f64>;

    fn new(label_sets: usize) -> Self {
        Self::with_temporality(label_sets, Temporality::Cumulative)
    }

    /// Cumulative streams cannot let go of a series.
    fn new_forgetful(label_sets: usize) -> Self {
        Self::with_temporality(label_sets, Temporality::Delta)
    }

    fn labels(set: &LabelSet) -> Self::Labels<'_> {
        let mut labels = std::array::from_fn(|i| KeyValue::new(LABELS[i], Arc::<str>::from(set[i].as_str())));
        // Those that are not in order by key are stored twice, once in each order.
        labels.sort_by(|a, b| a.key.cmp(&b.key));
        labels
    }

    fn counter(&self, family: usize, labels: &Self::Labels<'_>) -> BoundCounter<u64> {
        let new = || self.meter.u64_counter(FAMILY_NAMES[family]).build();
        self.families[family].get_or_init(new).bind(labels)
    }

    fn inc(counter: &BoundCounter<u64>) {
        counter.add(1);
    }

    fn gauge(&self) -> BoundGauge<f64> {
        self.meter.f64_gauge("depth").build().bind(&[])
    }

    fn set(gauge: &BoundGauge<f64>, value: f64) {
        gauge.record(value);
    }

    fn histogram(&self) -> BoundHistogram<f64> {
        self.new_histogram("latency").bind(&[])
    }

    fn record(histogram: &BoundHistogram<f64>, value: f64) {
        histogram.record(value);
    }

    fn record_all(&self, labels: &Self::Labels<'_>, values: &[f64]) {
        let histogram = self.histograms.get_or_init(|| self.new_histogram("operator_latency")).bind(labels);
        values.iter().for_each(|value| histogram.record(*value));
    }

    fn unregister(&self, _: usize, _: &Self::Labels<'_>, counter: BoundCounter<u64>) {
        // Only a collection can let go of a series, and only where differences are collected.
        drop(counter);
    }

    fn unregister_all(&self, _: &[Self::Labels<'_>], counters: Vec<BoundCounter<u64>>) {
        drop(counters);
        // The last values, and then nothing new.
        self.scrape(&mut Vec::new());
        self.scrape(&mut Vec::new());
    }

    fn scrape(&self, text: &mut Vec<u8>) {
        text.clear();
        let mut metrics = ResourceMetrics::default();
        self.reader.collect(&mut metrics).expect("nothing was shut down");
    }
}

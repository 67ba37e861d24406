use std::sync::Arc;

use lasso::ThreadedRodeo;
use measured::metric::LabelId;
use measured::metric::MetricFamilyEncoding;
use measured::metric::group::Encoding;
use measured::metric::histogram::Thresholds;
use measured::metric::name::MetricName;
use measured::text::TextEncoder;
use measured::{CounterVec, FloatGauge, Histogram, HistogramVec, LabelGroup};

use super::Peer;
use crate::data::{BOUNDS, FAMILIES, FAMILY_NAMES, LabelSet};

type Interner = Arc<ThreadedRodeo>;

/// Its strings are interned.
#[derive(Clone, Copy, LabelGroup)]
#[label(set = LabelsSet)]
pub struct Labels<'a> {
    #[label(dynamic_with = Interner)]
    host: &'a str,
    #[label(dynamic_with = Interner)]
    tm_id: &'a str,
    #[label(dynamic_with = Interner)]
    job_id: &'a str,
    #[label(dynamic_with = Interner)]
    task_name: &'a str,
    #[label(dynamic_with = Interner)]
    operator_name: &'a str,
    #[label(dynamic_with = Interner)]
    subtask_index: &'a str,
}

type Family = Arc<CounterVec<LabelsSet>>;

/// The `measured` crate, the newest release that this compiler builds.
pub struct Measured {
    families: Vec<Family>,
    gauge: Arc<FloatGauge>,
    histogram: Arc<Histogram<10>>,
    histograms: HistogramVec<LabelsSet, 10>,
}

/// A resolved label set of a family.
pub struct Resolved(Family, LabelId<LabelsSet>);

impl Peer for Measured {
    const NAME: &'static str = "measured";
    type Labels<'a> = Labels<'a>;
    type Counter = Resolved;
    type Gauge = Arc<FloatGauge>;
    type Histogram = Arc<Histogram<10>>;

    fn new(_: usize) -> Self {
        let interner = Interner::default();
        let set = || LabelsSet {
            host: Arc::clone(&interner),
            tm_id: Arc::clone(&interner),
            job_id: Arc::clone(&interner),
            task_name: Arc::clone(&interner),
            operator_name: Arc::clone(&interner),
            subtask_index: Arc::clone(&interner),
        };
        let bounds = || Thresholds::with_buckets(BOUNDS);
        Self {
            families: (0..FAMILIES).map(|_| Arc::new(CounterVec::with_label_set(set()))).collect(),
            gauge: Arc::default(),
            histogram: Arc::new(Histogram::with_metadata(bounds())),
            histograms: HistogramVec::with_label_set_and_metadata(set(), bounds()),
        }
    }

    fn labels(set: &LabelSet) -> Labels<'_> {
        let [host, tm_id, job_id, task_name, operator_name, subtask_index] = set;
        Labels { host, tm_id, job_id, task_name, operator_name, subtask_index }
    }

    fn counter(&self, family: usize, labels: &Labels<'_>) -> Resolved {
        let family = &self.families[family];
        let id = family.with_labels(*labels);
        drop(family.get_metric(id));
        Resolved(Arc::clone(family), id)
    }

    fn inc(counter: &Resolved) {
        counter.0.get_metric(counter.1).inc();
    }

    fn gauge(&self) -> Arc<FloatGauge> {
        Arc::clone(&self.gauge)
    }

    fn set(gauge: &Arc<FloatGauge>, value: f64) {
        gauge.set(value);
    }

    fn histogram(&self) -> Arc<Histogram<10>> {
        Arc::clone(&self.histogram)
    }

    fn record(histogram: &Arc<Histogram<10>>, value: f64) {
        histogram.observe(value);
    }

    fn record_all(&self, labels: &Labels<'_>, values: &[f64]) {
        let id = self.histograms.with_labels(*labels);
        values.iter().for_each(|value| self.histograms.get_metric(id).observe(*value));
    }

    fn unregister(&self, _: usize, _: &Labels<'_>, counter: Resolved) {
        counter.0.remove_metric(counter.1);
    }

    fn scrape(&self, text: &mut Vec<u8>) {
        text.clear();
        let mut encoder = TextEncoder::new(text);
        for (name, family) in FAMILY_NAMES.into_iter().zip(&self.families) {
            write(&mut encoder, name, &**family);
        }
        write(&mut encoder, "depth", &*self.gauge);
        write(&mut encoder, "latency", &*self.histogram);
        write(&mut encoder, "operator_latency", &self.histograms);
        encoder.flush().expect("memory takes all");
    }
}

type Text<'a> = TextEncoder<&'a mut Vec<u8>>;

fn write<'a>(encoder: &mut Text<'a>, name: &'static str, family: &impl MetricFamilyEncoding<Text<'a>>) {
    let name = MetricName::from_str(name);
    encoder.write_help(name, "help").expect("memory takes all");
    family.collect_family_into(name, encoder).expect("memory takes all");
}

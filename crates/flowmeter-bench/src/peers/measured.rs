use std::sync::Arc;

use lasso::ThreadedRodeo;
use measured::metric::LabelId;
use measured::metric::MetricFamilyEncoding;
use measured::metric::group::Encoding;
use measured::metric::histogram::Thresholds;
use measured::metric::name::MetricName;
use measured::text::TextEncoder;
use measured::{CounterVec, Histogram, LabelGroup};

use super::Peer;
use crate::data::{BOUNDS, FAMILIES, FAMILY_NAMES, LabelSet};

type Interner = Arc<ThreadedRodeo>;

#[derive(Clone, Copy, LabelGroup)]
#[label(set = LabelsSet)]
struct Labels<'a> {
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

impl<'a> From<&'a LabelSet> for Labels<'a> {
    fn from([host, tm_id, job_id, task_name, operator_name, subtask_index]: &'a LabelSet) -> Self {
        Self { host, tm_id, job_id, task_name, operator_name, subtask_index }
    }
}

type Family = Arc<CounterVec<LabelsSet>>;

/// The `measured` crate, the newest release that this compiler builds.
pub struct Measured(Vec<Family>);

/// A resolved label set of a family.
pub struct Resolved(Family, LabelId<LabelsSet>);

impl Peer for Measured {
    const NAME: &'static str = "measured";
    type Counter = Resolved;
    type Histogram = Histogram<10>;

    fn new(_: usize) -> Self {
        let interner = Interner::default();
        let family = || {
            let set = LabelsSet {
                host: Arc::clone(&interner),
                tm_id: Arc::clone(&interner),
                job_id: Arc::clone(&interner),
                task_name: Arc::clone(&interner),
                operator_name: Arc::clone(&interner),
                subtask_index: Arc::clone(&interner),
            };
            Arc::new(CounterVec::with_label_set(set))
        };
        Self((0..FAMILIES).map(|_| family()).collect())
    }

    fn register_all(&self, sets: &[LabelSet]) -> Vec<Resolved> {
        let mut counters = Vec::with_capacity(sets.len() * self.0.len());
        for family in &self.0 {
            counters.extend(sets.iter().map(|set| {
                let id = family.with_labels(set.into());
                drop(family.get_metric(id));
                Resolved(Arc::clone(family), id)
            }));
        }
        counters
    }

    fn inc(counter: &Resolved) {
        counter.0.get_metric(counter.1).inc();
    }

    fn histogram(&self) -> Histogram<10> {
        Histogram::with_metadata(Thresholds::with_buckets(BOUNDS))
    }

    fn record(histogram: &Histogram<10>, value: f64) {
        histogram.observe(value);
    }

    fn come_and_go(&self, family: usize, set: &LabelSet) {
        let family = &self.0[family];
        let id = family.with_labels(set.into());
        drop(family.get_metric(id));
        family.remove_metric(id);
    }

    fn scrape(&self, text: &mut Vec<u8>) {
        text.clear();
        let mut encoder = TextEncoder::new(text);
        for (name, family) in FAMILY_NAMES.iter().zip(&self.0) {
            let name = MetricName::from_str(name);
            encoder.write_help(name, "help").expect("memory takes all");
            family.collect_family_into(name, &mut encoder).expect("memory takes all");
        }
        encoder.flush().expect("memory takes all");
    }
}

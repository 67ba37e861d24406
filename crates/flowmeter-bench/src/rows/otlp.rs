use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use flowmeter_core::{
    Family, GroupView, Histogram, MetricGroup, MetricSet as _, Naming, Report, ReportError, Reporter,
    ReporterHandle, ReporterOptions,
};
use flowmeter_otlp::{MetricsEncoder, OtlpOptions, Temporality};

use super::Effort;
use super::scrape::{add_copy, second_time, some};
use crate::data::{FAMILIES, LabelSet, Numbers, label_sets, latencies};
use crate::harness::{Better, Row, Side, Turns, thread_cpu};
use crate::ours::{OperatorMetrics, Ours, PATIENCE, Subtask, TextReporter};
use crate::peers::{OpenTelemetry, Peer};

/// Writes all series as requests in protobuf, of the size that receivers take. The limit is a copy of these bytes. The peer
/// collects, turns that into the messages of `opentelemetry-proto` and has those encoded, into one request. Each side runs
/// twice, and the second time counts.
pub(super) fn sums(effort: Effort) -> Row {
    let mut row = Row::new("otlp/sums-100k", "ms", Better::Smaller);
    let sets = label_sets(effort.series / FAMILIES);
    let (ours, subtasks) = grouped(&sets, OperatorMetrics::register);
    let mut numbers = Numbers::new(1);
    for counter in subtasks.iter().flat_map(|subtask| &subtask.metrics.0) {
        counter.inc_by(numbers.next_u64() >> 24 >> (numbers.next_u64() % 24));
    }
    let delta = options(|options| options.temporality = Temporality::Delta);
    let (cumulative, delta) = (OtlpReporter::new(&options(|_| ())), OtlpReporter::new(&delta));
    let handles = [add(&ours, "cumulative", &cumulative), add(&ours, "delta", &delta)];

    let peer = OpenTelemetry::new(sets.len());
    let counters = peer.register_all(FAMILIES, &sets);
    counters.iter().for_each(OpenTelemetry::inc);
    let bytes = cumulative.bytes(&handles[0]);
    let mut turns = Turns::default();
    turns.add_with_notes(Side::Ours, |notes| {
        for _ in 0..2 {
            let all = subtasks.iter().flat_map(|subtask| &subtask.metrics.0);
            all.for_each(|counter| counter.inc_by(1_234_567));
            report(&handles[1]);
        }
        notes.add("differences, all of which have grown, ms", delta.last_report() / 1e6);
        report(&handles[0]);
        report(&handles[0]);
        cumulative.last_report() / 1e6
    });
    add_copy(&mut turns, &bytes);
    add_export(&mut turns, &peer);
    turns.run(&mut row, effort.rounds);
    row.notes.set("the requests, MB", bytes.len() as f64 / 1e6);
    row
}

/// Writes exponential histograms of sixteen values.
pub(super) fn histograms(effort: Effort) -> Row {
    let mut row = Row::new("otlp/histograms-10k", "ms", Better::Smaller);
    let (sets, values) = (label_sets(effort.series / 10), latencies());
    let (ours, subtasks) =
        grouped(&sets, |group: &MetricGroup| -> Histogram<f64> { group.histogram("latency") });
    for (subtask, values) in subtasks.iter().zip(some(&values)) {
        values.iter().for_each(|value| subtask.metrics.record(*value));
    }
    let reporter = OtlpReporter::new(&options(|_| ()));
    let handle = add(&ours, "cumulative", &reporter);

    let peer = OpenTelemetry::new_exponential(sets.len());
    for (set, values) in sets.iter().zip(some(&values)) {
        peer.record_all(&OpenTelemetry::labels(set), values);
    }
    let bytes = reporter.bytes(&handle);
    let mut turns = Turns::default();
    turns.add(Side::Ours, || {
        report(&handle);
        report(&handle);
        reporter.last_report() / 1e6
    });
    add_copy(&mut turns, &bytes);
    add_export(&mut turns, &peer);
    turns.run(&mut row, effort.rounds);
    row.notes.set("the requests, MB", bytes.len() as f64 / 1e6);
    row
}

fn add_export<'a>(turns: &mut Turns<'a>, peer: &'a OpenTelemetry) {
    turns.add(Side::Peer(OpenTelemetry::NAME), || {
        second_time(|| {
            black_box(peer.export());
        })
    });
}

/// All label sets, with a text reporter that writes nothing.
fn grouped<M>(sets: &[LabelSet], metrics: impl Fn(&MetricGroup) -> M) -> (Ours, Vec<Subtask<M>>) {
    let ours = Ours::new(&TextReporter::mute(), sets);
    let subtasks = ours.register_all(sets, metrics);
    (ours, subtasks)
}

fn options(change: impl FnOnce(&mut OtlpOptions)) -> OtlpOptions {
    let mut options = OtlpOptions::default();
    change(&mut options);
    options
}

fn add(ours: &Ours, name: &str, reporter: &OtlpReporter) -> ReporterHandle {
    let options = ReporterOptions::default().with_interval(std::time::Duration::MAX);
    let added = ours.registry.add_reporter(name, Box::new(reporter.clone()), options);
    added.expect("nothing can fail to start")
}

fn report(handle: &ReporterHandle) {
    handle.report_now(PATIENCE).expect("the reporter cannot fail");
}

/// The OTLP reporter without a network: its requests go nowhere, as if a receiver had taken them at once.
#[derive(Clone)]
struct OtlpReporter(Arc<Output>);

struct Output {
    encoder: Mutex<MetricsEncoder>,
    deltas: bool,
    /// What the requests were, when they are asked for.
    kept: Mutex<Option<Vec<u8>>>,
    nanoseconds: AtomicU64,
}

impl OtlpReporter {
    fn new(options: &OtlpOptions) -> Self {
        let encoder = MetricsEncoder::new(options);
        let deltas = encoder.deltas();
        let encoder = Mutex::new(encoder);
        Self(Arc::new(Output { encoder, deltas, kept: Mutex::default(), nanoseconds: AtomicU64::new(0) }))
    }

    /// CPU time that the last report took, in nanoseconds.
    fn last_report(&self) -> f64 {
        self.0.nanoseconds.load(Ordering::Relaxed) as f64
    }

    /// All requests of a report.
    fn bytes(&self, handle: &ReporterHandle) -> Vec<u8> {
        *self.0.kept.lock().expect("no report panicked") = Some(Vec::new());
        report(handle);
        self.0.kept.lock().expect("no report panicked").take().unwrap_or_default()
    }

    fn prepare(&self, prepare: impl FnOnce(&MetricsEncoder)) {
        prepare(&self.0.encoder.lock().expect("no report panicked"));
    }
}

impl Reporter for OtlpReporter {
    fn naming(&self) -> Naming {
        Naming::Labeled
    }

    fn deltas(&self) -> bool {
        self.0.deltas
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        self.prepare(|encoder| encoder.prepare_group(group, out));
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        self.prepare(|encoder| encoder.prepare_family(family, out));
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let mut encoder = self.0.encoder.lock().map_err(|error| error.to_string())?;
        let mut kept = self.0.kept.lock().map_err(|error| error.to_string())?;
        let start = thread_cpu();
        encoder.encode(report, |request, _| match &mut *kept {
            Some(kept) => kept.extend_from_slice(&request),
            None => drop(black_box(request)),
        });
        self.0.nanoseconds.store((thread_cpu() - start) as u64, Ordering::Relaxed);
        Ok(())
    }
}

//! Exemplars, from what records them to what reports them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use flowmeter_core::{
    Counter, Descriptor, Exemplar, Gauge, Histogram, Meter, Metric, MetricHandle, MetricSet, Number,
    Registry, Report, ReportError, Reporter, ReporterHandle, SetCells, SharedCounter, SharedHistogram,
    SharedMeter, TraceContext, Unit, Value,
};
use flowmeter_testkit::{PATIENCE, on_request, quiet_registry};

/// Remembers the last report.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<ByName>>);

/// Values, of histograms their counts, and exemplars.
type ByName = BTreeMap<String, (f64, Vec<Exemplar>)>;

impl Reporter for Seen {
    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let mut seen = BTreeMap::new();
        for family in report.families() {
            family.for_each(|series| {
                let value = match series.value() {
                    Value::Histogram(snapshot) => Number::U64(snapshot.count()).to_f64(),
                    Value::Number(number) => number.to_f64(),
                    _ => 0.0,
                };
                seen.insert(family.family().name().to_owned(), (value, series.exemplars()));
                Ok::<_, ReportError>(())
            })?;
        }
        *self.0.lock().unwrap() = seen;
        Ok(())
    }
}

impl Seen {
    /// The value of a series, and values and first bytes of trace identifiers of its exemplars.
    fn of(&self, name: &str) -> (f64, Vec<(f64, u8)>) {
        let seen = self.0.lock().unwrap();
        let (value, exemplars) = &seen[name];
        let brief = |exemplar: &Exemplar| (exemplar.value().to_f64(), exemplar.context().trace_id()[0]);
        (*value, exemplars.iter().map(brief).collect())
    }

    fn all(&self, name: &str) -> Vec<Exemplar> {
        self.0.lock().unwrap()[name].1.clone()
    }
}

fn with_seen() -> (Registry, ReporterHandle, Seen) {
    let (registry, seen) = (quiet_registry(), Seen::default());
    let handle = registry.add_reporter("seen", Box::new(seen.clone()), on_request()).unwrap();
    (registry, handle, seen)
}

/// A trace whose identifiers are all one byte, as is the time.
fn trace(byte: u8) -> TraceContext {
    TraceContext::new([byte; 16], [byte; 8]).at(Duration::from_secs(byte.into()))
}

/// Series in words and elsewhere, in no order.
struct Mixed {
    requests: SharedCounter,
    lost: Counter,
    latency: Histogram<Duration>,
    queued: Gauge<u64>,
    size: SharedHistogram<f64>,
    events: Meter,
    marks: SharedMeter,
    found: Counter,
}

impl MetricSet for Mixed {
    const DESCRIPTORS: &'static [Descriptor] = &[
        Descriptor::of::<SharedCounter>(Metric::new("requests")),
        Descriptor::of::<Counter>(Metric::new("lost")),
        Descriptor::of::<Histogram<Duration>>(Metric::new("latency")),
        Descriptor::of::<Gauge<u64>>(Metric::new("queued")),
        Descriptor::of::<SharedHistogram<f64>>(Metric::new("size").with_unit(Unit::BYTES)),
        Descriptor::of::<Meter>(Metric::new("events")),
        Descriptor::of::<SharedMeter>(Metric::new("marks")),
        Descriptor::of::<Counter>(Metric::new("found")),
    ];

    fn from_cells(cells: &mut SetCells) -> Self {
        Self {
            requests: cells.take(),
            lost: cells.take(),
            latency: cells.take(),
            queued: cells.take(),
            size: cells.take(),
            events: cells.take(),
            marks: cells.take(),
            found: cells.take(),
        }
    }
}

#[test]
fn every_recording_has_its_exemplar_at_its_series() {
    let (registry, handle, seen) = with_seen();
    let mixed = Mixed::register(&registry.add_group("mixed"));
    let alone = registry.add_group("alone");
    let (first, second) = (alone.counter("first"), alone.counter("second"));
    mixed.queued.set(9);
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(seen.of("lost"), (0.0, vec![]), "before the first of all");

    mixed.requests.inc_with_exemplar(&trace(1));
    mixed.lost.inc_by_with_exemplar(20, &trace(2));
    mixed.latency.record_with_exemplar(Duration::from_micros(3), &trace(3));
    mixed.latency.record_with_exemplar(Duration::MAX, &trace(4));
    mixed.size.record_with_exemplar(-0.5, &trace(5));
    mixed.events.mark_by_with_exemplar(6, &trace(6));
    mixed.marks.mark_with_exemplar(&trace(7));
    second.inc_with_exemplar(&trace(8));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(seen.of("requests"), (1.0, vec![(1.0, 1)]));
    assert_eq!(seen.of("lost"), (20.0, vec![(20.0, 2)]));
    assert_eq!(seen.of("latency"), (2.0, vec![(3_000.0, 3), (u64::MAX as f64, 4)]));
    assert_eq!(seen.of("size"), (1.0, vec![(-0.5, 5)]));
    assert_eq!(seen.of("events"), (6.0, vec![(6.0, 6)]));
    assert_eq!(seen.of("marks"), (1.0, vec![(1.0, 7)]));
    assert_eq!(seen.of("second"), (1.0, vec![(1.0, 8)]));
    assert_eq!((mixed.found.get(), first.get()), (0, 0));
    for without in ["found", "queued", "first"] {
        assert_eq!(seen.of(without).1, [], "{without}");
    }
    assert_eq!(seen.all("lost"), [Exemplar::new(Number::U64(20), trace(2))]);

    // Later ones take their places, from whichever handle.
    mixed.requests.new_writer().inc_by_with_exemplar(11, &trace(11));
    mixed.lost.inc_with_exemplar(&trace(12));
    mixed.latency.record_with_exemplar(Duration::from_nanos(3_500), &trace(13));
    mixed.size.new_writer().record_with_exemplar(-0.375, &trace(15));
    mixed.events.mark_with_exemplar(&trace(16));
    mixed.marks.new_writer().mark_by_with_exemplar(17, &trace(17));
    first.inc_with_exemplar(&trace(18));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(seen.of("requests"), (12.0, vec![(11.0, 11)]));
    assert_eq!(seen.of("lost"), (21.0, vec![(1.0, 12)]));
    assert_eq!(seen.of("latency").1, [(3_500.0, 13), (u64::MAX as f64, 4)]);
    assert_eq!(seen.of("size"), (2.0, vec![(-0.375, 15)]));
    assert_eq!(seen.of("events"), (7.0, vec![(1.0, 16)]));
    assert_eq!(seen.of("marks"), (18.0, vec![(17.0, 17)]));
    assert_eq!((seen.of("first").1, seen.of("second").1), (vec![(1.0, 18)], vec![(1.0, 8)]));
}

#[test]
fn values_without_a_bucket_have_no_exemplar() {
    let (registry, handle, seen) = with_seen();
    let size = registry.add_group("g").histogram::<f64>("size");
    size.record_with_exemplar(f64::NAN, &trace(1));
    size.record_with_exemplar(f64::INFINITY, &trace(2));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(seen.of("size"), (0.0, vec![]));
    size.record_with_exemplar(0.0, &trace(3));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(seen.of("size"), (1.0, vec![(0.0, 3)]));
}

#[test]
fn detached_handles_record_but_their_exemplars_are_nowhere() {
    let (registry, handle, seen) = with_seen();
    let group = registry.add_group("g");
    let (reported, detached) = (group.counter("n"), group.counter("n"));
    detached.inc_with_exemplar(&trace(1));
    let noop = Histogram::<u64>::noop();
    noop.record_with_exemplar(7, &trace(2));
    handle.report_now(PATIENCE).unwrap();
    assert_eq!((seen.of("n"), reported.get(), detached.get()), ((0.0, vec![]), 0, 1));
    assert_eq!(noop.snapshot().count(), 1);
}

#[test]
fn a_series_ends_with_its_exemplars_and_its_successor_has_none_of_them() {
    let (registry, handle, seen) = with_seen();
    let group = registry.add_group("g");
    group.counter("n").inc_with_exemplar(&trace(1));
    group.close();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(seen.of("n"), (1.0, vec![(1.0, 1)]));

    let again = registry.add_group("g").counter("n");
    again.inc();
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(seen.of("n").1, []);
}

#[test]
fn an_exemplar_is_never_torn() {
    const ROUNDS: u64 = 30_000;
    let (registry, handle, seen) = with_seen();
    let group = registry.add_group("g");
    let (shared, latency) = (group.shared_counter("n"), group.shared_histogram::<u64>("latency"));
    thread::scope(|scope| {
        let recorders = [1, 2].map(|thread| {
            let (shared, latency) = (shared.clone(), latency.new_writer());
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    // All parts of a recording say the same.
                    let byte = ((2 * round + thread) % 251) as u8;
                    shared.inc_by_with_exemplar(byte.into(), &trace(byte));
                    latency.record_with_exemplar(byte.into(), &trace(byte));
                }
            })
        });
        let mut found = 0;
        while found == 0 || !recorders.iter().all(thread::ScopedJoinHandle::is_finished) {
            handle.report_now(PATIENCE).unwrap();
            for exemplar in [seen.all("n"), seen.all("latency")].concat() {
                let Number::U64(value) = exemplar.value() else { panic!("{exemplar:?}") };
                assert_eq!(*exemplar.context(), trace(value as u8));
                found += 1;
            }
        }
    });
    handle.report_now(PATIENCE).unwrap();
    assert_eq!(
        seen.of("latency").0,
        Number::U64(2 * ROUNDS).to_f64(),
        "all are recorded, whoever was in the way"
    );
    assert!((1..=16).contains(&seen.all("latency").len()));
}

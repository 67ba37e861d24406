//! The catalogue is all there is: what everything together reports is in it, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::any::Any;
use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::Cluster;
use flowmeter_core::{Family, MetricGroup, MetricSet, OperatorGroup, Report, ReportError, Reporter};
use flowmeter_stream::*;
use flowmeter_testkit::{Capture, PATIENCE, on_request};

/// What is a fact of a family: its system scope, its path with the name, and its kind, type and unit.
type Facts = (String, String, String);

fn facts(family: &Family) -> Facts {
    let path = format!("{}.{}", family.logical_scope(), family.name());
    let kind = format!("{:?} {:?} {:?}", family.kind(), family.value_type(), family.unit().as_str());
    (family.system_scope().to_owned(), path, kind)
}

/// A reporter that remembers families.
#[derive(Clone, Default)]
struct Families(Arc<Mutex<BTreeSet<Facts>>>);

impl Reporter for Families {
    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        self.0.lock().unwrap().extend(report.families().map(|view| facts(view.family())));
        Ok(())
    }
}

/// What keeps metrics registered.
type Kept = Vec<Box<dyn Any>>;

fn keep<T: 'static>(kept: &mut Kept, handle: T) {
    kept.push(Box::new(handle));
}

/// Registers a set as it is.
fn set<S: MetricSet + 'static>(kept: &mut Kept, group: &MetricGroup) {
    keep(kept, S::register(group));
}

fn register_at_job_manager(cluster: &Cluster, kept: &mut Kept) {
    set::<ClusterMetrics>(kept, &cluster.job_manager);
    set::<SpeculativeExecutionMetrics>(kept, &cluster.job);
    keep(kept, JobStatusTracker::register(&cluster.job));
    let checkpoints = CheckpointLedger::register(&cluster.job);
    checkpoints.triggered(1);
    checkpoints.completed(1, CompletedCheckpoint { external_path: "a".to_owned(), ..Default::default() });
    checkpoints.restored();
    keep(kept, checkpoints);
    set::<EnumeratorMetrics>(kept, &enumerator_group(&cluster.coordinator));
}

fn register_at_task_manager(cluster: &Cluster, kept: &mut Kept) {
    keep(kept, NetworkMemory::register(&cluster.task_manager, 32_768, 10));
    set::<ManagedMemoryMetrics>(kept, &cluster.task_manager);
    set::<FileMergingMetrics>(kept, &file_merging_group(&cluster.local_job));
    set::<ChangelogStorageMetrics>(kept, &changelog_storage_group(&cluster.local_job));
}

fn register_at_task(task: &MetricGroup, kept: &mut Kept) {
    set::<TaskIoMetrics>(kept, task);
    set::<TaskBytesMetrics>(kept, task);
    set::<TimerMetrics>(kept, task);
    set::<InitializationMetrics>(kept, task);
    set::<MailboxMetrics>(kept, task);
    set::<BufferDebloatingMetrics>(kept, task);
    keep(kept, TaskTimes::register(task));
    keep(kept, BarrierAlignment::register(task));
    keep(kept, ChangelogTimes::register(task));
    set::<TaskInputMetrics>(kept, &input_group(task));
    set::<InputBufferMetrics>(kept, &input_group(task));
    set::<OutputBufferMetrics>(kept, &output_group(task));
    let flink = [FlinkQueues::Input, FlinkQueues::Output].map(|queues| flink_queues(task, queues, 12));
    for group in [input_gate(task, 0), output_partition(task, 1)].iter().chain(flink.iter().flatten()) {
        QueueLengthMetrics::observe(group, || [1, 2]);
    }
}

fn register_at_operator(operator: &MetricGroup, task: &MetricGroup, kept: &mut Kept) {
    set::<OperatorIoMetrics>(kept, operator);
    set::<OperatorBytesMetrics>(kept, operator);
    set::<WatermarkAlignmentMetrics>(kept, operator);
    set::<LateRecordMetrics>(kept, operator);
    set::<SplitProgressMetrics>(kept, operator);
    set::<SinkWriterMetrics>(kept, operator);
    set::<ChangelogSizeMetrics>(kept, operator);
    set::<ChangelogMaterializationMetrics>(kept, &changelog_materialization_group(operator));
    set::<AsyncStateMetrics>(kept, &async_state_group(operator));
    set::<LookupCacheMetrics>(kept, &cache_group(operator));
    keep(kept, CommittableLedger::register(operator));
    let mut watermarks = Watermarks::register(operator, 12).for_task(task);
    (0..12).for_each(|input| watermarks.advance_input(input, 1));
    watermarks.advance_output(1);
    keep(kept, watermarks);
    let split = SplitTimes::register(operator, "split-1");
    split.advance(1);
    keep(kept, split);
    let mut source = SourceReader::register(operator);
    source.fetched(0);
    source.emitted(0);
    source.watermark(0);
    source.pending_records(|| 1);
    source.pending_bytes(|| 2);
    keep(kept, source);
}

/// States of all kinds: names of operations are of a kind, but clearing is the same of all, so each is another state.
fn register_at_states(operator: &MetricGroup, kept: &mut Kept) {
    const EVERY: NonZeroU32 = DEFAULT_SAMPLING;
    let state = |name: &str| state_group(operator, name);
    set::<StateSizeMetrics>(kept, &state("value"));
    keep(kept, ValueStateTimers::register(&state("value"), EVERY));
    keep(kept, ValueStateSizes::register(&state("value"), EVERY));
    keep(kept, ListStateTimers::register(&state("list"), EVERY));
    keep(kept, ListStateSizes::register(&state("list"), EVERY));
    keep(kept, MapStateTimers::register(&state("map"), EVERY));
    keep(kept, MapStateSizes::register(&state("map"), EVERY));
    keep(kept, AggregatingStateTimers::register(&state("aggregate"), EVERY));
    keep(kept, AggregatingStateSizes::register(&state("aggregate"), EVERY));
    keep(kept, ReducingStateTimers::register(&state("reduction"), EVERY));
    keep(kept, ReducingStateSizes::register(&state("reduction"), EVERY));
}

/// A marker comes to an operator for each granularity, which then stay.
fn register_latencies(cluster: &Cluster, kept: &mut Kept) {
    let granularities =
        [LatencyGranularity::Single, LatencyGranularity::Operator, LatencyGranularity::Subtask];
    for (number, granularity) in granularities.into_iter().enumerate() {
        let operator: OperatorGroup = cluster.task.operator(&number.to_string(), "markers");
        let mut latencies = LatencyTracker::register(&operator, granularity);
        let marker = LatencyMarker { source_id: "a".into(), source_subtask_index: 0, marked: Duration::ZERO };
        latencies.arrived(&marker);
        keep(kept, (operator, latencies));
    }
}

/// All that there is, registered.
fn register_everything(cluster: &Cluster) -> Kept {
    let mut kept = Kept::new();
    register_at_job_manager(cluster, &mut kept);
    register_at_task_manager(cluster, &mut kept);
    register_at_task(&cluster.task, &mut kept);
    register_at_operator(&cluster.operator, &cluster.task, &mut kept);
    register_at_states(&cluster.operator, &mut kept);
    register_latencies(cluster, &mut kept);
    kept
}

/// Whether a path is of this form, in which names that are made at run time stand in angle brackets.
fn matches(form: &str, path: &str) -> bool {
    let part_matches = |form: &str, part: &str| {
        let Some((before, (_, after))) =
            form.split_once('<').and_then(|(before, rest)| Some((before, rest.split_once('>')?)))
        else {
            return form == part;
        };
        let of_it = part.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
        of_it.is_some_and(|name| !name.is_empty())
    };
    let (forms, parts): (Vec<_>, Vec<_>) = (form.split('.').collect(), path.split('.').collect());
    forms.len() == parts.len() && forms.into_iter().zip(parts).all(|(form, part)| part_matches(form, part))
}

#[test]
fn run_time_names_match_forms() {
    assert!(matches("task.a.<gate>.b", "task.a.7.b"));
    assert!(matches("task.currentInput<N>Watermark", "task.currentInput12Watermark"));
    assert!(!matches("task.currentInput<N>Watermark", "task.currentInputWatermark"));
    assert!(!matches("task.a.<gate>.b", "task.a.b"));
    assert!(!matches("task.a", "task.b"));
}

#[test]
fn what_is_reported_is_what_the_catalogue_says() {
    let cluster = Cluster::new();
    let families = Families::default();
    let handle = cluster.registry.add_reporter("families", Box::new(families.clone()), on_request()).unwrap();
    let _kept = register_everything(&cluster);
    handle.report_now(PATIENCE).unwrap();
    let statistics = cluster.registry.statistics();
    assert_eq!((statistics.refused_registrations, statistics.callback_panics), (0, 0));

    let reported = families.0.lock().unwrap().clone();
    let catalogue: BTreeSet<Facts> = CATALOGUE
        .iter()
        .flat_map(|entry| entry.scopes.iter().flat_map(|scope| entry.families(*scope)))
        .map(|family| facts(&family))
        .collect();
    let is = |known: &Facts, seen: &Facts| {
        (&known.0, &known.2) == (&seen.0, &seen.2) && matches(&known.1, &seen.1)
    };
    let unknown: Vec<_> =
        reported.iter().filter(|seen| !catalogue.iter().any(|known| is(known, seen))).collect();
    assert!(unknown.is_empty(), "reported, but not in the catalogue: {unknown:#?}");
    let missing: Vec<_> =
        catalogue.iter().filter(|known| !reported.iter().any(|seen| is(known, seen))).collect();
    assert!(missing.is_empty(), "in the catalogue, but not reported: {missing:#?}");
}

#[test]
fn all_of_flinks_names_are_reported() {
    let (cluster, capture) = (Cluster::new(), Capture::flink());
    let handle = cluster.registry.add_reporter("flink", capture.reporter(), on_request()).unwrap();
    let _kept = register_everything(&cluster);
    // Rates are worked out over a second at least.
    cluster.pass(60_000);
    handle.report_now(PATIENCE).unwrap();
    let series = capture.last_series();
    let reported: BTreeSet<_> = series.iter().filter_map(|(name, _)| name.split('{').next()).collect();
    let is_reported = |name: &str| reported.iter().any(|seen| matches(name, seen));
    let names = CATALOGUE
        .iter()
        .flat_map(|entry| entry.scopes.iter().flat_map(|scope| entry.families(*scope)))
        .flat_map(|family| [family.flink_names(), family.flink_rate_names()])
        .flatten();
    let missing: Vec<_> = names.filter(|name| !is_reported(name)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

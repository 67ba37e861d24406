//! Latency markers: how long records take from a source to an operator.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{Clock, Counter, Histogram, MetricGroup, MetricSet};

/// How many sources a tracker keeps apart. Markers of further ones are counted and no more, since their names come with
/// the data.
const SOURCES: usize = 10_000;

/// A record that a source sends along with the others, to see how long these take. It queues where they queue, and no
/// user's code works on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyMarker {
    /// The id of the source's operator.
    pub source_id: Arc<str>,
    /// Which of the source's parallel instances it comes from.
    pub source_subtask_index: usize,
    /// When it was sent, since the Unix epoch.
    pub marked: Duration,
}

/// Which sources are kept apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LatencyGranularity {
    /// None.
    Single,
    /// Operators.
    #[default]
    Operator,
    /// Their parallel instances: as many histograms as sources have instances, at each instance of each operator.
    Subtask,
}

/// The markers that come to one operator: one writer, which is its thread.
///
/// ```
/// # let registry = flowmeter_core::Registry::new();
/// # let task_manager = registry.task_manager("h", "tm");
/// # let job = task_manager.job("j", "job");
/// # let task = job.task(Default::default());
/// # let operator = task.operator("2.1", "count");
/// use flowmeter_stream::{LatencyGranularity, LatencyMarker, LatencyTracker};
///
/// let mut latencies = LatencyTracker::register(&operator, LatencyGranularity::Operator);
/// let marker = LatencyMarker {
///     source_id: "1".into(),
///     source_subtask_index: 0,
///     marked: operator.clock().unix(),
/// };
/// latencies.arrived(&marker);
/// ```
#[derive(Debug)]
#[must_use = "a tracker that is dropped measures nothing"]
pub struct LatencyTracker {
    group: MetricGroup,
    granularity: LatencyGranularity,
    /// Which of the operator's parallel instances this is.
    subtask_index: String,
    latencies: HashMap<(Arc<str>, usize), Histogram<f64>>,
    untracked: Counter,
    clock: Arc<dyn Clock>,
}

impl LatencyTracker {
    /// Will register histograms below the group of an operator, for each source when its first marker comes: in the group
    /// `latency`, with the variables `source_id` and `source_subtask_index` as far as sources are kept apart, and
    /// `operator_subtask_index`.
    pub fn register(operator: &MetricGroup, granularity: LatencyGranularity) -> Self {
        let group = operator.add_group("latency");
        let LatencyMarkerMetrics { untracked_latency_markers } = LatencyMarkerMetrics::register(&group);
        let subtask_index = operator.view().variables().find(|(key, _)| *key == "subtask_index");
        Self {
            group,
            granularity,
            subtask_index: subtask_index.map(|(_, value)| value.to_owned()).unwrap_or_default(),
            latencies: HashMap::new(),
            untracked: untracked_latency_markers,
            clock: Arc::clone(operator.clock()),
        }
    }

    /// A marker has come.
    pub fn arrived(&mut self, marker: &LatencyMarker) {
        self.arrived_at(marker, self.clock.unix());
    }

    /// The same at a time since the Unix epoch, for who has looked at the clock already.
    pub fn arrived_at(&mut self, marker: &LatencyMarker, now: Duration) {
        // Clocks of two machines differ: what seems to arrive before it was sent took no time.
        let latency = now.saturating_sub(marker.marked).as_secs_f64() * 1000.0;
        let source = match self.granularity {
            LatencyGranularity::Single => (Arc::from(""), 0),
            LatencyGranularity::Operator => (Arc::clone(&marker.source_id), 0),
            LatencyGranularity::Subtask => (Arc::clone(&marker.source_id), marker.source_subtask_index),
        };
        if let Some(known) = self.latencies.get(&source) {
            known.record(latency);
        } else if self.latencies.len() < SOURCES {
            let histogram = self.add(&source);
            histogram.record(latency);
            self.latencies.insert(source, histogram);
        } else {
            self.untracked.inc();
        }
    }

    fn add(&self, (source, subtask): &(Arc<str>, usize)) -> Histogram<f64> {
        let of_operator =
            |group: &MetricGroup| group.add_group_kv("operator_subtask_index", &self.subtask_index);
        match self.granularity {
            LatencyGranularity::Single => LatencyMetrics::register(&of_operator(&self.group)).latency,
            LatencyGranularity::Operator => {
                let group = self.group.add_group_kv("source_id", source);
                SourceLatencyMetrics::register(&of_operator(&group)).latency
            }
            LatencyGranularity::Subtask => {
                let group = self.group.add_group_kv("source_id", source);
                let group = group.add_group_kv("source_subtask_index", &subtask.to_string());
                SubtaskLatencyMetrics::register(&of_operator(&group)).latency
            }
        }
    }
}

/// Latency from all sources. [`LatencyTracker`] fills it. Flink has it at the task, with the operator's id as a variable.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct LatencyMetrics {
    /// How long markers took from the sources to the operator.
    #[metric(
        unit = MILLISECONDS,
        names(
            flink = "/taskmanager.job.task.latency.operator_id.operator_subtask_index.latency",
            prometheus = "taskmanager_job_task_operator_latency_seconds",
            otlp = "taskmanager.job.task.operator.latency"
        )
    )]
    pub latency: Histogram<f64>,
}

/// Latency from one source. [`LatencyTracker`] fills it. Flink has it at the task, with the operator's id as a variable.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct SourceLatencyMetrics {
    /// How long markers took from the source to the operator.
    #[metric(
        unit = MILLISECONDS,
        names(
            flink = "/taskmanager.job.task.latency.source_id.operator_id.operator_subtask_index.latency",
            prometheus = "taskmanager_job_task_operator_source_latency_seconds",
            otlp = "taskmanager.job.task.operator.source_latency"
        )
    )]
    pub latency: Histogram<f64>,
}

/// Latency from one parallel instance of a source. [`LatencyTracker`] fills it. Flink has it at the task, with the
/// operator's id as a variable.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct SubtaskLatencyMetrics {
    /// How long markers took from the parallel instance of the source to the operator.
    #[metric(
        unit = MILLISECONDS,
        names(
            flink = "/taskmanager.job.task.latency.source_id.source_subtask_index.operator_id.operator_subtask_index.latency",
            prometheus = "taskmanager_job_task_operator_source_subtask_latency_seconds",
            otlp = "taskmanager.job.task.operator.source_subtask_latency"
        )
    )]
    pub latency: Histogram<f64>,
}

/// What becomes of markers that are not followed. [`LatencyTracker`] fills it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct LatencyMarkerMetrics {
    /// Markers that came from more sources than are kept apart.
    #[metric(unit = "{marker}")]
    pub untracked_latency_markers: Counter,
}

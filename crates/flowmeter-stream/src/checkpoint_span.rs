//! The span and the event of a checkpoint.

use std::time::Duration;

use flowmeter_core::{Event, MetricGroup, Span};

use crate::milestones::{CHECKPOINTS, MaxAndSum, job_event, job_span};
use crate::{CompletedCheckpoint, SubtaskCheckpoint};

/// When a checkpoint began and ended, since the Unix epoch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Period {
    pub(crate) start: Duration,
    pub(crate) end: Duration,
}

/// How a checkpoint ended, until it is reported.
#[derive(Debug)]
pub(crate) struct EndedCheckpoint {
    pub(crate) id: u64,
    pub(crate) period: Period,
    pub(crate) outcome: Outcome,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    Completed(CompletedCheckpoint),
    /// And why, if that is known.
    Failed(String),
}

impl EndedCheckpoint {
    /// Reports it in the group of its job.
    pub(crate) fn report(&self, job: &MetricGroup) {
        job.report_span(self.span(job));
        job.report_event(self.event(job));
    }

    fn span(&self, job: &MetricGroup) -> Span {
        let span = job_span(job, CHECKPOINTS, "Checkpoint")
            .starting_at(self.period.start)
            .ending_at(self.period.end)
            .with("checkpointId", self.id)
            .with("checkpointStatus", self.outcome.status());
        match &self.outcome {
            Outcome::Completed(checkpoint) => {
                let span = span
                    .with("checkpointType", checkpoint.type_name())
                    // A text, as Flink has it.
                    .with("isUnaligned", checkpoint.is_unaligned.to_string())
                    .with("checkpointedSize", checkpoint.size)
                    .with("fullSize", checkpoint.full_size)
                    .with("metadataSize", checkpoint.metadata_size)
                    .with("sumProcessedDataBytes", checkpoint.processed_data)
                    .with("sumPersistedDataBytes", checkpoint.persisted_data);
                with_subtasks(span, &checkpoint.subtasks).succeeded()
            }
            Outcome::Failed(why) => span.failed(why.as_str()),
        }
    }

    fn event(&self, job: &MetricGroup) -> Event {
        let event = job_event(job, CHECKPOINTS, "CheckpointEvent")
            .observed_at(self.period.end)
            .with("checkpointId", self.id)
            .with("checkpointStatus", self.outcome.status());
        match &self.outcome {
            Outcome::Completed(checkpoint) => event
                .with("checkpointType", checkpoint.type_name())
                .with("isUnaligned", checkpoint.is_unaligned.to_string())
                .with("checkpointedSize", checkpoint.size)
                .with("fullSize", checkpoint.full_size)
                .with("metadataSize", checkpoint.metadata_size),
            Outcome::Failed(why) => event.with_body(why.as_str()),
        }
    }
}

impl Outcome {
    fn status(&self) -> &'static str {
        match self {
            Self::Completed(_) => "COMPLETED",
            Self::Failed(_) => "FAILED",
        }
    }
}

/// Adds what the subtasks' parts come to. The sums of what is known of the whole are there already.
fn with_subtasks(span: Span, subtasks: &[SubtaskCheckpoint]) -> Span {
    if subtasks.is_empty() {
        return span;
    }
    let bytes = |part: fn(&SubtaskCheckpoint) -> u64| MaxAndSum::of(subtasks.iter().map(part));
    let times = |part: fn(&SubtaskCheckpoint) -> Duration| {
        MaxAndSum::of(subtasks.iter().map(|subtask| crate::checkpoint::milliseconds(part(subtask))))
    };
    let span = times(|subtask| subtask.start_delay).on(span, "CheckpointStartDelayMs");
    let span = times(|subtask| subtask.alignment).on(span, "AlignmentDurationMs");
    let span = times(|subtask| subtask.sync).on(span, "SyncCheckpointDurationMs");
    let span = times(|subtask| subtask.r#async).on(span, "AsyncCheckpointDurationMs");
    let span = bytes(|subtask| subtask.size).max_on(span, "CheckpointedSizeBytes");
    let span = bytes(|subtask| subtask.full_size).max_on(span, "StateSizeBytes");
    let span = bytes(|subtask| subtask.processed_data).max_on(span, "ProcessedDataBytes");
    bytes(|subtask| subtask.persisted_data).max_on(span, "PersistedDataBytes")
}

//! The initialization of a job: from when it is received or restarts until all its subtasks run.

use std::time::Duration;

use flowmeter_core::{MetricGroup, Span};

use crate::checkpoint::milliseconds;
use crate::milestones::{CHECKPOINTS, MaxAndSum, job_span};

/// How long one subtask took to initialize, and for what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SubtaskInitialization {
    /// From when it was created until its code was set up.
    pub mailbox_start: Duration,
    /// To read the output in flight that an unaligned checkpoint stored.
    pub read_output_data: Duration,
    /// To restore its state, the download included.
    pub initialize_state: Duration,
    /// To read the input in flight that an unaligned checkpoint stored.
    pub gate_restore: Duration,
    /// To download its state, if that is known.
    pub download_state: Option<Duration>,
}

/// What is known of an initialization that is under way.
#[derive(Debug)]
pub(crate) struct JobInitialization {
    /// Since the Unix epoch.
    began: Duration,
    /// Number and bytes of the checkpoint that it restores.
    restored: Option<(u64, u64)>,
    subtasks: Option<Subtasks>,
}

#[derive(Debug, Default)]
struct Subtasks {
    mailbox_start: MaxAndSum,
    read_output_data: MaxAndSum,
    initialize_state: MaxAndSum,
    gate_restore: MaxAndSum,
    download_state: Option<MaxAndSum>,
}

impl JobInitialization {
    pub(crate) fn new(began: Duration) -> Self {
        Self { began, restored: None, subtasks: None }
    }

    pub(crate) fn restores(&mut self, checkpoint: u64, full_size: u64) {
        self.restored = Some((checkpoint, full_size));
    }

    pub(crate) fn add(&mut self, subtask: &SubtaskInitialization) {
        let subtasks = self.subtasks.get_or_insert_default();
        subtasks.mailbox_start.add(milliseconds(subtask.mailbox_start));
        subtasks.read_output_data.add(milliseconds(subtask.read_output_data));
        subtasks.initialize_state.add(milliseconds(subtask.initialize_state));
        subtasks.gate_restore.add(milliseconds(subtask.gate_restore));
        if let Some(download_state) = subtask.download_state {
            subtasks.download_state.get_or_insert_default().add(milliseconds(download_state));
        }
    }

    /// The span, when it is over.
    pub(crate) fn span(&self, job: &MetricGroup, ended: Duration, has_succeeded: bool) -> Span {
        let status = if has_succeeded { "COMPLETED" } else { "FAILED" };
        let mut span = job_span(job, CHECKPOINTS, "JobInitialization")
            .starting_at(self.began)
            .ending_at(ended)
            .with("initializationStatus", status);
        if let Some((checkpoint, full_size)) = self.restored {
            span = span.with("checkpointId", checkpoint).with("fullSize", full_size);
        }
        if let Some(subtasks) = &self.subtasks {
            span = subtasks.mailbox_start.on(span, "MailboxStartDurationMs");
            span = subtasks.read_output_data.on(span, "ReadOutputDataDurationMs");
            span = subtasks.initialize_state.on(span, "InitializeStateDurationMs");
            span = subtasks.gate_restore.on(span, "GateRestoreDurationMs");
            if let Some(download_state) = subtasks.download_state {
                span = download_state.on(span, "DownloadStateDurationMs");
            }
        }
        if has_succeeded {
            span.succeeded()
        } else {
            span.failed("the job ceased to run before all its subtasks did")
        }
    }
}

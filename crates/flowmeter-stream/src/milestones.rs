//! What the spans and events of a job have in common. Scopes, names and attributes are Flink's where Flink has them.

use flowmeter_core::{Event, MetricGroup, Span};

/// The scope of checkpoints and of the initialization of jobs.
pub(crate) const CHECKPOINTS: &str = "org.apache.flink.runtime.checkpoint.CheckpointStatsTracker";
/// The scope of changes of a job's state.
pub(crate) const JOB_MASTER: &str = "org.apache.flink.runtime.jobmaster.JobMaster";
/// The scope of failures.
pub(crate) const JOB_FAILURES: &str = "org.apache.flink.runtime.scheduler.adaptive.JobFailureMetricReporter";
/// The scope of what is known of all subtasks.
pub(crate) const ALL_SUBTASKS: &str =
    "org.apache.flink.runtime.scheduler.metrics.AllSubTasksRunningOrFinishedStateTimeMetrics";
/// The scope of what Flink has no event for.
pub(crate) const JOB_STATUS_TRACKER: &str = "flowmeter_stream::JobStatusTracker";

/// A span of a job, whose id Flink has as an attribute as well as in the variables.
pub(crate) fn job_span(job: &MetricGroup, scope: &'static str, name: &'static str) -> Span {
    match job_id(job) {
        Some(id) => Span::new(scope, name).with("jobId", id),
        None => Span::new(scope, name),
    }
}

/// The same of an event.
pub(crate) fn job_event(job: &MetricGroup, scope: &'static str, name: &'static str) -> Event {
    match job_id(job) {
        Some(id) => Event::new(scope, name).with("jobId", id),
        None => Event::new(scope, name),
    }
}

fn job_id(job: &MetricGroup) -> Option<&str> {
    job.view().variables().find(|(key, _)| *key == "job_id").map(|(_, id)| id)
}

/// The greatest of the subtasks' values, and what they add up to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MaxAndSum {
    max: u64,
    sum: u64,
}

impl MaxAndSum {
    pub(crate) fn of(values: impl Iterator<Item = u64>) -> Self {
        let mut all = Self::default();
        values.for_each(|value| all.add(value));
        all
    }

    pub(crate) fn add(&mut self, value: u64) {
        self.max = self.max.max(value);
        self.sum = self.sum.saturating_add(value);
    }

    /// Adds the attributes `max…` and `sum…`.
    pub(crate) fn on(self, span: Span, name: &str) -> Span {
        span.with(format!("max{name}"), self.max).with(format!("sum{name}"), self.sum)
    }

    /// Adds the attribute `max…`.
    pub(crate) fn max_on(self, span: Span, name: &str) -> Span {
        span.with(format!("max{name}"), self.max)
    }
}

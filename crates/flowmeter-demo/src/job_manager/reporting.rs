//! The JobManager's own metrics.

use flowmeter::stream::{ClusterMetrics, JobFailure, JobStatus, JobStatusTracker};
use flowmeter::system::CountingAllocator;
use flowmeter::{Flowmeter, JobManagerGroup, JobManagerJobGroup, MetricSet, ReporterHandle};

use crate::arguments::Arguments;
use crate::serving::{Endpoints, ServingPorts};
use crate::{otlp, process, serving};

/// What the JobManager is called among the processes.
pub(super) const ID: &str = "jm";

/// What the JobManager reports, and how.
pub(super) struct Reporting {
    /// Ports that TaskManagers may use.
    pub(super) remaining: ServingPorts,
    pub(super) endpoints: Endpoints,
    cluster: ClusterMetrics,
    job_manager: JobManagerGroup,
    flowmeter: Flowmeter,
}

impl Reporting {
    pub(super) fn start(
        arguments: &Arguments,
        allocator: &'static CountingAllocator,
    ) -> Result<Self, String> {
        let ports = ServingPorts::of(arguments);
        let builder = ports.serve(process::builder(arguments.config.as_deref(), ID)?);
        let builder = match &arguments.statsd {
            Some(address) => process::with_statsd(builder, address.clone()),
            None => builder,
        };
        let builder = match &arguments.otlp {
            Some(url) => otlp::report(builder, url, ID)?,
            None => builder,
        };
        let flowmeter = process::start(builder)?;
        let endpoints = serving::endpoints(&flowmeter);
        let remaining = ports.behind(&endpoints)?;
        let job_manager = flowmeter.job_manager("localhost");
        process::measure(&job_manager, allocator);
        let cluster = ClusterMetrics::register(&job_manager);
        Ok(Self { remaining, endpoints, cluster, job_manager, flowmeter })
    }

    pub(super) fn reporter(&self) -> Option<ReporterHandle> {
        serving::scraped(&self.flowmeter)
    }

    /// Measures a job that will have all of so many TaskManagers, each with one slot, until the returned value is dropped.
    pub(super) fn job(&self, id: &str, name: &str, task_managers: usize) -> MeasuredJob<'_> {
        MeasuredJob::new(&self.cluster, self.job_manager.job(id, name), task_managers)
    }
}

/// A job while it runs.
pub(super) struct MeasuredJob<'a> {
    cluster: &'a ClusterMetrics,
    task_managers: usize,
    status: JobStatusTracker,
    _group: JobManagerJobGroup,
}

impl<'a> MeasuredJob<'a> {
    fn new(cluster: &'a ClusterMetrics, group: JobManagerJobGroup, task_managers: usize) -> Self {
        cluster.num_pending_task_managers.set(task_managers as u64);
        let status = JobStatusTracker::register(&group);
        MeasuredJob { cluster, task_managers, status, _group: group }
    }

    /// So many TaskManagers are up.
    pub(super) fn registered(&self, task_managers: usize) {
        let pending = self.task_managers.saturating_sub(task_managers);
        self.cluster.num_registered_task_managers.set(task_managers as u64);
        self.cluster.num_pending_task_managers.set(pending as u64);
        self.cluster.task_slots_total.set(task_managers as u64);
        self.cluster.task_slots_available.set(task_managers as u64);
        if pending == 0 {
            self.status.switch(JobStatus::Created);
        }
    }

    /// TaskManagers are told to begin.
    pub(super) fn begins(&self) {
        self.cluster.num_running_jobs.set(1);
        self.cluster.task_slots_available.set(0);
        self.status.switch(JobStatus::Running);
        self.status.set_deploying(true);
    }

    /// All of them have something to tell.
    pub(super) fn all_tasks_run(&self) {
        self.status.set_deploying(false);
        self.status.set_all_tasks_running(true);
    }

    /// The user wants it to end.
    pub(super) fn is_cancelled(&self) {
        self.status.switch(JobStatus::Cancelling);
    }

    /// It cannot go on.
    pub(super) fn fails(&self, why: &str) {
        let failure = JobFailure {
            message: why.to_owned(),
            can_restart: Some(false),
            is_global: Some(true),
            ..JobFailure::default()
        };
        self.status.failed(&failure);
        self.status.switch(JobStatus::Failing);
    }
}

impl Drop for MeasuredJob<'_> {
    fn drop(&mut self) {
        self.status.switch(JobStatus::Ended);
        self.cluster.num_running_jobs.set(0);
        self.cluster.task_slots_available.set(self.cluster.task_slots_total.get());
    }
}

#[cfg(test)]
mod tests {
    use flowmeter::{AttributeValue, Milestone};
    use flowmeter_testkit::{Capture, PATIENCE, driven};

    use super::*;

    /// What reporters hear of a job that runs to its end, or fails: names, with the state that they tell of.
    fn told(failure: Option<&str>) -> Vec<(String, String)> {
        let capture = Capture::push().with_milestones();
        let (registry, _clock, reporter) = driven(&capture);
        let job_manager = registry.job_manager("localhost");
        let cluster = ClusterMetrics::register(&job_manager);
        let running = MeasuredJob::new(&cluster, job_manager.job("j", "wordcount"), 2);
        running.registered(1);
        running.registered(2);
        running.begins();
        match failure {
            Some(why) => running.fails(why),
            None => running.all_tasks_run(),
        }
        drop(running);
        reporter.report_now(PATIENCE).unwrap();
        let state = |milestone: &Milestone| {
            let attributes: Vec<_> = match milestone {
                Milestone::Span(span) => span.attributes().collect(),
                Milestone::Event(event) => event.attributes().collect(),
            };
            match attributes.last() {
                Some((_, AttributeValue::Text(state))) => state.clone(),
                other => panic!("{other:?}"),
            }
        };
        let all = capture.all_milestones();
        all.iter().map(|told| (told.name().to_owned(), state(&told.milestone))).collect()
    }

    fn expected(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, state)| ((*name).to_owned(), (*state).to_owned())).collect()
    }

    #[test]
    fn a_job_tells_of_its_way_to_the_end() {
        let finished = expected(&[
            ("JobStatusChangeEvent", "CREATED"),
            ("JobStatusChangeEvent", "RUNNING"),
            ("AllSubtasksStatusChangeEvent", "ALL_RUNNING_OR_FINISHED"),
            ("JobInitialization", "COMPLETED"),
            ("JobStatusChangeEvent", "FINISHED"),
            ("AllSubtasksStatusChangeEvent", "NOT_ALL_RUNNING_OR_FINISHED"),
        ]);
        assert_eq!(told(None), finished);
    }

    #[test]
    fn a_job_that_fails_says_so() {
        let failed = expected(&[
            ("JobStatusChangeEvent", "CREATED"),
            ("JobStatusChangeEvent", "RUNNING"),
            ("JobFailureEvent", "true"),
            ("JobStatusChangeEvent", "FAILING"),
            ("JobInitialization", "FAILED"),
            ("JobStatusChangeEvent", "FAILED"),
        ]);
        assert_eq!(told(Some("a TaskManager is gone")), failed);
    }
}

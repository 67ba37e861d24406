//! The state of a job, for how long it was in each, and how often it was restarted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flowmeter_core::{Clock, Gauge, MetricGroup, MetricSet, Severity};

use crate::checkpoint::milliseconds;
use crate::job_initialization::{JobInitialization, SubtaskInitialization};
use crate::milestones::{ALL_SUBTASKS, JOB_FAILURES, JOB_MASTER, JOB_STATUS_TRACKER, job_event};

/// The state of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobStatus {
    /// It was received, and what will run it is being set up.
    Initializing,
    /// It is set up, and no task has begun.
    Created,
    /// Some tasks run.
    Running,
    /// It failed and is to run again.
    Restarting,
    /// It was told to end, and its tasks are ending.
    Cancelling,
    /// It failed, and its tasks are ending.
    Failing,
    /// It has come to an end: finished, cancelled, or failed for good.
    Ended,
}

impl JobStatus {
    /// What Flink calls it, after another. Flink has three ends, of which the one is meant that follows from where the job was.
    fn flink_name(self, before: Self) -> &'static str {
        match (self, before) {
            (Self::Initializing, _) => "INITIALIZING",
            (Self::Created, _) => "CREATED",
            (Self::Running, _) => "RUNNING",
            (Self::Restarting, _) => "RESTARTING",
            (Self::Cancelling, _) => "CANCELLING",
            (Self::Failing, _) => "FAILING",
            (Self::Ended, Self::Cancelling) => "CANCELED",
            (Self::Ended, Self::Running | Self::Ended) => "FINISHED",
            (Self::Ended, _) => "FAILED",
        }
    }
}

/// A failure of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFailure {
    /// What happened, for people.
    pub message: String,
    /// Whether the job can run again after it, if that is known.
    pub can_restart: Option<bool>,
    /// Whether it concerns all tasks, if that is known.
    pub is_global: Option<bool>,
    /// What it was classified as, by key.
    pub labels: Vec<(String, String)>,
}

/// How many of them have time of their own.
const STATES: usize = 6;
/// What is beside them: tasks are being deployed, all tasks run or have finished.
const DEPLOYING: usize = 6;
const ALL_RUNNING: usize = 7;
const TIMES: usize = 8;

/// The state machine of a job, as its JobManager sees it. Clones are one; it is for threads that are not in a hurry.
///
/// Beside metrics it has spans and events, for reporters that want them, with Flink's scopes, names and attributes:
///
/// | what | name | attributes |
/// |---|---|---|
/// | event | `JobStatusChangeEvent` | `newJobStatus`, in Flink's words |
/// | event | `AllSubtasksStatusChangeEvent` | `status`: `ALL_RUNNING_OR_FINISHED` or `NOT_ALL_RUNNING_OR_FINISHED` |
/// | event | `JobFailureEvent` | of a [`JobFailure`]: `canRestart`, `isGlobalFailure`, `failureLabel.<key>` |
/// | event | `JobRestartEvent`, which Flink has not | `numRestarts`, `isRescale` |
/// | span | `JobInitialization`: from when the job is received or restarts until all its tasks run | `initializationStatus`, and what is told by [`restores_checkpoint`](Self::restores_checkpoint) and [`subtask_initialized`](Self::subtask_initialized) |
///
/// All have `jobId` too. Events are of the severity `INFO` as in Flink, but for failures.
///
/// ```
/// # let registry = flowmeter_core::Registry::new();
/// # let job_manager = registry.job_manager("h");
/// # let job = job_manager.job("j", "job");
/// use flowmeter_stream::{JobFailure, JobStatus, JobStatusTracker};
///
/// let status = JobStatusTracker::register(&job);
/// status.switch(JobStatus::Running);
/// status.set_all_tasks_running(true);
/// // a task fails
/// status.failed(&JobFailure { message: "disk full".to_owned(), ..Default::default() });
/// status.switch(JobStatus::Restarting);
/// status.restarted();
/// status.switch(JobStatus::Running);
/// ```
#[derive(Clone, Debug)]
pub struct JobStatusTracker {
    ledger: Arc<Mutex<Ledger>>,
    job: MetricGroup,
    clock: Arc<dyn Clock>,
}

impl JobStatusTracker {
    /// Registers [`JobStatusMetrics`] in the group of a job on its JobManager. The job is initializing from now on.
    pub fn register(job: &MetricGroup) -> Self {
        let clock = Arc::clone(job.clock());
        let ledger = Arc::new(Mutex::new(Ledger::new(clock.monotonic(), clock.unix())));
        let tracker = Self { ledger, job: job.clone(), clock };
        let shown = tracker.clone();
        job.collector(move |metrics: &JobStatusMetrics| {
            let now = shown.clock.monotonic();
            shown.lock().show(now, metrics);
        });
        tracker
    }

    /// The job changes its state now. Nothing comes after [`JobStatus::Ended`].
    pub fn switch(&self, to: JobStatus) {
        self.change(|ledger, now, unix| ledger.switch(to, now, unix));
    }

    /// Tasks of the job are being deployed from now on, or are not any more. They are only while the job is created or running.
    pub fn set_deploying(&self, is_deploying: bool) {
        self.change(|ledger, now, _| {
            ledger.set(DEPLOYING, is_deploying, now);
            Changes::default()
        });
    }

    /// All tasks of the job run or have finished from now on, or not all any more. They do only while the job is running.
    pub fn set_all_tasks_running(&self, are_running: bool) {
        self.change(|ledger, now, _| ledger.set_all_running(are_running, now));
    }

    /// The job is restored from a checkpoint of so many bytes as it initializes, for the span of that.
    pub fn restores_checkpoint(&self, id: u64, full_size: u64) {
        if let Some(initialization) = &mut self.lock().initialization {
            initialization.restores(id, full_size);
        }
    }

    /// A task of the job has initialized, for the span of the job's initialization: before all tasks run.
    pub fn subtask_initialized(&self, subtask: &SubtaskInitialization) {
        let mut ledger = self.lock();
        if let Some(initialization) = &mut ledger.initialization {
            initialization.add(subtask);
            ledger.is_told_of_tasks = true;
        }
    }

    /// The job, or a part of it, was restarted.
    pub fn restarted(&self) {
        self.count_restart(false);
    }

    /// The job was restarted because its parallelism changed, which counts as a restart too.
    pub fn rescaled(&self) {
        self.count_restart(true);
    }

    /// The job, or a part of it, has failed. What comes of it is told by [`switch`](Self::switch). The event is of the severity
    /// `ERROR` if the job cannot restart, and `WARN` otherwise.
    pub fn failed(&self, failure: &JobFailure) {
        let severity = if failure.can_restart == Some(false) { Severity::Error } else { Severity::Warn };
        let mut event = job_event(&self.job, JOB_FAILURES, "JobFailureEvent")
            .with_severity(severity)
            .with_body(failure.message.as_str());
        // Texts, like Flink's `isUnaligned`.
        if let Some(can_restart) = failure.can_restart {
            event = event.with("canRestart", can_restart.to_string());
        }
        if let Some(is_global) = failure.is_global {
            event = event.with("isGlobalFailure", is_global.to_string());
        }
        for (key, value) in &failure.labels {
            event = event.with(format!("failureLabel.{key}"), value.as_str());
        }
        self.job.report_event(event);
    }

    /// The state.
    #[must_use]
    pub fn status(&self) -> JobStatus {
        self.lock().status
    }

    fn count_restart(&self, is_rescale: bool) {
        let mut ledger = self.lock();
        ledger.restarts += 1;
        ledger.rescales += u64::from(is_rescale);
        let restarts = ledger.restarts;
        drop(ledger);
        self.job.report_event(
            job_event(&self.job, JOB_STATUS_TRACKER, "JobRestartEvent")
                .with("numRestarts", restarts)
                .with("isRescale", is_rescale),
        );
    }

    /// Changes the state at a time on both clocks, and reports what came of it once the lock is free.
    fn change(&self, change: impl FnOnce(&mut Ledger, Duration, Duration) -> Changes) {
        let (now, unix) = (self.clock.monotonic(), self.clock.unix());
        let changes = change(&mut self.lock(), now, unix);
        if let Some(status) = changes.status {
            self.report(JOB_MASTER, "JobStatusChangeEvent", unix, "newJobStatus", status);
        }
        if let Some(are_running) = changes.all_running {
            let status = if are_running { "ALL_RUNNING_OR_FINISHED" } else { "NOT_ALL_RUNNING_OR_FINISHED" };
            self.report(ALL_SUBTASKS, "AllSubtasksStatusChangeEvent", unix, "status", status);
        }
        if let Some((initialization, has_succeeded)) = changes.initialization {
            self.job.report_span(initialization.span(&self.job, unix, has_succeeded));
        }
    }

    fn report(&self, scope: &'static str, name: &'static str, at: Duration, key: &'static str, status: &str) {
        self.job.report_event(job_event(&self.job, scope, name).observed_at(at).with(key, status));
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state of a job and its times, in milliseconds. [`JobStatusTracker`] fills it.
///
/// Of each state: whether the job is in it, for how long it has been since it came into it (0 if it is not), and for
/// how long in all.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct JobStatusMetrics {
    /// Whether the job is initializing.
    pub initializing_state: Gauge<bool>,
    /// Time since the job began to initialize; 0 if it is not initializing.
    #[metric(unit = MILLISECONDS)]
    pub initializing_time: Gauge<u64>,
    /// Time for which the job has been initializing in all.
    #[metric(unit = MILLISECONDS)]
    pub initializing_time_total: Gauge<u64>,
    /// Whether the job is created and no task has begun.
    pub created_state: Gauge<bool>,
    /// Time since the job was created; 0 if tasks have begun.
    #[metric(unit = MILLISECONDS)]
    pub created_time: Gauge<u64>,
    /// Time for which the job has been created with no task begun in all.
    #[metric(unit = MILLISECONDS)]
    pub created_time_total: Gauge<u64>,
    /// Whether the job is running.
    pub running_state: Gauge<bool>,
    /// Time since the job began to run; 0 if it is not running.
    #[metric(unit = MILLISECONDS)]
    pub running_time: Gauge<u64>,
    /// Time for which the job has been running in all.
    #[metric(unit = MILLISECONDS)]
    pub running_time_total: Gauge<u64>,
    /// Whether the job is restarting.
    pub restarting_state: Gauge<bool>,
    /// Time since the job began to restart; 0 if it is not restarting.
    #[metric(unit = MILLISECONDS)]
    pub restarting_time: Gauge<u64>,
    /// Time for which the job has been restarting in all.
    #[metric(unit = MILLISECONDS)]
    pub restarting_time_total: Gauge<u64>,
    /// Whether the job is being cancelled.
    pub cancelling_state: Gauge<bool>,
    /// Time since the job was told to end; 0 if it is not being cancelled.
    #[metric(unit = MILLISECONDS)]
    pub cancelling_time: Gauge<u64>,
    /// Time for which the job has been cancelled in all.
    #[metric(unit = MILLISECONDS)]
    pub cancelling_time_total: Gauge<u64>,
    /// Whether the job is failing.
    pub failing_state: Gauge<bool>,
    /// Time since the job failed; 0 if it is not failing.
    #[metric(unit = MILLISECONDS)]
    pub failing_time: Gauge<u64>,
    /// Time for which the job has been failing in all.
    #[metric(unit = MILLISECONDS)]
    pub failing_time_total: Gauge<u64>,
    /// Whether tasks of the job are being deployed.
    pub deploying_state: Gauge<bool>,
    /// Time since the deployment of tasks began; 0 if none are being deployed.
    #[metric(unit = MILLISECONDS)]
    pub deploying_time: Gauge<u64>,
    /// Time for which tasks have been deployed in all.
    #[metric(unit = MILLISECONDS)]
    pub deploying_time_total: Gauge<u64>,
    /// Whether every task of the job runs or has finished.
    pub all_sub_tasks_running_or_finished_state: Gauge<bool>,
    /// Time since every task of the job runs or has finished; 0 if not all do.
    #[metric(unit = MILLISECONDS)]
    pub all_sub_tasks_running_or_finished_time: Gauge<u64>,
    /// Time for which every task of the job ran or had finished in all.
    #[metric(unit = MILLISECONDS)]
    pub all_sub_tasks_running_or_finished_time_total: Gauge<u64>,
    /// Time for which the job has been running without a break; -1 ms when it has come to its end. Use runningTime.
    #[metric(unit = MILLISECONDS)]
    pub uptime: Gauge<i64>,
    /// Time since the job last ceased to run; 0 while it runs, -1 ms when it has come to its end. Use the times of the states.
    #[metric(unit = MILLISECONDS)]
    pub downtime: Gauge<i64>,
    /// How often the job, or a part of it, was restarted since it was submitted.
    pub num_restarts: Gauge<u64>,
    /// How often the job was restarted because its parallelism changed.
    pub num_rescales: Gauge<u64>,
}

/// What is known of a job.
#[derive(Debug)]
struct Ledger {
    status: JobStatus,
    /// Of each state, and of what is beside them.
    times: [Stay; TIMES],
    /// When the job last ceased to run, if it has run.
    down_since: Option<Duration>,
    restarts: u64,
    rescales: u64,
    /// While it is received or restarts, and until all tasks run.
    initialization: Option<JobInitialization>,
    /// Whether anybody says how its tasks fare. If not, nobody says either when all of them run.
    is_told_of_tasks: bool,
}

/// What a change of the state came to, until it is reported.
#[derive(Default)]
struct Changes {
    /// The new state, in Flink's words.
    status: Option<&'static str>,
    /// Whether all tasks run now.
    all_running: Option<bool>,
    /// What is over, and whether it succeeded.
    initialization: Option<(JobInitialization, bool)>,
}

impl Ledger {
    fn new(now: Duration, unix: Duration) -> Self {
        let mut times = [Stay::default(); TIMES];
        times[JobStatus::Initializing as usize].set(true, now);
        Self {
            status: JobStatus::Initializing,
            times,
            down_since: None,
            restarts: 0,
            rescales: 0,
            initialization: Some(JobInitialization::new(unix)),
            is_told_of_tasks: false,
        }
    }

    fn switch(&mut self, to: JobStatus, now: Duration, unix: Duration) -> Changes {
        if self.status == JobStatus::Ended || self.status == to {
            return Changes::default();
        }
        let mut changes = Changes { status: Some(to.flink_name(self.status)), ..Changes::default() };
        if self.status == JobStatus::Running {
            self.down_since = Some(now);
        }
        if to != JobStatus::Running {
            self.times[DEPLOYING].set(false, now);
            let was_all_running = self.times[ALL_RUNNING].since.is_some();
            self.times[ALL_RUNNING].set(false, now);
            changes.all_running = was_all_running.then_some(false);
        }
        if !matches!(to, JobStatus::Initializing | JobStatus::Created | JobStatus::Running) {
            // A job that is cancelled has not failed to initialize, and one that ran may have long been through with it.
            let has_failed =
                matches!(to, JobStatus::Failing | JobStatus::Restarting) || changes.status == Some("FAILED");
            let is_known = self.status != JobStatus::Running || self.is_told_of_tasks;
            let over = self.initialization.take().filter(|_| has_failed && is_known);
            changes.initialization = over.map(|initialization| (initialization, false));
        }
        if matches!(to, JobStatus::Initializing | JobStatus::Restarting) {
            self.initialization.get_or_insert_with(|| JobInitialization::new(unix));
        }
        self.status = to;
        for (state, stay) in self.times[..STATES].iter_mut().enumerate() {
            stay.set(state == to as usize, now);
        }
        changes
    }

    fn set_all_running(&mut self, are_running: bool, now: Duration) -> Changes {
        let all_running = self.set(ALL_RUNNING, are_running, now).then_some(are_running);
        let has_initialized = all_running == Some(true);
        let initialization = if has_initialized { self.initialization.take() } else { None };
        Changes {
            status: None,
            all_running,
            initialization: initialization.map(|initialization| (initialization, true)),
        }
    }

    /// Sets what is beside the states, unless the state is none in which it can be. Returns whether it changed.
    fn set(&mut self, beside: usize, is_so: bool, now: Duration) -> bool {
        self.is_told_of_tasks = true;
        let can_be = match self.status {
            JobStatus::Running => true,
            JobStatus::Created => beside == DEPLOYING,
            _ => false,
        };
        let was_so = self.times[beside].since.is_some();
        self.times[beside].set(is_so && can_be, now);
        was_so != (is_so && can_be)
    }

    fn show(&self, now: Duration, metrics: &JobStatusMetrics) {
        let m = metrics;
        let gauges = [
            (&m.initializing_state, &m.initializing_time, &m.initializing_time_total),
            (&m.created_state, &m.created_time, &m.created_time_total),
            (&m.running_state, &m.running_time, &m.running_time_total),
            (&m.restarting_state, &m.restarting_time, &m.restarting_time_total),
            (&m.cancelling_state, &m.cancelling_time, &m.cancelling_time_total),
            (&m.failing_state, &m.failing_time, &m.failing_time_total),
            (&m.deploying_state, &m.deploying_time, &m.deploying_time_total),
            (
                &m.all_sub_tasks_running_or_finished_state,
                &m.all_sub_tasks_running_or_finished_time,
                &m.all_sub_tasks_running_or_finished_time_total,
            ),
        ];
        for (stay, (is_in_it, time, total)) in self.times.iter().zip(gauges) {
            is_in_it.set(stay.since.is_some());
            time.set(milliseconds(stay.current(now)));
            total.set(milliseconds(stay.total + stay.current(now)));
        }
        let (uptime, downtime) = match self.status {
            JobStatus::Ended => (-1, -1),
            JobStatus::Running => (signed(self.times[JobStatus::Running as usize].current(now)), 0),
            _ => (0, self.down_since.map_or(0, |since| signed(now.saturating_sub(since)))),
        };
        metrics.uptime.set(uptime);
        metrics.downtime.set(downtime);
        metrics.num_restarts.set(self.restarts);
        metrics.num_rescales.set(self.rescales);
    }
}

/// How long something was so.
#[derive(Clone, Copy, Debug, Default)]
struct Stay {
    /// Since when it is, if it is.
    since: Option<Duration>,
    /// Before that.
    total: Duration,
}

impl Stay {
    fn set(&mut self, is_so: bool, now: Duration) {
        if is_so {
            self.since.get_or_insert(now);
        } else {
            self.total += self.current(now);
            self.since = None;
        }
    }

    fn current(&self, now: Duration) -> Duration {
        self.since.map_or(Duration::ZERO, |since| now.saturating_sub(since))
    }
}

fn signed(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

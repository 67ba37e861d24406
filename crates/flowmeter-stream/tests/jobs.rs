//! What JobManagers report of their cluster and of jobs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use common::{Cluster, Expected, Table, cases, number, table};
use flowmeter_core::MetricSet;
use flowmeter_stream::{
    ClusterMetrics, EnumeratorMetrics, JobStatus, JobStatusTracker, SpeculativeExecutionMetrics,
    enumerator_group,
};
use flowmeter_testkit::Capture;
use proptest::prelude::*;

const JOB: &str = "jobmanager.job";

#[test]
fn a_cluster_has_task_managers_slots_and_jobs() {
    let cluster = Cluster::new();
    let metrics = ClusterMetrics::register(&cluster.job_manager);
    metrics.num_registered_task_managers.set(4);
    metrics.num_pending_task_managers.set(2);
    metrics.num_running_jobs.set(3);
    metrics.task_slots_available.set(5);
    metrics.task_slots_total.set(16);
    metrics.num_start_work_failures.mark_by(7);
    let expected = table![
        "jobmanager.numRegisteredTaskManagers" => 4_u64,
        "jobmanager.numPendingTaskManagers" => 2_u64,
        "jobmanager.numRunningJobs" => 3_u64,
        "jobmanager.taskSlotsAvailable" => 5_u64,
        "jobmanager.taskSlotsTotal" => 16_u64,
        "jobmanager.numStartWorkFailures" => 7_u64,
    ];
    assert_eq!(cluster.report_all(), expected);
}

#[test]
fn failures_to_start_work_are_a_rate_as_well() {
    let cluster = Cluster::reporting_to(Capture::flink());
    let metrics = ClusterMetrics::register(&cluster.job_manager);
    metrics.num_start_work_failures.mark_by(30);
    cluster.pass(60_000);
    let rates: Table =
        cluster.report("jobmanager").into_iter().filter(|(name, _)| name.contains("ailure")).collect();
    assert_eq!(number(&rates, "startWorkFailurePerSecond"), 0.5, "{rates:?}");
}

#[test]
fn speculative_attempts_are_counted() {
    let cluster = Cluster::new();
    let metrics = SpeculativeExecutionMetrics::register(&cluster.job);
    metrics.num_slow_execution_vertices.set(6);
    metrics.num_effective_speculative_executions.inc_by(2);
    let expected = table![
        "jobmanager.job.numSlowExecutionVertices" => 6_u64,
        "jobmanager.job.numEffectiveSpeculativeExecutions" => 2_u64,
    ];
    assert_eq!(cluster.report_all(), expected);
}

#[test]
fn an_enumerator_has_splits_that_no_reader_has() {
    let cluster = Cluster::new();
    let metrics = EnumeratorMetrics::register(&enumerator_group(&cluster.coordinator));
    metrics.unassigned_splits.set(11);
    let expected = table!["jobmanager.job.operator.coordinator.enumerator.unassignedSplits" => 11_u64];
    assert_eq!(cluster.report_all(), expected);
}

/// State, current time and total time of each state, and the rest.
struct Status {
    /// Current and total.
    times: [(&'static str, u64, u64); 8],
    current: &'static [&'static str],
    uptime: i64,
    downtime: i64,
    restarts: u64,
    rescales: u64,
}

impl Status {
    fn table(&self) -> Table {
        let mut expected = table![
            "uptime" => self.uptime,
            "downtime" => self.downtime,
            "numRestarts" => self.restarts,
            "numRescales" => self.rescales,
        ];
        for (state, current, total) in self.times {
            expected.extend(table![
                format!("{state}State") => self.current.contains(&state),
                format!("{state}Time") => current,
                format!("{state}TimeTotal") => total,
            ]);
        }
        expected
    }
}

#[test]
fn a_job_is_in_one_state_and_has_been_in_others() {
    let cluster = Cluster::new();
    let status = JobStatusTracker::register(&cluster.job);
    cluster.pass(100);
    status.switch(JobStatus::Created);
    cluster.pass(200);
    status.switch(JobStatus::Running);
    status.set_deploying(true);
    cluster.pass(400);
    status.set_deploying(false);
    status.set_all_tasks_running(true);
    cluster.pass(800);
    let running = Status {
        times: [
            ("initializing", 0, 100),
            ("created", 0, 200),
            ("running", 1_200, 1_200),
            ("restarting", 0, 0),
            ("cancelling", 0, 0),
            ("failing", 0, 0),
            ("deploying", 0, 400),
            ("allSubTasksRunningOrFinished", 800, 800),
        ],
        current: &["running", "allSubTasksRunningOrFinished"],
        uptime: 1_200,
        downtime: 0,
        restarts: 0,
        rescales: 0,
    };
    assert_eq!(cluster.report(JOB), running.table());

    // A task fails, and the job runs again on fewer.
    status.switch(JobStatus::Restarting);
    status.restarted();
    status.rescaled();
    status.rescaled();
    cluster.pass(1_600);
    let restarting = Status {
        times: [
            ("initializing", 0, 100),
            ("created", 0, 200),
            ("running", 0, 1_200),
            ("restarting", 1_600, 1_600),
            ("cancelling", 0, 0),
            ("failing", 0, 0),
            ("deploying", 0, 400),
            ("allSubTasksRunningOrFinished", 0, 800),
        ],
        current: &["restarting"],
        uptime: 0,
        downtime: 1_600,
        restarts: 3,
        rescales: 2,
    };
    assert_eq!(cluster.report(JOB), restarting.table());

    status.switch(JobStatus::Running);
    status.set_deploying(true);
    cluster.pass(3_200);
    status.switch(JobStatus::Running);
    cluster.pass(1);
    let again = Status {
        times: [
            ("initializing", 0, 100),
            ("created", 0, 200),
            ("running", 3_201, 4_401),
            ("restarting", 0, 1_600),
            ("cancelling", 0, 0),
            ("failing", 0, 0),
            ("deploying", 3_201, 3_601),
            ("allSubTasksRunningOrFinished", 0, 800),
        ],
        current: &["running", "deploying"],
        uptime: 3_201,
        downtime: 0,
        restarts: 3,
        rescales: 2,
    };
    assert_eq!(cluster.report(JOB), again.table());

    status.switch(JobStatus::Failing);
    cluster.pass(6_400);
    status.switch(JobStatus::Cancelling);
    cluster.pass(12_800);
    let cancelling = Status {
        times: [
            ("initializing", 0, 100),
            ("created", 0, 200),
            ("running", 0, 4_401),
            ("restarting", 0, 1_600),
            ("cancelling", 12_800, 12_800),
            ("failing", 0, 6_400),
            ("deploying", 0, 3_601),
            ("allSubTasksRunningOrFinished", 0, 800),
        ],
        current: &["cancelling"],
        uptime: 0,
        downtime: 19_200,
        restarts: 3,
        rescales: 2,
    };
    assert_eq!(cluster.report(JOB), cancelling.table());

    status.switch(JobStatus::Ended);
    cluster.pass(25_600);
    let ended = Status {
        times: cancelling.times.map(|(state, _, total)| (state, 0, total)),
        current: &[],
        uptime: -1,
        downtime: -1,
        ..cancelling
    };
    assert_eq!(cluster.report(JOB), ended.table());
}

#[test]
fn nothing_comes_after_the_end_of_a_job() {
    let cluster = Cluster::new();
    let status = JobStatusTracker::register(&cluster.job);
    cluster.pass(5);
    status.switch(JobStatus::Ended);
    let ended = cluster.report(JOB);
    status.switch(JobStatus::Running);
    status.set_deploying(true);
    status.set_all_tasks_running(true);
    cluster.pass(1_000);
    assert_eq!(status.status(), JobStatus::Ended);
    assert_eq!(cluster.report(JOB), ended);
}

#[test]
fn tasks_run_and_are_deployed_only_where_they_can() {
    let cluster = Cluster::new();
    let status = JobStatusTracker::register(&cluster.job);
    let seen = || {
        let seen = cluster.report(JOB);
        ["deployingState", "allSubTasksRunningOrFinishedState"].map(|name| seen[name] == true.observed())
    };
    let set = || {
        status.set_deploying(true);
        status.set_all_tasks_running(true);
    };
    set();
    assert_eq!(seen(), [false, false]);
    for (state, expected) in [
        (JobStatus::Created, [true, false]),
        (JobStatus::Running, [true, true]),
        (JobStatus::Cancelling, [false, false]),
        (JobStatus::Ended, [false, false]),
    ] {
        status.switch(state);
        set();
        assert_eq!(seen(), expected, "{state:?}");
    }
}

#[test]
fn a_job_that_fails_before_it_ever_ran_was_never_down() {
    let cluster = Cluster::new();
    let status = JobStatusTracker::register(&cluster.job);
    cluster.pass(10);
    status.switch(JobStatus::Created);
    status.set_deploying(true);
    cluster.pass(20);
    status.switch(JobStatus::Failing);
    cluster.pass(40);
    let mut failing = Status {
        times: [
            ("initializing", 0, 10),
            ("created", 0, 20),
            ("running", 0, 0),
            ("restarting", 0, 0),
            ("cancelling", 0, 0),
            ("failing", 40, 40),
            // Its tasks are ending, so none is being deployed any more.
            ("deploying", 0, 20),
            ("allSubTasksRunningOrFinished", 0, 0),
        ],
        current: &["failing"],
        uptime: 0,
        downtime: 0,
        restarts: 0,
        rescales: 0,
    };
    assert_eq!(cluster.report(JOB), failing.table());
    status.switch(JobStatus::Ended);
    cluster.pass(80);
    failing.times[5] = ("failing", 0, 40);
    let ended = Status { current: &[], uptime: -1, downtime: -1, ..failing };
    assert_eq!(cluster.report(JOB), ended.table());
}

#[derive(Clone, Copy, Debug)]
enum JobStep {
    Switch(JobStatus),
    Deploying(bool),
    AllRunning(bool),
    Pass(u64),
}

fn job_steps() -> impl Strategy<Value = Vec<JobStep>> {
    let status = prop::sample::select(vec![
        JobStatus::Initializing,
        JobStatus::Created,
        JobStatus::Running,
        JobStatus::Restarting,
        JobStatus::Cancelling,
        JobStatus::Failing,
    ]);
    let step = prop_oneof![
        4 => status.prop_map(JobStep::Switch),
        1 => any::<bool>().prop_map(JobStep::Deploying),
        1 => any::<bool>().prop_map(JobStep::AllRunning),
        4 => (0_u64..10_000).prop_map(JobStep::Pass),
    ];
    prop::collection::vec(step, 0..30)
}

proptest! {
    #![proptest_config(cases(64))]
    #[test]
    fn the_states_of_a_job_add_up_to_the_time_until_its_end(
        before in job_steps(),
        ends in any::<bool>(),
        after in job_steps(),
    ) {
        const STATES: [&str; 6] =
            ["initializing", "created", "running", "restarting", "cancelling", "failing"];
        let cluster = Cluster::new();
        let status = JobStatusTracker::register(&cluster.job);
        let mut wall = 0;
        let mut has_ended = false;
        let end = ends.then_some(JobStep::Switch(JobStatus::Ended));
        for step in before.into_iter().chain(end).chain(after) {
            match step {
                JobStep::Switch(to) => {
                    status.switch(to);
                    has_ended |= to == JobStatus::Ended;
                }
                JobStep::Deploying(is_deploying) => status.set_deploying(is_deploying),
                JobStep::AllRunning(are_running) => status.set_all_tasks_running(are_running),
                JobStep::Pass(time) => {
                    cluster.pass(time);
                    wall += if has_ended { 0 } else { time };
                }
            }
        }
        let seen = cluster.report(JOB);
        let sum = |suffix: &str| STATES.iter().map(|state| number(&seen, &format!("{state}{suffix}"))).sum::<f64>();
        prop_assert_eq!(sum("TimeTotal"), wall as f64);
        prop_assert_eq!(sum("State"), if has_ended { 0.0 } else { 1.0 });
        for beside in ["deploying", "allSubTasksRunningOrFinished"] {
            let of = |suffix: &str| number(&seen, &format!("{beside}{suffix}"));
            prop_assert!(of("TimeTotal") <= wall as f64, "{}", beside);
            prop_assert!(!has_ended || of("State") == 0.0, "{}", beside);
        }
    }
}

//! The places that have metrics.

use flowmeter::{MetricGroup, Registry, ScopeKind, TaskInfo};

/// What people call a kind of group, and what it is.
pub(super) fn title(scope: ScopeKind) -> (&'static str, &'static str) {
    match scope {
        ScopeKind::Root => ("Root", "Outside of any job or process: what `Registry::add_group` makes."),
        ScopeKind::JobManager => ("JobManager", "The process that coordinates jobs."),
        ScopeKind::JobManagerJob => ("JobManager job", "A job, as the JobManager sees it."),
        ScopeKind::JobManagerOperator => {
            ("JobManager operator", "The coordinating part of an operator, on the JobManager.")
        }
        ScopeKind::TaskManager => ("TaskManager", "A process that runs tasks."),
        ScopeKind::TaskManagerJob => ("TaskManager job", "A job, as a TaskManager sees it."),
        ScopeKind::Task => ("Task", "One parallel instance of a task."),
        ScopeKind::Operator => ("Operator", "One operator within a task."),
        _ => unreachable!("{scope:?} is in no list"),
    }
}

/// The variables of a kind of group, from a group that has all of them.
pub(super) fn variables(scope: ScopeKind) -> Vec<String> {
    let registry = Registry::new();
    let task = TaskInfo { id: "1", name: "t", subtask_index: 0, attempt_id: "1", attempt_number: Some(0) };
    let job_manager = registry.job_manager("h");
    let job_manager_job = job_manager.job("1", "j");
    let job_manager_operator = job_manager_job.operator(&task, "1", "o");
    let task_manager = registry.task_manager("h", "1");
    let task_manager_job = task_manager.job("1", "j");
    let task = task_manager_job.task(task);
    let operator = task.operator("1", "o");
    let group: &MetricGroup = match scope {
        ScopeKind::JobManager => &job_manager,
        ScopeKind::JobManagerJob => &job_manager_job,
        ScopeKind::JobManagerOperator => &job_manager_operator,
        ScopeKind::TaskManager => &task_manager,
        ScopeKind::TaskManagerJob => &task_manager_job,
        ScopeKind::Task => &task,
        ScopeKind::Operator => &operator,
        _ => return Vec::new(),
    };
    group.view().variables().map(|(key, _)| key.to_owned()).collect()
}

//! The seven system groups. Dropping one closes it and all below.

use std::ops::Deref;
use std::sync::Arc;

use crate::MetricGroup;
use crate::node::Node;
use crate::scope::ScopeKind;
use crate::variables::Key;

macro_rules! owner {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// The owner of its group: dropping it closes the group and all groups below, after which their series leave
        /// every reporter with their final values. [`Deref`] gives the [`MetricGroup`] to register metrics in.
        #[derive(Debug)]
        #[must_use = "dropping a system group closes it at once"]
        pub struct $name(MetricGroup);

        impl Deref for $name {
            type Target = MetricGroup;

            fn deref(&self) -> &MetricGroup {
                &self.0
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                self.0.close();
            }
        }
    };
}

owner! {
    /// A JobManager: the process that coordinates jobs.
    JobManagerGroup
}
owner! {
    /// A job, as its JobManager sees it.
    JobManagerJobGroup
}
owner! {
    /// The coordinating part of an operator, on the JobManager.
    JobManagerOperatorGroup
}
owner! {
    /// A TaskManager: a process that runs tasks.
    TaskManagerGroup
}
owner! {
    /// A job, as one TaskManager sees it.
    TaskManagerJobGroup
}
owner! {
    /// One parallel instance of a task.
    TaskGroup
}
owner! {
    /// One operator within a task.
    OperatorGroup
}

/// What identifies one parallel instance of a task. Empty fields become no variable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskInfo<'a> {
    /// The task's id within its job, the same for all subtasks: variable `task_id`.
    pub id: &'a str,
    /// The task's name for people: variable `task_name`.
    pub name: &'a str,
    /// Which of the parallel instances this is, from 0: variable `subtask_index`.
    pub subtask_index: usize,
    /// The id of this attempt to run it: variable `task_attempt_id`. Each restart makes new series of all metrics
    /// below, so leave it empty unless something needs it.
    pub attempt_id: &'a str,
    /// The number of this attempt, from 0: variable `task_attempt_num`.
    pub attempt_number: Option<u32>,
}

impl JobManagerGroup {
    pub(crate) fn new(root: &Arc<Node>, host: &str) -> Self {
        Self(system_group(root, ScopeKind::JobManager, &[(Key::Host, host)]))
    }

    /// The group of a job: variables `job_id` and `job_name`.
    pub fn job(&self, id: &str, name: &str) -> JobManagerJobGroup {
        let variables = [(Key::JobId, id), (Key::JobName, name)];
        JobManagerJobGroup(system_group(self.node(), ScopeKind::JobManagerJob, &variables))
    }
}

impl JobManagerJobGroup {
    /// The group of an operator's coordinating part: variables `task_id`, `task_name`, `operator_id` and
    /// `operator_name`.
    pub fn operator(&self, task: &TaskInfo<'_>, id: &str, name: &str) -> JobManagerOperatorGroup {
        let variables = [
            (Key::TaskId, task.id),
            (Key::TaskName, task.name),
            (Key::OperatorId, id),
            (Key::OperatorName, name),
        ];
        JobManagerOperatorGroup(system_group(self.node(), ScopeKind::JobManagerOperator, &variables))
    }
}

impl TaskManagerGroup {
    pub(crate) fn new(root: &Arc<Node>, host: &str, id: &str) -> Self {
        let variables = [(Key::Host, host), (Key::TmId, id)];
        Self(system_group(root, ScopeKind::TaskManager, &variables))
    }

    /// The group of a job: variables `job_id` and `job_name`.
    pub fn job(&self, id: &str, name: &str) -> TaskManagerJobGroup {
        let variables = [(Key::JobId, id), (Key::JobName, name)];
        TaskManagerJobGroup(system_group(self.node(), ScopeKind::TaskManagerJob, &variables))
    }
}

impl TaskManagerJobGroup {
    /// The group of one parallel instance of a task.
    pub fn task(&self, task: TaskInfo<'_>) -> TaskGroup {
        let subtask_index = task.subtask_index.to_string();
        let attempt_number = task.attempt_number.map(|number| number.to_string()).unwrap_or_default();
        let variables = [
            (Key::TaskId, task.id),
            (Key::TaskName, task.name),
            (Key::TaskAttemptId, task.attempt_id),
            (Key::TaskAttemptNum, attempt_number.as_str()),
            (Key::SubtaskIndex, subtask_index.as_str()),
        ];
        TaskGroup(system_group(self.node(), ScopeKind::Task, &variables))
    }
}

impl TaskGroup {
    /// The group of an operator: variables `operator_id` and `operator_name`.
    pub fn operator(&self, id: &str, name: &str) -> OperatorGroup {
        let variables = [(Key::OperatorId, id), (Key::OperatorName, name)];
        OperatorGroup(system_group(self.node(), ScopeKind::Operator, &variables))
    }
}

/// A system group below a node. Below a closed one it is closed too: what is recorded there is not reported.
fn system_group(parent: &Arc<Node>, kind: ScopeKind, variables: &[(Key, &str)]) -> MetricGroup {
    MetricGroup::new(parent.system_child(kind, variables))
}

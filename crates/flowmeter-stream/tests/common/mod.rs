//! One group of each scope on a clock that stands still, and tables of what they are to report.

#![allow(dead_code, unused_imports, unused_macros, reason = "each test uses a part of it")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{
    JobManagerGroup, JobManagerJobGroup, JobManagerOperatorGroup, Number, OperatorGroup, Registry,
    ReporterHandle, TaskGroup, TaskInfo, TaskManagerGroup, TaskManagerJobGroup,
};
use flowmeter_testkit::{Capture, MockClock, Observed, PATIENCE, driven, on_request};
use proptest::test_runner::Config as ProptestConfig;

/// Metrics by name, to which a series with variables of its own adds them: `latency{source_id=s}`.
pub(crate) type Table = BTreeMap<String, Observed>;

/// A JobManager and a TaskManager with one job, which has one task of one operator.
pub(crate) struct Cluster {
    pub(crate) job_manager: JobManagerGroup,
    /// The job on the JobManager.
    pub(crate) job: JobManagerJobGroup,
    /// The operator on the JobManager.
    pub(crate) coordinator: JobManagerOperatorGroup,
    pub(crate) task_manager: TaskManagerGroup,
    /// The job on the TaskManager.
    pub(crate) local_job: TaskManagerJobGroup,
    pub(crate) task: TaskGroup,
    pub(crate) operator: OperatorGroup,
    pub(crate) clock: Arc<MockClock>,
    pub(crate) reporter: Asked,
    pub(crate) registry: Registry,
}

/// Variables that the groups have by themselves. User variables are all others.
const OWN: &[&str] =
    &["host", "tm_id", "job_id", "job_name", "task_name", "subtask_index", "operator_id", "operator_name"];

impl Cluster {
    pub(crate) fn new() -> Self {
        Self::reporting_to(Capture::push())
    }

    pub(crate) fn reporting_to(capture: Capture) -> Self {
        let (registry, clock, handle) = driven(&capture);
        let job_manager = registry.job_manager("h");
        let job = job_manager.job("j", "job");
        let coordinator = job.operator(&TaskInfo { name: "task", ..TaskInfo::default() }, "o", "operator");
        let task_manager = registry.task_manager("h", "tm");
        let local_job = task_manager.job("j", "job");
        let task = local_job.task(TaskInfo { name: "task", subtask_index: 3, ..TaskInfo::default() });
        let operator = task.operator("o", "operator");
        let reporter = Asked { capture, handle };
        Self {
            job_manager,
            job,
            coordinator,
            task_manager,
            local_job,
            task,
            operator,
            clock,
            reporter,
            registry,
        }
    }

    /// Another reporter, which is asked at its own pace.
    pub(crate) fn another_reporter(&self, name: &str) -> Asked {
        let capture = Capture::push();
        let handle = self.registry.add_reporter(name, capture.reporter(), on_request()).unwrap();
        Asked { capture, handle }
    }

    pub(crate) fn pass(&self, milliseconds: u64) {
        self.clock.advance(Duration::from_millis(milliseconds));
    }

    /// Reports, and gives all series of groups of this logical scope.
    pub(crate) fn report(&self, scope: &str) -> Table {
        self.reporter.report(scope)
    }

    /// Reports, and gives all series.
    pub(crate) fn report_all(&self) -> Table {
        self.reporter.report_all()
    }
}

/// A reporter, and what it was given.
pub(crate) struct Asked {
    capture: Capture,
    handle: ReporterHandle,
}

impl Asked {
    pub(crate) fn report(&self, scope: &str) -> Table {
        let of_scope = |(name, value): (String, Observed)| {
            let name = name.strip_prefix(scope)?.strip_prefix('.')?;
            let plain = name.split_once('{').map_or(name, |(name, _)| name);
            (!plain.contains('.')).then(|| (name.to_owned(), value))
        };
        self.report_all().into_iter().filter_map(of_scope).collect()
    }

    pub(crate) fn report_all(&self) -> Table {
        self.handle.report_now(PATIENCE).unwrap();
        let mut table = Table::new();
        for (name, value) in self.capture.last_series() {
            let name = without_own_variables(&name);
            assert!(!table.contains_key(&name), "{name} twice");
            table.insert(name, value);
        }
        table
    }
}

fn without_own_variables(series: &str) -> String {
    let (name, variables) = series.trim_end_matches('}').split_once('{').unwrap();
    let is_own = |variable: &&str| OWN.contains(&variable.split_once('=').map_or("", |(key, _)| key));
    let variables: Vec<_> = variables.split(',').filter(|variable| !is_own(variable)).collect();
    match variables.join(",").as_str() {
        "" => name.to_owned(),
        variables => format!("{name}{{{variables}}}"),
    }
}

/// What can be expected of a series. Types count: 1 is not 1.0.
pub(crate) trait Expected {
    fn observed(self) -> Observed;
}

impl Expected for u64 {
    fn observed(self) -> Observed {
        Observed::Number(Number::U64(self))
    }
}

impl Expected for i64 {
    fn observed(self) -> Observed {
        Observed::Number(Number::I64(self))
    }
}

impl Expected for f64 {
    fn observed(self) -> Observed {
        Observed::Number(Number::F64(self))
    }
}

impl Expected for bool {
    fn observed(self) -> Observed {
        Observed::Bool(self)
    }
}

impl Expected for &str {
    fn observed(self) -> Observed {
        Observed::Text(self.to_owned())
    }
}

/// A histogram of one value.
pub(crate) struct Once(pub f64);

impl Expected for Once {
    fn observed(self) -> Observed {
        Observed::Histogram { count: 1, sum: self.0 }
    }
}

/// A histogram: how many values, and their sum.
pub(crate) struct Values(pub u64, pub f64);

impl Expected for Values {
    fn observed(self) -> Observed {
        Observed::Histogram { count: self.0, sum: self.1 }
    }
}

/// A [`Table`] of names and [`Expected`] values.
macro_rules! table {
    ($($name:expr => $value:expr),* $(,)?) => {
        $crate::common::Table::from([
            $(($name.to_string(), $crate::common::Expected::observed($value))),*
        ])
    };
}
pub(crate) use table;

/// One number of a table.
pub(crate) fn number(table: &Table, name: &str) -> f64 {
    table.get(name).unwrap_or_else(|| panic!("{name} is not in {table:?}")).to_f64()
}

/// So many cases of a property, which leave no files.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

//! The metrics of Flink 2.3.0, from its documentation, from what a running cluster sends, and from its released classes.

use flowmeter::{MetricKind, ScopeKind};

use super::pattern::expand;
use super::units::FlinkUnit;

/// One line of `docs/reference/flink-metrics.tsv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FlinkMetric<'a> {
    /// What it is about.
    pub(super) group: &'a str,
    /// The place that has it, as Flink's documentation calls it.
    pub(super) scope: &'a str,
    /// The groups between that place and the metric, as a [pattern](expand).
    pub(super) infix: &'a str,
    /// Its name, as a pattern.
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
    pub(super) unit: &'a str,
    /// Why flowmeter does not have it; empty if it has.
    pub(super) reason: &'a str,
}

const HEAD: &str = "group\tscope\tinfix\tname\ttype\tunit\tnot applicable because";

impl FlinkMetric<'static> {
    /// All of them.
    ///
    /// # Panics
    ///
    /// When the file is not what it should be.
    pub(super) fn all() -> Vec<Self> {
        let text = include_str!("../../../docs/reference/flink-metrics.tsv");
        parse(text).unwrap_or_else(|error| panic!("docs/reference/flink-metrics.tsv: {error}"))
    }
}

impl FlinkMetric<'_> {
    /// Groups and name below the place that has it, as a pattern.
    pub(super) fn path(&self) -> String {
        if self.infix.is_empty() { self.name.to_owned() } else { format!("{}.{}", self.infix, self.name) }
    }

    /// The names that it stands for with their logical scopes, in the normal form. flowmeter has it when it has all of them.
    pub(super) fn names(&self) -> Vec<String> {
        let scopes = scopes(self.scope).unwrap_or_default();
        let below = expand(&self.path());
        let of_scope = |scope: &ScopeKind| {
            let system = scope.logical_scope();
            below.iter().map(move |name| format!("{system}.{name}"))
        };
        scopes.iter().flat_map(of_scope).collect()
    }

    /// Whether a family of this kind can be what Flink shows: of a distribution it shows other values than of anything else.
    pub(super) fn can_be(&self, kind: MetricKind) -> bool {
        (self.kind == "Histogram") == (kind == MetricKind::Histogram)
    }

    /// Whether it has the type that Flink has for a kind: all sums that only grow are the same to most backends.
    pub(super) fn is_of_kind(&self, kind: MetricKind) -> bool {
        match self.kind {
            "Counter" => kind.is_monotonic_sum(),
            "Meter" => kind == MetricKind::Meter,
            "Gauge" => kind == MetricKind::Gauge,
            _ => kind == MetricKind::Histogram,
        }
    }

    /// Whether it is about something that only Flink's own machinery has, which is all that may be without a counterpart.
    pub(super) fn may_be_left_out(&self) -> bool {
        match self.group {
            // Of the virtual machine.
            "GarbageCollection" | "ClassLoader" => true,
            "Memory" => {
                let area = self.name.split_once('.').map_or("", |(area, _)| area);
                ["NonHeap", "Metaspace", "Direct", "Mapped"].contains(&area)
            }
            // Of one state backend.
            "RocksDB native" | "ForSt native" | "ForSt" => true,
            // Of one connector.
            "Kafka connector" | "Kinesis source" | "Kinesis sink" | "HBase connector" => true,
            _ => false,
        }
    }
}

/// Reads the lines of the file.
pub(super) fn parse(text: &str) -> Result<Vec<FlinkMetric<'_>>, String> {
    let mut lines = text.lines();
    if lines.next() != Some(HEAD) {
        return Err(format!("the first line is not {HEAD:?}"));
    }
    lines.map(|line| parse_line(line).map_err(|error| format!("{error} in {line:?}"))).collect()
}

fn parse_line(line: &str) -> Result<FlinkMetric<'_>, String> {
    let fields: Vec<_> = line.split('\t').collect();
    let [group, scope, infix, name, kind, unit, reason] = fields[..] else {
        return Err(format!("{} fields instead of 7", fields.len()));
    };
    scopes(scope).ok_or_else(|| format!("no scope {scope:?} is known"))?;
    if !["Counter", "Gauge", "Histogram", "Meter"].contains(&kind) {
        return Err(format!("no type {kind:?} is known"));
    }
    FlinkUnit::of(unit).ok_or_else(|| format!("no unit {unit:?} is known"))?;
    Ok(FlinkMetric { group, scope, infix, name, kind, unit, reason })
}

/// The kinds of groups that Flink's documentation means.
fn scopes(scope: &str) -> Option<&'static [ScopeKind]> {
    Some(match scope {
        "JobManager" => &[ScopeKind::JobManager],
        "TaskManager" => &[ScopeKind::TaskManager],
        "JobManager/TaskManager" => &[ScopeKind::JobManager, ScopeKind::TaskManager],
        "Job (JobManager)" => &[ScopeKind::JobManagerJob],
        "JobManager operator" => &[ScopeKind::JobManagerOperator],
        "Job (TaskManager)" => &[ScopeKind::TaskManagerJob],
        "Task" => &[ScopeKind::Task],
        "Task/Operator" => &[ScopeKind::Task, ScopeKind::Operator],
        // A split is in groups of its operator.
        "Operator"
        | "Operator (source reader)"
        | "Operator (sink writer)"
        | "Operator (sink committer)"
        | "Split" => &[ScopeKind::Operator],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(line: &'static str) -> FlinkMetric<'static> {
        parse_line(line).expect("it is one")
    }

    #[test]
    fn all_are_there_and_reasons_are_where_they_may_be() {
        let all = FlinkMetric::all();
        assert_eq!(all.len(), 410);
        assert!(all.iter().all(|metric| !metric.names().is_empty()));
    }

    #[test]
    fn names_have_the_logical_scopes_of_all_places() {
        let load = metric("CPU\tJobManager/TaskManager\tStatus.JVM.CPU\tLoad\tGauge\tratio\t");
        assert_eq!(load.names(), ["jobmanager.Status.JVM.CPU.Load", "taskmanager.Status.JVM.CPU.Load"]);
        let length = metric("Shuffle\tTask\tNetty.(Input|Output).<index>\tlen\tGauge\tbuffers\t");
        assert_eq!(
            length.names(),
            ["taskmanager.job.task.Netty.Input.<>.len", "taskmanager.job.task.Netty.Output.<>.len"]
        );
        let split = metric("IO\tSplit\tsplit=<splitId>.watermark\tcurrentWatermark\tGauge\tms\t");
        assert_eq!(split.names(), ["taskmanager.job.task.operator.split.watermark.currentWatermark"]);
        let splits = metric("Sources\tJobManager operator\tcoordinator.enumerator\tunassigned\tGauge\t\t");
        assert_eq!(splits.names(), ["jobmanager.job.operator.coordinator.enumerator.unassigned"]);
        let records = metric("IO\tTask/Operator\t\tnumRecordsIn\tCounter\trecords\t");
        assert_eq!(
            records.names(),
            ["taskmanager.job.task.numRecordsIn", "taskmanager.job.task.operator.numRecordsIn"]
        );
    }

    #[test]
    fn lines_that_are_none_are_refused() {
        for (line, complaint) in [
            ("CPU\tTask", "2 fields instead of 7"),
            ("CPU\tThread\t\tx\tGauge\t\t", "no scope \"Thread\" is known"),
            ("CPU\tTask\t\tx\tGauge\tfurlongs\t", "no unit \"furlongs\" is known"),
            ("CPU\tTask\t\tx\tTimer\t\t", "no type \"Timer\" is known"),
        ] {
            assert_eq!(parse_line(line).unwrap_err(), complaint);
        }
        assert!(parse("group\tscope\n").unwrap_err().starts_with("the first line"));
        assert!(parse(&format!("{HEAD}\nx\n")).unwrap_err().ends_with("in \"x\""));
    }
}

//! What is wrong with the catalogues.

use std::collections::BTreeMap;

use super::comparison::{Comparison, Standing};
use super::families::{Described, Side};
use super::flink_metric::FlinkMetric;
use super::names;
use super::units::FlinkUnit;

/// All that is wrong, a line each.
pub(super) fn complaints(comparison: &Comparison<'_>) -> Vec<String> {
    let of_flink = comparison.flink().iter().flat_map(|metric| of_metric(comparison, metric));
    of_flink.chain(clashes(comparison)).collect()
}

/// What is wrong with how flowmeter stands to one of Flink's metrics.
fn of_metric(comparison: &Comparison<'_>, metric: &FlinkMetric<'_>) -> Vec<String> {
    let called = format!("Flink's `{}` of {} ({})", metric.path(), metric.scope, metric.group);
    let mut complaints = Vec::new();
    match comparison.standing(metric) {
        Standing::There(families) if metric.reason.is_empty() => {
            let differing = families.iter().filter(|(described, side)| !unit_fits(metric, described, *side));
            complaints.extend(differing.map(|(described, _)| {
                let unit = described.family.unit();
                format!("{called} is in {}, and in {unit} as {}", metric.unit, location(described))
            }));
        }
        Standing::There(_) => {
            complaints
                .push(format!("{called} is there, although it is not to be, because: {}", metric.reason));
        }
        Standing::Missing(names) => {
            complaints.push(format!("{called} is not there and has no reason: no {}", names.join(", no ")));
        }
        Standing::NotApplicable(_) => {}
    }
    if !(metric.reason.is_empty() || metric.may_be_left_out()) {
        complaints.push(format!("{called} is none that may be left out, yet is: {}", metric.reason));
    }
    complaints
}

/// Whether a family has the unit that Flink has.
fn unit_fits(metric: &FlinkMetric<'_>, described: &Described, side: Side) -> bool {
    let family = &described.family;
    let is_rate = side == Side::Rate || metric.kind == "Meter" && family.is_flink_meter();
    FlinkUnit::of(metric.unit).is_none_or(|unit| unit.fits(family.unit(), is_rate))
}

/// Names that metrics have in common which are not one: a reporter shows one of them alone.
fn clashes(comparison: &Comparison<'_>) -> Vec<String> {
    let mut by_name = BTreeMap::<_, Vec<_>>::new();
    for described in comparison.described() {
        let family = &described.family;
        let conventional = [("Prometheus", names::prometheus(family)), ("OTLP", names::otlp(family))];
        let of_flink = described.flink_names().into_iter().map(|(name, _)| ("Flink", name));
        for name in conventional.into_iter().chain(of_flink) {
            by_name.entry(name).or_default().push(described);
        }
    }
    let clash = |((policy, name), of_name): (&(&str, String), &Vec<&Described>)| {
        let (first, others) = of_name.split_first()?;
        let other = others.iter().find(|other| identity(other) != identity(first))?;
        Some(format!("`{name}` of {policy} is both {} and {}", location(first), location(other)))
    };
    by_name.iter().filter_map(clash).collect()
}

/// What makes a metric the same in several places, where its own name may leave the place out.
fn identity(described: &Described) -> impl PartialEq {
    let family = &described.family;
    (family.name().to_owned(), family.kind(), family.value_type(), family.unit().clone())
}

fn location(described: &Described) -> String {
    let family = &described.family;
    let scope = family.logical_scope();
    format!("`{}` in `{scope}` of `{}`", family.name(), described.entry.registered_by)
}

#[cfg(test)]
mod tests {
    use super::super::Catalogue;
    use super::*;
    use flowmeter::{CatalogueEntry, Counter, Descriptor, Gauge, Histogram, Meter, Metric, ScopeKind, Unit};

    const HEAD: &str = "group\tscope\tinfix\tname\ttype\tunit\tnot applicable because\n";

    /// Complaints about some lines of Flink's and one metric set.
    fn about(lines: &str, scopes: &'static [ScopeKind], descriptors: &'static [Descriptor]) -> Vec<String> {
        about_all(lines, vec![CatalogueEntry { registered_by: "Io", scopes, groups: "io", descriptors }])
    }

    fn about_all(lines: &str, entries: Vec<CatalogueEntry>) -> Vec<String> {
        let catalogue = Catalogue { name: "test", entries: entries.leak() };
        let text = format!("{HEAD}{lines}");
        let flink = super::super::flink_metric::parse(&text).unwrap();
        complaints(&Comparison::new(flink, Described::all(&[catalogue])))
    }

    const IO: &[Descriptor] = &[
        Descriptor::of::<Counter>(
            Metric::new("bytesIn")
                .with_policy_names(&[("flink", "Shuffle.numBytesIn"), ("flink", "numBytesIn")])
                .with_rate_name("numBytesInPerSecond"),
        ),
        Descriptor::of::<Gauge<u64>>(
            Metric::new("load").with_policy_names(&[("flink", "Queue.<index>.load")]),
        ),
    ];

    #[test]
    fn all_names_of_a_metric_count_and_its_rates_too() {
        let lines = "IO\tTask\tShuffle\tnumBytesIn\tCounter\tbytes\t\n\
                     IO\tTask\tShuffle\tnumBytesInPerSecond\tMeter\tbytes/s\t\n\
                     IO (deprecated)\tTask\t\tnumBytesIn\tCounter\tbytes\t\n\
                     IO (deprecated)\tTask\t\tnumBytesInPerSecond\tMeter\tbytes/s\t\n\
                     IO\tTask\tQueue.<gate>\tload\tGauge\tratio\t\n";
        assert!(about(lines, &[ScopeKind::Task], IO).is_empty());
    }

    #[test]
    fn what_is_in_none_of_both_is_named() {
        let lines = "IO\tTask\t\tnumBytesOut\tCounter\tbytes\t\n";
        let expected = "Flink's `numBytesOut` of Task (IO) is not there and has no reason: \
                        no taskmanager.job.task.numBytesOut";
        assert_eq!(about(lines, &[ScopeKind::Task], IO), [expected]);
    }

    #[test]
    fn a_part_of_the_names_is_not_enough() {
        let lines = "IO\tTask/Operator\t\tnumBytesIn\tCounter\tbytes\t\n\
                     IO\tTask\t(Shuffle|Disk)\tnumBytesIn\tCounter\tbytes\t\n";
        assert_eq!(
            about(lines, &[ScopeKind::Task], IO),
            [
                "Flink's `numBytesIn` of Task/Operator (IO) is not there and has no reason: \
                 no taskmanager.job.task.operator.numBytesIn",
                "Flink's `(Shuffle|Disk).numBytesIn` of Task (IO) is not there and has no reason: \
                 no taskmanager.job.task.Disk.numBytesIn",
            ]
        );
    }

    #[test]
    fn reasons_are_for_what_is_not_there() {
        let lines = "ForSt\tTask\t\tnumBytesIn\tCounter\tbytes\tinternal\n\
                     ForSt\tTask\t\thits\tCounter\tcount\tinternal\n";
        assert_eq!(
            about(lines, &[ScopeKind::Task], IO),
            ["Flink's `numBytesIn` of Task (ForSt) is there, although it is not to be, because: internal"]
        );
    }

    #[test]
    fn reasons_are_only_for_what_may_be_left_out() {
        let lines = "IO\tTask\t\tx\tCounter\tbytes\ttoo much work\n\
                     Memory\tTaskManager\tStatus.JVM.Memory\tHeap.Used\tGauge\tbytes\ttoo much work\n\
                     Memory\tTaskManager\tStatus.JVM.Memory\tNonHeap.Used\tGauge\tbytes\ta JVM's\n";
        assert_eq!(
            about(lines, &[ScopeKind::Task], IO),
            [
                "Flink's `x` of Task (IO) is none that may be left out, yet is: too much work",
                "Flink's `Status.JVM.Memory.Heap.Used` of TaskManager (Memory) is none that may be left out, \
                 yet is: too much work",
            ]
        );
    }

    #[test]
    fn a_histogram_is_nothing_else() {
        const SIZES: &[Descriptor] = &[Descriptor::of::<Histogram<u64>>(
            Metric::new("sizes").with_policy_names(&[("flink", "sizes")]),
        )];
        let line = |kind: &str| format!("State\tTask\t\tsizes\t{kind}\tbytes\t\n");
        assert!(about(&line("Histogram"), &[ScopeKind::Task], SIZES).is_empty());
        assert_eq!(about(&line("Gauge"), &[ScopeKind::Task], SIZES).len(), 1);
    }

    #[test]
    fn units_differ_unless_one_side_has_none() {
        const TIMES: &[Descriptor] = &[
            Descriptor::of::<Gauge<u64>>(Metric::new("lag").with_unit(Unit::NANOSECONDS)),
            Descriptor::of::<Counter>(
                Metric::new("busy").with_unit(Unit::NANOSECONDS).with_rate_name("busyRate"),
            ),
            Descriptor::of::<Meter>(Metric::new("sent").with_unit(Unit::BYTES)),
            Descriptor::of::<Gauge<u64>>(Metric::new("open")),
        ];
        let lines = "IO\tTask\tio\tlag\tGauge\tms\t\n\
                     IO\tTask\tio\tbusyRate\tMeter\tms/s\t\n\
                     IO\tTask\tio\tbusy\tCounter\tns\t\n\
                     IO\tTask\tio\tsent\tMeter\tbytes/s\t\n\
                     IO\tTask\tio\topen\tGauge\tms\t\n";
        assert_eq!(
            about(lines, &[ScopeKind::Task], TIMES),
            [
                "Flink's `io.lag` of Task (IO) is in ms, and in ns as `lag` in `taskmanager.job.task.io` of `Io`",
                "Flink's `io.busyRate` of Task (IO) is in ms/s, and in ns as `busy` in `taskmanager.job.task.io` of `Io`",
            ]
        );
    }

    #[test]
    fn metrics_of_one_name_clash_unless_they_are_one() {
        const OWN: &[Descriptor] = &[Descriptor::of::<Counter>(
            Metric::new("cpuTime").with_policy_names(&[("prometheus", "cpu_total"), ("otlp", "cpu")]),
        )];
        const OTHER: &[Descriptor] = &[Descriptor::of::<Meter>(
            Metric::new("cpu-time").with_policy_names(&[("otlp", "cpu"), ("flink", "Process.cpuTime")]),
        )];
        let entry = |groups, descriptors| CatalogueEntry {
            registered_by: "Process",
            scopes: &[ScopeKind::JobManager, ScopeKind::TaskManager],
            groups,
            descriptors,
        };
        assert!(about_all("", vec![entry("Process", OWN)]).is_empty());
        assert_eq!(
            about_all("", vec![entry("Process", OWN), entry("", OTHER)]),
            [
                "`jobmanager.Process.cpuTime` of Flink is both `cpuTime` in `jobmanager.Process` of `Process` \
                 and `cpu-time` in `jobmanager` of `Process`",
                "`taskmanager.Process.cpuTime` of Flink is both `cpuTime` in `taskmanager.Process` of \
                 `Process` and `cpu-time` in `taskmanager` of `Process`",
                "`cpu` of OTLP is both `cpuTime` in `jobmanager.Process` of `Process` and `cpu-time` in \
                 `jobmanager` of `Process`",
            ]
        );
    }
}

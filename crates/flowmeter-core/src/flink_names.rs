//! What Flink calls a family.

use crate::{Family, MetricKind};

/// The naming policy for which metrics can give themselves names.
const POLICY: &str = "flink";

impl Family {
    /// The family's names in Flink, each with the logical scope in front, such as `taskmanager.Status.JVM.CPU.Load`: the one
    /// that Flink has now, then those that it had before and goes on with.
    ///
    /// A metric that gave itself none is called what it is registered as. One that did has in them all that stands below the
    /// system group, so the names of user groups in between have no part in it; or after a slash the logical scope as well,
    /// where Flink has the metric elsewhere.
    #[must_use]
    pub fn flink_names(&self) -> Vec<String> {
        let mut names = self.metric().names_in(POLICY).peekable();
        if names.peek().is_none() {
            return vec![joined(self.logical_scope(), self.name())];
        }
        let whole = |name: &'static str| match name.strip_prefix('/') {
            Some(whole) => whole.to_owned(),
            None => joined(self.system_scope(), name),
        };
        names.map(whole).collect()
    }

    /// The names of the family's rate in Flink, where it has the rate of a sum as a metric of its own: that of
    /// `numRecordsIn` is `numRecordsInPerSecond`. Empty where the family has no such twin.
    ///
    /// A meter without a twin is one metric in Flink too, which shows its rate.
    #[must_use]
    pub fn flink_rate_names(&self) -> Vec<String> {
        let Some(rate) = self.metric().rate_name().filter(|_| self.kind().is_monotonic_sum()) else {
            return Vec::new();
        };
        let beside = |name: String| joined(name.rsplit_once('.').map_or("", |(scope, _)| scope), rate);
        self.flink_names().into_iter().map(beside).collect()
    }

    /// Whether Flink has the family as a meter, whose rate is what it shows first.
    #[must_use]
    pub fn is_flink_meter(&self) -> bool {
        self.kind() == MetricKind::Meter && self.metric().rate_name().is_none()
    }
}

fn joined(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}

#[cfg(test)]
mod tests {
    use crate::scope::Scope;
    use crate::{Counter, Descriptor, Gauge, Meter, Metric, MetricHandle};

    fn names<H: MetricHandle>(scope: &Scope, metric: Metric) -> (Vec<String>, Vec<String>) {
        let set = scope.single_set(&Descriptor::of::<H>(metric));
        let family = &set.members[0].family;
        (family.flink_names(), family.flink_rate_names())
    }

    #[test]
    fn a_family_is_called_what_it_is_registered_as() {
        let operator = Scope::new("taskmanager.job.task.operator");
        let (names, rates) = names::<Counter>(&operator.child("windows"), Metric::new("late"));
        assert_eq!(names, ["taskmanager.job.task.operator.windows.late"]);
        assert!(rates.is_empty());
    }

    #[test]
    fn own_names_stand_below_the_system_group() {
        const LOAD: Metric = Metric::new("load").with_policy_names(&[("flink", "Status.JVM.CPU.Load")]);
        let manager = Scope::new("jobmanager");
        assert_eq!(
            names::<Gauge<f64>>(&manager.child("process"), LOAD).0,
            ["jobmanager.Status.JVM.CPU.Load"]
        );
        assert_eq!(names::<Gauge<f64>>(&Scope::new("").child("process"), LOAD).0, ["Status.JVM.CPU.Load"]);
    }

    #[test]
    fn names_after_a_slash_are_whole() {
        const LATENCY: Metric =
            Metric::new("latency").with_policy_names(&[("flink", "/taskmanager.job.task.latency")]);
        let operator = Scope::new("taskmanager.job.task.operator");
        assert_eq!(names::<Gauge<f64>>(&operator, LATENCY).0, ["taskmanager.job.task.latency"]);
    }

    #[test]
    fn rates_stand_beside_each_of_the_names() {
        const BYTES: Metric = Metric::new("numBytes")
            .with_policy_names(&[("flink", "Shuffle.numBytes"), ("otlp", "bytes"), ("flink", "numBytes")])
            .with_rate_name("numBytesPerSecond");
        let task = Scope::new("taskmanager.job.task");
        let (names, rates) = names::<Counter>(&task.child("shuffle"), BYTES);
        assert_eq!(names, ["taskmanager.job.task.Shuffle.numBytes", "taskmanager.job.task.numBytes"]);
        assert_eq!(
            rates,
            ["taskmanager.job.task.Shuffle.numBytesPerSecond", "taskmanager.job.task.numBytesPerSecond"]
        );
    }

    #[test]
    fn what_is_no_sum_has_no_rate_and_meters_are_meters_unless_they_have_a_twin() {
        let task = Scope::new("taskmanager.job.task");
        let metric = || Metric::new("x").with_rate_name("xPerSecond");
        assert!(names::<Gauge<u64>>(&task, metric()).1.is_empty());
        let meter =
            |metric| task.single_set(&Descriptor::of::<Meter>(metric)).members[0].family.is_flink_meter();
        assert!(meter(Metric::new("mails")));
        assert!(!meter(Metric::new("y").with_rate_name("yPerSecond")));
    }
}

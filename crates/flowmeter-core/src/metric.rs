//! What a metric is, apart from where it is measured.

use std::borrow::Cow;

use crate::{HistogramOptions, Unit};

/// The name, unit and description of a metric, and for a histogram what its buckets are.
///
/// A plain name converts into one, so `group.counter("lateRecords")` works; say more with the builder:
///
/// ```
/// use flowmeter_core::{Metric, Unit};
///
/// const LATE: Metric = Metric::new("lateRecords")
///     .with_unit(Unit::RECORDS)
///     .with_description("Records that arrived behind the watermark.");
/// assert_eq!(LATE.name(), "lateRecords");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    name: Cow<'static, str>,
    unit: Unit,
    description: Cow<'static, str>,
    histogram: HistogramOptions,
    policy_names: &'static [(&'static str, &'static str)],
    rate_name: Option<&'static str>,
}

impl Metric {
    /// A metric of this name, with no unit and no description.
    ///
    /// A name that is made at run time is a `String`, which converts into a metric.
    /// Names are in Flink's camel case by convention (`numRecordsIn`); each reporter turns them into its backend's.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self::of(Cow::Borrowed(name))
    }

    const fn of(name: Cow<'static, str>) -> Self {
        Self {
            name,
            unit: Unit::NONE,
            description: Cow::Borrowed(""),
            histogram: HistogramOptions::DEFAULT,
            policy_names: &[],
            rate_name: None,
        }
    }

    /// Sets the unit.
    #[must_use]
    pub const fn with_unit(mut self, unit: Unit) -> Self {
        // A const function cannot run the destructor of the replaced value; a fresh `Unit` has nothing to free.
        std::mem::forget(std::mem::replace(&mut self.unit, unit));
        self
    }

    /// Sets the description: one sentence, for people who read a dashboard.
    #[must_use]
    pub const fn with_description(mut self, description: &'static str) -> Self {
        std::mem::forget(std::mem::replace(&mut self.description, Cow::Borrowed(description)));
        self
    }

    /// Sets a description that is made at run time, as a `String`; see [`with_description`](Self::with_description).
    #[must_use]
    pub fn described(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.description = description.into();
        self
    }

    /// Sets what the buckets of a histogram are; other metrics have no use for it. Of several registrations of a metric
    /// the first decides, for all groups.
    #[must_use]
    pub const fn with_histogram(mut self, options: HistogramOptions) -> Self {
        self.histogram = options;
        self
    }

    /// Sets names for naming policies that would call it otherwise, each as a policy and the whole name: for metrics that a
    /// backend's users know under another name. Policies are named after reporters, or `flink`, whose names are what stands
    /// below the system group; see [`Family::flink_names`](crate::Family::flink_names). A policy may be there more than once:
    /// the first name is the metric's, others are those that it had before, for a policy that goes on saying them.
    /// A name that the backend does not take is not used, and of several registrations of a metric the first decides.
    ///
    /// ```
    /// use flowmeter_core::Metric;
    ///
    /// const CPU_TIME: Metric = Metric::new("cpuTime")
    ///     .with_policy_names(&[("prometheus", "process_cpu_seconds_total"), ("otlp", "process.cpu.time")]);
    /// assert_eq!(CPU_TIME.name_in("otlp"), Some("process.cpu.time"));
    /// ```
    #[must_use]
    pub const fn with_policy_names(mut self, names: &'static [(&'static str, &'static str)]) -> Self {
        self.policy_names = names;
        self
    }

    /// Sets the name of the metric's rate, where a naming policy has the rate of a sum as a metric of its own: Flink's
    /// `numRecordsInPerSecond` beside `numRecordsIn`. Others say nothing of it, since their backends work out rates.
    #[must_use]
    pub const fn with_rate_name(mut self, name: &'static str) -> Self {
        self.rate_name = Some(name);
        self
    }

    /// A copy in a constant, where texts are constants as well.
    pub(crate) const fn copied(&self) -> Self {
        Self {
            name: copied(&self.name),
            unit: self.unit.copied(),
            description: copied(&self.description),
            histogram: self.histogram,
            policy_names: self.policy_names,
            rate_name: self.rate_name,
        }
    }

    /// Sets the unit if none was stated.
    pub(crate) const fn or_unit(self, unit: Unit) -> Self {
        if self.unit.is_none() {
            self.with_unit(unit)
        } else {
            std::mem::forget(unit);
            self
        }
    }

    /// The name as registered.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole name that it has given itself for a naming policy, if it has.
    #[must_use]
    pub fn name_in(&self, policy: &str) -> Option<&'static str> {
        self.names_in(policy).next()
    }

    /// All names that it has given itself for a naming policy: its own, then those that it had before.
    pub fn names_in(&self, policy: &str) -> impl Iterator<Item = &'static str> {
        self.policy_names.iter().filter(move |(known, _)| *known == policy).map(|(_, name)| *name)
    }

    /// The name of its rate, if some naming policy has that as a metric of its own.
    #[must_use]
    pub const fn rate_name(&self) -> Option<&'static str> {
        self.rate_name
    }

    /// The unit; [`Unit::NONE`] when none was stated.
    #[must_use]
    pub fn unit(&self) -> &Unit {
        &self.unit
    }

    /// What its buckets are if it is a histogram.
    #[must_use]
    pub const fn histogram(&self) -> HistogramOptions {
        self.histogram
    }

    /// The description; empty when none was given.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }
}

#[expect(clippy::ptr_arg, reason = "the copy is of the reference that it holds")]
pub(crate) const fn copied(text: &Cow<'static, str>) -> Cow<'static, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text),
        Cow::Owned(_) => panic!("a constant has no text of its own"),
    }
}

impl From<&'static str> for Metric {
    fn from(name: &'static str) -> Self {
        Self::new(name)
    }
}

impl From<String> for Metric {
    fn from(name: String) -> Self {
        Self::of(Cow::Owned(name))
    }
}

/// What a metric's values mean, which decides how a backend may combine them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum MetricKind {
    /// A sum that only grows.
    Counter,
    /// A sum that only grows, of which the rate is of interest too.
    Meter,
    /// A sum that may go down.
    UpDownCounter,
    /// A value of the moment, which sums over series may not explain.
    Gauge,
    /// A distribution of recorded values.
    Histogram,
}

impl MetricKind {
    /// Whether the values are sums that only grow, as those of counters and meters.
    #[must_use]
    pub const fn is_monotonic_sum(self) -> bool {
        matches!(self, Self::Counter | Self::Meter)
    }
}

/// The type of a metric's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ValueType {
    /// Unsigned 64-bit integers.
    U64,
    /// Signed 64-bit integers.
    I64,
    /// 64-bit floating-point numbers.
    F64,
    /// True or false.
    Bool,
    /// Text.
    Text,
}

//! The attributes that series are shown with: Flink's, for all naming policies.

use std::borrow::Cow;

use flowmeter_core::{Family, HistogramSnapshot, MetricKind, Number, SeriesView, Value, ValueType};

use crate::model::{AttributeInfo, MBeanClass, MBeanValue};
use crate::naming::NamingPolicy;

/// Which attributes a bean has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Counter,
    Gauge,
    Meter,
    Histogram,
}

/// The quantiles of a histogram.
const QUANTILES: [(f64, &str); 6] = [
    (0.5, "Median"),
    (0.75, "75thPercentile"),
    (0.95, "95thPercentile"),
    (0.98, "98thPercentile"),
    (0.99, "99thPercentile"),
    (0.999, "999thPercentile"),
];

impl Shape {
    /// That of a family, or of what is a meter to Flink.
    pub(crate) fn of(family: &Family, is_meter: bool) -> Self {
        match family.kind() {
            MetricKind::Meter => Self::Meter,
            _ if is_meter => Self::Meter,
            MetricKind::Counter | MetricKind::UpDownCounter => Self::Counter,
            MetricKind::Histogram => Self::Histogram,
            _ => Self::Gauge,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Counter => "Counter",
            Self::Gauge => "Gauge",
            Self::Meter => "Meter",
            Self::Histogram => "Histogram",
        }
    }

    /// The class of the beans of a family.
    pub(crate) fn class(self, family: &Family, naming: NamingPolicy) -> MBeanClass {
        let (class, interface, base): (_, _, &str) = match naming {
            NamingPolicy::Flink => {
                let class = format!("org.apache.flink.metrics.jmx.JMXReporter$Jmx{}", self.name());
                let interface = format!("{class}MBean");
                (class, interface, "org.apache.flink.metrics.jmx.JMXReporter$MetricMBean")
            }
            NamingPolicy::Native => {
                let class = format!("flowmeter.{}", self.name());
                let interface = format!("{class}MBean");
                (class, interface, "flowmeter.MetricMBean")
            }
        };
        let mut bean = MBeanClass::standard(class, interface, self.attributes(family, naming));
        bean.interfaces.push(base.into());
        if !family.description().is_empty() {
            bean.description = Cow::Owned(family.description().to_owned());
        }
        bean
    }

    fn attributes(self, family: &Family, naming: NamingPolicy) -> Vec<AttributeInfo> {
        let unit = family.unit().as_str();
        let attribute = |name: &'static str, java_type| {
            AttributeInfo::new(name, java_type).with_description(family.description())
        };
        let count = || attribute("Count", "long");
        match self {
            Self::Counter => vec![count().with_units(unit)],
            Self::Gauge => vec![attribute("Value", gauge_type(family, naming)).with_units(unit)],
            Self::Meter => {
                let per_second = if unit.is_empty() { String::new() } else { format!("{unit}/s") };
                vec![count().with_units(unit), attribute("Rate", "double").with_units(&per_second)]
            }
            Self::Histogram => {
                let is_double = family.value_type() == ValueType::F64 && naming == NamingPolicy::Native;
                let extreme = if is_double { "double" } else { "long" };
                let extremes = [("Min", extreme), ("Max", extreme), ("Mean", "double"), ("StdDev", "double")];
                let quantiles = QUANTILES.map(|(_, name)| (name, "double"));
                let all = extremes.into_iter().chain(quantiles);
                let all = all.map(|(name, java_type)| attribute(name, java_type).with_units(unit));
                [count()].into_iter().chain(all).collect()
            }
        }
    }

    /// The values of a series, in the order of the attributes.
    pub(crate) fn values(self, series: &SeriesView<'_>, naming: NamingPolicy) -> Box<[MBeanValue]> {
        match (self, series.value()) {
            (Self::Histogram, Value::Histogram(snapshot)) => histogram(snapshot, naming),
            (Self::Meter, Value::Number(count)) => {
                // Flink's meters have a rate from the beginning on.
                Box::new([count.into(), MBeanValue::Double(series.rate().unwrap_or(0.0))])
            }
            (_, Value::Number(number)) => Box::new([number.into()]),
            (_, Value::Bool(value)) => Box::new([MBeanValue::Boolean(value)]),
            (_, Value::Text(text)) => Box::new([text.into()]),
            _ => Box::new([MBeanValue::Null]),
        }
    }
}

/// Flink says of a gauge that it is some object.
fn gauge_type(family: &Family, naming: NamingPolicy) -> &'static str {
    if naming == NamingPolicy::Flink {
        return "java.lang.Object";
    }
    match family.value_type() {
        // Those that are too large are a `BigInteger`.
        ValueType::U64 => "java.lang.Number",
        ValueType::I64 => "long",
        ValueType::F64 => "double",
        ValueType::Bool => "boolean",
        ValueType::Text => "java.lang.String",
        _ => "java.lang.Object",
    }
}

/// Without a value there are no statistics, and the extremes are zeros, as Flink has it. Its extremes are whole numbers.
fn histogram(snapshot: &HistogramSnapshot, naming: NamingPolicy) -> Box<[MBeanValue]> {
    let zero = || Number::U64(0);
    let whole = |extreme| match extreme {
        Number::F64(extreme) if naming == NamingPolicy::Flink => Number::I64(extreme.round() as i64),
        extreme => extreme,
    };
    let quantile = |(q, _)| snapshot.quantile(q).unwrap_or(f64::NAN);
    let statistics = [snapshot.mean(), snapshot.standard_deviation()].map(|value| value.unwrap_or(f64::NAN));
    let exact = [
        Number::U64(snapshot.count()),
        whole(snapshot.min().unwrap_or_else(zero)),
        whole(snapshot.max().unwrap_or_else(zero)),
    ];
    let statistics = statistics.into_iter().chain(QUANTILES.map(quantile)).map(MBeanValue::Double);
    exact.map(MBeanValue::from).into_iter().chain(statistics).collect()
}

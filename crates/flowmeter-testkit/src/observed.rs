//! Values that outlive a report.

use flowmeter_core::{HistogramSnapshot, Number, Value};

/// What was seen of one series.
#[derive(Clone, Debug, PartialEq)]
pub enum Observed {
    /// A count, a sum or a gauge.
    Number(Number),
    /// A gauge that is true or false.
    Bool(bool),
    /// A gauge that is a text.
    Text(String),
    /// A distribution: how many values, and their sum.
    Histogram {
        /// How many values were recorded.
        count: u64,
        /// What they add up to.
        sum: f64,
    },
}

impl Observed {
    pub(crate) fn of(value: Value<'_>) -> Self {
        match value {
            Value::Number(number) => Self::Number(number),
            Value::Bool(value) => Self::Bool(value),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Histogram(snapshot) => Self::of_histogram(snapshot),
            other => panic!("the test kit does not know {other:?}"),
        }
    }

    fn of_histogram(snapshot: &HistogramSnapshot) -> Self {
        Self::Histogram { count: snapshot.count(), sum: snapshot.sum().to_f64() }
    }

    /// One number for it: of a histogram the count, of a truth value 0 or 1, of a text 1.
    #[must_use]
    pub fn to_f64(&self) -> f64 {
        match self {
            Self::Number(number) => number.to_f64(),
            Self::Bool(value) => f64::from(u8::from(*value)),
            Self::Text(_) => 1.0,
            Self::Histogram { count, .. } => Number::U64(*count).to_f64(),
        }
    }
}

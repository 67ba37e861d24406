//! Values as reporters meet them.

use std::fmt;

use crate::HistogramSnapshot;

/// A number of one of the types that cells hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Unsigned.
    U64(u64),
    /// Signed.
    I64(i64),
    /// Floating point; may be an infinity or not a number.
    F64(f64),
}

impl Number {
    /// The number as a float, rounded when it has more than 53 significant bits.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "documented")]
    pub fn to_f64(self) -> f64 {
        match self {
            Self::U64(number) => number as f64,
            Self::I64(number) => number as f64,
            Self::F64(number) => number,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::U64(number) => number.fmt(f),
            Self::I64(number) => number.fmt(f),
            Self::F64(number) => number.fmt(f),
        }
    }
}

/// The value of one series at the time of a report.
///
/// Which variant it is follows from the family's kind and value type.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// A count, a sum or a gauge.
    Number(Number),
    /// A gauge that is true or false.
    Bool(bool),
    /// A gauge that is a text.
    Text(&'a str),
    /// A distribution.
    Histogram(&'a HistogramSnapshot),
}

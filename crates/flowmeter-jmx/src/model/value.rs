//! Values of attributes.

use std::sync::Arc;

use flowmeter_core::Number;

/// The value of an attribute, as Java would have it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum MBeanValue {
    /// `null`.
    Null,
    /// A `java.lang.Boolean`.
    Boolean(bool),
    /// A `java.lang.Integer`.
    Integer(i32),
    /// A `java.lang.Long`.
    Long(i64),
    /// A `java.math.BigInteger`, of a number that is more than a `Long` can be.
    BigInteger(u64),
    /// A `java.lang.Double`; may be an infinity or not a number.
    Double(f64),
    /// A `java.lang.String`.
    Text(Arc<str>),
}

impl From<Number> for MBeanValue {
    fn from(number: Number) -> Self {
        match number {
            Number::U64(number) => i64::try_from(number).map_or(Self::BigInteger(number), Self::Long),
            Number::I64(number) => Self::Long(number),
            Number::F64(number) => Self::Double(number),
        }
    }
}

impl From<&str> for MBeanValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

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
    /// A `javax.management.openmbean.CompositeData` of a `java.lang.management.MemoryUsage`.
    Memory(MemoryUsage),
}

/// How much memory there is, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUsage {
    used: i64,
    committed: i64,
    max: i64,
}

impl MemoryUsage {
    /// So much that is used, of so much that is there to be used, of so much that there can be. Clients in Java refuse one that is more than
    /// the next, so the first counts.
    #[must_use]
    pub fn new(used: u64, committed: Option<u64>, max: Option<u64>) -> Self {
        let bytes = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        let committed = committed.unwrap_or(used).max(used);
        let max = max.filter(|max| *max >= committed).map_or(UNDEFINED, bytes);
        Self { used: bytes(used), committed: bytes(committed), max }
    }

    /// The items as Java names them, sorted by name; -1 where one is not defined.
    #[must_use]
    pub fn items(&self) -> [(&'static str, i64); 4] {
        [("committed", self.committed), ("init", UNDEFINED), ("max", self.max), ("used", self.used)]
    }
}

/// What Java says where there is no value.
const UNDEFINED: i64 = -1;

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

//! Units of measurement, spelled in UCUM.

use std::borrow::Cow;
use std::fmt;

use crate::metric::copied;

/// The unit of a metric's values, as a case-sensitive [UCUM](https://ucum.org/ucum) code.
///
/// UCUM is what OTLP asks for; reporters translate it to what their backend wants (Prometheus gets base units and
/// a name suffix). Counts of things are annotations in braces, which backends may drop: `{record}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Unit(Cow<'static, str>);

impl Unit {
    /// No unit stated.
    pub const NONE: Self = Self::new("");
    /// A ratio, 0 to 1 in most cases.
    pub const RATIO: Self = Self::new("1");
    /// Percent, 0 to 100 in most cases.
    pub const PERCENT: Self = Self::new("%");
    /// Seconds.
    pub const SECONDS: Self = Self::new("s");
    /// Milliseconds.
    pub const MILLISECONDS: Self = Self::new("ms");
    /// Microseconds.
    pub const MICROSECONDS: Self = Self::new("us");
    /// Nanoseconds.
    pub const NANOSECONDS: Self = Self::new("ns");
    /// Milliseconds a second, in which Flink has shares of time: 1000 is all of it.
    pub const MILLISECONDS_PER_SECOND: Self = Self::new("ms/s");
    /// Bytes.
    pub const BYTES: Self = Self::new("By");
    /// Records of a stream.
    pub const RECORDS: Self = Self::new("{record}");
    /// Network buffers, or what an engine has in their place (containers, batches).
    pub const BUFFERS: Self = Self::new("{buffer}");

    /// A unit from its UCUM code.
    #[must_use]
    pub const fn new(ucum: &'static str) -> Self {
        Self(Cow::Borrowed(ucum))
    }

    /// A copy in a constant.
    pub(crate) const fn copied(&self) -> Self {
        Self(copied(&self.0))
    }

    pub(crate) const fn is_none(&self) -> bool {
        matches!(self.0, Cow::Borrowed(ucum) if ucum.is_empty())
    }

    /// The UCUM code; empty when no unit was stated.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What part of a second it is, if it is a decimal one.
    pub(crate) fn second_part(&self) -> Option<f64> {
        match self.as_str() {
            "ms" => Some(1e-3),
            "us" => Some(1e-6),
            "ns" => Some(1e-9),
            _ => None,
        }
    }

    /// Whether the unit only names what is counted, such as `{record}`, or states nothing.
    #[must_use]
    pub fn is_annotation(&self) -> bool {
        self.0.is_empty() || self.0.starts_with('{')
    }
}

impl From<String> for Unit {
    fn from(ucum: String) -> Self {
        Self(Cow::Owned(ucum))
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

//! Single recordings, with the trace that they are from.

use std::fmt;
use std::time::Duration;

use crate::Number;

/// One of the values that a series recorded, and the span of the trace in which that was: where to look for why.
///
/// Give one along with what a sampled trace records; of others there is nothing to look at. A counter or a meter keeps its
/// latest exemplar, and a histogram up to 16: the latest of each octave, or of each bucket if it has
/// [bounds of its own](crate::HistogramOptions::with_bounds). Reporters find them by
/// [`SeriesView::exemplars`](crate::SeriesView::exemplars), in this report and in the next, until others take their places.
///
/// ```
/// # use std::time::Duration;
/// use flowmeter_core::{Registry, TraceContext};
///
/// # let (is_sampled, took, unix_time) = (true, Duration::from_millis(30), Duration::from_secs(1));
/// # let registry = Registry::new();
/// let latency = registry.add_group("orders").histogram::<Duration>("latency");
/// // From the header `traceparent`, say.
/// let span = TraceContext::from_hex("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7").unwrap();
/// match is_sampled {
///     true => latency.record_with_exemplar(took, &span.at(unix_time)),
///     false => latency.record(took),
/// }
/// ```
///
/// Recording one takes some tens of nanoseconds, and memory with the first of a registration and of a magnitude. It never
/// waits for a reader: while the exemplars of a series are being read or written, another one of it is not kept, but its
/// value is recorded all the same. Series without any take neither time nor memory for it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exemplar {
    value: Number,
    context: TraceContext,
}

impl Exemplar {
    /// An exemplar, as reporters get it.
    #[must_use]
    pub const fn new(value: Number, context: TraceContext) -> Self {
        Self { value, context }
    }

    /// What was recorded, in the unit of the metric: the value of a histogram, or what was added to a sum.
    #[must_use]
    pub const fn value(&self) -> Number {
        self.value
    }

    /// Where and when that was.
    #[must_use]
    pub const fn context(&self) -> &TraceContext {
        &self.context
    }
}

/// The span of a trace, with identifiers as in the [W3C trace context](https://www.w3.org/TR/trace-context/) and OTLP, and
/// the time. See [`Exemplar`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    unix_time: Option<Duration>,
}

impl TraceContext {
    /// A span of a trace, at no stated time. Identifiers of all zeros are none.
    #[must_use]
    pub const fn new(trace_id: [u8; 16], span_id: [u8; 8]) -> Self {
        Self { trace_id, span_id, unix_time: None }
    }

    /// A span of a trace from identifiers as hexadecimal digits, 32 for the trace and 16 for the span; nothing if they are
    /// anything else.
    #[must_use]
    pub fn from_hex(trace_id: &str, span_id: &str) -> Option<Self> {
        let is_hex =
            |id: &str, digits| id.len() == digits && id.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !is_hex(trace_id, 32) || !is_hex(span_id, 16) {
            return None;
        }
        let trace_id = u128::from_str_radix(trace_id, 16).ok()?;
        let span_id = u64::from_str_radix(span_id, 16).ok()?;
        Some(Self::new(trace_id.to_be_bytes(), span_id.to_be_bytes()))
    }

    /// States the time, since the Unix epoch: that of the recording, which reads no clock itself.
    #[must_use]
    pub const fn at(mut self, unix_time: Duration) -> Self {
        self.unix_time = Some(unix_time);
        self
    }

    /// The identifier of the trace; all zeros if there is none.
    #[must_use]
    pub const fn trace_id(&self) -> [u8; 16] {
        self.trace_id
    }

    /// The identifier of the span; all zeros if there is none.
    #[must_use]
    pub const fn span_id(&self) -> [u8; 8] {
        self.span_id
    }

    /// The time, since the Unix epoch, if it was stated.
    #[must_use]
    pub const fn unix_time(&self) -> Option<Duration> {
        self.unix_time
    }

    /// Writes the identifier of the trace as 32 hexadecimal digits in lower case.
    #[must_use]
    pub fn trace_id_hex(&self) -> impl fmt::Display + use<> {
        Hex { id: u128::from_be_bytes(self.trace_id), digits: 32 }
    }

    /// Writes the identifier of the span as 16 hexadecimal digits in lower case.
    #[must_use]
    pub fn span_id_hex(&self) -> impl fmt::Display + use<> {
        Hex { id: u64::from_be_bytes(self.span_id).into(), digits: 16 }
    }
}

struct Hex {
    id: u128,
    digits: usize,
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0digits$x}", self.id, digits = self.digits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_written_as_they_are_read() {
        let (trace_id, span_id) = ("00f92f3577b34da6a3ce929d0e0e4730", "00f067aa0ba902b0");
        let context = TraceContext::from_hex(trace_id, span_id).unwrap();
        assert_eq!((context.trace_id()[1], context.span_id()[7]), (0xF9, 0xB0));
        assert_eq!(context.trace_id_hex().to_string(), trace_id);
        assert_eq!(context.span_id_hex().to_string(), span_id);
        assert_eq!(TraceContext::from_hex(&trace_id.to_uppercase(), span_id), Some(context));
        assert_eq!(TraceContext::new([0; 16], [0; 8]).span_id_hex().to_string(), "0".repeat(16));
        for (trace_id, span_id) in [
            ("", ""),
            (&trace_id[1..], span_id),
            (trace_id, &span_id[1..]),
            ("+0f92f3577b34da6a3ce929d0e0e4730", span_id),
            (trace_id, "00f067aa0ba902bg"),
            ("äf92f3577b34da6a3ce929d0e0e4730", span_id),
        ] {
            assert_eq!(TraceContext::from_hex(trace_id, span_id), None, "{trace_id} {span_id}");
        }
    }

    #[test]
    fn the_time_is_what_the_caller_says() {
        let context = TraceContext::new([1; 16], [2; 8]);
        assert_eq!(context.unix_time(), None);
        assert_eq!(context.at(Duration::from_secs(3)).unix_time(), Some(Duration::from_secs(3)));
    }
}

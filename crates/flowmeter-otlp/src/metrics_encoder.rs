//! The encoder for those who bring their own way out.

use bytes::Bytes;
use flowmeter_core::{Family, GroupView, Report, ReportMark};

use crate::OtlpOptions;
#[cfg(doc)]
use crate::Temporality;
use crate::encode::{Encoder, Wants};

/// Writes reports as OTLP requests in protobuf.
///
/// It is the part of the reporter that has no network: what it prepares and encodes can go anywhere. A reporter that uses it
/// has [labeled](flowmeter_core::Naming::Labeled) names, and keeps one encoder, which keeps its memory.
///
/// # Metrics
///
/// | metric | is sent as |
/// |---|---|
/// | counters, meters | monotonic sums, since their start or since the last report that was accepted, by [`Temporality`] |
/// | up-down counters | sums that are not monotonic, always since their start |
/// | gauges | gauges; truth values as 1 and 0, a text as a gauge that is 1 with the attribute `value` |
/// | histograms | [exponential](crate::HistogramForm::Exponential) or [explicit](crate::HistogramForm::Explicit) buckets |
///
/// - **Integers** are signed in OTLP. From 2^63 on they are sent as floats, which lose their last digits.
/// - **Differences:** what has not grown is not sent, but once when the receiver does not know the series yet. Nothing that an
///   exporter could lose is lost: a difference is from what was accepted.
/// - **Times** that histograms record in parts of a second are sent in seconds, as their buckets are, and a name that says
///   otherwise is cut: `mailboxLatencyMs` is `mailbox_latency`. Other units stay, as in [UCUM](https://ucum.org/ucum).
/// - **Buckets:** an exponential histogram has at most [`bucket_limit`](OtlpOptions::bucket_limit) for each sign, at the finest scale
///   for which they are enough. Explicit bounds are those that the histogram has of its own, or sixteen powers of two, for which
///   the counts are exact.
/// - **The sum** of a histogram is not sent once it has recorded a negative value, because OTLP has none that may go down.
/// - **The least and greatest value** are sent where they are known exactly: since the start, and in a series' first difference.
/// - **Exemplars** are those of the point's time: a difference has none from before it, and none that says no time.
/// - **A point** that is longer than a [request](OtlpOptions::request_size) is left out and counted.
///
/// # Names
///
/// `numRecordsIn` of an operator is `taskmanager.job.task.operator.num_records_in`. Metrics of processes and hosts that the
/// [semantic conventions](https://opentelemetry.io/docs/specs/semconv/) have are called as there, in the units that they have there
/// (times in seconds), and are sums that may go down where they are there, such as `process.memory.usage`.
///
/// Variables are attributes of the points, or those of [`resource_variables`](OtlpOptions::resource_variables) of the resource. The
/// variable `host` is `host.name`, and others are what they are called; one called `value` is `value_`, and so is one whose
/// name is taken.
///
/// [Flink's names](crate::NamingPolicy::Flink) come with all that Flink's OpenTelemetry reporter does: no units and descriptions,
/// differences of counters, a `.count` and a `.rate` of meters, and summaries in the place of histograms. It leaves out texts and truth values,
/// as Flink does. Up-down counters are sums since their start, of which Flink refuses those that went down.
pub struct MetricsEncoder(Encoder);

impl MetricsEncoder {
    /// An encoder for the options, of which it has no use for those about the way out.
    #[must_use]
    pub fn new(options: &OtlpOptions) -> Self {
        Self(Encoder::new(options))
    }

    /// Whether it needs [`deltas`](flowmeter_core::Reporter::deltas).
    #[must_use]
    pub fn deltas(&self) -> bool {
        self.wants().deltas
    }

    /// Whether it needs [`rates`](flowmeter_core::Reporter::rates).
    #[must_use]
    pub fn rates(&self) -> bool {
        self.wants().rates
    }

    fn wants(&self) -> Wants {
        self.0.wants()
    }

    /// Writes the attributes of a group, those of the resource apart.
    pub fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        self.0.prepare_group(group, out);
    }

    /// Writes the name of a family.
    pub fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        self.0.prepare_family(family, out);
    }

    /// The name of a family; with Flink's names the first that it has.
    #[must_use]
    pub fn name(&self, family: &Family) -> String {
        let mut name = Vec::new();
        self.prepare_family(family, &mut name);
        String::from_utf8_lossy(&name).into_owned()
    }

    /// Whether a family is sent at all.
    #[must_use]
    pub fn accepts(&self, family: &Family) -> bool {
        self.0.accepts(family)
    }

    /// Writes a report, and gives away each request with a mark: all that was asked of the report up to it is in this request
    /// and those before. Returns how many points are in none, because they are longer than a request.
    pub fn encode(&mut self, report: &Report<'_>, mut emit: impl FnMut(Bytes, ReportMark)) -> u64 {
        self.0.encode(report, &mut |request| emit(request.body, request.mark))
    }
}

impl std::fmt::Debug for MetricsEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MetricsEncoder").finish_non_exhaustive()
    }
}

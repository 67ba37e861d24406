//! The encoder for those who bring their own way out.

use bytes::Bytes;
use flowmeter_core::{Family, GroupView, Report, ReportMark};

use crate::OtlpOptions;
use crate::encode::{Encoder, Wants};

/// Writes reports as OTLP requests in protobuf.
///
/// It is the part of the reporter that has no network: what it prepares and encodes can go anywhere. A reporter that uses it
/// has [labeled](flowmeter_core::Naming::Labeled) names, and keeps one encoder, which keeps its memory.
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

//! From series to requests.
//!
//! Source: [`metrics.proto`](https://github.com/open-telemetry/opentelemetry-proto/blob/v1.9.0/opentelemetry/proto/metrics/v1/metrics.proto).

mod exemplar;
mod explicit;
mod exponential;
mod flink;
mod head;
mod histogram;
mod number;
mod requests;
pub(crate) mod wire;

use std::time::Duration;

use flowmeter_core::{Family, FamilyView, GroupView, HistogramSnapshot, MetricKind, Report, SeriesView};

use self::head::Heads;
use self::requests::{Part, Requests, TooLong};
use self::wire::{write_attribute, write_bytes, write_length};
use crate::options::{NamingPolicy, OtlpOptions, Temporality};
use crate::request::Request;
use crate::unsaid::Unsaid;
use crate::{naming, resource};

/// Writes reports as `ExportMetricsServiceRequest`s.
pub(crate) struct Encoder {
    options: OtlpOptions,
    /// The attributes that all resources have.
    resource: Vec<(String, String)>,
    requests: Requests,
    memory: Memory,
    unsaid: Unsaid,
    next_head: u64,
}

/// What is kept to be used again.
#[derive(Default)]
struct Memory {
    /// A point that is being written, or several, and what is in it.
    bytes: Vec<u8>,
    parts: Vec<Part>,
    exemplars: Vec<u8>,
    counts: Vec<u64>,
    delta: HistogramSnapshot,
}

impl Encoder {
    pub(crate) fn new(options: &OtlpOptions) -> Self {
        let attributes = resource::attributes(options);
        let mut fixed = Vec::new();
        attributes.iter().for_each(|(key, value)| write_attribute(1, key, value, &mut fixed));
        let (mut scope, mut content) = (Vec::new(), Vec::new());
        match options.naming {
            NamingPolicy::Native => {
                write_bytes(1, b"flowmeter", &mut content);
                write_bytes(2, env!("CARGO_PKG_VERSION").as_bytes(), &mut content);
            }
            NamingPolicy::Flink => write_bytes(1, flink::SCOPE, &mut content),
        }
        write_length(1, content.len(), &mut scope);
        scope.extend_from_slice(&content);
        Self {
            options: options.clone(),
            resource: attributes,
            requests: Requests::new(options.request_size, fixed, scope),
            memory: Memory::default(),
            unsaid: Unsaid::default(),
            next_head: 1,
        }
    }

    /// Whether the core is to keep books of differences, and of rates.
    pub(crate) fn wants(&self) -> Wants {
        let is_flink = self.options.naming == NamingPolicy::Flink;
        Wants { deltas: is_flink || self.options.temporality != Temporality::Cumulative, rates: is_flink }
    }

    /// Writes the attributes of a group.
    pub(crate) fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        naming::prepare_group(&self.options, &self.resource, group, out);
    }

    /// Writes the name of a family, which no other may have.
    pub(crate) fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        naming::prepare_family(&self.options, family, out);
    }

    /// Whether a family is sent at all.
    pub(crate) fn accepts(&self, family: &Family) -> bool {
        self.options.naming != NamingPolicy::Flink || naming::flink_accepts(family)
    }

    /// Writes a report, and gives away each request that is full, and the last. Returns how many points are longer than a
    /// request, which are in none.
    pub(crate) fn encode(&mut self, report: &Report<'_>, emit: &mut impl FnMut(Request)) -> u64 {
        self.requests.begin();
        let mut writing = Writing {
            options: &self.options,
            time: nanoseconds(report.unix_time()),
            requests: &mut self.requests,
            memory: &mut self.memory,
            unsaid: &mut self.unsaid,
            next_head: &mut self.next_head,
            emit,
        };
        match writing.options.naming {
            NamingPolicy::Native => report.families().for_each(|family| writing.write_family(family)),
            NamingPolicy::Flink => writing.write_flink(report),
        }
        self.requests.end_request(emit);
        self.unsaid.take()
    }
}

/// What a reporter asks of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wants {
    pub(crate) deltas: bool,
    pub(crate) rates: bool,
}

/// A report that is being written.
struct Writing<'a, E> {
    options: &'a OtlpOptions,
    /// That of the report.
    time: u64,
    requests: &'a mut Requests,
    memory: &'a mut Memory,
    unsaid: &'a mut Unsaid,
    next_head: &'a mut u64,
    emit: &'a mut E,
}

impl<E: FnMut(Request)> Writing<'_, E> {
    fn write_family(&mut self, family: FamilyView<'_>) {
        match family.family().kind() {
            MetricKind::Histogram => self.write_histograms(family),
            _ => self.write_numbers(&family),
        }
    }

    /// Puts the point that is in memory into a request.
    fn put_point(
        &mut self,
        variables: &[u8],
        heads: &Heads,
        head: usize,
        source: (&FamilyView<'_>, &SeriesView<'_>),
    ) {
        let bytes = &self.memory.bytes;
        match self.requests.point(variables, &heads.0[head], bytes.len(), self.emit) {
            Ok(out) => out.extend_from_slice(bytes),
            Err(TooLong) => self.note(1, source),
        }
        self.requests.end_series(source.1.mark());
    }

    #[cold]
    fn note(&mut self, points: u64, (family, series): (&FamilyView<'_>, &SeriesView<'_>)) {
        self.unsaid.note(points, || series.group().identifier(), family.family().name());
    }
}

/// Whether a sum or a histogram is sent as what it grew by.
#[inline]
fn is_delta(options: &OtlpOptions, series: &SeriesView<'_>) -> bool {
    match options.temporality {
        Temporality::Cumulative => false,
        Temporality::Delta => true,
        Temporality::LowMemory => !series.is_observed(),
    }
}

/// A time since the Unix epoch as OTLP has it: it has room until the year 2554.
#[inline]
fn nanoseconds(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(time.subsec_nanos()))
}

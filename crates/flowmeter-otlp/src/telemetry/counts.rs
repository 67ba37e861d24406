//! What becomes of spans and log records, in numbers.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use opentelemetry::logs::Severity;
use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{BatchLogProcessor, LogProcessor, SdkLogRecord};
use opentelemetry_sdk::trace::{BatchSpanProcessor, Span, SpanData, SpanProcessor};
use std::sync::Arc;

use crate::transport::Signal;

/// What has become of spans and of log records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TelemetryCounts {
    /// Spans that have ended.
    pub spans: SignalCounts,
    /// Log records.
    pub logs: SignalCounts,
}

/// What has become of those of one signal.
///
/// Those that are in none of the other numbers are in the queue or on the way, or were dropped because the queue was full. At the
/// end, after [`OtlpTelemetry::shutdown`](crate::OtlpTelemetry::shutdown), there are no such: the other numbers add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignalCounts {
    /// How many there were.
    pub recorded: u64,
    /// How many the receiver has taken.
    pub sent: u64,
    /// How many the receiver surely has not, and will not get.
    pub dropped: u64,
    /// How many the receiver may have or not: nobody answered.
    pub uncertain: u64,
}

/// What the two signals and their owner share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// When all is to be over, once that is known.
    end: OnceLock<Instant>,
    spans: Tally,
    logs: Tally,
}

impl Shared {
    /// Has all be over by a time. Returns whether it is the first.
    pub(super) fn stop_by(&self, end: Instant) -> bool {
        self.end.set(end).is_ok()
    }

    /// When all is to be over, once that is known.
    pub(super) fn end(&self) -> Option<Instant> {
        self.end.get().copied()
    }

    pub(super) fn tally(&self, signal: Signal) -> &Tally {
        match signal {
            Signal::Traces => &self.spans,
            Signal::Logs | Signal::Metrics => &self.logs,
        }
    }

    pub(super) fn counts(&self) -> TelemetryCounts {
        TelemetryCounts { spans: self.spans.counts(), logs: self.logs.counts() }
    }

    pub(super) fn final_counts(&self) -> TelemetryCounts {
        TelemetryCounts { spans: self.spans.final_counts(), logs: self.logs.final_counts() }
    }
}

/// The numbers of one signal.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) recorded: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) uncertain: AtomicU64,
    /// Those in the request that is on the way.
    pub(super) on_the_way: AtomicU64,
}

impl Tally {
    fn counts(&self) -> SignalCounts {
        // What has become of them first, so that there are never more of these than were recorded.
        let sent = self.sent.load(Ordering::Acquire);
        let dropped = self.dropped.load(Ordering::Acquire);
        let uncertain = self.uncertain.load(Ordering::Acquire);
        SignalCounts { recorded: self.recorded.load(Ordering::Acquire), sent, dropped, uncertain }
    }

    /// The numbers when nothing is waited for any more.
    fn final_counts(&self) -> SignalCounts {
        let on_the_way = self.on_the_way.load(Ordering::Acquire);
        let mut counts = self.counts();
        counts.uncertain += on_the_way;
        counts.dropped = counts.recorded.saturating_sub(counts.sent + counts.uncertain);
        counts
    }
}

/// Counts what comes to the queue behind it.
#[derive(Debug)]
pub(super) struct Counting<P> {
    pub(super) queue: P,
    pub(super) shared: Arc<Shared>,
}

impl SpanProcessor for Counting<BatchSpanProcessor> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.queue.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        self.shared.spans.recorded.fetch_add(1, Ordering::Relaxed);
        self.queue.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.queue.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.queue.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.queue.set_resource(resource);
    }
}

impl LogProcessor for Counting<BatchLogProcessor> {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        self.shared.logs.recorded.fetch_add(1, Ordering::Relaxed);
        self.queue.emit(record, scope);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.queue.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.queue.shutdown_with_timeout(timeout)
    }

    fn event_enabled(&self, level: Severity, target: &str, name: Option<&str>) -> bool {
        self.queue.event_enabled(level, target, name)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.queue.set_resource(resource);
    }
}

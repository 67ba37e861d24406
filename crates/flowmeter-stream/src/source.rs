//! Sources: how far they lag, what they wait for, and their splits.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use flowmeter_core::{Clock, Counter, Gauge, Metric, MetricGroup, MetricSet, SharedGauge, Unit};

use crate::state_times::nanoseconds;
use crate::watermark::{MAX_WATERMARK, NO_WATERMARK};

/// In place of the time since when a source is idle.
const ACTIVE: u64 = u64::MAX;

/// One reader of a source: one writer, which is its thread. Flink's standard for connectors, FLIP-33.
///
/// Event times and watermarks are in milliseconds since the Unix epoch. What a source does not know has no series: lags
/// begin with their first value, and what is pending with a callback.
///
/// ```
/// # let registry = flowmeter_core::Registry::new();
/// # let task_manager = registry.task_manager("h", "tm");
/// # let job = task_manager.job("j", "job");
/// # let task = job.task(Default::default());
/// # let operator = task.operator("1", "Source: events");
/// # let last_event_time = 1_700_000_000_000;
/// use flowmeter_stream::SourceReader;
///
/// let mut source = SourceReader::register(&operator);
/// source.pending_records(|| 42); // the lag of a consumer
/// source.emitted(last_event_time); // once for each batch: it looks at the clock
/// source.watermark(last_event_time);
/// source.went_idle(); // nothing there at the moment
/// ```
#[derive(Debug)]
#[must_use = "a source that is dropped measures nothing"]
pub struct SourceReader {
    errors: Counter,
    fetch_lag: Option<Gauge<i64>>,
    emit_lag: Option<Gauge<i64>>,
    watermark: Option<Arc<AtomicI64>>,
    /// Since when it is idle on the clock, in nanoseconds, or [`ACTIVE`].
    idle_since: Arc<AtomicU64>,
    operator: MetricGroup,
    clock: Arc<dyn Clock>,
    _one_writer: PhantomData<std::cell::Cell<()>>,
}

impl SourceReader {
    /// Registers [`SourceMetrics`] in the group of an operator.
    pub fn register(operator: &MetricGroup) -> Self {
        let SourceErrorMetrics { num_records_in_errors } = SourceErrorMetrics::register(operator);
        let (idle_since, clock) = (Arc::new(AtomicU64::new(ACTIVE)), Arc::clone(operator.clock()));
        let (since, now) = (Arc::clone(&idle_since), Arc::clone(&clock));
        operator.collector(move |metrics: &SourceMetrics| {
            let idle = match since.load(Relaxed) {
                ACTIVE => 0,
                since => nanoseconds(now.monotonic()).saturating_sub(since) / 1_000_000,
            };
            metrics.source_idle_time.set(idle);
        });
        Self {
            errors: num_records_in_errors,
            fetch_lag: None,
            emit_lag: None,
            watermark: None,
            idle_since,
            operator: operator.clone(),
            clock,
            _one_writer: PhantomData,
        }
    }

    /// A record of this event time was read from outside. One without a time, for which engines have the least or the greatest
    /// number that there is, changes nothing.
    pub fn fetched(&mut self, event_time: i64) {
        let Some(lag) = lag(self.clock.unix(), event_time) else { return };
        let operator = &self.operator;
        self.fetch_lag
            .get_or_insert_with(|| FetchLagMetrics::register(operator).current_fetch_event_time_lag)
            .set(lag);
    }

    /// A record of this event time was handed on, and the source is not idle. Without a time it is only that.
    pub fn emitted(&mut self, event_time: i64) {
        self.emitted_at(event_time, self.clock.unix());
    }

    /// The same at a time since the Unix epoch, for who has looked at the clock already.
    pub fn emitted_at(&mut self, event_time: i64, now: Duration) {
        self.resumed();
        let Some(lag) = lag(now, event_time) else { return };
        let operator = &self.operator;
        self.emit_lag
            .get_or_insert_with(|| EmitLagMetrics::register(operator).current_emit_event_time_lag)
            .set(lag);
    }

    /// The source has come to this watermark. How far it lags is worked out when a report wants it.
    ///
    /// [`NO_WATERMARK`], and [`MAX_WATERMARK`] of a source that has come to its end, are no times to lag behind: they
    /// change nothing.
    pub fn watermark(&mut self, watermark: i64) {
        if matches!(watermark, NO_WATERMARK | MAX_WATERMARK) {
            return;
        }
        let (operator, clock) = (&self.operator, &self.clock);
        let known = self.watermark.get_or_insert_with(|| {
            let known = Arc::new(AtomicI64::new(NO_WATERMARK));
            let (shown, clock) = (Arc::clone(&known), Arc::clone(clock));
            operator.collector(move |metrics: &WatermarkLagMetrics| {
                let lag = lag(clock.unix(), shown.load(Relaxed));
                lag.inspect(|lag| metrics.watermark_lag.set(*lag)).is_some()
            });
            known
        });
        known.store(known.load(Relaxed).max(watermark), Relaxed);
    }

    /// Something was handed on whose event time nobody knows, and the source is not idle.
    pub fn resumed(&self) {
        self.idle_since.store(ACTIVE, Relaxed);
    }

    /// The source has nothing to hand on, from now until it does again.
    pub fn went_idle(&self) {
        if self.idle_since.load(Relaxed) == ACTIVE {
            self.idle_since.store(nanoseconds(self.clock.monotonic()), Relaxed);
        }
    }

    /// Records could not be read.
    pub fn failed(&self, records: u64) {
        self.errors.inc_by(records);
    }

    /// Shows how many records have not been fetched, which the callback says when a report wants it.
    pub fn pending_records(&self, records: impl FnMut() -> u64 + Send + 'static) {
        self.operator.gauge_callback(PENDING_RECORDS, records);
    }

    /// Shows how many bytes have not been fetched, which the callback says when a report wants it.
    pub fn pending_bytes(&self, bytes: impl FnMut() -> u64 + Send + 'static) {
        self.operator.gauge_callback(PENDING_BYTES, bytes);
    }
}

/// Records that a source has yet to fetch, if it knows.
pub(crate) const PENDING_RECORDS: Metric = Metric::new("pendingRecords")
    .with_unit(Unit::RECORDS)
    .with_description("Records that were not fetched yet.");

/// Bytes that a source has yet to fetch, if it knows.
pub(crate) const PENDING_BYTES: Metric =
    Metric::new("pendingBytes").with_unit(Unit::BYTES).with_description("Bytes that were not fetched yet.");

/// How far a time of events is behind a time since the Unix epoch, in milliseconds; nothing for what stands for no time.
fn lag(now: Duration, event_time: i64) -> Option<i64> {
    let is_time = !matches!(event_time, NO_WATERMARK | MAX_WATERMARK);
    is_time.then(|| i64::try_from(now.as_millis()).unwrap_or(i64::MAX).saturating_sub(event_time))
}

impl Drop for SourceReader {
    fn drop(&mut self) {
        self.resumed();
    }
}

/// How long a source has had nothing to hand on. [`SourceReader`] fills it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct SourceMetrics {
    /// Time since the source has nothing to hand on; 0 if it has.
    #[metric(unit = MILLISECONDS)]
    pub source_idle_time: Gauge<u64>,
}

/// What a source could not read. [`SourceReader`] fills it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct SourceErrorMetrics {
    /// Records that could not be read.
    #[metric(unit = RECORDS)]
    pub num_records_in_errors: Counter,
}

/// How far a source lags where it reads. [`SourceReader`] fills it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct FetchLagMetrics {
    /// Time from the last record's event to when it was read from outside.
    #[metric(unit = MILLISECONDS)]
    pub current_fetch_event_time_lag: Gauge<i64>,
}

/// How far a source lags where it hands records on. [`SourceReader`] fills it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct EmitLagMetrics {
    /// Time from the last record's event to when it was handed on.
    #[metric(unit = MILLISECONDS)]
    pub current_emit_event_time_lag: Gauge<i64>,
}

/// How far the watermark of a source lags. [`SourceReader`] fills it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct WatermarkLagMetrics {
    /// How far the watermark is behind the wall clock.
    #[metric(unit = MILLISECONDS)]
    pub watermark_lag: Gauge<i64>,
}

/// Splits that a source has read to their end, in engines that do not give them to it one by one.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct SplitProgressMetrics {
    /// Input splits that were read to their end.
    #[metric(unit = "{split}")]
    pub num_splits_processed: Gauge<u64>,
}

/// What the coordinating part of a source has, in the group of [`enumerator_group`].
#[derive(Clone, Debug, MetricSet)]
#[non_exhaustive]
pub struct EnumeratorMetrics {
    /// Splits that were found and that no reader has.
    #[metric(unit = "{split}")]
    pub unassigned_splits: SharedGauge<u64>,
}

/// The group for [`EnumeratorMetrics`] below that of an operator on the JobManager.
#[must_use]
pub fn enumerator_group(operator: &MetricGroup) -> MetricGroup {
    operator.add_group("coordinator").add_group("enumerator")
}

//! One split of a source: its watermark, and for how long it was read, held back or idle.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use flowmeter_core::{Clock, Gauge, MetricGroup, MetricSet};

use crate::state_times::StateTimes;
use crate::watermark::{MAX_WATERMARK, NO_WATERMARK};
use crate::window::{Share, Turn, Window};

/// What becomes of a split at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitActivity {
    /// It is read.
    Active,
    /// It is held back, because others are behind.
    Paused,
    /// Nothing comes from it.
    Idle,
}

/// A split of a source while a reader has it: one writer, which is the reader's thread. Dropping it closes the split's group.
#[derive(Debug)]
#[must_use = "a split that is dropped is closed at once"]
pub struct SplitTimes {
    times: Arc<StateTimes<3>>,
    watermark: Arc<AtomicI64>,
    clock: Arc<dyn Clock>,
    group: MetricGroup,
    _one_writer: PhantomData<std::cell::Cell<()>>,
}

impl SplitTimes {
    /// Registers [`SplitMetrics`] and [`SplitWatermarkMetrics`] for a split below the group of an operator: in the
    /// group `split`, with the variable `split`, and `watermark` below. The split is active from now on.
    pub fn register(operator: &MetricGroup, split: &str) -> Self {
        let group = operator.add_group_kv("split", split);
        let (times, clock) = (Arc::new(StateTimes::new()), Arc::clone(operator.clock()));
        let watermark = Arc::new(AtomicI64::new(NO_WATERMARK));
        let now = clock.monotonic();
        times.switch(Some(SplitActivity::Active as usize), now);
        let mut shown = Shown {
            times: Arc::clone(&times),
            clock: Arc::clone(&clock),
            window: Window::new(now),
            shares: Default::default(),
        };
        let of_times = group.add_group("watermark");
        of_times.collector(move |metrics: &SplitMetrics| shown.show(metrics));
        let known = Arc::clone(&watermark);
        of_times.collector(move |metrics: &SplitWatermarkMetrics| {
            let watermark = known.load(Relaxed);
            metrics.current_watermark.set(watermark);
            watermark != NO_WATERMARK
        });
        Self { times, watermark, clock, group, _one_writer: PhantomData }
    }

    /// The split is something else from now on.
    pub fn switch(&self, to: SplitActivity) {
        self.times.switch(Some(to as usize), self.clock.monotonic());
    }

    /// The split has come to this watermark. An older one changes nothing, nor does [`MAX_WATERMARK`], which only says
    /// that the split has ended.
    pub fn advance(&self, watermark: i64) {
        if watermark == MAX_WATERMARK {
            return;
        }
        self.watermark.store(self.watermark.load(Relaxed).max(watermark), Relaxed);
    }
}

impl Drop for SplitTimes {
    fn drop(&mut self) {
        self.times.switch(None, self.clock.monotonic());
        self.group.close();
    }
}

/// The watermark of a split, from the first on. [`SplitTimes`] fills it.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct SplitWatermarkMetrics {
    /// Last watermark of the split.
    #[metric(unit = MILLISECONDS)]
    pub current_watermark: Gauge<i64>,
}

/// What became of a split of a source. [`SplitTimes`] fills it.
///
/// Gauges by second are over five seconds or more, as those of Flink, or since the split was registered; those of one
/// report add up to 1000.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct SplitMetrics {
    /// Share of the last seconds for which the split was read.
    #[metric(unit = MILLISECONDS_PER_SECOND)]
    pub active_time_ms_per_second: Gauge<f64>,
    /// Share of the last seconds for which the split was held back because others were behind.
    #[metric(unit = MILLISECONDS_PER_SECOND)]
    pub paused_time_ms_per_second: Gauge<f64>,
    /// Share of the last seconds for which nothing came from the split.
    #[metric(unit = MILLISECONDS_PER_SECOND)]
    pub idle_time_ms_per_second: Gauge<f64>,
    /// Time for which the split was read.
    #[metric(unit = MILLISECONDS)]
    pub accumulated_active_time_ms: Gauge<u64>,
    /// Time for which the split was held back because others were behind.
    #[metric(unit = MILLISECONDS)]
    pub accumulated_paused_time_ms: Gauge<u64>,
    /// Time for which nothing came from the split.
    #[metric(unit = MILLISECONDS)]
    pub accumulated_idle_time_ms: Gauge<u64>,
}

/// What the last reports have shown.
struct Shown {
    times: Arc<StateTimes<3>>,
    clock: Arc<dyn Clock>,
    window: Window,
    shares: [Share; 3],
}

impl Shown {
    fn show(&mut self, metrics: &SplitMetrics) {
        let seen = self.times.see(|| self.clock.monotonic());
        for (gauge, total) in [
            &metrics.accumulated_active_time_ms,
            &metrics.accumulated_paused_time_ms,
            &metrics.accumulated_idle_time_ms,
        ]
        .into_iter()
        .zip(seen.totals)
        {
            gauge.set(total / 1_000_000);
        }
        let Turn::Show { passed, ends } = self.window.turn(Duration::from_nanos(seen.now)) else { return };
        for ((gauge, share), total) in [
            &metrics.active_time_ms_per_second,
            &metrics.paused_time_ms_per_second,
            &metrics.idle_time_ms_per_second,
        ]
        .into_iter()
        .zip(&mut self.shares)
        .zip(seen.totals)
        {
            gauge.set(share.of(total, passed, ends));
        }
    }
}

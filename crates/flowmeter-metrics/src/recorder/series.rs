//! One series of a recorder: what the handles of the facade share.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use flowmeter_core::{Metric, MetricGroup, MetricHandle, SharedCounter, SharedGauge, SharedHistogram};
use metrics::{CounterFn, GaugeFn, HistogramFn, Key};

/// A handle of the core behind one of the facade.
pub(super) trait Bridged: MetricHandle + Send + Sync + 'static {
    /// Registers it by the plain call, which never fails.
    fn plain(group: &MetricGroup, metric: Metric) -> Self;
}

impl Bridged for SharedCounter {
    fn plain(group: &MetricGroup, metric: Metric) -> Self {
        group.shared_counter(metric)
    }
}

impl Bridged for SharedGauge<f64> {
    fn plain(group: &MetricGroup, metric: Metric) -> Self {
        group.shared_gauge(metric)
    }
}

impl Bridged for SharedHistogram<f64> {
    fn plain(group: &MetricGroup, metric: Metric) -> Self {
        group.shared_histogram(metric)
    }
}

/// A handle of the core, and who uses it.
pub(super) struct Series<H> {
    handle: H,
    /// Its key, with labels that variables can be.
    pub(super) key: Key,
    /// Whether the group has it; else it works, and nobody reports it.
    pub(super) is_reported: bool,
    pub(super) usage: Usage,
    /// For one call of [`CounterFn::absolute`] at a time.
    absolute: Mutex<()>,
}

impl<H> Series<H> {
    pub(super) fn new(handle: H, key: Key, is_reported: bool, now: Duration) -> Self {
        Self { handle, key, is_reported, usage: Usage::new(now), absolute: Mutex::default() }
    }
}

impl CounterFn for Series<SharedCounter> {
    fn increment(&self, value: u64) {
        self.handle.inc_by(value);
    }

    /// Increments of other threads that come in between are on top of it, as if they had come after.
    fn absolute(&self, value: u64) {
        // What is absolute does not begin anew when the series returns, so that must not go.
        self.usage.pin();
        let _one = self.absolute.lock().unwrap_or_else(PoisonError::into_inner);
        let count = self.handle.get();
        if value > count {
            self.handle.inc_by(value - count);
        }
    }
}

impl GaugeFn for Series<SharedGauge<f64>> {
    fn increment(&self, value: f64) {
        self.handle.add(value);
    }

    fn decrement(&self, value: f64) {
        self.handle.add(-value);
    }

    fn set(&self, value: f64) {
        self.handle.set(value);
    }
}

impl HistogramFn for Series<SharedHistogram<f64>> {
    fn record(&self, value: f64) {
        self.handle.record(value);
    }

    fn record_many(&self, value: f64, count: usize) {
        self.handle.record_many(value, count as u64);
    }
}

/// Whether anybody has use for a series.
pub(super) struct Usage {
    /// Somebody has asked for it since it was last looked at.
    is_touched: AtomicBool,
    /// It stays for good.
    is_pinned: AtomicBool,
    /// By how many keys it is known, each of which holds it.
    keys: AtomicU32,
    /// When it was last seen in use, in nanoseconds of the registry's clock.
    used_at: AtomicU64,
}

impl Usage {
    fn new(now: Duration) -> Self {
        Self {
            is_touched: AtomicBool::new(false),
            is_pinned: AtomicBool::new(false),
            keys: AtomicU32::new(0),
            used_at: AtomicU64::new(nanoseconds(now)),
        }
    }

    /// Somebody asks for the series.
    #[inline]
    pub(super) fn touch(&self) {
        // Most series are asked for by many threads, which need not take the line from one another.
        if !self.is_touched.load(Relaxed) {
            self.is_touched.store(true, Relaxed);
        }
    }

    fn pin(&self) {
        if !self.is_pinned.load(Relaxed) {
            self.is_pinned.store(true, Relaxed);
        }
    }

    /// One more key has it.
    pub(super) fn add_key(&self) {
        self.keys.fetch_add(1, Relaxed);
    }
}

/// Whether nobody has a handle of a series, and nobody has asked for it for a time. To be asked when nobody can meanwhile.
pub(super) fn is_idle<H>(series: &Arc<Series<H>>, now: Duration, timeout: Duration) -> bool {
    let Usage { is_touched, is_pinned, keys, used_at } = &series.usage;
    let is_held = Arc::strong_count(series) > keys.load(Relaxed) as usize;
    if is_touched.swap(false, Relaxed) || is_pinned.load(Relaxed) || is_held {
        used_at.store(nanoseconds(now), Relaxed);
        return false;
    }
    nanoseconds(now).saturating_sub(used_at.load(Relaxed)) >= nanoseconds(timeout)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn counter() -> Arc<Series<SharedCounter>> {
        let handle = MetricGroup::noop().shared_counter("n");
        Arc::new(Series::new(handle, Key::from_name("n"), true, Duration::ZERO))
    }

    #[test]
    fn an_absolute_count_raises_and_never_lowers() {
        let counter = counter();
        counter.increment(5);
        counter.absolute(3);
        assert_eq!(counter.handle.get(), 5);
        counter.absolute(9);
        counter.absolute(9);
        assert_eq!(counter.handle.get(), 9);
    }

    #[test]
    fn absolute_counts_of_several_threads_are_not_added_up() {
        let counter = counter();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (1..=1_000).for_each(|count| counter.absolute(count)));
            }
        });
        assert_eq!(counter.handle.get(), 1_000);
    }

    #[test]
    fn what_is_held_asked_for_or_absolute_is_not_idle() {
        let (series, timeout) = (counter(), Duration::from_secs(10));
        series.usage.add_key();
        let at = Duration::from_secs;
        assert!(!is_idle(&series, at(9), timeout));
        assert!(is_idle(&series, at(10), timeout));
        series.usage.touch();
        assert!(!is_idle(&series, at(20), timeout), "asked for");
        let handle = Arc::clone(&series);
        assert!(!is_idle(&series, at(40), timeout), "held");
        drop(handle);
        assert!(!is_idle(&series, at(49), timeout));
        assert!(is_idle(&series, at(50), timeout));
        series.absolute(1);
        assert!(!is_idle(&series, at(900), timeout), "absolute");
    }
}

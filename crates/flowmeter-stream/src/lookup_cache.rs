//! The cache of an operator that looks records up elsewhere.

use std::time::Duration;

use flowmeter_core::{MetricGroup, MetricSet, SharedCounter, SharedGauge};

/// A lookup cache, which any thread may use, in the group of [`cache_group`].
#[derive(Clone, Debug, MetricSet)]
#[non_exhaustive]
pub struct LookupCacheMetrics {
    /// Look-ups that the cache answered.
    #[metric(unit = "{lookup}")]
    pub hit_count: SharedCounter,
    /// Look-ups that the cache could not answer.
    #[metric(unit = "{lookup}")]
    pub miss_count: SharedCounter,
    /// Loads into the cache, those that failed included.
    #[metric(unit = "{load}")]
    pub load_count: SharedCounter,
    /// Loads into the cache that failed.
    #[metric(unit = "{load}")]
    pub num_load_failures: SharedCounter,
    /// How long the last load took.
    #[metric(unit = MILLISECONDS)]
    pub latest_load_time: SharedGauge<u64>,
    /// Records in the cache.
    #[metric(unit = RECORDS)]
    pub num_cached_records: SharedGauge<u64>,
    /// Bytes in the cache.
    #[metric(unit = BYTES)]
    pub num_cached_bytes: SharedGauge<u64>,
}

impl LookupCacheMetrics {
    /// Counts a load that took so long, and whether it failed.
    pub fn loaded(&self, took: Duration, failed: bool) {
        self.load_count.inc();
        self.num_load_failures.inc_by(u64::from(failed));
        self.latest_load_time.set(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    }
}

/// The group for [`LookupCacheMetrics`] below that of an operator.
#[must_use]
pub fn cache_group(operator: &MetricGroup) -> MetricGroup {
    operator.add_group("cache")
}

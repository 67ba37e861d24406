//! Access to state: how long it takes, and how large keys and values are, of one access in so many.

use std::cell::Cell;
use std::num::NonZeroU32;
use std::sync::Arc;

use flowmeter_core::{Clock, Gauge, Histogram, HistogramValue, MetricGroup, MetricSet};

use crate::state_times::nanoseconds;

/// Every hundredth, as Flink by default.
pub const DEFAULT_SAMPLING: NonZeroU32 = NonZeroU32::new(100).expect("it is not zero");

/// The group of a state below that of an operator: variable `state_name`.
#[must_use]
pub fn state_group(operator: &MetricGroup, state: &str) -> MetricGroup {
    operator.add_group_kv("state_name", state)
}

/// One in so many: the first, and from then on every so many.
#[derive(Debug)]
struct Countdown {
    every: NonZeroU32,
    left: Cell<u32>,
}

impl Countdown {
    fn new(every: NonZeroU32) -> Self {
        Self { every, left: Cell::new(0) }
    }

    #[inline]
    fn is_due(&self) -> bool {
        match self.left.get() {
            0 => {
                self.left.set(self.every.get() - 1);
                true
            }
            left => {
                self.left.set(left - 1);
                false
            }
        }
    }
}

/// Times one access in so many, and lets the others go by for a subtraction.
///
/// Each operation has its own, since operations that take turns would otherwise be sampled together with the same one
/// each time.
#[derive(Debug)]
pub struct SampledTimer {
    latency: Histogram<u64>,
    countdown: Countdown,
    clock: Arc<dyn Clock>,
}

impl SampledTimer {
    /// Times one call in `every` into a histogram of nanoseconds, by the clock of a group's registry.
    #[must_use]
    pub fn new(latency: Histogram<u64>, every: NonZeroU32, group: &MetricGroup) -> Self {
        Self { latency, countdown: Countdown::new(every), clock: Arc::clone(group.clock()) }
    }

    /// Makes an access, and times it if its turn has come.
    #[inline]
    pub fn time<T>(&self, access: impl FnOnce() -> T) -> T {
        if self.countdown.is_due() { self.measured(access) } else { access() }
    }

    #[cold]
    fn measured<T>(&self, access: impl FnOnce() -> T) -> T {
        let began = self.clock.monotonic();
        let result = access();
        self.latency.record(nanoseconds(self.clock.monotonic().saturating_sub(began)));
        result
    }
}

/// Records one value in so many, and does not even work out the others.
#[derive(Debug)]
pub struct SampledHistogram<V: HistogramValue> {
    histogram: Histogram<V>,
    countdown: Countdown,
}

impl<V: HistogramValue> SampledHistogram<V> {
    /// Records one value in `every`.
    #[must_use]
    pub fn new(histogram: Histogram<V>, every: NonZeroU32) -> Self {
        Self { histogram, countdown: Countdown::new(every) }
    }

    /// Records what `value` gives, if its turn has come.
    #[inline]
    pub fn record(&self, value: impl FnOnce() -> V) {
        if self.countdown.is_due() {
            self.histogram.record(value());
        }
    }
}

/// How large a state is, if its operator knows: for the group of a state.
#[derive(Debug, MetricSet)]
#[non_exhaustive]
pub struct StateSizeMetrics {
    /// Keys that have the state.
    #[metric(unit = "{key}")]
    pub num_keys: Gauge<u64>,
    /// Bytes that the state takes.
    #[metric(unit = BYTES)]
    pub state_size: Gauge<u64>,
}

/// A metric set of latencies by state operation, and the timers that fill it.
macro_rules! timers {
    ($(#[$doc:meta])* $timers:ident, $metrics:ident { $($field:ident: $metric:ident = $what:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[must_use = "timers that are dropped measure nothing"]
        #[non_exhaustive]
        pub struct $timers {
            $(#[doc = $what] pub $field: SampledTimer,)*
        }

        impl $timers {
            /// Registers the metrics in the group of a state, of which one access in `every` is timed, by operation.
            pub fn register(state: &MetricGroup, every: NonZeroU32) -> Self {
                let $metrics { $($metric),* } = $metrics::register(state);
                Self { $($field: SampledTimer::new($metric, every, state),)* }
            }
        }

        #[doc = concat!("What [`", stringify!($timers), "`] fills.")]
        #[derive(Debug, MetricSet)]
        #[non_exhaustive]
        pub struct $metrics {
            $(#[doc = $what] #[metric(unit = NANOSECONDS)] pub $metric: Histogram<u64>,)*
        }
    };
}

timers! {
    /// Access to a state of one value.
    ValueStateTimers, ValueStateLatencyMetrics {
        clear: state_clear_latency = "How long clearing the state takes, of those that are timed.",
        get: value_state_get_latency = "How long reading the value takes, of those that are timed.",
        update: value_state_update_latency = "How long writing the value takes, of those that are timed.",
    }
}

timers! {
    /// Access to a state that is a list.
    ListStateTimers, ListStateLatencyMetrics {
        clear: state_clear_latency = "How long clearing the state takes, of those that are timed.",
        get: list_state_get_latency = "How long reading the list takes, of those that are timed.",
        add: list_state_add_latency = "How long adding an element takes, of those that are timed.",
        add_all: list_state_add_all_latency = "How long adding many elements takes, of those that are timed.",
        update: list_state_update_latency = "How long replacing the list takes, of those that are timed.",
        merge_namespaces: list_state_merge_namespaces_latency = "How long merging lists of several windows takes, of those that are timed.",
    }
}

timers! {
    /// Access to a state that is a map.
    MapStateTimers, MapStateLatencyMetrics {
        clear: state_clear_latency = "How long clearing the state takes, of those that are timed.",
        get: map_state_get_latency = "How long reading the value of a key takes, of those that are timed.",
        put: map_state_put_latency = "How long writing the value of a key takes, of those that are timed.",
        put_all: map_state_put_all_latency = "How long writing many values takes, of those that are timed.",
        remove: map_state_remove_latency = "How long removing a key takes, of those that are timed.",
        contains: map_state_contains_latency = "How long looking for a key takes, of those that are timed.",
        entries_init: map_state_entries_init_latency = "How long beginning to go through the entries takes, of those that are timed.",
        keys_init: map_state_keys_init_latency = "How long beginning to go through the keys takes, of those that are timed.",
        values_init: map_state_values_init_latency = "How long beginning to go through the values takes, of those that are timed.",
        iterator_init: map_state_iterator_init_latency = "How long making an iterator takes, of those that are timed.",
        is_empty: map_state_is_empty_latency = "How long asking whether there are any entries takes, of those that are timed.",
        iterator_has_next: map_state_iterator_has_next_latency = "How long asking an iterator for more takes, of those that are timed.",
        iterator_next: map_state_iterator_next_latency = "How long a step of an iterator takes, of those that are timed.",
        iterator_remove: map_state_iterator_remove_latency = "How long removing what an iterator has come to takes, of those that are timed.",
    }
}

timers! {
    /// Access to a state that is aggregated as values are added.
    AggregatingStateTimers, AggregatingStateLatencyMetrics {
        clear: state_clear_latency = "How long clearing the state takes, of those that are timed.",
        get: aggregating_state_get_latency = "How long reading the result takes, of those that are timed.",
        add: aggregating_state_add_latency = "How long adding a value takes, of those that are timed.",
        merge_namespaces: aggregating_state_merge_namespaces_latency = "How long merging aggregates of several windows takes, of those that are timed.",
    }
}

timers! {
    /// Access to a state that is reduced as values are added.
    ReducingStateTimers, ReducingStateLatencyMetrics {
        clear: state_clear_latency = "How long clearing the state takes, of those that are timed.",
        get: reducing_state_get_latency = "How long reading the result takes, of those that are timed.",
        add: reducing_state_add_latency = "How long adding a value takes, of those that are timed.",
        merge_namespaces: reducing_state_merge_namespaces_latency = "How long merging results of several windows takes, of those that are timed.",
    }
}

/// A metric set of sizes by state operation, and what fills it.
macro_rules! sizes {
    ($(#[$doc:meta])* $sizes:ident, $metrics:ident { $($field:ident: $metric:ident = $what:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[must_use = "sizes that are dropped measure nothing"]
        #[non_exhaustive]
        pub struct $sizes {
            $(#[doc = $what] pub $field: SampledHistogram<u64>,)*
        }

        impl $sizes {
            /// Registers the metrics in the group of a state, of which one access in `every` is measured, by operation.
            pub fn register(state: &MetricGroup, every: NonZeroU32) -> Self {
                let $metrics { $($metric),* } = $metrics::register(state);
                Self { $($field: SampledHistogram::new($metric, every),)* }
            }
        }

        #[doc = concat!("What [`", stringify!($sizes), "`] fills.")]
        #[derive(Debug, MetricSet)]
        #[non_exhaustive]
        pub struct $metrics {
            $(#[doc = $what] #[metric(unit = BYTES)] pub $metric: Histogram<u64>,)*
        }
    };
}

sizes! {
    /// Sizes of keys and values in a state of one value.
    ValueStateSizes, ValueStateSizeMetrics {
        get_key: value_state_get_key_size = "Size of keys whose value is read, of those that are measured.",
        get_value: value_state_get_value_size = "Size of values that are read, of those that are measured.",
        update_key: value_state_update_key_size = "Size of keys whose value is written, of those that are measured.",
        update_value: value_state_update_value_size = "Size of values that are written, of those that are measured.",
    }
}

sizes! {
    /// Sizes of keys and lists in a state that is a list.
    ListStateSizes, ListStateSizeMetrics {
        get_key: list_state_get_key_size = "Size of keys whose list is read, of those that are measured.",
        get_value: list_state_get_value_size = "Size of lists that are read, of those that are measured.",
        add_key: list_state_add_key_size = "Size of keys to whose list an element is added, of those that are measured.",
        add_value: list_state_add_value_size = "Size of elements that are added, of those that are measured.",
        add_all_key: list_state_add_all_key_size = "Size of keys to whose list many elements are added, of those that are measured.",
        add_all_value: list_state_add_all_value_size = "Size of many elements that are added at once, of those that are measured.",
        update_key: list_state_update_key_size = "Size of keys whose list is replaced, of those that are measured.",
        update_value: list_state_update_value_size = "Size of lists that are written, of those that are measured.",
    }
}

sizes! {
    /// Sizes of keys and values in a state that is a map.
    MapStateSizes, MapStateSizeMetrics {
        get_key: map_state_get_key_size = "Size of keys whose value is read, of those that are measured.",
        get_value: map_state_get_value_size = "Size of values that are read, of those that are measured.",
        put_key: map_state_put_key_size = "Size of keys whose value is written, of those that are measured.",
        put_value: map_state_put_value_size = "Size of values that are written, of those that are measured.",
        remove_key: map_state_remove_key_size = "Size of keys that are removed, of those that are measured.",
        contains_key: map_state_contains_key_size = "Size of keys that are looked for, of those that are measured.",
        is_empty_key: map_state_is_empty_key_size = "Size of keys whose map is asked whether it is empty, of those that are measured.",
        iterator_key: map_state_iterator_key_size = "Size of keys that an iterator comes to, of those that are measured.",
        iterator_value: map_state_iterator_value_size = "Size of values that an iterator comes to, of those that are measured.",
    }
}

sizes! {
    /// Sizes of keys in a state that is aggregated as values are added.
    AggregatingStateSizes, AggregatingStateSizeMetrics {
        get_key: aggregating_state_get_key_size = "Size of keys whose result is read, of those that are measured.",
        add_key: aggregating_state_add_key_size = "Size of keys to which a value is added, of those that are measured.",
    }
}

sizes! {
    /// Sizes of keys and values in a state that is reduced as values are added.
    ReducingStateSizes, ReducingStateSizeMetrics {
        get_key: reducing_state_get_key_size = "Size of keys whose result is read, of those that are measured.",
        get_value: reducing_state_get_value_size = "Size of results that are read, of those that are measured.",
        add_key: reducing_state_add_key_size = "Size of keys to which a value is added, of those that are measured.",
        add_value: reducing_state_add_value_size = "Size of values that are added, of those that are measured.",
    }
}

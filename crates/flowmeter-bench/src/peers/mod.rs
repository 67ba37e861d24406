//! Other libraries, each through its own public interface, with handles resolved where it has handles.

mod measured;
mod metrics;
mod opentelemetry;
mod prometheus;
mod prometheus_client;

pub use measured::Measured;
pub use metrics::Metrics;
pub use opentelemetry::OpenTelemetry;
pub use prometheus::Prometheus;
pub use prometheus_client::PrometheusClient;

use crate::data::LabelSet;

/// What the rows ask of a peer.
pub trait Peer: Sync + Sized {
    /// Its name.
    const NAME: &'static str;
    /// A label set as the library takes it. Where it keeps a copy in every series, the strings are shared.
    type Labels<'a>;
    /// A resolved counter.
    type Counter: Send + Sync;
    /// A resolved gauge.
    type Gauge;
    /// A resolved histogram.
    type Histogram: Send + Sync;

    /// A registry for up to so many label sets in a family.
    fn new(label_sets: usize) -> Self;

    /// A registry that can let go of series, for libraries where that must be asked for.
    fn new_forgetful(label_sets: usize) -> Self {
        Self::new(label_sets)
    }

    /// Makes a label set what the library takes.
    fn labels(set: &LabelSet) -> Self::Labels<'_>;

    /// Resolves the counter of a label set in one of the twenty families.
    fn counter(&self, family: usize, labels: &Self::Labels<'_>) -> Self::Counter;

    /// Resolves the counters of each label set in some families, one family after the other.
    fn register_all(&self, families: usize, sets: &[LabelSet]) -> Vec<Self::Counter> {
        let labels: Vec<_> = sets.iter().map(Self::labels).collect();
        let mut counters = Vec::with_capacity(families * sets.len());
        for family in 0..families {
            counters.extend(labels.iter().map(|labels| self.counter(family, labels)));
        }
        counters
    }

    /// Adds one.
    fn inc(counter: &Self::Counter);

    /// A gauge without labels. Asked for once.
    fn gauge(&self) -> Self::Gauge;

    /// Sets a gauge.
    fn set(gauge: &Self::Gauge, value: f64);

    /// A histogram without labels.
    fn histogram(&self) -> Self::Histogram;

    /// Records a value.
    fn record(histogram: &Self::Histogram, value: f64);

    /// Records values in the histogram of a label set.
    fn record_all(&self, labels: &Self::Labels<'_>, values: &[f64]);

    /// Lets go of a counter, and unregisters it where the library can do that by itself.
    fn unregister(&self, family: usize, labels: &Self::Labels<'_>, counter: Self::Counter);

    /// Lets go of all counters of [`register_all`](Self::register_all), until their memory is free.
    fn unregister_all(&self, labels: &[Self::Labels<'_>], counters: Vec<Self::Counter>) {
        for (i, counter) in counters.into_iter().enumerate() {
            self.unregister(i / labels.len(), &labels[i % labels.len()], counter);
        }
    }

    /// Writes everything as text; or, if the library has no text, collects it.
    fn scrape(&self, text: &mut Vec<u8>);
}

/// Calls a generic function with each peer as its type argument.
#[macro_export]
macro_rules! for_each_peer {
    ($function:ident($($argument:expr),*)) => {{
        $crate::for_each_peer_with_text!($function($($argument),*));
        $function::<$crate::peers::OpenTelemetry>($($argument),*);
    }};
}

/// Calls a generic function with each peer that writes text as its type argument.
#[macro_export]
macro_rules! for_each_peer_with_text {
    ($function:ident($($argument:expr),*)) => {{
        $function::<$crate::peers::Prometheus>($($argument),*);
        $function::<$crate::peers::PrometheusClient>($($argument),*);
        $function::<$crate::peers::Metrics>($($argument),*);
        $function::<$crate::peers::Measured>($($argument),*);
    }};
}

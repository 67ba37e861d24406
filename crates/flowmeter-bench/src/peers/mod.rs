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
pub trait Peer: Sync {
    /// Its name.
    const NAME: &'static str;
    /// A resolved counter.
    type Counter: Send + Sync;
    /// A resolved histogram.
    type Histogram: Send + Sync;

    /// A registry for up to so many label sets.
    fn new(label_sets: usize) -> Self;

    /// Resolves all twenty counters of each label set.
    fn register_all(&self, sets: &[LabelSet]) -> Vec<Self::Counter>;

    /// Adds one.
    fn inc(counter: &Self::Counter);

    /// A histogram without labels.
    fn histogram(&self) -> Self::Histogram;

    /// Records a value.
    fn record(histogram: &Self::Histogram, value: f64);

    /// Registers one counter of a label set, and unregisters it where the library can.
    fn come_and_go(&self, family: usize, set: &LabelSet);

    /// Writes everything as text; or, if the library has no text, collects it.
    fn scrape(&self, text: &mut Vec<u8>);
}

/// Calls a generic function with each peer as its type argument.
#[macro_export]
macro_rules! for_each_peer {
    ($function:ident($($argument:expr),*)) => {{
        $function::<$crate::peers::Prometheus>($($argument),*);
        $function::<$crate::peers::PrometheusClient>($($argument),*);
        $function::<$crate::peers::Metrics>($($argument),*);
        $function::<$crate::peers::OpenTelemetry>($($argument),*);
        $function::<$crate::peers::Measured>($($argument),*);
    }};
}

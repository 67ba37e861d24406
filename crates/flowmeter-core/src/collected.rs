//! What a collector says of its source.

use std::fmt::Display;

/// What a callback of [`MetricGroup::collector`](crate::MetricGroup::collector) returns: nothing, or whether it could
/// fill its metrics.
///
/// When it is an error, the metrics are missing from reports until the callback returns without one, and the first time the
/// error is logged: for sources that a machine or a process may not have.
pub trait Collected {
    /// Why the metrics could not be filled, if they could not.
    #[doc(hidden)]
    fn missing(self) -> Option<String>;
}

impl Collected for () {
    fn missing(self) -> Option<String> {
        None
    }
}

impl<E: Display> Collected for Result<(), E> {
    fn missing(self) -> Option<String> {
        self.err().map(|error| error.to_string())
    }
}

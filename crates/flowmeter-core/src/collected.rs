//! What a collector says of its source.

use std::fmt::Display;

/// What a callback of [`MetricGroup::collector`](crate::MetricGroup::collector) returns: nothing, or whether it could
/// fill its metrics.
///
/// While it is `false`, the metrics are missing from reports: there is nothing to show yet. While it is an error too, and the
/// first time that is logged: for sources that a machine or a process may not have.
pub trait Collected: Sealed {
    #[doc(hidden)]
    fn into_outcome(self) -> Outcome;
}

/// What became of a call.
#[derive(Debug)]
pub enum Outcome {
    /// The metrics are set.
    Present,
    /// There is nothing to set them to, for some reason if that is of interest.
    Missing(Option<String>),
}

mod sealed {
    /// Seals [`Collected`](super::Collected).
    pub trait Sealed {}
}
use sealed::Sealed;

impl Sealed for () {}
impl Collected for () {
    fn into_outcome(self) -> Outcome {
        Outcome::Present
    }
}

impl Sealed for bool {}
impl Collected for bool {
    fn into_outcome(self) -> Outcome {
        if self { Outcome::Present } else { Outcome::Missing(None) }
    }
}

impl<E: Display> Sealed for Result<(), E> {}
impl<E: Display> Collected for Result<(), E> {
    fn into_outcome(self) -> Outcome {
        self.err().map_or(Outcome::Present, |error| Outcome::Missing(Some(error.to_string())))
    }
}

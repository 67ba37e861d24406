//! What can be chosen for a recorder, and what it says of itself.

use std::time::Duration;

/// How many series a [`GroupRecorder`](crate::GroupRecorder) has at most, and when it lets some go.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RecorderOptions {
    /// How many keys there are at most, of all kinds together: 10,000, and one more for each thread that comes with a key at the moment
    /// when the last room goes. What a library records under further ones is not kept.
    pub series_limit: usize,
    /// How long nobody must have asked for a series whose handles are all dropped before it is removed: never.
    pub idle_timeout: Option<Duration>,
}

impl Default for RecorderOptions {
    fn default() -> Self {
        Self { series_limit: 10_000, idle_timeout: None }
    }
}

impl RecorderOptions {
    /// Sets how many keys there are at most.
    #[must_use]
    pub fn with_series_limit(mut self, limit: usize) -> Self {
        self.series_limit = limit;
        self
    }

    /// Has series removed that nobody has a handle of and nobody has asked for in so long a time.
    ///
    /// There is no thread for it: it is done as series are registered, and as reports ask for the gauge `bridgedSeries`, which the
    /// group has then. Removed series are reported once more; see [`GroupRecorder`](crate::GroupRecorder) for what becomes of those
    /// that return.
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }
}

/// What a [`GroupRecorder`](crate::GroupRecorder) holds, and what it did not take as it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecorderStatistics {
    /// Keys that it knows, those of refused series too.
    pub keys: usize,
    /// Keys whose series the core refused: of no name, of a name that is there as another kind, or in a group that is closed. They
    /// are in the core's [`refused_registrations`](flowmeter_core::Statistics::refused_registrations), too.
    pub refused: u64,
    /// How often a handle that records nothing was given because there were as many keys as there can be.
    pub limited: u64,
    /// How often a handle that records nothing was given because the same thread was registering or reporting.
    pub nested: u64,
    /// Keys with labels that were renamed or left out.
    pub altered: u64,
    /// Descriptions with another unit than series of the name were registered with, which keep theirs.
    pub late_units: u64,
    /// Series that were removed because they were idle.
    pub removed: u64,
}

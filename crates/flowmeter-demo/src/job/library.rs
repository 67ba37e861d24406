//! An operator whose libraries count with the macros of the `metrics` crate.

use flowmeter::metrics::GroupRecorder;
use flowmeter_timely::MeasuredOperator;

/// Has what libraries count in an operator recorded in its group.
pub(super) struct MeasuredLibraries {
    operator: MeasuredOperator,
    recorder: Option<GroupRecorder>,
    /// It has waited for the group.
    has_waited: bool,
}

impl MeasuredLibraries {
    pub(super) fn new(address: &[usize]) -> Self {
        Self { operator: MeasuredOperator::new(address), recorder: None, has_waited: false }
    }

    /// Whether the operator is to leave its input for its next activation. There is no group in the first, and what libraries
    /// count then would be lost; if there is none in the next, the job is not measured.
    pub(super) fn is_to_wait(&mut self) -> bool {
        if self.recorder.is_none() {
            self.recorder = self.operator.group().cloned().map(GroupRecorder::new);
        }
        self.recorder.is_none() && !std::mem::replace(&mut self.has_waited, true)
    }

    /// Runs what uses the libraries: once a batch, since it takes a look-up.
    pub(super) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.recorder {
            Some(recorder) => metrics::with_local_recorder(recorder, work),
            None => work(),
        }
    }
}

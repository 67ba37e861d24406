//! How spans and events come from a reporter's inbox to the reporter.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

use tracing::warn;

use super::Milestones;
use super::inbox::Inbox;
use crate::control::Control;
use crate::core::Core;
use crate::runner::panicked;
use crate::{Reporter, ReporterOptions};

/// The end of an inbox at which its reporter is. The inbox goes with it.
pub(crate) struct Delivery {
    core: Arc<Core>,
    inbox: Arc<Inbox>,
    /// After a failure, when it is time for another attempt.
    retry_at: Option<Instant>,
    /// After a panic they are handed over one by one, so that the one that causes it is found.
    is_careful: bool,
}

/// Why a reporter did not take all.
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) has_panicked: bool,
}

impl Delivery {
    pub(crate) fn new(core: &Arc<Core>, control: &Arc<Control>, options: &Arc<ReporterOptions>) -> Self {
        let inbox = core.milestones.open(control, options);
        Self { core: Arc::clone(core), inbox, retry_at: None, is_careful: false }
    }

    /// The same for a reporter with other options.
    pub(crate) fn with_options(mut self, options: &Arc<ReporterOptions>) -> Self {
        self.inbox.set_options(options);
        (self.retry_at, self.is_careful) = (None, false);
        self
    }

    /// Hands over what waits, unless it is too early for another attempt.
    pub(crate) fn deliver_unless_failed(&mut self, reporter: &mut dyn Reporter) -> Result<(), Failure> {
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return Ok(());
        }
        self.deliver(reporter)
    }

    /// Hands over what waits by now.
    pub(crate) fn deliver(&mut self, reporter: &mut dyn Reporter) -> Result<(), Failure> {
        let options = self.inbox.options();
        let mut left = self.inbox.len();
        while left > 0 {
            let batch = self.inbox.first(if self.is_careful { 1 } else { left });
            let milestones = Milestones::new(&batch, &options);
            let outcome = catch_unwind(AssertUnwindSafe(|| reporter.report_milestones(&milestones)));
            let is_taken = matches!(outcome, Ok(Ok(())));
            let taken = if is_taken { batch.len() } else { milestones.acknowledged.get() };
            self.inbox.remove_first(taken);
            self.inbox.control.counts.reported_milestones.add(taken as u64);
            let failure = match outcome {
                Ok(Ok(())) => {
                    left -= batch.len();
                    continue;
                }
                Ok(Err(error)) => Failure { message: error.to_string(), has_panicked: false },
                Err(panic) => {
                    if self.is_careful && taken == 0 {
                        self.give_up_first();
                    }
                    self.is_careful = true;
                    Failure { message: panicked(&*panic), has_panicked: true }
                }
            };
            return Err(failure);
        }
        self.is_careful = false;
        self.retry_at = None;
        Ok(())
    }

    pub(crate) fn retry_at(&mut self, at: Instant) {
        self.retry_at = Some(at);
    }

    /// Drops what the reporter has panicked of twice, the second time alone: it would do so again and again.
    fn give_up_first(&self) {
        if let [posted] = &*self.inbox.first(1) {
            let (scope, name) = posted.milestone.scope_and_name();
            let reporter = &**self.inbox.control.name();
            warn!(reporter, scope, name, "dropped what the reporter panics of");
        }
        self.inbox.remove_first(1);
        self.inbox.control.counts.dropped_milestones.add(1);
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let left = self.core.milestones.close(&self.inbox);
        if left > 0 {
            self.inbox.control.counts.dropped_milestones.add(left as u64);
            let reporter = &**self.inbox.control.name();
            warn!(reporter, left, "spans and events have not reached the backend before the reporter ended");
        }
    }
}

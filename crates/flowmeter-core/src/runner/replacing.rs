//! Another reporter on the thread of one that runs.

use std::sync::Arc;

use tracing::warn;

use super::{Life, Runner};
use crate::ReportError;
use crate::index::Index;
use crate::milestone::Delivery;
use crate::reporter::ReportMode;
use crate::source::{Replacement, discard};

impl Runner {
    /// Puts another reporter into the place of this one, which reports once more. If the other cannot start, this one goes on.
    pub(super) fn replace(&mut self, replacement: Replacement) -> Result<(), ReportError> {
        let Replacement { mut source, options, reader, root } = replacement;
        let name = Arc::clone(self.control.name());
        let _ = self.deliver_milestones(Delivery::deliver);
        if let (ReportMode::Push, Life::Up) = (self.traits.mode, &self.life) {
            // What it does not deliver, the other one has to.
            let _ = self.report(self.options.grace);
        }
        let sequence = self.collect();
        if let Err(message) = self.stop_reporter() {
            warn!(reporter = &*name, message, "a reporter that is replaced could not be stopped");
        }
        let context = self.context.with_interval(options.interval);
        let (endpoints, traits) = match source.start(&context) {
            Ok(started) => started,
            Err(error) => {
                let _ = self.start_again();
                discard(source);
                return Err(error);
            }
        };
        let options = Arc::new(options);
        let present = root.collect_blocks(sequence);
        let index = Index::new(&self.core, &self.control, reader, traits, &options);
        let former = std::mem::replace(&mut self.index, index);
        self.index.succeed(former, present, &*source.reporter, self.core.clock.monotonic());
        self.delivery = match self.delivery.take() {
            _ if !traits.milestones => None,
            Some(delivery) => Some(delivery.with_options(&options)),
            None => Some(Delivery::new(&self.core, &self.control, &options)),
        };
        discard(std::mem::replace(&mut self.source, source));
        (self.context, self.options, self.traits) = (context, options, traits);
        (self.life, self.attempts) = (Life::Up, 0);
        self.control.note(|state| (state.endpoints, state.down) = (endpoints, false));
        self.settle();
        Ok(())
    }
}

//! Where spans and events wait for reporters.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::warn;

use super::{Milestone, Posted};
use crate::control::Control;
use crate::node::Node;
use crate::{GroupView, ReporterOptions};

/// How many bytes may wait for a reporter.
const WEIGHT_LIMIT: usize = 16 * 1024 * 1024;

/// Where groups leave spans and events for all reporters that want them.
#[derive(Default)]
pub(crate) struct MilestoneDesk {
    /// Replaced when a reporter comes or goes, so that nobody looks through it under the lock.
    inboxes: Mutex<Arc<[Arc<Inbox>]>>,
    posted: AtomicU64,
}

impl MilestoneDesk {
    /// Leaves a span or an event of a group. Nobody waits for a reporter here.
    pub(crate) fn post(&self, node: &Arc<Node>, mut milestone: Milestone) {
        let inboxes = Arc::clone(&self.lock());
        if inboxes.is_empty() {
            return;
        }
        let core = node.core();
        let weight = milestone.finish(core.clock.unix());
        if milestone.is_cut() {
            let (scope, name) = milestone.scope_and_name();
            core.counts.cut_milestone(scope, name);
        }
        let number = self.posted.fetch_add(1, Relaxed) + 1;
        let posted = Arc::new(Posted { number, node: Arc::clone(node), milestone, weight });
        for inbox in &*inboxes {
            inbox.push(&posted);
        }
    }

    /// Opens an inbox for a reporter, for what comes from now on.
    pub(super) fn open(&self, control: &Arc<Control>, options: &Arc<ReporterOptions>) -> Arc<Inbox> {
        let inbox = Arc::new(Inbox {
            control: Arc::clone(control),
            options: Mutex::new(Arc::clone(options)),
            waiting: Mutex::default(),
        });
        let mut inboxes = self.lock();
        *inboxes = inboxes.iter().chain([&inbox]).cloned().collect();
        inbox
    }

    /// Takes an inbox away. Returns how many wait in it for ever.
    pub(super) fn close(&self, inbox: &Arc<Inbox>) -> usize {
        let mut inboxes = self.lock();
        *inboxes = inboxes.iter().filter(|other| !Arc::ptr_eq(other, inbox)).cloned().collect();
        drop(inboxes);
        let mut waiting = inbox.lock();
        waiting.is_closed = true;
        let left = std::mem::take(&mut waiting.posted);
        drop(waiting);
        left.len()
    }

    fn lock(&self) -> MutexGuard<'_, Arc<[Arc<Inbox>]>> {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What waits for one reporter.
pub(super) struct Inbox {
    pub(super) control: Arc<Control>,
    options: Mutex<Arc<ReporterOptions>>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    posted: VecDeque<Arc<Posted>>,
    weight: usize,
    /// Whether it was said that there is no room, since there last was.
    is_full: bool,
    is_closed: bool,
}

impl Inbox {
    /// Leaves a milestone, unless the reporter does not get its group or there is no room.
    fn push(&self, posted: &Arc<Posted>) {
        let options = self.options();
        if !options.groups.keeps(&GroupView::new(&posted.node)) {
            return;
        }
        let mut waiting = self.lock();
        if waiting.is_closed {
            return;
        }
        let has_room =
            waiting.posted.len() < options.milestone_queue && waiting.weight + posted.weight <= WEIGHT_LIMIT;
        if has_room {
            waiting.weight += posted.weight;
            waiting.posted.push_back(Arc::clone(posted));
        }
        let was_full = std::mem::replace(&mut waiting.is_full, !has_room);
        drop(waiting);
        if has_room {
            self.control.milestone_came();
            return;
        }
        self.control.counts.dropped_milestones.add(1);
        if !was_full {
            let (scope, name) = posted.milestone.scope_and_name();
            warn!(
                reporter = &**self.control.name(),
                limit = options.milestone_queue,
                scope,
                name,
                "as many spans and events wait for the reporter as can; new ones are dropped until it takes some"
            );
        }
    }

    pub(super) fn options(&self) -> Arc<ReporterOptions> {
        Arc::clone(&self.options.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set_options(&self, options: &Arc<ReporterOptions>) {
        *self.options.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(options);
    }

    pub(super) fn len(&self) -> usize {
        self.lock().posted.len()
    }

    /// The first so many.
    pub(super) fn first(&self, most: usize) -> Vec<Arc<Posted>> {
        self.lock().posted.iter().take(most).cloned().collect()
    }

    /// Takes the first so many out.
    pub(super) fn remove_first(&self, count: usize) {
        let mut waiting = self.lock();
        let count = count.min(waiting.posted.len());
        let removed: Vec<_> = waiting.posted.drain(..count).collect();
        waiting.weight -= removed.iter().map(|posted| posted.weight).sum::<usize>();
        drop(waiting);
        // Groups may go with them, which is not to be waited for.
        drop(removed);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

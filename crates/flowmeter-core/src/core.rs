//! What all groups of a registry share, and the desk at which registrations are handed to reporters.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hashbrown::{DefaultHashBuilder, HashSet};

use crate::block::Block;
use crate::cell::Words;
use crate::epochs::{Epochs, Wall};
use crate::milestone::MilestoneDesk;
use crate::node::Node;
use crate::sampler::Sampler;
use crate::scope::{Scope, ScopeKind};
use crate::statistics::Counts;
use crate::sync::{AtomicU64, Ordering};
use crate::{Clock, Error, ScopeFormats, SystemClock};

/// How many blocks may wait for a reporter before those of closed groups are dropped unread.
pub(crate) const INBOX_LIMIT: usize = 65_536;

/// How many blocks may wait to be freed by registering threads before two are freed at a time.
const GRAVES_KEPT: usize = 4_096;

/// The part of a registry that groups and reporters hold. It does not hold them, so it goes with the last of them.
pub(crate) struct Core {
    pub(crate) clock: Arc<dyn Clock>,
    wall: Mutex<Wall>,
    pub(crate) scope_formats: ScopeFormats,
    pub(crate) hasher: DefaultHashBuilder,
    pub(crate) sampler: Sampler,
    pub(crate) counts: Counts,
    pub(crate) milestones: MilestoneDesk,
    /// Nothing of it is ever reported, on purpose, so refusals are no news.
    noop: bool,
    scopes: [Arc<Scope>; ScopeKind::KINDS.len()],
    /// Moves whenever groups close, so that a reporter need not look for closed ones otherwise.
    closings: AtomicU64,
    slots: Mutex<Slots>,
    desk: Mutex<Desk>,
    /// Blocks that reporters let go. Registering threads free them: a reporter that freed memory would make them wait
    /// for the allocator, since the memory came from them.
    graves: Mutex<Vec<Arc<Block>>>,
}

#[derive(Default)]
struct Slots {
    free: Vec<u32>,
    next: u32,
}

/// Where registrations and reporters meet: held for a few pushes or one swap.
#[derive(Default)]
struct Desk {
    sequence: u64,
    inboxes: Vec<Inbox>,
}

struct Inbox {
    reporter: u64,
    mail: Mail,
    /// The length at which to look for blocks that need not wait any longer.
    purge_at: usize,
}

/// What waits for a reporter: to be taken in, and then to be taken out of its group.
#[derive(Default)]
pub(crate) struct Mail {
    pub(crate) blocks: Vec<Arc<Block>>,
    pub(crate) removals: Vec<Removal>,
}

/// A block that was removed from its group.
#[derive(Clone)]
pub(crate) struct Removal {
    pub(crate) block: Arc<Block>,
    /// A group like its own, but closed.
    pub(crate) node: Arc<Node>,
}

impl Core {
    pub(crate) fn new(clock: Arc<dyn Clock>, scope_formats: ScopeFormats) -> Arc<Self> {
        Self::of(clock, scope_formats, false)
    }

    /// For groups that nobody reports.
    pub(crate) fn noop() -> Arc<Self> {
        Self::of(Arc::new(SystemClock::new()), ScopeFormats::default(), true)
    }

    /// Counts a registration that was refused, and says so.
    pub(crate) fn refused(&self, error: &Error) {
        if !self.noop {
            self.counts.refused(error);
        }
    }

    fn of(clock: Arc<dyn Clock>, scope_formats: ScopeFormats, noop: bool) -> Arc<Self> {
        let wall = Mutex::new(Wall::new(clock.monotonic(), clock.unix()));
        Arc::new(Self {
            clock,
            wall,
            scope_formats,
            hasher: DefaultHashBuilder::default(),
            sampler: Sampler::default(),
            counts: Counts::default(),
            milestones: MilestoneDesk::default(),
            noop,
            scopes: ScopeKind::KINDS.map(|kind| Scope::new(kind.logical_scope())),
            closings: AtomicU64::new(0),
            slots: Mutex::default(),
            desk: Mutex::default(),
            graves: Mutex::default(),
        })
    }

    /// What times on the monotonic clock are since the Unix epoch, in a report of a time on both.
    pub(crate) fn epochs(&self, monotonic: Duration, unix: Duration) -> Epochs {
        self.wall.lock().unwrap_or_else(PoisonError::into_inner).look(monotonic, unix)
    }

    pub(crate) fn scope(&self, kind: ScopeKind) -> &Arc<Scope> {
        &self.scopes[kind as usize]
    }

    pub(crate) fn take_slot(&self) -> u32 {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.free.pop().unwrap_or_else(|| {
            slots.next += 1;
            slots.next - 1
        })
    }

    pub(crate) fn return_slot(&self, slot: u32) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).free.push(slot);
    }

    /// Numbers a block and puts it into every inbox. Returns what is to be counted as unread and dropped once no lock is
    /// held.
    pub(crate) fn publish(&self, block: &Arc<Block>) -> Mail {
        let mut discarded = Mail::default();
        let mut desk = self.desk();
        desk.sequence += 1;
        block.set_sequence(desk.sequence);
        for inbox in &mut desk.inboxes {
            inbox.mail.blocks.push(Arc::clone(block));
            if inbox.mail.blocks.len() >= inbox.purge_at {
                inbox.purge(&mut discarded);
            }
        }
        drop(desk);
        discarded
    }

    /// Tells all reporters that a block was removed from its group.
    pub(crate) fn publish_removal(&self, removal: &Removal) {
        for inbox in &mut self.desk().inboxes {
            inbox.mail.removals.push(removal.clone());
        }
    }

    /// Opens an inbox for a reporter. Blocks numbered up to the returned sequence will not come through it.
    pub(crate) fn open_inbox(&self, reporter: u64) -> u64 {
        let mut desk = self.desk();
        desk.inboxes.push(Inbox { reporter, mail: Mail::default(), purge_at: INBOX_LIMIT });
        desk.sequence
    }

    /// Swaps what waits for a reporter into `mail`, which must be empty. Blocks numbered up to the returned sequence have come.
    pub(crate) fn collect_inbox(&self, reporter: u64, mail: &mut Mail) -> u64 {
        let mut desk = self.desk();
        if let Some(inbox) = desk.inboxes.iter_mut().find(|inbox| inbox.reporter == reporter) {
            std::mem::swap(&mut inbox.mail, mail);
            inbox.purge_at = INBOX_LIMIT;
        }
        desk.sequence
    }

    /// How many blocks were registered so far.
    pub(crate) fn registrations(&self) -> u64 {
        self.desk().sequence
    }

    pub(crate) fn close_inbox(&self, reporter: u64) {
        let mut desk = self.desk();
        let position = desk.inboxes.iter().position(|inbox| inbox.reporter == reporter);
        let closed = position.map(|position| desk.inboxes.swap_remove(position));
        drop(desk);
        drop(closed);
    }

    pub(crate) fn group_closed(&self) {
        self.closings.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn closings(&self) -> u64 {
        self.closings.load(Ordering::Acquire)
    }

    /// Takes blocks that a reporter let go, for registering threads to free.
    pub(crate) fn leave_to_registrars(&self, blocks: &mut Vec<Arc<Block>>) {
        if !blocks.is_empty() {
            self.graves.lock().unwrap_or_else(PoisonError::into_inner).append(blocks);
        }
    }

    /// Frees a block that reporters let go and gives its words back, if they are as many as wanted.
    ///
    /// Lines are aligned, which allocators are slow to serve; a registration would wait for that more than for
    /// anything else. So one is freed for each that is registered, and two while many are left: they come in lots, one
    /// after each report, and are to last until the next.
    pub(crate) fn bury(&self, wanted: usize) -> Option<Words> {
        let mut graves = self.graves.try_lock().ok()?;
        let buried = [graves.pop(), if graves.len() > GRAVES_KEPT { graves.pop() } else { None }];
        drop(graves);
        let mut words = None;
        for block in buried.into_iter().flatten().filter_map(Arc::into_inner) {
            words = words.or_else(|| block.into_words().cleared(wanted));
        }
        words
    }

    /// Frees all blocks that reporters let go.
    pub(crate) fn bury_all(&self) {
        let buried = std::mem::take(&mut *self.graves.lock().unwrap_or_else(PoisonError::into_inner));
        drop(buried);
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inbox {
    /// Takes out the blocks of closed groups, and those that were removed. Their series were never read; open ones wait,
    /// since they exist anyway.
    fn purge(&mut self, discarded: &mut Mail) {
        let Mail { blocks, removals } = &mut self.mail;
        let first = discarded.blocks.len();
        let gone = |block: &mut Arc<Block>| block.is_removed() || block.node().lifecycle().is_closed();
        discarded.blocks.extend(blocks.extract_if(.., gone));
        if !removals.is_empty() {
            let unread: HashSet<_> = discarded.blocks[first..].iter().map(|block| block.sequence()).collect();
            let unread = |removal: &mut Removal| unread.contains(&removal.block.sequence());
            discarded.removals.extend(removals.extract_if(.., unread));
        }
        self.purge_at = INBOX_LIMIT.max(2 * blocks.len());
    }
}

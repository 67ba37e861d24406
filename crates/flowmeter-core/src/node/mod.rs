//! The tree of groups.

mod registered;

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};

use hashbrown::HashTable;
use registered::Registered;

use crate::block::{Block, Object};
use crate::cell::Words;
use crate::core::{Core, Removal};
use crate::family::{FamilySet, Place};
use crate::lifecycle::Lifecycle;
use crate::scope::{Scope, ScopeKind};
use crate::set::Storage;
use crate::sync::{Mutex, MutexGuard};
use crate::variables::{Key, Variables};
use crate::{Error, GroupView};

/// How deep groups can nest: deeper than any job needs, and shallow enough for code that walks up or down.
const MAX_DEPTH: usize = 64;
const NO_SLOT: u32 = u32::MAX;

/// A metric group. What never changes is in the open; children and blocks are behind a lock that is held for a few
/// instructions, and under which nothing else is locked but the desk.
pub(crate) struct Node {
    core: Arc<Core>,
    parent: Option<Arc<Self>>,
    scope: Arc<Scope>,
    kind: ScopeKind,
    depth: u8,
    /// A small number of its own among the groups that have metrics, so that a reporter can index by it. Set with the
    /// first metric; [`NO_SLOT`] before.
    slot: AtomicU32,
    /// Where the parent has it.
    place: ChildPlace,
    own: Variables,
    lifecycle: Lifecycle,
    inner: Mutex<Inner>,
}

/// Where a parent keeps a child.
enum ChildPlace {
    /// A system group: its position, which only changes under the parent's lock. Tasks come and go at a rate at which a
    /// table would have to be cleaned up over and over.
    Position(AtomicUsize),
    /// A user group, found by what makes it the same group when it is asked for again.
    Hash(u64),
}

#[derive(Default)]
struct Inner {
    /// Nothing for most groups, which are leaves.
    children: Option<Box<Children>>,
    registered: Registered,
}

#[derive(Default)]
struct Children {
    system: Vec<Arc<Node>>,
    user: HashTable<Arc<Node>>,
}

impl Children {
    fn iter(&self) -> impl Iterator<Item = &Arc<Node>> {
        self.system.iter().chain(&self.user)
    }

    /// Takes a child out, if it is still there.
    fn unlink(&mut self, child: &Arc<Node>) -> Option<Arc<Node>> {
        match &child.place {
            ChildPlace::Position(position) => {
                let position = position.load(Relaxed);
                self.system.get(position).filter(|known| Arc::ptr_eq(known, child))?;
                let unlinked = self.system.swap_remove(position);
                if let Some(moved) = self.system.get(position) {
                    moved.set_position(position);
                }
                Some(unlinked)
            }
            ChildPlace::Hash(hash) => {
                let entry = self.user.find_entry(*hash, |known| Arc::ptr_eq(known, child)).ok()?;
                Some(entry.remove().0)
            }
        }
    }
}

impl Node {
    pub(crate) fn root(core: &Arc<Core>) -> Arc<Self> {
        Arc::new(Self {
            core: Arc::clone(core),
            parent: None,
            scope: Arc::clone(core.scope(ScopeKind::Root)),
            kind: ScopeKind::Root,
            depth: 0,
            slot: AtomicU32::new(NO_SLOT),
            place: ChildPlace::Hash(0),
            own: Variables::default(),
            lifecycle: Lifecycle::open(),
            inner: Mutex::default(),
        })
    }

    /// A system group. Each is a group of its own: two of one identity clash in the reporters, which say so. Below a
    /// closed group it is closed from the start, since owners are made by calls that cannot fail.
    pub(crate) fn system_child(self: &Arc<Self>, kind: ScopeKind, variables: &[(Key, &str)]) -> Arc<Self> {
        self.linked_child(Arc::clone(self.core.scope(kind)), kind, Variables::system(variables))
    }

    /// A child that is another one each time.
    fn linked_child(self: &Arc<Self>, scope: Arc<Scope>, kind: ScopeKind, own: Variables) -> Arc<Self> {
        let child = self.new_child(scope, kind, ChildPlace::Position(AtomicUsize::new(0)), own);
        match self.lock_open() {
            Ok(mut inner) => {
                let children = inner.children.get_or_insert_default();
                child.set_position(children.system.len());
                children.system.push(Arc::clone(&child));
            }
            Err(error) => {
                self.core.refused(&error);
                child.lifecycle.close(self.core.clock.monotonic());
            }
        }
        child
    }

    /// A user group that nobody finds by asking for it.
    pub(crate) fn group_apart(self: &Arc<Self>, scope: &str, own: Variables) -> Arc<Self> {
        self.linked_child(self.scope.child(scope), self.kind, own)
    }

    /// The user group of this name, the same one each time it is asked for while it is open.
    pub(crate) fn named_child(self: &Arc<Self>, name: &str) -> Result<Arc<Self>, Error> {
        if name.is_empty() {
            return Err(Error::EmptyName { what: "group name", group: self.identifier() });
        }
        self.user_child(name, &Variables::name_only(name))
    }

    /// The user group of this variable.
    pub(crate) fn variable_child(self: &Arc<Self>, key: &str, value: &str) -> Result<Arc<Self>, Error> {
        if key.is_empty() {
            return Err(Error::EmptyName { what: "variable key", group: self.identifier() });
        }
        if Key::is_system(key) {
            return Err(Error::SystemVariable { key: key.to_owned(), group: self.identifier() });
        }
        self.user_child(key, &Variables::user(key, value))
    }

    fn user_child(self: &Arc<Self>, scope: &str, own: &Variables) -> Result<Arc<Self>, Error> {
        if usize::from(self.depth) >= MAX_DEPTH {
            return Err(Error::TooDeep { group: self.identifier(), depth: MAX_DEPTH });
        }
        let hash = self.core.hasher.hash_one(own);
        let same = |child: &Arc<Self>| child.own == *own;
        let known = |children: &Children| children.user.find(hash, same).cloned();
        if let Some(known) = self.lock().children.as_deref().and_then(known) {
            return Ok(known);
        }
        let child = self.new_child(self.scope.child(scope), self.kind, ChildPlace::Hash(hash), own.clone());
        let mut inner = self.lock_open()?;
        let children = inner.children.get_or_insert_default();
        if let Some(known) = known(children) {
            // Another thread was faster. The lock goes before the child, which nobody needs.
            drop(inner);
            return Ok(known);
        }
        children.user.insert_unique(hash, Arc::clone(&child), |child| child.hash());
        Ok(child)
    }

    fn new_child(
        self: &Arc<Self>,
        scope: Arc<Scope>,
        kind: ScopeKind,
        place: ChildPlace,
        own: Variables,
    ) -> Arc<Self> {
        Arc::new(Self {
            core: Arc::clone(&self.core),
            parent: Some(Arc::clone(self)),
            scope,
            kind,
            depth: self.depth + 1,
            slot: AtomicU32::new(NO_SLOT),
            place,
            own,
            lifecycle: Lifecycle::open(),
            inner: Mutex::default(),
        })
    }

    fn set_position(&self, new: usize) {
        if let ChildPlace::Position(position) = &self.place {
            position.store(new, Relaxed);
        }
    }

    fn hash(&self) -> u64 {
        match &self.place {
            ChildPlace::Position(_) => 0,
            ChildPlace::Hash(hash) => *hash,
        }
    }

    /// Registers the series of a set.
    pub(crate) fn register(self: &Arc<Self>, set: Arc<FamilySet>) -> Result<Arc<Block>, Error> {
        self.register_as(set, false)
    }

    /// Registers the series of a set whose cells a callback sets: they are missing until it has.
    pub(crate) fn register_collected(self: &Arc<Self>, set: Arc<FamilySet>) -> Result<Arc<Block>, Error> {
        self.register_as(set, true)
    }

    /// Registers the series of a set whose values are kept elsewhere: one object for each.
    pub(crate) fn register_given(
        self: &Arc<Self>,
        set: Arc<FamilySet>,
        objects: Box<[Object]>,
    ) -> Result<(), Error> {
        let start = self.core.clock.monotonic();
        let inner = self.lock_for(&set)?;
        self.insert(inner, &Block::given(set, self, objects, start));
        Ok(())
    }

    fn register_as(self: &Arc<Self>, set: Arc<FamilySet>, collected: bool) -> Result<Arc<Block>, Error> {
        // The clock is the user's, so no lock is held here.
        let (reused, start) = (self.core.bury(set.words), self.core.clock.monotonic());
        let mut inner = self.lock_for(&set)?;
        let words = if set.words == 1 && set.members.len() == 1 {
            inner.registered.take_word()
        } else {
            reused.unwrap_or_else(|| Words::new(set.words))
        };
        let block = Block::attached(set, self, words, collected, start);
        self.insert(inner, &block);
        Ok(block)
    }

    /// Locks the group if it is open and has none of a set's names.
    fn lock_for(&self, set: &FamilySet) -> Result<MutexGuard<'_, Inner>, Error> {
        let inner = self.lock_open()?;
        let repeated = if set.repeats { set.repeated_name() } else { None };
        let taken = repeated
            .or_else(|| Some(inner.registered.holder_of_any(set)?.1.family.name()))
            .map(str::to_owned);
        if let Some(metric) = taken {
            drop(inner);
            return Err(Error::DuplicateMetric { metric, group: self.identifier() });
        }
        Ok(inner)
    }

    /// Registers the only series of a set, or finds it if it is there and both sides share it. The returned block has
    /// one more handle counted.
    pub(crate) fn register_single(
        self: &Arc<Self>,
        set: &Arc<FamilySet>,
    ) -> Result<(Arc<Block>, Place), Error> {
        let wanted = &set.members[0];
        loop {
            let inner = self.lock_open()?;
            if let Some((block, member)) = inner.registered.holder_of_any(set) {
                if (wanted.storage, member.storage) == (Storage::Shared, Storage::Shared)
                    && wanted.family.id() == member.family.id()
                {
                    let known = (Arc::clone(block), member.place);
                    known.0.add_handles(1);
                    return Ok(known);
                }
                let metric = member.family.name().to_owned();
                drop(inner);
                return Err(Error::DuplicateMetric { metric, group: self.identifier() });
            }
            drop(inner);
            match self.register(Arc::clone(set)) {
                // Another thread was faster, and what it has registered may be shared.
                Err(Error::DuplicateMetric { .. }) => {}
                registered => return registered.map(|block| (block, wanted.place)),
            }
        }
    }

    fn insert(&self, mut inner: MutexGuard<'_, Inner>, block: &Arc<Block>) {
        if self.slot.load(Relaxed) == NO_SLOT {
            self.slot.store(self.core.take_slot(), Relaxed);
        }
        inner.registered.push(Arc::clone(block));
        // Numbered under this group's lock as well, so that a reporter that is being added finds the block either in
        // the tree or in its inbox, and never in both.
        let discarded = self.core.publish(block);
        drop(inner);
        // A log line is the user's code.
        self.core.counts.dropped_unread(&discarded.blocks);
    }

    /// Removes the series that was registered alone under this name, as if it had been in a group of its own that closes.
    pub(crate) fn remove(self: &Arc<Self>, name: &str) -> Result<(), Error> {
        let (metric, group) = (|| name.to_owned(), || self.identifier());
        let unknown = || Error::UnknownMetric { metric: metric(), group: group() };
        // What takes other locks and the clock comes before the group's own lock.
        let (id, twin) = (self.scope.name_id(name).ok_or_else(unknown), self.closed_twin());
        let mut inner = self.lock_open()?;
        let position = id.and_then(|id| inner.registered.position_of(id).ok_or_else(unknown));
        let position = match position {
            Ok(position) => position,
            Err(error) => {
                drop(inner);
                return Err(error);
            }
        };
        if inner.registered.blocks()[position].set.members.len() > 1 {
            drop(inner);
            return Err(Error::PartOfSet { metric: metric(), group: group() });
        }
        let Some(block) = inner.registered.remove(position) else { return Ok(()) };
        block.set_removed();
        let removal = Removal { node: twin, block };
        self.core.publish_removal(&removal);
        drop(inner);
        let callback = self.core.sampler.remove(&removal.block);
        drop(callback);
        Ok(())
    }

    /// A closed group that is like this one to all who look at it. Its values are final when the grace time is over:
    /// the handles of what was removed are counted with this group.
    fn closed_twin(self: &Arc<Self>) -> Arc<Self> {
        let twin = Self {
            core: Arc::clone(&self.core),
            parent: self.parent.clone(),
            scope: Arc::clone(&self.scope),
            kind: self.kind,
            depth: self.depth,
            slot: AtomicU32::new(self.core.take_slot()),
            place: ChildPlace::Hash(0),
            own: self.own.clone(),
            lifecycle: Lifecycle::open(),
            inner: Mutex::default(),
        };
        twin.lifecycle.add_handles(1);
        twin.lifecycle.close(self.core.clock.monotonic());
        Arc::new(twin)
    }

    /// Closes this group and all below it, once.
    pub(crate) fn close(self: &Arc<Self>) {
        let now = self.core.clock.monotonic();
        let unlinked = self.parent.as_ref().and_then(|parent| {
            let mut siblings = parent.lock();
            // Before another one can be in its place, which would be there at the same time.
            self.lifecycle.close(now);
            siblings.children.as_mut()?.unlink(self)
        });
        drop(unlinked);
        let mut open = vec![Arc::clone(self)];
        while let Some(node) = open.pop() {
            let mut inner = node.lock();
            node.lifecycle.close(now);
            let taken = std::mem::take(&mut *inner);
            drop(inner);
            if let Some(children) = taken.children {
                open.extend(children.system);
                open.extend(children.user);
            }
        }
        self.core.group_closed();
    }

    /// All open groups from this one down, with the blocks that were registered up to `sequence`.
    pub(crate) fn collect_blocks(self: &Arc<Self>, sequence: u64) -> Vec<Arc<Block>> {
        let mut blocks = Vec::new();
        let mut open = vec![Arc::clone(self)];
        while let Some(node) = open.pop() {
            let inner = node.lock();
            let numbered = inner.registered.blocks().iter().filter(|block| block.sequence() <= sequence);
            blocks.extend(numbered.cloned());
            open.extend(inner.children.iter().flat_map(|children| children.iter()).cloned());
        }
        blocks.sort_unstable_by_key(|block| block.sequence());
        blocks
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    pub(crate) fn parent(&self) -> Option<&Arc<Self>> {
        self.parent.as_ref()
    }

    pub(crate) fn scope(&self) -> &Arc<Scope> {
        &self.scope
    }

    pub(crate) fn kind(&self) -> ScopeKind {
        self.kind
    }

    pub(crate) fn slot(&self) -> u32 {
        self.slot.load(Relaxed)
    }

    pub(crate) fn own(&self) -> &Variables {
        &self.own
    }

    pub(crate) fn lifecycle(&self) -> &Lifecycle {
        &self.lifecycle
    }

    pub(crate) fn identifier(&self) -> String {
        GroupView::new(self).identifier()
    }

    fn lock_open(&self) -> Result<MutexGuard<'_, Inner>, Error> {
        let inner = self.lock();
        if self.lifecycle.is_closed() {
            drop(inner);
            return Err(Error::GroupClosed { group: self.identifier() });
        }
        Ok(inner)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while the lock is held, short of a bug; the data are whole either way.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let slot = *self.slot.get_mut();
        if slot != NO_SLOT {
            self.core.return_slot(slot);
        }
    }
}

#[cfg(all(test, loom))]
mod models {
    use std::time::Duration;

    use loom::thread;

    use super::*;
    use crate::block::Keep;
    use crate::sync::AtomicU64;
    use crate::{Counter, Descriptor, Metric};

    /// A reporter that sees the count of closings move sees the group closed, so it need not look again.
    #[test]
    fn a_closing_that_is_counted_is_seen() {
        loom::model(|| {
            let node = Node::root(&Core::noop());
            let reporter = {
                let node = Arc::clone(&node);
                thread::spawn(move || {
                    if node.core().closings() > 0 {
                        assert!(node.lifecycle().is_closed());
                    }
                })
            };
            node.close();
            reporter.join().unwrap();
        });
    }

    /// A task registers, records and lets go while its group is closed. A reporter that takes the values for final although no
    /// grace time has passed sees all that was recorded, and a registration that comes too late for it is refused.
    #[test]
    fn nothing_is_registered_in_what_is_final() {
        loom::model(|| {
            let node = Node::root(&Core::noop());
            let cell = Arc::new(AtomicU64::new(0));
            let task = {
                let (node, cell) = (Arc::clone(&node), Arc::clone(&cell));
                thread::spawn(move || {
                    let set = node.scope().single_set(&Descriptor::of::<Counter>(Metric::new("n")));
                    if let Ok(block) = node.register(set) {
                        cell.store(1, Relaxed);
                        drop(Keep::adopt(block));
                    }
                })
            };
            let reporter = {
                let (node, cell) = (Arc::clone(&node), Arc::clone(&cell));
                thread::spawn(move || {
                    let is_final = node.lifecycle().is_final(Duration::ZERO, Duration::MAX);
                    is_final.then(|| cell.load(Relaxed))
                })
            };
            node.close();
            task.join().unwrap();
            let seen = reporter.join().unwrap();
            assert!(seen.is_none_or(|seen| seen == cell.load(Relaxed)));
            assert!(node.lifecycle().is_final(Duration::ZERO, Duration::MAX));
        });
    }
}

//! The tree of groups.

use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hashbrown::{HashMap, HashTable};

use crate::block::Block;
use crate::cell::{SharedLine, Words};
use crate::core::Core;
use crate::family::{FamilySet, Member, Place};
use crate::lifecycle::Lifecycle;
use crate::scope::{Scope, ScopeKind};
use crate::set::Storage;
use crate::variables::{Key, Variables};
use crate::{Error, GroupView};

/// How deep groups can nest: deeper than any job needs, and shallow enough for code that walks up or down.
const MAX_DEPTH: usize = 64;
/// How many blocks are looked through for a family before there is an index of them.
const SEARCHABLE: usize = 32;

/// A metric group. What never changes is in the open; children and blocks are behind a lock that is held for a few
/// instructions, and under which nothing else is locked but the desk.
pub(crate) struct Node {
    core: Arc<Core>,
    parent: Option<Arc<Self>>,
    scope: Arc<Scope>,
    kind: ScopeKind,
    depth: u8,
    /// A small number of its own among the groups that exist, so that a reporter can index by it.
    slot: u32,
    /// Of what makes it the same group when it is asked for again; for its place in the parent's table.
    hash: u64,
    own: Variables,
    lifecycle: Lifecycle,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    children: Option<Box<HashTable<Arc<Node>>>>,
    blocks: Blocks,
    /// The union of the blocks' masks: a set that shares no bit with it shares no family with any of them.
    mask: u64,
    /// Block by family, once there are too many blocks to look through.
    by_family: Option<Box<HashMap<u64, u32>>>,
    /// The line from which the next metric that is registered alone takes its word, and the words taken.
    line: Option<(Arc<SharedLine>, u32)>,
}

/// The blocks of a group; most have one.
#[derive(Default)]
enum Blocks {
    #[default]
    None,
    One(Arc<Block>),
    Many(Vec<Arc<Block>>),
}

impl Blocks {
    fn push(&mut self, block: Arc<Block>) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(block),
            Self::One(first) => Self::Many(vec![first, block]),
            Self::Many(mut blocks) => {
                blocks.push(block);
                Self::Many(blocks)
            }
        };
    }

    fn as_slice(&self) -> &[Arc<Block>] {
        match self {
            Self::None => &[],
            Self::One(block) => std::slice::from_ref(block),
            Self::Many(blocks) => blocks,
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
            slot: core.take_slot(),
            hash: 0,
            own: Variables::default(),
            lifecycle: Lifecycle::open(),
            inner: Mutex::default(),
        })
    }

    /// A system group. Each is a group of its own: two of one identity clash in the reporters, which say so. Below a
    /// closed group it is closed from the start, since owners are made by calls that cannot fail.
    pub(crate) fn system_child(self: &Arc<Self>, kind: ScopeKind, variables: &[(Key, &str)]) -> Arc<Self> {
        let slot = self.core.take_slot();
        let hash = self.core.hasher.hash_one(slot);
        let own = Variables::system(variables);
        let child = self.new_child(Arc::clone(self.core.scope(kind)), kind, slot, hash, own);
        if let Err(error) = self.adopt(Arc::clone(&child), |_| false) {
            self.core.counts.refused(&error);
            child.lifecycle.close(self.core.clock.monotonic());
        }
        child
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
        let same = |child: &Arc<Self>| child.own == *own && child.kind == self.kind;
        if let Some(known) = self.lock().children.as_ref().and_then(|table| table.find(hash, same)) {
            return Ok(Arc::clone(known));
        }
        let scope = self.scope.child(scope);
        let child = self.new_child(scope, self.kind, self.core.take_slot(), hash, own.clone());
        self.adopt(child, same)
    }

    fn new_child(
        self: &Arc<Self>,
        scope: Arc<Scope>,
        kind: ScopeKind,
        slot: u32,
        hash: u64,
        own: Variables,
    ) -> Arc<Self> {
        Arc::new(Self {
            core: Arc::clone(&self.core),
            parent: Some(Arc::clone(self)),
            scope,
            kind,
            depth: self.depth + 1,
            slot,
            hash,
            own,
            lifecycle: Lifecycle::open(),
            inner: Mutex::default(),
        })
    }

    /// Puts a new child into the table, unless the same one came in meanwhile.
    fn adopt(&self, child: Arc<Self>, same: impl FnMut(&Arc<Self>) -> bool) -> Result<Arc<Self>, Error> {
        let mut inner = self.lock_open()?;
        let table = inner.children.get_or_insert_default();
        if let Some(known) = table.find(child.hash, same) {
            let known = Arc::clone(known);
            drop(inner);
            return Ok(known);
        }
        table.insert_unique(child.hash, Arc::clone(&child), |child| child.hash);
        Ok(child)
    }

    /// Registers the series of a set.
    pub(crate) fn register(self: &Arc<Self>, set: Arc<FamilySet>) -> Result<Arc<Block>, Error> {
        let inner = self.lock_open()?;
        if let Some((_, member)) = inner.holder_of_any(&set) {
            let metric = member.family.name().to_owned();
            drop(inner);
            return Err(Error::DuplicateMetric { metric, group: self.identifier() });
        }
        Ok(self.insert(inner, set))
    }

    /// Registers the only series of a set, or finds it if it is there and both sides share it. The returned block has
    /// one more handle counted.
    pub(crate) fn register_single(
        self: &Arc<Self>,
        set: Arc<FamilySet>,
    ) -> Result<(Arc<Block>, Place), Error> {
        let wanted = &set.members[0];
        let inner = self.lock_open()?;
        if let Some((block, member)) = inner.holder_of_any(&set)
            && (wanted.storage, member.storage) == (Storage::Shared, Storage::Shared)
        {
            let known = (Arc::clone(block), member.place);
            known.0.add_handles(1);
            return Ok(known);
        }
        drop(inner);
        let place = wanted.place;
        self.register(set).map(|block| (block, place))
    }

    fn insert(self: &Arc<Self>, mut inner: MutexGuard<'_, Inner>, set: Arc<FamilySet>) -> Arc<Block> {
        let words =
            if set.words == 1 && set.members.len() == 1 { inner.take_word() } else { Words::new(set.words) };
        inner.mask |= set.mask;
        let block = Block::attached(set, self, words);
        inner.push(Arc::clone(&block));
        // Numbered under this group's lock as well, so that a reporter that is being added finds the block either in
        // the tree or in its inbox, and never in both.
        let discarded = self.core.publish(&block);
        drop(inner);
        drop(discarded);
        self.core.bury();
        block
    }

    /// Closes this group and all below it, once.
    pub(crate) fn close(self: &Arc<Self>) {
        if let Some(parent) = &self.parent {
            let mut inner = parent.lock();
            if let Some(table) = inner.children.as_mut()
                && let Ok(entry) = table.find_entry(self.hash, |child| Arc::ptr_eq(child, self))
            {
                let unlinked = entry.remove().0;
                drop(inner);
                drop(unlinked);
            }
        }
        let now = self.core.clock.monotonic();
        let mut open = vec![Arc::clone(self)];
        while let Some(node) = open.pop() {
            let mut inner = node.lock();
            node.lifecycle.close(now);
            let inner = std::mem::take(&mut *inner);
            open.extend(inner.children.into_iter().flat_map(|table| *table));
        }
        self.core.group_closed();
    }

    /// All open groups from this one down, with the blocks that were registered up to `sequence`.
    pub(crate) fn collect_blocks(self: &Arc<Self>, sequence: u64) -> Vec<Arc<Block>> {
        let mut blocks = Vec::new();
        let mut open = vec![Arc::clone(self)];
        while let Some(node) = open.pop() {
            let inner = node.lock();
            let numbered = inner.blocks.as_slice().iter().filter(|block| block.sequence() <= sequence);
            blocks.extend(numbered.cloned());
            open.extend(inner.children.iter().flat_map(|table| table.iter().cloned()));
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

    pub(crate) fn slot(&self) -> usize {
        self.slot as usize
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

impl Inner {
    /// A block that holds a family of the set, and its member for it.
    fn holder_of_any(&self, set: &FamilySet) -> Option<(&Arc<Block>, &Member)> {
        if self.mask & set.mask == 0 {
            return None;
        }
        let blocks = self.blocks.as_slice();
        match &self.by_family {
            None => blocks.iter().find_map(|block| Some((block, block.set.shared_member(set)?))),
            Some(by_family) => {
                let known = set.members.iter().find_map(|member| by_family.get(&member.family.id()))?;
                let block = &blocks[*known as usize];
                Some((block, block.set.shared_member(set)?))
            }
        }
    }

    fn push(&mut self, block: Arc<Block>) {
        let blocks = self.blocks.as_slice();
        if self.by_family.is_none() && blocks.len() == SEARCHABLE {
            let families = (0..).zip(blocks).flat_map(|(index, block)| block.families(index));
            self.by_family = Some(Box::new(families.collect()));
        }
        if let Some(by_family) = &mut self.by_family {
            by_family.extend(block.families(blocks.len() as u32));
        }
        self.blocks.push(block);
    }

    fn take_word(&mut self) -> Words {
        let (line, taken) = self.line.get_or_insert_with(|| (SharedLine::new(), 0));
        let words = Words::Shared(Arc::clone(line), *taken);
        *taken += 1;
        if *taken as usize == SharedLine::WORDS {
            self.line = None;
        }
        words
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.core.return_slot(self.slot);
    }
}

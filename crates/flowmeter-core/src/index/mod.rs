//! What a reporter knows of the registry: its own index of families, sets and groups.
//!
//! It is by set, not by series: a registration adds one entry to its set, and a family is a list of the sets that hold
//! it. Filtering and naming cost something once for each family, labels once for each group, a series nothing. All of
//! it is plain data of the reporter's thread.

mod accepted;
mod account;
mod book;
mod closing;
mod contest;
mod families;
mod succession;

use std::collections::{BTreeMap, VecDeque};
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};

use hashbrown::{HashMap, HashSet, HashTable};
use tracing::warn;

pub(crate) use accepted::Accepted;
pub(crate) use account::Account;
pub(crate) use book::{Book, Entry, Page};
use closing::Closed;
use contest::Contest;

use crate::GroupView;
use crate::ReporterOptions;
use crate::block::Block;
use crate::control::Control;
use crate::core::{Core, INBOX_LIMIT};
use crate::family::{Family, FamilySet, Place};
use crate::node::Node;
use crate::reporter::{Naming, Reporter};
use crate::source::Traits;

/// The capacity that lists of what comes and goes keep when they are empty.
const SPARE: usize = 1_024;

/// The number of a group with metrics; see [`Node::slot`].
type Slot = u32;

pub(crate) struct Index {
    core: Arc<Core>,
    /// The reporter's name, for log lines, and what is counted of it.
    control: Arc<Control>,
    traits: Traits,
    /// The bit by which callbacks are asked for what it wants.
    reader: u32,
    options: Arc<ReporterOptions>,
    /// How many series its blocks have.
    series: usize,
    /// Blocks that would have been too many.
    refused: Vec<Arc<Block>>,
    /// The core's count of closings when it was last looked which of those are gone; nothing if one was removed since.
    refused_closings: Option<u64>,
    /// What former indexes of the reporter knew of open blocks that are not in this one, by sequence: differences go on from there
    /// should they come back.
    absent: HashMap<u64, (Arc<Block>, Box<Book>)>,
    /// How many blocks were let in after they had been refused.
    late: u64,
    /// Some left since those were refused.
    has_room: bool,
    /// Logical scopes of which it was said that they are beyond the limit.
    limited: HashSet<Arc<str>>,
    sets: HashMap<u64, SetIndex>,
    /// By prepared name, then by identity, so that the same program has the same order each time.
    families: BTreeMap<(Arc<[u8]>, u64), FamilyEntry>,
    family_names: HashMap<u64, Named>,
    /// How many families had the name of another when they came, since the index was last without series.
    names_shared: usize,
    /// The number of names at which to look for families that are gone.
    purge_names_at: usize,
    /// By slot.
    groups: Vec<Option<GroupEntry>>,
    /// The first group of each identity, by what was prepared for it.
    identities: HashTable<Slot>,
    /// The groups of each identity that several have, by the first.
    contests: HashMap<Slot, Contest>,
    /// A series went on from another, so there may be blocks to let go.
    taken_over: bool,
    /// Groups that closed, the longest closed first.
    closed: VecDeque<Closed>,
    /// Sets of which a clash was logged.
    clashing: HashSet<u64>,
    /// Blocks that left the index.
    let_go: Vec<Arc<Block>>,
    /// Where the reporter writes what it prepares.
    scratch: Vec<u8>,
    /// The core's count of closings up to which `closed` is complete.
    closings: u64,
}

/// What was prepared for a family; nothing for one that the reporter does not want.
struct Named {
    name: Option<Arc<[u8]>>,
    family: Weak<Family>,
}

/// The blocks of one set, in the order of registration.
struct SetIndex {
    set: Arc<FamilySet>,
    entries: Vec<Entry>,
}

pub(crate) struct FamilyEntry {
    pub(crate) family: Arc<Family>,
    pub(crate) parts: Vec<Part>,
}

/// A set that holds a family, and where its blocks keep it.
pub(crate) struct Part {
    pub(crate) set: u64,
    pub(crate) member: usize,
    pub(crate) place: Place,
}

struct GroupEntry {
    node: Arc<Node>,
    prepared: Arc<[u8]>,
    /// The first group of its identity, if others have it too, or if two of its own metrics have one name.
    contest: Option<Slot>,
    standing: Standing,
    /// Whether any of its series is withheld because another group has its identity.
    withheld: bool,
    /// Whether a report had its final values.
    reported: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Open,
    Closed,
    /// Its blocks are to be taken out.
    Leaving {
        read: bool,
    },
}

impl Index {
    pub(crate) fn new(
        core: &Arc<Core>,
        control: &Arc<Control>,
        reporter: u64,
        traits: Traits,
        options: &Arc<ReporterOptions>,
    ) -> Self {
        Self {
            core: Arc::clone(core),
            control: Arc::clone(control),
            traits,
            reader: 1 << (reporter % 32),
            options: Arc::clone(options),
            series: 0,
            refused: Vec::new(),
            refused_closings: None,
            absent: HashMap::new(),
            late: 0,
            has_room: false,
            limited: HashSet::new(),
            sets: HashMap::new(),
            families: BTreeMap::new(),
            family_names: HashMap::new(),
            names_shared: 0,
            purge_names_at: SPARE,
            groups: Vec::new(),
            identities: HashTable::new(),
            contests: HashMap::new(),
            taken_over: false,
            closed: VecDeque::new(),
            clashing: HashSet::new(),
            let_go: Vec::new(),
            scratch: Vec::new(),
            closings: 0,
        }
    }

    #[inline]
    pub(crate) fn entries(&self, set: u64) -> &[Entry] {
        self.sets.get(&set).map_or(&[], |index| &index.entries)
    }

    /// By what callbacks know who asks.
    pub(crate) fn reader(&self) -> u32 {
        self.reader
    }

    /// How many series its blocks have.
    pub(crate) fn series(&self) -> usize {
        self.series
    }

    pub(crate) fn options(&self) -> &ReporterOptions {
        &self.options
    }

    /// Takes in newly registered blocks.
    pub(crate) fn admit_all(
        &mut self,
        blocks: impl IntoIterator<Item = Arc<Block>>,
        reporter: &dyn Reporter,
    ) {
        let closings = Some(self.core.closings());
        if !self.refused.is_empty() && std::mem::replace(&mut self.refused_closings, closings) != closings {
            // They would take the place of others that wait.
            self.let_go.extend(self.refused.extract_if(.., |block| is_gone(block)));
        }
        if std::mem::take(&mut self.has_room) {
            for block in std::mem::take(&mut self.refused) {
                self.admit(block, reporter, true);
            }
        }
        for block in blocks {
            self.admit(block, reporter, false);
        }
    }

    /// Takes in a block, which may have been refused before.
    fn admit(&mut self, block: Arc<Block>, reporter: &dyn Reporter, again: bool) {
        let options = Arc::clone(&self.options);
        if !options.groups.keeps(&GroupView::new(block.node())) {
            self.let_go.push(block);
            return;
        }
        if self.series + block.set.members.len() > options.series_limit {
            self.refuse_beyond_limit(block, again);
            return;
        }
        if !self.wants(&block.set, reporter) {
            self.let_go.push(block);
            return;
        }
        let slot = block.node().slot();
        if let Some(group) = self.group(slot) {
            let prepared = Arc::clone(&group.prepared);
            if group.reported {
                // Registered just before the group closed: whoever has read the group has not read this.
                self.reopen(slot);
            }
            self.insert_entry(block, prepared, again);
            return;
        }
        let group = GroupView::of_reporter(block.node(), &options);
        self.scratch.clear();
        if guarded(|| reporter.prepare_group(&group, &mut self.scratch)).is_none() {
            let group = group.identifier();
            self.note_panic(
                &format!("panicked preparing group `{group}`, which is not reported"),
                block.set.members.len(),
            );
            self.let_go.push(block);
            return;
        }
        let prepared = Arc::from(&*self.scratch);
        self.add_group(block.node(), Arc::clone(&prepared));
        self.insert_entry(block, prepared, again);
    }

    /// Withholds a block that would be too many until others have left, and says so once for each logical scope.
    fn refuse_beyond_limit(&mut self, block: Arc<Block>, again: bool) {
        if !again {
            self.core.counts.limited(block.set.members.len());
        }
        let scope = block.node().scope().path();
        if self.limited.len() < SPARE && self.limited.insert(Arc::clone(scope)) {
            warn!(
                reporter = &**self.control.name(),
                limit = self.options.series_limit,
                scope = &**scope,
                group = block.node().identifier(),
                "the reporter has as many series as it takes; those beyond are withheld"
            );
        }
        if self.refused.len() < INBOX_LIMIT && !is_gone(&block) {
            self.refused.push(block);
        } else {
            self.let_go.push(block);
        }
    }

    /// Counts a panic of the reporter that costs it some series.
    fn note_panic(&self, message: &str, series: usize) {
        let now = self.core.clock.unix();
        self.control.note_failure(message, now);
        self.control.counts.panics.add(1);
        self.control.counts.dropped.add(series as u64);
    }

    fn add_group(&mut self, node: &Arc<Node>, prepared: Arc<[u8]>) {
        let slot = node.slot();
        let standing = match node.lifecycle().closed_at() {
            Some(since) => {
                self.closed.push_back(Closed::new(slot, since));
                Standing::Closed
            }
            None => Standing::Open,
        };
        if self.groups.len() <= slot as usize {
            reserve(&mut self.groups, slot as usize + 1);
            self.groups.resize_with(slot as usize + 1, || None);
        }
        let hash = self.core.hasher.hash_one(&prepared);
        let holder = self.holder(hash, node, &prepared);
        let node = Arc::clone(node);
        self.groups[slot as usize] =
            Some(GroupEntry { node, prepared, contest: None, standing, withheld: false, reported: false });
        match holder {
            Some(holder) => self.join_contest(holder, slot),
            None => self.insert_identity(hash, slot),
        }
    }

    fn insert_identity(&mut self, hash: u64, slot: Slot) {
        let Self { core, groups, identities, .. } = self;
        identities.insert_unique(hash, slot, |slot| {
            groups[*slot as usize].as_ref().map_or(0, |group| core.hasher.hash_one(&group.prepared))
        });
    }

    /// Puts another group of the same identity into the place of the first.
    fn rename_identity(&mut self, from: Slot, to: Slot) {
        let Some(hash) = self.group(to).map(|group| self.core.hasher.hash_one(&group.prepared)) else {
            return;
        };
        match self.identities.find_mut(hash, |slot| *slot == from) {
            Some(slot) => *slot = to,
            None => self.insert_identity(hash, to),
        }
    }

    /// The first group that has this identity: the same prepared bytes, and where names are made of families alone,
    /// the same logical scope.
    fn holder(&self, hash: u64, node: &Node, prepared: &[u8]) -> Option<Slot> {
        let same = |slot: &Slot| {
            self.group(*slot).is_some_and(|group| {
                *group.prepared == *prepared
                    && (self.traits.naming == Naming::Flat || Arc::ptr_eq(group.node.scope(), node.scope()))
            })
        };
        self.identities.find(hash, same).copied()
    }

    fn group(&self, slot: Slot) -> Option<&GroupEntry> {
        self.groups.get(slot as usize)?.as_ref()
    }

    fn group_mut(&mut self, slot: Slot) -> Option<&mut GroupEntry> {
        self.groups.get_mut(slot as usize)?.as_mut()
    }

    fn insert_entry(&mut self, block: Arc<Block>, prepared: Arc<[u8]>, again: bool) {
        let (slot, set, sequence) = (block.node().slot(), block.set.id, block.sequence());
        if let Some(holder) = self.group(slot).and_then(|group| group.contest) {
            self.enter_contest(holder, slot, (set, sequence));
        }
        if self.traits.naming == Naming::Flat && self.has_shared_name(&block.set) {
            self.contest_within(slot);
        }
        let has_rivals = self.group(slot).is_some_and(|group| group.contest.is_some());
        let Some(index) = self.sets.get_mut(&set) else { return };
        block.add_reader(self.reader);
        self.series += index.set.members.len();
        if index.entries.len() == index.entries.capacity() {
            let length = index.entries.len() + 1;
            reserve(&mut index.entries, length);
        }
        let mut entry = Entry::new(block, prepared, self.traits.accounts);
        if let Some((_, book)) = self.absent.remove(&sequence) {
            entry.adopt(*book);
        }
        if again || (has_rivals && self.late > 0) {
            // What was let in late and is shown goes before all that comes after it, too.
            self.late += 1;
            entry.set_late(self.late);
        }
        match index.entries.last() {
            Some(last) if last.block.sequence() > sequence => {
                let position = index.entries.partition_point(|other| other.block.sequence() < sequence);
                index.entries.insert(position, entry);
            }
            _ => index.entries.push(entry),
        }
    }
}

/// Whether a block that waits for room need not wait any longer.
fn is_gone(block: &Block) -> bool {
    block.is_removed() || block.node().lifecycle().is_closed()
}

/// Makes room by a quarter: doubling would cost as much again as the entries just past a power of two.
fn reserve<T>(entries: &mut Vec<T>, length: usize) {
    if entries.capacity() < length {
        let more = length.saturating_sub(entries.len()).max(entries.len() / 4).max(16);
        entries.reserve_exact(more);
    }
}

/// Runs a reporter's code; nothing if it panicked.
fn guarded<T>(run: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(run)).ok()
}

//! What a reporter knows of the registry: its own index of families, sets and groups.
//!
//! It is by set, not by series: a registration adds one entry to its set, and a family is a list of the sets that hold
//! it. Filtering and naming cost something once for each family, labels once for each group, a series nothing. All of
//! it is plain data of the reporter's thread.

use std::collections::{BTreeMap, VecDeque};
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use hashbrown::{HashMap, HashSet, HashTable};
use tracing::warn;

use crate::GroupView;
use crate::block::Block;
use crate::core::Core;
use crate::family::{Family, FamilySet, Place};
use crate::node::Node;
use crate::reporter::{Naming, ReportMode, ReportNumber, Reporter, ReporterOptions};

/// The capacity that lists of what comes and goes keep when they are empty.
const SPARE: usize = 1_024;

pub(crate) struct Index {
    core: Arc<Core>,
    /// The reporter's name, for log lines.
    name: Arc<str>,
    naming: Naming,
    sets: HashMap<u64, SetIndex>,
    /// By prepared name, then by identity, so that the same program has the same order each time.
    families: BTreeMap<(Arc<[u8]>, u64), FamilyEntry>,
    /// What was prepared for each family; nothing for those that the reporter does not want.
    family_names: HashMap<u64, Option<Arc<[u8]>>>,
    /// By the slot of the group.
    groups: Vec<Option<GroupEntry>>,
    /// The slots of the groups, by what was prepared for them.
    identities: HashTable<usize>,
    /// Groups that closed, the longest closed first.
    closed: VecDeque<Closed>,
    /// Blocks of groups whose identity another group has for now.
    waiting: Vec<Waiting>,
    /// Sets of which a clash was logged.
    clashing: HashSet<u64>,
    /// Blocks that left the index.
    let_go: Vec<Arc<Block>>,
    /// Where the reporter writes what it prepares.
    scratch: Vec<u8>,
    /// The core's count of closings up to which `closed` is complete.
    closings: u64,
}

/// The blocks of one set, in the order of registration.
struct SetIndex {
    set: Arc<FamilySet>,
    entries: Vec<Entry>,
}

pub(crate) struct Entry {
    pub(crate) block: Arc<Block>,
    /// What was prepared for the block's group.
    pub(crate) prepared: Arc<[u8]>,
}

pub(crate) struct FamilyEntry {
    pub(crate) family: Arc<Family>,
    pub(crate) parts: Vec<Part>,
}

/// A set that holds a family, and where its blocks keep it.
pub(crate) struct Part {
    pub(crate) set: u64,
    pub(crate) place: Place,
}

struct GroupEntry {
    node: Arc<Node>,
    prepared: Arc<[u8]>,
    standing: Standing,
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

struct Closed {
    slot: usize,
    since: Duration,
    /// The first report that had the final values.
    reported: Option<ReportNumber>,
    delivered: Option<Duration>,
}

impl Closed {
    /// When it leaves, at the latest, and whether it was read by then.
    fn leaves(&self, options: &ReporterOptions) -> (Duration, bool) {
        let unread = self.since + options.keep_undelivered;
        match self.delivered {
            Some(delivered) => (unread.min(delivered + options.keep_delivered), true),
            None => (unread, false),
        }
    }
}

struct Waiting {
    block: Arc<Block>,
    prepared: Arc<[u8]>,
}

impl Index {
    pub(crate) fn new(core: &Arc<Core>, name: &Arc<str>, naming: Naming) -> Self {
        Self {
            core: Arc::clone(core),
            name: Arc::clone(name),
            naming,
            sets: HashMap::new(),
            families: BTreeMap::new(),
            family_names: HashMap::new(),
            groups: Vec::new(),
            identities: HashTable::new(),
            closed: VecDeque::new(),
            waiting: Vec::new(),
            clashing: HashSet::new(),
            let_go: Vec::new(),
            scratch: Vec::new(),
            closings: 0,
        }
    }

    /// The families that have series, with their names. Where a name can be only one family's, the first has it.
    pub(crate) fn families(&self) -> impl Iterator<Item = (&[u8], &FamilyEntry)> {
        let mut last: Option<&[u8]> = None;
        self.families.iter().filter_map(move |((prepared, _), entry)| {
            let empty = entry.parts.iter().all(|part| self.entries(part.set).is_empty());
            if empty || (self.naming == Naming::Labeled && last == Some(prepared)) {
                return None;
            }
            last = Some(prepared);
            Some((&**prepared, entry))
        })
    }

    #[inline]
    pub(crate) fn entries(&self, set: u64) -> &[Entry] {
        self.sets.get(&set).map_or(&[], |index| &index.entries)
    }

    /// Takes in newly registered blocks.
    pub(crate) fn admit_all(
        &mut self,
        blocks: impl IntoIterator<Item = Arc<Block>>,
        reporter: &dyn Reporter,
    ) {
        for block in blocks {
            self.admit(block, reporter);
        }
    }

    fn admit(&mut self, block: Arc<Block>, reporter: &dyn Reporter) {
        if !self.wants(&block.set, reporter) {
            self.let_go.push(block);
            return;
        }
        if let Some(Some(group)) = self.groups.get(block.node().slot()) {
            let prepared = Arc::clone(&group.prepared);
            self.insert_entry(Entry { block, prepared });
            return;
        }
        let group = GroupView::new(block.node());
        self.scratch.clear();
        if guarded(|| reporter.prepare_group(&group, &mut self.scratch)).is_none() {
            warn!(
                reporter = &*self.name,
                group = group.identifier(),
                "the reporter panicked preparing a group; the group is not reported"
            );
            self.core.counts.dropped_unread(std::slice::from_ref(&block));
            self.let_go.push(block);
            return;
        }
        let prepared = Arc::from(&*self.scratch);
        self.admit_group(Waiting { block, prepared });
    }

    /// Takes in a block of a group that is not in the index, unless another group has its identity.
    fn admit_group(&mut self, candidate: Waiting) {
        let node = candidate.block.node();
        if let Some(Some(group)) = self.groups.get(node.slot()) {
            // An earlier block of the group, waiting as well, has come in just before.
            let prepared = Arc::clone(&group.prepared);
            self.insert_entry(Entry { block: candidate.block, prepared });
            return;
        }
        let hash = self.core.hasher.hash_one(&candidate.prepared);
        if let Some(holder) = self.holder(hash, node, &candidate.prepared) {
            // One after the other is no clash, even where nobody has noticed yet that the first has closed.
            if self.groups[holder].as_ref().is_some_and(|group| !group.node.lifecycle().is_closed()) {
                self.note_clash(&candidate, holder);
            }
            self.waiting.push(candidate);
            return;
        }
        let (slot, node) = (node.slot(), Arc::clone(node));
        let standing = match node.lifecycle().closed_at() {
            Some(since) => {
                self.closed.push_back(Closed { slot, since, reported: None, delivered: None });
                Standing::Closed
            }
            None => Standing::Open,
        };
        if self.groups.len() <= slot {
            reserve(&mut self.groups, slot + 1);
            self.groups.resize_with(slot + 1, || None);
        }
        let prepared = candidate.prepared;
        self.groups[slot] = Some(GroupEntry { node, prepared: Arc::clone(&prepared), standing });
        let Self { core, groups, identities, .. } = self;
        identities.insert_unique(hash, slot, |slot| {
            groups[*slot].as_ref().map_or(0, |group| core.hasher.hash_one(&group.prepared))
        });
        self.insert_entry(Entry { block: candidate.block, prepared });
    }

    /// The group in the index that has this identity: the same logical scope and the same prepared bytes.
    fn holder(&self, hash: u64, node: &Node, prepared: &[u8]) -> Option<usize> {
        let same = |slot: &usize| {
            self.groups[*slot].as_ref().is_some_and(|group| {
                *group.prepared == *prepared && Arc::ptr_eq(group.node.scope(), node.scope())
            })
        };
        self.identities.find(hash, same).copied()
    }

    fn note_clash(&mut self, candidate: &Waiting, holder: usize) {
        let set = &candidate.block.set;
        for _ in &set.members {
            self.core.counts.clash();
        }
        if self.clashing.insert(set.id) {
            let holder = self.groups[holder].as_ref().map(|group| GroupView::new(&group.node));
            warn!(
                reporter = &*self.name,
                metric = set.members[0].family.name(),
                withheld = ?GroupView::new(candidate.block.node()),
                ?holder,
                "two open groups have one identity in this reporter; the later one's series are withheld until the first closes"
            );
        }
    }

    fn insert_entry(&mut self, entry: Entry) {
        let Some(index) = self.sets.get_mut(&entry.block.set.id) else { return };
        let sequence = entry.block.sequence();
        if index.entries.len() == index.entries.capacity() {
            let length = index.entries.len() + 1;
            reserve(&mut index.entries, length);
        }
        match index.entries.last() {
            Some(last) if last.block.sequence() > sequence => {
                let position = index.entries.partition_point(|other| other.block.sequence() < sequence);
                index.entries.insert(position, entry);
            }
            _ => index.entries.push(entry),
        }
    }

    /// Whether the reporter wants any family of a set; prepares the families of a new one.
    fn wants(&mut self, set: &Arc<FamilySet>, reporter: &dyn Reporter) -> bool {
        if self.sets.contains_key(&set.id) {
            return true;
        }
        let mut wanted = false;
        for member in &set.members {
            let family = &member.family;
            let known = self.family_names.get(&family.id()).cloned();
            let name = known.unwrap_or_else(|| self.prepare_family(family, reporter));
            let Some(name) = name else { continue };
            wanted = true;
            let entry = self
                .families
                .entry((name, family.id()))
                .or_insert_with(|| FamilyEntry { family: Arc::clone(family), parts: Vec::new() });
            entry.parts.push(Part { set: set.id, place: member.place });
        }
        if wanted {
            self.sets.insert(set.id, SetIndex { set: Arc::clone(set), entries: Vec::new() });
        }
        wanted
    }

    fn prepare_family(&mut self, family: &Arc<Family>, reporter: &dyn Reporter) -> Option<Arc<[u8]>> {
        let mut name = Vec::new();
        let wanted = guarded(|| {
            let wanted = reporter.accepts(family);
            if wanted {
                reporter.prepare_family(family, &mut name);
            }
            wanted
        });
        let (reporter, scope, metric) = (&*self.name, family.logical_scope(), family.name());
        if wanted.is_none() {
            warn!(reporter, scope, metric, "the reporter panicked preparing a metric; it is not reported");
        }
        let name: Option<Arc<[u8]>> = (wanted == Some(true)).then(|| name.into());
        if let Some(name) = &name
            && self.naming == Naming::Labeled
            && let Some(((taken, _), first)) = self.families.range((Arc::clone(name), 0)..).next()
            && taken == name
        {
            self.core.counts.clash();
            let name = String::from_utf8_lossy(name);
            let first = format!("{}.{}", first.family.logical_scope(), first.family.name());
            warn!(reporter, scope, metric, first, %name, "two metrics have one name in this reporter; the later one is withheld");
        }
        self.family_names.insert(family.id(), name.clone());
        name
    }

    /// Looks for groups that closed since the last time.
    pub(crate) fn note_closed(&mut self) {
        let closings = self.core.closings();
        if closings == self.closings {
            return;
        }
        self.closings = closings;
        let mut found = Vec::new();
        for (slot, group) in self.groups.iter_mut().enumerate() {
            if let Some(group) = group
                && group.standing == Standing::Open
                && let Some(since) = group.node.lifecycle().closed_at()
            {
                group.standing = Standing::Closed;
                found.push(Closed { slot, since, reported: None, delivered: None });
            }
        }
        found.sort_by_key(|closed| closed.since);
        self.closed.extend(found);
    }

    /// The closed groups whose values can no longer change; to be asked before any value is read.
    pub(crate) fn final_groups(&self, now: Duration, grace: Duration) -> HashSet<usize> {
        let unreported = self.closed.iter().filter(|closed| closed.reported.is_none());
        unreported
            .map(|closed| closed.slot)
            .filter(|slot| {
                self.groups[*slot].as_ref().is_some_and(|group| group.node.lifecycle().is_final(now, grace))
            })
            .collect()
    }

    /// Notes that a report with the final values of these groups succeeded.
    pub(crate) fn reported(
        &mut self,
        groups: &HashSet<usize>,
        report: ReportNumber,
        mode: ReportMode,
        now: Duration,
    ) {
        for closed in self.closed.iter_mut().filter(|closed| groups.contains(&closed.slot)) {
            closed.reported = Some(report);
            if mode == ReportMode::Push {
                closed.delivered = Some(now);
            }
        }
    }

    /// Notes that a report reached its backend.
    pub(crate) fn delivered(&mut self, report: ReportNumber, at: Duration) {
        for closed in &mut self.closed {
            if closed.delivered.is_none() && closed.reported.is_some_and(|reported| reported <= report) {
                closed.delivered = Some(at);
            }
        }
    }

    /// Lets go of the closed groups whose time is over, and takes in those that waited for them.
    pub(crate) fn settle(&mut self, now: Duration, mode: ReportMode, options: &ReporterOptions) {
        let awaited: HashSet<usize> = self
            .waiting
            .iter()
            .filter_map(|waiting| {
                let hash = self.core.hasher.hash_one(&waiting.prepared);
                self.holder(hash, waiting.block.node(), &waiting.prepared)
            })
            .collect();
        let surplus = self.closed.len().saturating_sub(options.keep_groups);
        let Self { closed, groups, .. } = self;
        let (mut position, mut left) = (0, false);
        closed.retain(|closed| {
            position += 1;
            let (leaves, read) = closed.leaves(options);
            let stays = now < leaves
                && position > surplus
                && !(read && (mode == ReportMode::Push || awaited.contains(&closed.slot)));
            if !stays && let Some(group) = &mut groups[closed.slot] {
                group.standing = Standing::Leaving { read };
                left = true;
            }
            stays
        });
        if left {
            self.take_out_leaving();
            for waiting in std::mem::take(&mut self.waiting) {
                self.admit_group(waiting);
            }
            self.forget_empty_sets();
        }
        self.core.leave_to_registrars(&mut self.let_go);
        // What a burst of closings took is given back when it is over.
        self.closed.shrink_to((2 * self.closed.len()).max(SPARE));
        self.let_go.shrink_to(SPARE);
    }

    fn take_out_leaving(&mut self) {
        let Self { core, sets, groups, identities, let_go, .. } = self;
        let mut unread = Vec::new();
        for index in sets.values_mut() {
            let leaving = |entry: &mut Entry| {
                let group = groups[entry.block.node().slot()].as_ref();
                group.is_some_and(|group| matches!(group.standing, Standing::Leaving { .. }))
            };
            for entry in index.entries.extract_if(.., leaving) {
                let group = groups[entry.block.node().slot()].as_ref();
                if group.is_some_and(|group| group.standing == Standing::Leaving { read: false }) {
                    unread.push(Arc::clone(&entry.block));
                }
                let_go.push(entry.block);
            }
        }
        core.counts.dropped_unread(&unread);
        identities.retain(|slot| {
            groups[*slot].as_ref().is_some_and(|group| !matches!(group.standing, Standing::Leaving { .. }))
        });
        for group in groups.iter_mut() {
            if group.as_ref().is_some_and(|group| matches!(group.standing, Standing::Leaving { .. })) {
                *group = None;
            }
        }
    }

    /// Forgets sets without blocks and their families: they may be of names that were made at run time.
    fn forget_empty_sets(&mut self) {
        let Self { sets, families, family_names, waiting, clashing, .. } = self;
        let awaited: HashSet<u64> = waiting.iter().map(|waiting| waiting.block.set.id).collect();
        for (id, gone) in sets.extract_if(|id, index| index.entries.is_empty() && !awaited.contains(id)) {
            clashing.remove(&id);
            for member in &gone.set.members {
                let family = member.family.id();
                let Some(Some(name)) = family_names.get(&family).cloned() else { continue };
                let key = (name, family);
                if let Some(entry) = families.get_mut(&key) {
                    entry.parts.retain(|part| part.set != gone.set.id);
                    if entry.parts.is_empty() {
                        families.remove(&key);
                        family_names.remove(&family);
                    }
                }
            }
        }
    }

    /// How many closed groups have not reached the backend yet.
    pub(crate) fn undelivered(&self) -> usize {
        let waiting = self.waiting.iter().filter(|waiting| waiting.block.node().lifecycle().is_closed());
        self.closed.iter().filter(|closed| closed.delivered.is_none()).count() + waiting.count()
    }

    /// When the next closed group is to be let go.
    pub(crate) fn next_leaving(&self, options: &ReporterOptions) -> Option<Duration> {
        self.closed.iter().map(|closed| closed.leaves(options).0).min()
    }
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

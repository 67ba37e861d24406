//! What a reporter knows of the registry: its own index of families, sets and groups.
//!
//! It is by set, not by series: a registration adds one entry to its set, and a family is a list of the sets that hold
//! it. Filtering and naming cost something once for each family, labels once for each group, a series nothing. All of
//! it is plain data of the reporter's thread.

mod book;
mod contest;

use std::collections::{BTreeMap, VecDeque};
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Duration;

use hashbrown::{HashMap, HashSet, HashTable};
use tracing::warn;

pub(crate) use book::Entry;
use book::Standing as SeriesStanding;
use contest::Contest;

use crate::GroupView;
use crate::block::Block;
use crate::core::Core;
use crate::family::{Family, FamilySet, Place};
use crate::node::Node;
use crate::reporter::{Naming, ReportMode, ReportNumber, Reporter, ReporterOptions};

/// The capacity that lists of what comes and goes keep when they are empty.
const SPARE: usize = 1_024;

/// The number of a group with metrics; see [`Node::slot`].
type Slot = u32;

pub(crate) struct Index {
    core: Arc<Core>,
    /// The reporter's name, for log lines.
    name: Arc<str>,
    naming: Naming,
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
    /// The first group of its identity, if others have it too.
    contest: Option<Slot>,
    standing: Standing,
    /// Whether any of its series is withheld because another group has its identity.
    withheld: bool,
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
    slot: Slot,
    since: Duration,
    /// The first report that had the final values.
    reported: Option<ReportNumber>,
    delivered: Option<Duration>,
}

impl Closed {
    /// When it leaves, at the latest, and whether it was read by then.
    fn leaves(&self, options: &ReporterOptions) -> (Duration, bool) {
        let unread = self.since.saturating_add(options.keep_undelivered);
        match self.delivered {
            Some(delivered) => (unread.min(delivered.saturating_add(options.keep_delivered)), true),
            None => (unread, false),
        }
    }
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
        let slot = block.node().slot();
        if let Some(group) = self.group(slot) {
            let prepared = Arc::clone(&group.prepared);
            if group.standing == Standing::Closed {
                // Registered just before the group closed: whoever has read the group has not read this.
                self.reopen(slot);
            }
            self.insert_entry(block, prepared);
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
        self.add_group(block.node(), Arc::clone(&prepared));
        self.insert_entry(block, prepared);
    }

    fn add_group(&mut self, node: &Arc<Node>, prepared: Arc<[u8]>) {
        let slot = node.slot();
        let standing = match node.lifecycle().closed_at() {
            Some(since) => {
                self.closed.push_back(Closed { slot, since, reported: None, delivered: None });
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
            Some(GroupEntry { node, prepared, contest: None, standing, withheld: false });
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
                    && (self.naming == Naming::Flat || Arc::ptr_eq(group.node.scope(), node.scope()))
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

    /// Whether the values of a group can no longer change.
    fn is_final(&self, slot: Slot, now: Duration, grace: Duration) -> bool {
        self.group(slot).is_some_and(|group| {
            group.standing != Standing::Open && group.node.lifecycle().is_final(now, grace)
        })
    }

    fn reopen(&mut self, slot: Slot) {
        if let Some(closed) = self.closed.iter_mut().find(|closed| closed.slot == slot) {
            (closed.reported, closed.delivered) = (None, None);
        }
    }

    fn insert_entry(&mut self, block: Arc<Block>, prepared: Arc<[u8]>) {
        let (slot, set, sequence) = (block.node().slot(), block.set.id, block.sequence());
        if let Some(holder) = self.group(slot).and_then(|group| group.contest) {
            self.enter_contest(holder, slot, (set, sequence));
        }
        let Some(index) = self.sets.get_mut(&set) else { return };
        if index.entries.len() == index.entries.capacity() {
            let length = index.entries.len() + 1;
            reserve(&mut index.entries, length);
        }
        let entry = Entry::new(block, prepared);
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
        for (number, member) in set.members.iter().enumerate() {
            let family = &member.family;
            let known = self.family_names.get(&family.id()).map(|named| named.name.clone());
            let name = known.unwrap_or_else(|| self.prepare_family(family, reporter));
            let Some(name) = name else { continue };
            wanted = true;
            let entry = self
                .families
                .entry((name, family.id()))
                .or_insert_with(|| FamilyEntry { family: Arc::clone(family), parts: Vec::new() });
            entry.parts.push(Part { set: set.id, member: number, place: member.place });
        }
        if wanted {
            self.sets.insert(set.id, SetIndex { set: Arc::clone(set), entries: Vec::new() });
        }
        wanted
    }

    fn family_name(&self, family: u64) -> Option<Arc<[u8]>> {
        self.family_names.get(&family)?.name.clone()
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
            self.names_shared += 1;
            let name = String::from_utf8_lossy(name);
            let first = format!("{}.{}", first.family.logical_scope(), first.family.name());
            warn!(reporter, scope, metric, first, %name, "two metrics have one name in this reporter; the later one is withheld");
        }
        if self.family_names.len() >= self.purge_names_at {
            // Names may be made at run time, those that nobody wants too.
            self.family_names.retain(|_, named| named.family.strong_count() > 0);
            self.purge_names_at = (2 * self.family_names.len()).max(SPARE);
        }
        let named = Named { name: name.clone(), family: Arc::downgrade(family) };
        self.family_names.insert(family.id(), named);
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
                found.push(Closed { slot: slot as Slot, since, reported: None, delivered: None });
            }
        }
        found.sort_by_key(|closed| closed.since);
        self.closed.extend(found);
    }

    /// The closed groups whose values can no longer change and are all shown, by themselves or as part of a series that
    /// goes on from them; to be asked before any value is read.
    pub(crate) fn final_groups(&self, now: Duration, grace: Duration) -> HashSet<Slot> {
        let unreported = self.closed.iter().filter(|closed| closed.reported.is_none());
        unreported
            .map(|closed| closed.slot)
            .filter(|slot| {
                self.is_final(*slot, now, grace) && self.group(*slot).is_some_and(|group| !group.withheld)
            })
            .collect()
    }

    /// Notes that a report with the final values of these groups succeeded.
    pub(crate) fn reported(
        &mut self,
        groups: &HashSet<Slot>,
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

    /// Lets go of the closed groups whose time is over.
    pub(crate) fn settle(&mut self, now: Duration, mode: ReportMode, options: &ReporterOptions) {
        // What leaves is final: who comes after it is to go on from it first.
        self.settle_contests(now, options.grace);
        let surplus = self.closed.len().saturating_sub(options.keep_groups);
        let Self { closed, groups, .. } = self;
        let mut position = 0;
        let mut leaving = false;
        closed.retain(|closed| {
            position += 1;
            let (leaves, read) = closed.leaves(options);
            let stays = now < leaves && position > surplus && !(read && mode == ReportMode::Push);
            if !stays && let Some(group) = &mut groups[closed.slot as usize] {
                group.standing = Standing::Leaving { read };
                leaving = true;
            }
            stays
        });
        if leaving {
            let unread = self.take_out_leaving();
            self.core.counts.dropped_unread_series(unread.series, unread.example.as_deref());
            self.forget_empty_sets();
        }
        self.core.leave_to_registrars(&mut self.let_go);
        // What a burst of closings took is given back when it is over.
        self.closed.shrink_to((2 * self.closed.len()).max(SPARE));
        self.let_go.shrink_to(SPARE);
    }

    /// Takes out the blocks of groups that leave. Returns what of them nobody has read.
    fn take_out_leaving(&mut self) -> Unread {
        let Self { sets, groups, .. } = self;
        let (mut unread, mut gone) = (Unread::default(), Vec::new());
        for index in sets.values_mut() {
            let leaves = |entry: &mut Entry| leaving(groups, entry.slot()).is_some();
            gone.extend(index.entries.extract_if(.., leaves));
        }
        for entry in gone {
            let read = leaving(&self.groups, entry.slot()) == Some(true);
            // Where it was read and nothing of it was withheld, as in most cases, there is nothing to count.
            if !read || entry.book.is_some() || self.names_shared > 0 {
                unread.add(&entry, self.unread_series(&entry, read));
            }
            self.let_go.push(entry.block);
        }
        let Self { groups, identities, .. } = self;
        identities.retain(|slot| leaving(groups, *slot).is_none());
        let mut contested: HashMap<Slot, HashSet<Slot>> = HashMap::new();
        for (slot, group) in (0..).zip(groups) {
            if let Some(gone) = group.take_if(|group| matches!(group.standing, Standing::Leaving { .. }))
                && let Some(holder) = gone.contest
            {
                contested.entry(holder).or_default().insert(slot);
            }
        }
        self.leave_contests(&contested);
        unread
    }

    /// How many series of a block were never shown, as it leaves.
    fn unread_series(&self, entry: &Entry, read: bool) -> usize {
        let unread = |(number, member): (usize, &crate::family::Member)| {
            let Some(name) = self.family_name(member.family.id()) else { return false };
            match entry.standing(number) {
                SeriesStanding::Continued => false,
                SeriesStanding::Withheld => true,
                SeriesStanding::Shown => !read || self.is_withheld_family(&name, member.family.id()),
            }
        };
        entry.block.set.members.iter().enumerate().filter(|member| unread(*member)).count()
    }

    /// Whether another family has the name and the right to it.
    fn is_withheld_family(&self, name: &Arc<[u8]>, family: u64) -> bool {
        let named =
            || self.families.range((Arc::clone(name), 0)..).take_while(|((other, _), _)| other == name);
        self.naming == Naming::Labeled
            && named().nth(1).is_some()
            && named().map(|((_, first), _)| *first).find(|first| self.has_series(*first, name))
                != Some(family)
    }

    fn has_series(&self, family: u64, name: &Arc<[u8]>) -> bool {
        let entry = self.families.get(&(Arc::clone(name), family));
        entry.is_some_and(|entry| entry.parts.iter().any(|part| !self.entries(part.set).is_empty()))
    }

    /// Counts what has not reached its backend when the reporter ends.
    pub(crate) fn drop_undelivered(&mut self) {
        for group in self.groups.iter_mut().flatten().filter(|group| group.withheld) {
            group.standing = Standing::Leaving { read: true };
        }
        for closed in self.closed.drain(..).filter(|closed| closed.delivered.is_none()) {
            if let Some(group) = &mut self.groups[closed.slot as usize] {
                group.standing = Standing::Leaving { read: false };
            }
        }
        // No log line: for a pull reporter it is the rule, and for the others their last report says what was wrong.
        let unread = self.take_out_leaving();
        self.core.counts.dropped_unread_quietly(unread.series);
    }

    /// Forgets sets without blocks and their families: they may be of names that were made at run time.
    fn forget_empty_sets(&mut self) {
        let Self { sets, families, family_names, clashing, .. } = self;
        for (id, gone) in sets.extract_if(|_, index| index.entries.is_empty()) {
            clashing.remove(&id);
            for member in &gone.set.members {
                let family = member.family.id();
                let name = family_names.get(&family).and_then(|named| named.name.clone());
                let Some(key) = name.map(|name| (name, family)) else { continue };
                if let Some(entry) = families.get_mut(&key) {
                    entry.parts.retain(|part| part.set != gone.set.id);
                    if entry.parts.is_empty() {
                        families.remove(&key);
                        family_names.remove(&family);
                    }
                }
            }
        }
        if self.families.is_empty() {
            self.names_shared = 0;
        }
    }

    /// How many closed groups have not reached the backend yet.
    pub(crate) fn undelivered(&self) -> usize {
        self.closed.iter().filter(|closed| closed.delivered.is_none()).count()
    }

    /// When the next closed group is to be let go.
    pub(crate) fn next_leaving(&self, options: &ReporterOptions) -> Option<Duration> {
        self.closed.iter().map(|closed| closed.leaves(options).0).min()
    }
}

/// Whether a group is leaving, and if so whether it was read.
fn leaving(groups: &[Option<GroupEntry>], slot: Slot) -> Option<bool> {
    match groups.get(slot as usize)?.as_ref()?.standing {
        Standing::Leaving { read } => Some(read),
        Standing::Open | Standing::Closed => None,
    }
}

/// Series that were never read, with a group that had some.
#[derive(Default)]
struct Unread {
    series: usize,
    example: Option<String>,
}

impl Unread {
    fn add(&mut self, entry: &Entry, series: usize) {
        if series > 0 {
            self.series += series;
            self.example.get_or_insert_with(|| entry.block.node().identifier());
        }
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

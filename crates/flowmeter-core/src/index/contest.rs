//! Groups that share an identity in the backend: which of their series are shown.
//!
//! Of all series of one identity one is shown: the first, until its group is closed and its value is final. Then the next
//! goes on from that value, as the same series to the backend, and the first is gone from sight. So a task that is
//! restarted keeps its counts, however fast it comes back. Two that were there at the same time clash: the later one is
//! withheld, and what it counts until it is shown is never sent, because both may have counted the same.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};
use tracing::warn;

use super::account::Account;
use super::book::{Before, Entry, Standing};
use super::{Index, SetIndex, Slot};
use crate::GroupView;
use crate::reporter::Clashes;

/// The groups of one identity, in the order in which they came.
#[derive(Default)]
pub(super) struct Contest {
    groups: Vec<Rival>,
    /// Something changed since it was settled.
    dirty: bool,
    /// Blocks left their groups since.
    left: bool,
    /// How many of the groups were final when it was settled.
    finals: usize,
}

struct Rival {
    slot: Slot,
    /// Set and sequence of each block.
    blocks: Vec<(u64, u64)>,
    /// Its blocks are in the index from before there was a contest, and still to be found.
    unlisted: bool,
}

/// Where a series is.
#[derive(Clone, Copy)]
struct Place {
    slot: Slot,
    set: u64,
    sequence: u64,
    member: usize,
}

/// The series that is shown of those of a name, so far.
#[derive(Clone, Copy)]
struct Holder {
    place: Place,
    /// When the last of it and those that it went on from was closed; nothing while one is open.
    closed_at: Option<Duration>,
}

/// What became of a series.
enum Outcome {
    Shown,
    Withheld,
    /// It is withheld until it has a value itself, although nothing else is in its way.
    Waits,
}

/// What a contest is settled by.
struct Settling<'a> {
    now: Duration,
    finals: &'a HashSet<Slot>,
    /// Who shows the series of each name.
    holders: HashMap<Arc<[u8]>, Holder>,
}

impl Index {
    /// Adds a group to those of its identity, of which `holder` came first.
    pub(super) fn join_contest(&mut self, holder: Slot, slot: Slot) {
        let contest = self.contests.entry(holder).or_insert_with(|| Contest {
            groups: vec![Rival { slot: holder, blocks: Vec::new(), unlisted: true }],
            ..Contest::default()
        });
        contest.groups.push(Rival { slot, blocks: Vec::new(), unlisted: false });
        for slot in [holder, slot] {
            if let Some(group) = self.group_mut(slot) {
                group.contest = Some(holder);
            }
        }
    }

    /// Makes a contest of one group, of which two metrics may have one name.
    pub(super) fn contest_within(&mut self, slot: Slot) {
        if let Some(group) = self.group_mut(slot).filter(|group| group.contest.is_none()) {
            group.contest = Some(slot);
            let groups = vec![Rival { slot, blocks: Vec::new(), unlisted: true }];
            self.contests.insert(slot, Contest { groups, dirty: true, ..Contest::default() });
        }
    }

    /// Notes a new block of a group that shares its identity.
    pub(super) fn enter_contest(&mut self, holder: Slot, slot: Slot, block: (u64, u64)) {
        let Some(contest) = self.contests.get_mut(&holder) else { return };
        contest.dirty = true;
        if let Some(rival) =
            contest.groups.iter_mut().rev().find(|rival| rival.slot == slot && !rival.unlisted)
        {
            rival.blocks.push(block);
        }
    }

    /// Notes that a block left a group that may share its identity.
    pub(super) fn leave_rival(&mut self, slot: Slot) {
        let holder = self.group(slot).and_then(|group| group.contest);
        if let Some(contest) = holder.and_then(|holder| self.contests.get_mut(&holder)) {
            (contest.dirty, contest.left) = (true, true);
        }
    }

    /// Decides anew which series are shown wherever something changed. Before values are read.
    pub(crate) fn settle_contests(&mut self, now: Duration, grace: Duration) {
        if self.contests.is_empty() {
            return;
        }
        self.list_blocks();
        let mut contests = std::mem::take(&mut self.contests);
        for contest in contests.values_mut() {
            let is_final = |rival: &Rival| self.is_final(rival.slot, now, grace);
            let finals: HashSet<Slot> =
                contest.groups.iter().filter(|rival| is_final(rival)).map(|rival| rival.slot).collect();
            if std::mem::take(&mut contest.left) {
                let sets = &mut self.sets;
                for Rival { slot, blocks, .. } in &mut contest.groups {
                    blocks.retain(|(set, sequence)| {
                        position(sets, *set, *sequence)
                            .is_none_or(|(index, position)| index.entries[position].slot() == *slot)
                    });
                }
            }
            if contest.dirty || finals.len() != contest.finals {
                contest.dirty = self.settle_contest(contest, &finals, now);
                contest.finals = finals.len();
            }
        }
        self.contests = contests;
        if std::mem::take(&mut self.taken_over) {
            self.let_continued_go();
        }
    }

    /// Finds the blocks of groups that have rivals since now, all of them in one pass.
    fn list_blocks(&mut self) {
        let rivals = self.contests.values_mut().flat_map(|contest| &mut contest.groups);
        let mut unlisted: HashMap<Slot, &mut Rival> =
            rivals.filter(|rival| rival.unlisted).map(|rival| (rival.slot, rival)).collect();
        if unlisted.is_empty() {
            return;
        }
        for (set, index) in &self.sets {
            for entry in &index.entries {
                if let Some(rival) = unlisted.get_mut(&entry.slot()) {
                    rival.blocks.push((*set, entry.block.sequence()));
                }
            }
        }
        for rival in unlisted.into_values() {
            rival.unlisted = false;
            rival.blocks.sort_unstable_by_key(|(_, sequence)| *sequence);
        }
    }

    /// Returns whether a series waits for its own first value, so that it is to be settled again.
    fn settle_contest(&mut self, contest: &Contest, finals: &HashSet<Slot>, now: Duration) -> bool {
        let mut settling = Settling { now, finals, holders: HashMap::new() };
        let sets = &mut self.sets;
        let blocks = contest
            .groups
            .iter()
            .flat_map(|rival| rival.blocks.iter().map(|(set, sequence)| (*sequence, *set, rival.slot)));
        // In the order of registration of the series, not of their groups: what is shown stays so.
        let ordered = blocks.map(|(sequence, set, slot)| {
            let entry = position(sets, set, sequence).map(|(index, position)| &index.entries[position]);
            (entry.map_or((None, sequence), Entry::order), set, slot)
        });
        let mut blocks: Vec<_> = ordered.collect();
        blocks.sort_unstable();
        let (mut withheld, mut waits) = (HashSet::new(), false);
        for ((_, sequence), set, slot) in blocks {
            let members = self.sets.get(&set).map_or(0, |index| index.set.members.len());
            for member in 0..members {
                let place = Place { slot, set, sequence, member };
                match self.settle_series(place, &mut settling) {
                    Outcome::Shown => {}
                    Outcome::Withheld => drop(withheld.insert(slot)),
                    Outcome::Waits => {
                        withheld.insert(slot);
                        waits = true;
                    }
                }
            }
        }
        for rival in &contest.groups {
            if let Some(group) = self.group_mut(rival.slot) {
                group.withheld = withheld.contains(&rival.slot);
            }
        }
        waits
    }

    /// Decides whether a series is shown.
    fn settle_series(&mut self, place: Place, settling: &mut Settling<'_>) -> Outcome {
        let Some(entry) = self.entry_mut(place.set, place.sequence) else { return Outcome::Shown };
        let standing = entry.standing(place.member);
        if standing == Standing::Continued {
            return Outcome::Shown;
        }
        let (family, start) = (entry.block.set.members[place.member].family.id(), entry.block.start());
        let Some(name) = self.family_name(family) else { return Outcome::Shown };
        let holder = settling.holders.get(&name).copied();
        if let Some(holder) = holder.filter(|holder| self.is_clash(place, start, holder)) {
            self.note_clash(place, holder.place);
        }
        // Two of one group are never one after the other.
        let goes_on = |Holder { place: Place { slot, .. }, .. }: &Holder| {
            *slot != place.slot && settling.finals.contains(slot) && self.may_follow(*slot, start)
        };
        let (before, rival) = (holder.filter(goes_on), holder.filter(|holder| !goes_on(holder)));
        let is_new = before.is_some() || standing == Standing::Withheld;
        let Some(entry) = self.entry_mut(place.set, place.sequence) else { return Outcome::Shown };
        // What a series that clashed has counted so far is not to be shown, which takes knowing it.
        let waits = is_new && entry.has_clashed(place.member) && entry.has_no_value_yet(place.member);
        let outcome = match rival {
            Some(_) if self.traits.clashes == Clashes::Withheld => Outcome::Withheld,
            _ if waits => Outcome::Waits,
            _ => Outcome::Shown,
        };
        let mut closed_at = self.closed_at(place.slot);
        if matches!(outcome, Outcome::Shown) {
            if let Some(Holder { place: holder, closed_at: others }) = before {
                let before = self.take_over(holder, place);
                closed_at =
                    closed_at.map(|closed_at| others.map_or(closed_at, |others| others.max(closed_at)));
                if let Some(entry) = self.entry_mut(place.set, place.sequence) {
                    entry.go_on_from(place.member, before, settling.now);
                }
            } else if standing == Standing::Withheld
                && let Some(entry) = self.entry_mut(place.set, place.sequence)
            {
                entry.show(place.member, settling.now);
            }
        } else if let Some(entry) = self.entry_mut(place.set, place.sequence) {
            entry.withhold(place.member);
        }
        if !matches!(outcome, Outcome::Withheld) {
            settling.holders.insert(name, Holder { place, closed_at });
        }
        outcome
    }

    /// Whether a series that began at a time was there together with the one that is shown, or one that this goes on from.
    /// Where clashing series are all reported, those clash that are open.
    fn is_clash(&self, place: Place, start: Duration, holder: &Holder) -> bool {
        let after = |closed_at| self.traits.clashes == Clashes::Sent || start >= closed_at;
        place.slot == holder.place.slot || !holder.closed_at.is_some_and(after)
    }

    fn closed_at(&self, slot: Slot) -> Option<Duration> {
        self.group(slot).and_then(|group| group.node.lifecycle().closed_at())
    }

    /// Whether what began at a time can be the same series as those of a closed group. Where clashing series are all reported,
    /// one that was there before the group closed is another.
    fn may_follow(&self, closed: Slot, start: Duration) -> bool {
        self.traits.clashes == Clashes::Withheld
            || self.closed_at(closed).is_some_and(|closed_at| start >= closed_at)
    }

    /// Takes a series out of sight and gives its final value to the one that goes on from it.
    fn take_over(&mut self, holder: Place, successor: Place) -> Before {
        let mut before = Before::default();
        let set_of = |index: &Self, place: Place| index.sets.get(&place.set).map(|set| Arc::clone(&set.set));
        let (Some(set), Some(next)) = (set_of(self, holder), set_of(self, successor)) else { return before };
        let (member, next) = (&set.members[holder.member], &next.members[successor.member]);
        let clashed = self
            .entry_mut(successor.set, successor.sequence)
            .is_some_and(|entry| entry.has_clashed(successor.member));
        let Some(entry) = self.entry_mut(holder.set, holder.sequence) else { return before };
        // Of another kind it is another series, which has the name by chance.
        if member.family.goes_on_as(&next.family) {
            before.history = Some(entry.history_for(holder.member, next.storage, clashed));
            before.account = entry.account(holder.member).map(|account| {
                let taken = Account::default();
                taken.take_over(account);
                taken
            });
        }
        if let Some(page) = entry.page_mut(holder.member) {
            page.standing = Standing::Continued;
        }
        self.taken_over = true;
        before
    }

    /// Counts a series that clashes, where that means that something is withheld, and says so once for each set.
    fn note_clash(&mut self, place: Place, holder: Place) {
        let Some(holder) = self.group(holder.slot).map(|group| Arc::clone(&group.node)) else { return };
        let clashes = self.traits.clashes;
        let Some(entry) = self.entry_mut(place.set, place.sequence) else { return };
        let block = Arc::clone(&entry.block);
        let message = match clashes {
            Clashes::Withheld => {
                match entry.page_mut(place.member) {
                    Some(page) if !page.clash_noted => page.clash_noted = true,
                    _ => return,
                }
                self.core.counts.clash();
                "two metrics have one identity in this reporter; the later one is withheld until the group of the first \
                 closes, and what it counts until then is not sent"
            }
            Clashes::Sent => "two metrics have one identity in this reporter, which sends both",
        };
        if self.clashing.insert(block.set.id) {
            warn!(
                reporter = &**self.control.name(),
                metric = block.set.members[place.member].family.name(),
                later = ?GroupView::new(block.node()),
                first = ?GroupView::new(&holder),
                "{message}"
            );
        }
    }

    /// Lets the blocks go of which all series are gone from sight.
    fn let_continued_go(&mut self) {
        let Self { sets, let_go, family_names, contests, series, .. } = self;
        let wanted = |family: u64| family_names.get(&family).is_some_and(|named| named.name.is_some());
        for index in sets.values_mut() {
            let SetIndex { set, entries } = index;
            let gone = |entry: &mut Entry| {
                entry.book.is_some()
                    && set.members.iter().enumerate().all(|(number, member)| {
                        entry.standing(number) == Standing::Continued || !wanted(member.family.id())
                    })
            };
            let before = entries.len();
            let_go.extend(entries.extract_if(.., gone).map(|entry| entry.block));
            *series -= (before - entries.len()) * set.members.len();
        }
        for rival in contests.values_mut().flat_map(|contest| &mut contest.groups) {
            rival.blocks.retain(|(set, sequence)| position(sets, *set, *sequence).is_some());
        }
    }

    /// Takes groups that leave the index out of their contests. The others of their identity stay.
    pub(super) fn leave_contests(&mut self, leaving: &HashMap<Slot, HashSet<Slot>>) {
        for (holder, slots) in leaving {
            let Some(mut contest) = self.contests.remove(holder) else { continue };
            contest.groups.retain(|rival| !slots.contains(&rival.slot));
            contest.dirty = true;
            match &*contest.groups {
                [] => {}
                [alone] if !self.group(alone.slot).is_some_and(|group| group.withheld) => {
                    let alone = alone.slot;
                    if let Some(group) = self.group_mut(alone) {
                        group.contest = None;
                    }
                    self.rename_identity(*holder, alone);
                }
                [first, ..] => {
                    let first = first.slot;
                    for slot in contest.groups.iter().map(|rival| rival.slot).collect::<Vec<_>>() {
                        if let Some(group) = self.group_mut(slot) {
                            group.contest = Some(first);
                        }
                    }
                    self.rename_identity(*holder, first);
                    self.contests.insert(first, contest);
                }
            }
        }
    }

    pub(super) fn entry_mut(&mut self, set: u64, sequence: u64) -> Option<&mut Entry> {
        position(&mut self.sets, set, sequence).map(|(index, position)| &mut index.entries[position])
    }
}

fn position(sets: &mut HashMap<u64, SetIndex>, set: u64, sequence: u64) -> Option<(&mut SetIndex, usize)> {
    let index = sets.get_mut(&set)?;
    let position = index.entries.binary_search_by_key(&sequence, |entry| entry.block.sequence()).ok()?;
    Some((index, position))
}

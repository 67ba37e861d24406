//! The end of groups: noted, reported once more, delivered, let go, and what was never read is counted.

use std::sync::Arc;
use std::time::Duration;

use hashbrown::{HashMap, HashSet};

use super::book::{Entry, Standing as SeriesStanding};
use super::{GroupEntry, Index, SPARE, Slot, Standing, is_gone};
use crate::ReporterOptions;
use crate::core::Removal;
use crate::reporter::{ReportMode, ReportNumber};

/// A group that closed.
pub(super) struct Closed {
    slot: Slot,
    since: Duration,
    /// The first report that had the final values.
    reported: Option<ReportNumber>,
    delivered: Option<Duration>,
}

impl Closed {
    pub(super) fn new(slot: Slot, since: Duration) -> Self {
        Self { slot, since, reported: None, delivered: None }
    }

    pub(super) fn slot(&self) -> Slot {
        self.slot
    }

    pub(super) fn since(&self) -> Duration {
        self.since
    }

    /// Whether its final values have reached the backend.
    pub(super) fn is_delivered(&self) -> bool {
        self.delivered.is_some()
    }

    /// Takes over that its final values have reached the backend. What was only asked for, and may have come to nobody, the next
    /// reporter says again.
    pub(super) fn adopt(&mut self, former: &Self) {
        if former.is_delivered() {
            (self.reported, self.delivered) = (former.reported, former.delivered);
        }
    }

    /// When it leaves, at the latest, and whether it was read by then.
    fn leaves(&self, options: &ReporterOptions) -> (Duration, bool) {
        match self.delivered {
            // Others who ask have that time from then on, however late the first one was.
            Some(delivered) => (delivered.saturating_add(options.keep_delivered), true),
            None => (self.since.saturating_add(options.keep_undelivered), false),
        }
    }
}

impl Index {
    /// Whether the values of a group can no longer change.
    pub(super) fn is_final(&self, slot: Slot, now: Duration, grace: Duration) -> bool {
        self.group(slot).is_some_and(|group| {
            group.standing != Standing::Open && group.node.lifecycle().is_final(now, grace)
        })
    }

    pub(super) fn reopen(&mut self, slot: Slot) {
        if let Some(closed) = self.closed.iter_mut().find(|closed| closed.slot == slot) {
            (closed.reported, closed.delivered) = (None, None);
        }
        if let Some(group) = self.group_mut(slot) {
            group.reported = false;
        }
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
                found.push(Closed::new(slot as Slot, since));
            }
        }
        found.sort_by_key(|closed| closed.since);
        self.closed.extend(found);
        // Nobody will see them again.
        self.let_go
            .extend(self.absent.extract_if(|_, (block, _)| is_gone(block)).map(|(_, (block, _))| block));
    }

    /// Takes the block of a removed series out of its group, and into one that is closed and otherwise the same.
    pub(crate) fn remove_series(&mut self, Removal { block, node }: &Removal) {
        let (set, sequence) = (block.set.id, block.sequence());
        let Some(entry) = self.entry_mut(set, sequence) else {
            // It may be one that waits for room.
            self.refused_closings = None;
            self.let_go.extend(self.absent.remove(&sequence).map(|(block, _)| block));
            return;
        };
        let (from, prepared) = (entry.slot(), Arc::clone(&entry.prepared));
        entry.move_to(node.slot());
        self.leave_rival(from);
        self.add_group(node, prepared);
        if let Some(holder) = self.group(node.slot()).and_then(|group| group.contest) {
            self.enter_contest(holder, node.slot(), (set, sequence));
        }
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
        let Self { closed, groups: all, .. } = self;
        for closed in closed.iter_mut().filter(|closed| groups.contains(&closed.slot)) {
            if let Some(group) = &mut all[closed.slot as usize] {
                group.reported = true;
            }
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
            self.has_room = true;
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
        let Self { sets, groups, series, .. } = self;
        let (mut unread, mut gone) = (Unread::default(), Vec::new());
        for index in sets.values_mut() {
            let leaves = |entry: &mut Entry| leaving(groups, entry.slot()).is_some();
            let before = gone.len();
            gone.extend(index.entries.extract_if(.., leaves));
            *series -= (gone.len() - before) * index.set.members.len();
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

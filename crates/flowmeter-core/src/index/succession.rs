//! How an index takes the place of another one of the same reporter, which has other options or is another kind of reporter.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use super::book::Standing;
use super::{Index, Slot};
use crate::block::Block;
use crate::core::Removal;
use crate::reporter::Reporter;

impl Index {
    /// Takes in what another index had, and the `present` blocks of open groups, of which it may have wanted only some. What the
    /// backend has of each series, what it goes on from, and which final values are delivered stays as it was.
    pub(crate) fn succeed(
        &mut self,
        former: Self,
        present: Vec<Arc<Block>>,
        reporter: &dyn Reporter,
        now: Duration,
    ) {
        let Self { sets, groups, closed, late, absent, .. } = former;
        self.absent = absent;
        let by_sequence = |block: Arc<Block>| (block.sequence(), block);
        let mut blocks: BTreeMap<_, _> = present.into_iter().map(by_sequence).collect();
        let (mut places, mut removals) = (Vec::new(), Vec::new());
        for (set, entry) in
            sets.into_iter().flat_map(|(set, index)| index.entries.into_iter().map(move |entry| (set, entry)))
        {
            let (slot, block) = (entry.slot(), entry.block);
            if slot != block.node().slot()
                && let Some(Some(group)) = groups.get(slot as usize)
            {
                removals.push(Removal { block: Arc::clone(&block), node: Arc::clone(&group.node) });
            }
            places.push((set, block.sequence()));
            if let Some(book) = entry.book {
                self.absent.insert(block.sequence(), (Arc::clone(&block), book));
            }
            blocks.insert(block.sequence(), block);
        }
        // What is known of them comes with them, and stays here of those that are not wanted, or have no room.
        self.admit_all(blocks.into_values(), reporter);
        for removal in &removals {
            self.remove_series(removal);
        }
        // Not before: which came late is known of all of them.
        self.late = late;
        self.show_without_rivals(&places, now);
        let delivered: HashMap<Slot, _> = closed.into_iter().map(|closed| (closed.slot(), closed)).collect();
        for closed in &mut self.closed {
            if let Some(former) = delivered.get(&closed.slot()) {
                closed.adopt(former);
                if let Some(Some(group)) = self.groups.get_mut(closed.slot() as usize) {
                    group.reported = closed.is_delivered();
                }
            }
        }
        self.closed.make_contiguous().sort_by_key(super::Closed::since);
    }

    /// Shows series that were withheld because of others, where names tell them apart by now.
    fn show_without_rivals(&mut self, places: &[(u64, u64)], now: Duration) {
        for (set, sequence) in places {
            let Some(slot) = self.entry_mut(*set, *sequence).map(|entry| entry.slot()) else { continue };
            if self.group(slot).is_none_or(|group| group.contest.is_some()) {
                continue;
            }
            let Some(entry) = self.entry_mut(*set, *sequence) else { continue };
            for member in 0..entry.block.set.members.len() {
                if entry.standing(member) == Standing::Withheld {
                    entry.show(member, now);
                }
            }
        }
    }
}

//! What is registered in a group: its blocks, found by name, and the words that metrics registered one by one share.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::block::Block;
use crate::cell::{SharedLine, Words};
use crate::family::{FamilySet, Member};

/// How many blocks are looked through for a name before there is an index of them.
const SEARCHABLE: usize = 32;

#[derive(Default)]
pub(super) struct Registered {
    blocks: Blocks,
    /// The union of the masks of all blocks there were: a set that shares no bit with it shares no family with any of them.
    mask: u64,
    /// Block by name, once there are too many blocks to look through.
    by_name: Option<Box<HashMap<u64, u32>>>,
    /// The line from which the next metric that is registered alone takes its word, and the words taken.
    line: Option<(Arc<SharedLine>, u32)>,
}

impl Registered {
    pub(super) fn blocks(&self) -> &[Arc<Block>] {
        self.blocks.as_slice()
    }

    /// A block that has a name of the set, and its member for it.
    pub(super) fn holder_of_any(&self, set: &FamilySet) -> Option<(&Arc<Block>, &Member)> {
        if self.mask & set.mask == 0 {
            return None;
        }
        let blocks = self.blocks.as_slice();
        match &self.by_name {
            None => blocks.iter().find_map(|block| Some((block, block.set.shared_member(set)?))),
            Some(by_name) => {
                let known = set.members.iter().find_map(|member| by_name.get(&member.family.name_id()))?;
                let block = &blocks[*known as usize];
                Some((block, block.set.shared_member(set)?))
            }
        }
    }

    pub(super) fn push(&mut self, block: Arc<Block>) {
        self.mask |= block.set.mask;
        let blocks = self.blocks.as_slice();
        if self.by_name.is_none() && blocks.len() >= SEARCHABLE {
            let names = (0..).zip(blocks).flat_map(|(index, block)| block.names(index));
            self.by_name = Some(Box::new(names.collect()));
        }
        if let Some(by_name) = &mut self.by_name {
            by_name.extend(block.names(blocks.len() as u32));
        }
        self.blocks.push(block);
    }

    /// The block that has a metric of the name of this number.
    pub(super) fn position_of(&self, id: u64) -> Option<usize> {
        match &self.by_name {
            Some(by_name) => by_name.get(&id).map(|position| *position as usize),
            None => self.blocks.as_slice().iter().position(|block| block.set.has_name(id)),
        }
    }

    /// Takes a block out of its position.
    pub(super) fn remove(&mut self, position: usize) -> Option<Arc<Block>> {
        let (block, moved) = self.blocks.swap_remove(position)?;
        if let Some(by_name) = &mut self.by_name {
            for (name, _) in block.names(0) {
                by_name.remove(&name);
            }
            by_name.extend(moved.iter().flat_map(|moved| moved.names(position as u32)));
        }
        Some(block)
    }

    /// A word for a metric that is registered alone.
    pub(super) fn take_word(&mut self) -> Words {
        let (line, taken) = self.line.get_or_insert_with(|| (SharedLine::new(), 0));
        let words = Words::Shared(Arc::clone(line), *taken);
        *taken += 1;
        if *taken as usize == SharedLine::WORDS {
            self.line = None;
        }
        words
    }
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
            Self::One(first) => Self::Many(Vec::from([first, block])),
            Self::Many(mut blocks) => {
                if blocks.len() == blocks.capacity() {
                    // Doubling would leave half of it empty in most groups, for they have some dozens of metrics at most.
                    blocks.reserve_exact((blocks.len() / 4).max(4));
                }
                blocks.push(block);
                Self::Many(blocks)
            }
        };
    }

    /// Takes a block out, and returns it with the one that is in its place now.
    fn swap_remove(&mut self, position: usize) -> Option<(Arc<Block>, Option<Arc<Block>>)> {
        match self {
            Self::Many(blocks) if position < blocks.len() => {
                let removed = blocks.swap_remove(position);
                Some((removed, blocks.get(position).cloned()))
            }
            Self::One(_) if position == 0 => match std::mem::take(self) {
                Self::One(block) => Some((block, None)),
                _ => None,
            },
            _ => None,
        }
    }

    fn as_slice(&self) -> &[Arc<Block>] {
        match self {
            Self::None => &[],
            Self::One(block) => std::slice::from_ref(block),
            Self::Many(blocks) => blocks,
        }
    }
}

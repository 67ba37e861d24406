//! Where what a worker has told of is found again.

use std::collections::{HashMap, VecDeque};

use super::{Channel, Operator};

pub(super) enum Thing {
    Operator(Box<Operator>),
    Channel(Channel),
}

/// Operators and channels by their ids, which a worker counts up from one counter. In pages, because a dataflow that
/// stays keeps low ids in use while others come and go.
#[derive(Default)]
pub(super) struct Identified {
    pub(super) first_page: usize,
    pub(super) pages: VecDeque<Option<Box<Page>>>,
    /// The ids of each dataflow.
    pub(super) members: HashMap<usize, Vec<usize>>,
}

const PAGE: usize = 64;

pub(super) struct Page {
    things: [Option<Thing>; PAGE],
    used: usize,
}

impl Thing {
    fn dataflow(&self) -> Option<usize> {
        let address = match self {
            Self::Operator(operator) => &operator.address,
            Self::Channel(channel) => &channel.scope,
        };
        address.first().copied()
    }
}

impl Identified {
    #[inline]
    fn get(&self, id: usize) -> Option<&Thing> {
        let page = self.pages.get((id / PAGE).wrapping_sub(self.first_page))?.as_ref()?;
        page.things[id % PAGE].as_ref()
    }

    #[inline]
    pub(super) fn operator(&self, id: usize) -> Option<&Operator> {
        match self.get(id) {
            Some(Thing::Operator(operator)) => Some(operator),
            _ => None,
        }
    }

    pub(super) fn operator_mut(&mut self, id: usize) -> Option<&mut Operator> {
        let page = self.pages.get_mut((id / PAGE).wrapping_sub(self.first_page))?.as_mut()?;
        match &mut page.things[id % PAGE] {
            Some(Thing::Operator(operator)) => Some(operator),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn channel(&self, id: usize) -> Option<&Channel> {
        match self.get(id) {
            Some(Thing::Channel(channel)) => Some(channel),
            _ => None,
        }
    }

    pub(super) fn channel_mut(&mut self, id: usize) -> Option<&mut Channel> {
        let page = self.pages.get_mut((id / PAGE).wrapping_sub(self.first_page))?.as_mut()?;
        match &mut page.things[id % PAGE] {
            Some(Thing::Channel(channel)) => Some(channel),
            _ => None,
        }
    }

    pub(super) fn insert(&mut self, id: usize, thing: Thing) {
        let number = id / PAGE;
        if self.pages.is_empty() {
            self.first_page = number;
        }
        // Ids come out of order within a dataflow.
        while number < self.first_page {
            self.pages.push_front(None);
            self.first_page -= 1;
        }
        let position = number - self.first_page;
        if position >= self.pages.len() {
            self.pages.resize_with(position + 1, || None);
        }
        if let Some(dataflow) = thing.dataflow() {
            self.members.entry(dataflow).or_default().push(id);
        }
        let page = self.pages[position]
            .get_or_insert_with(|| Box::new(Page { things: [const { None }; PAGE], used: 0 }));
        page.used += usize::from(page.things[id % PAGE].replace(thing).is_none());
    }

    pub(super) fn remove(&mut self, id: usize) {
        let position = (id / PAGE).wrapping_sub(self.first_page);
        let Some(place) = self.pages.get_mut(position) else { return };
        let Some(page) = place else { return };
        page.used -= usize::from(page.things[id % PAGE].take().is_some());
        if page.used == 0 {
            *place = None;
        }
        while let Some(None) = self.pages.front() {
            self.pages.pop_front();
            self.first_page += 1;
        }
        while let Some(None) = self.pages.back() {
            self.pages.pop_back();
        }
    }

    pub(super) fn remove_dataflow(&mut self, dataflow: usize) {
        for id in self.members.remove(&dataflow).unwrap_or_default() {
            // Ids are not used again, so what is there is of this dataflow.
            self.remove(id);
        }
    }
}

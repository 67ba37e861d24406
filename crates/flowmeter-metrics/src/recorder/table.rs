//! The series of one kind, found by key.

use std::array;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use hashbrown::HashTable;
use metrics::Key;

use super::series::{Series, is_idle};

const SHARDS: usize = 16;

/// The series of one kind. Its locks are held to look up or to change a table, and for nothing else.
pub(super) struct Table<H> {
    shards: [RwLock<HashTable<Entry<H>>>; SHARDS],
}

struct Entry<H> {
    key: Key,
    series: Arc<Series<H>>,
}

impl<H> Table<H> {
    pub(super) fn new() -> Self {
        Self { shards: array::from_fn(|_| RwLock::default()) }
    }

    /// The series of a key, for somebody who asks for it.
    #[inline]
    pub(super) fn get(&self, key: &Key) -> Option<Arc<Series<H>>> {
        let shard = self.shard(key).read().unwrap_or_else(PoisonError::into_inner);
        let entry = shard.find(key.get_hash(), |entry| entry.key == *key)?;
        entry.series.usage.touch();
        Some(Arc::clone(&entry.series))
    }

    /// Adds a key of a series. It must not be there.
    pub(super) fn insert(&self, key: Key, series: &Arc<Series<H>>) {
        series.usage.add_key();
        let (hash, entry) = (key.get_hash(), Entry { series: Arc::clone(series), key });
        let mut shard = self.shard(&entry.key).write().unwrap_or_else(PoisonError::into_inner);
        shard.insert_unique(hash, entry, |entry| entry.key.get_hash());
    }

    /// Takes out all series that are idle, and says how many keys they had.
    pub(super) fn take_idle(&self, now: Duration, timeout: Duration) -> (Vec<Arc<Series<H>>>, usize) {
        // All at once: nobody can get a series by one key while another of its keys is looked at.
        let mut shards: Vec<_> =
            self.shards.iter().map(|shard| shard.write().unwrap_or_else(PoisonError::into_inner)).collect();
        let is_idle = |entry: &mut Entry<H>| is_idle(&entry.series, now, timeout);
        let taken = shards.iter_mut().flat_map(|shard| shard.extract_if(is_idle));
        let mut entries: Vec<_> = taken.map(|entry| entry.series).collect();
        let keys = entries.len();
        entries.sort_by_key(Arc::as_ptr);
        entries.dedup_by(|next, kept| Arc::ptr_eq(next, kept));
        (entries, keys)
    }

    /// The series of a name.
    pub(super) fn named(&self, name: &str) -> Vec<Arc<Series<H>>> {
        let of_shard = |shard: &RwLock<HashTable<Entry<H>>>| {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            let named = shard.iter().filter(|entry| entry.key.name() == name);
            named.map(|entry| Arc::clone(&entry.series)).collect::<Vec<_>>()
        };
        self.shards.iter().flat_map(of_shard).collect()
    }

    #[inline]
    fn shard(&self, key: &Key) -> &RwLock<HashTable<Entry<H>>> {
        // From the middle: the tables themselves use the bits at both ends.
        &self.shards[(key.get_hash() >> 32) as usize % SHARDS]
    }
}

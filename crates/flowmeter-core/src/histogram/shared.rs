//! The memory of one histogram that several threads write.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::cells::HistogramCells;
use super::{HistogramOptions, HistogramSnapshot};
use crate::ValueType;
use crate::shards::{shard_count, thread_index};

/// The cells of a series that any number of threads record: some histograms, made when a thread first comes to one.
pub(crate) struct SharedHistogramCells {
    value_type: ValueType,
    options: HistogramOptions,
    shards: Box<[OnceLock<Box<HistogramCells>>]>,
    writers: Mutex<Writers>,
}

/// The cells of writers that have cells of their own. Locked when one comes or goes, and to read; never to record.
#[derive(Default)]
struct Writers {
    all: Vec<Arc<HistogramCells>>,
    /// Those of writers that are gone. They keep what was recorded, and the next writer goes on in them.
    idle: Vec<Arc<HistogramCells>>,
}

impl SharedHistogramCells {
    pub(crate) fn new(value_type: ValueType, options: HistogramOptions) -> Self {
        Self {
            value_type,
            options,
            shards: (0..shard_count()).map(|_| OnceLock::new()).collect(),
            writers: Mutex::default(),
        }
    }

    /// The cells for this thread to record in, as one of [`Many`](super::Many).
    #[inline]
    pub(crate) fn of_this_thread(&self) -> &HistogramCells {
        // The length is a power of two.
        let shard = &self.shards[thread_index() & (self.shards.len() - 1)];
        match shard.get() {
            Some(cells) => cells,
            None => self.make(shard),
        }
    }

    #[cold]
    fn make<'a>(&self, shard: &'a OnceLock<Box<HistogramCells>>) -> &'a HistogramCells {
        shard.get_or_init(|| Box::new(HistogramCells::new(self.value_type, self.options)))
    }

    /// Cells for a writer that is alone in them, to be given back with [`end_writer`](Self::end_writer).
    pub(crate) fn new_writer(&self) -> Arc<HistogramCells> {
        let mut writers = self.writers();
        let Some(cells) = writers.idle.pop() else {
            let cells = Arc::new(HistogramCells::new(self.value_type, self.options));
            writers.all.push(Arc::clone(&cells));
            return cells;
        };
        cells
    }

    pub(crate) fn end_writer(&self, cells: Arc<HistogramCells>) {
        self.writers().idle.push(cells);
    }

    #[cfg(test)]
    pub(super) fn writer_cells(&self) -> usize {
        self.writers().all.len()
    }

    fn writers(&self) -> MutexGuard<'_, Writers> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies what all threads recorded so far into `snapshot`.
    pub(crate) fn read_into(&self, snapshot: &mut HistogramSnapshot) {
        let writers = self.writers().all.clone();
        let shards = self.shards.iter().filter_map(OnceLock::get).map(|cells| &**cells);
        let mut used = shards.chain(writers.iter().map(|cells| &**cells));
        match used.next() {
            Some(first) => first.read_finest_into(snapshot),
            None => HistogramCells::new(self.value_type, self.options).read_finest_into(snapshot),
        }
        let mut other = HistogramSnapshot::default();
        for cells in used {
            cells.read_finest_into(&mut other);
            snapshot.merge(&other);
        }
        snapshot.limit(self.options);
    }
}

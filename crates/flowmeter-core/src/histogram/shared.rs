//! The memory of one histogram that several threads write.

use std::sync::{Arc, PoisonError};

use super::cells::HistogramCells;
use super::{HistogramLayout, HistogramSnapshot};
use crate::shards::{shard_count, thread_index};
use crate::sync::{Mutex, MutexGuard, OnceLock};

/// The cells of a series that any number of threads record: some histograms, made when a thread first comes to one.
pub(crate) struct SharedHistogramCells {
    layout: HistogramLayout,
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
    pub(crate) fn new(layout: HistogramLayout) -> Self {
        Self {
            layout,
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
        shard.get_or_init(|| Box::new(HistogramCells::new(self.layout)))
    }

    /// Cells for a writer that is alone in them, to be given back with [`end_writer`](Self::end_writer).
    pub(crate) fn new_writer(&self) -> Arc<HistogramCells> {
        let mut writers = self.writers();
        let Some(cells) = writers.idle.pop() else {
            let cells = Arc::new(HistogramCells::new(self.layout));
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

    pub(crate) fn layout(&self) -> HistogramLayout {
        self.layout
    }

    /// Copies what all threads recorded so far into `snapshot`.
    pub(crate) fn read_into(&self, snapshot: &mut HistogramSnapshot) {
        let scale = self.layout.options.scale();
        self.read_each_into(|cells, snapshot| cells.read_scaled_into(scale, snapshot), snapshot);
        snapshot.limit(self.layout.options);
    }

    /// Copies what classic buckets need of it; see [`HistogramCells::read_classic_into`].
    pub(crate) fn read_classic_into(&self, snapshot: &mut HistogramSnapshot) {
        self.read_each_into(HistogramCells::read_classic_into, snapshot);
    }

    fn read_each_into(
        &self,
        read: impl Fn(&HistogramCells, &mut HistogramSnapshot),
        snapshot: &mut HistogramSnapshot,
    ) {
        let writers = self.writers().all.clone();
        let shards = self.shards.iter().filter_map(OnceLock::get).map(|cells| &**cells);
        let mut used = shards.chain(writers.iter().map(|cells| &**cells));
        match used.next() {
            Some(first) => read(first, snapshot),
            None => read(&HistogramCells::new(self.layout), snapshot),
        }
        let mut other = HistogramSnapshot::default();
        for cells in used {
            read(cells, &mut other);
            snapshot.merge(&other);
        }
    }
}

#[cfg(all(test, loom))]
mod models {
    use loom::thread;

    use super::super::{Many, One};
    use super::*;
    use crate::{HistogramOptions, Number, ValueType};

    /// Runs two threads that each record a zero, the value that takes the fewest steps, and reads their cells in the end.
    fn assert_two_threads_lose_nothing(record: fn(&SharedHistogramCells)) {
        loom::model(move || {
            let layout = HistogramLayout {
                value_type: ValueType::U64,
                options: HistogramOptions::DEFAULT,
                second_part: None,
            };
            let cells = Arc::new(SharedHistogramCells::new(layout));
            let other = {
                let cells = Arc::clone(&cells);
                thread::spawn(move || record(&cells))
            };
            record(&cells);
            other.join().unwrap();
            let mut snapshot = HistogramSnapshot::default();
            cells.read_into(&mut snapshot);
            assert_eq!((snapshot.count(), snapshot.min()), (2, Some(Number::U64(0))));
        });
    }

    /// A writer that is alone in its cells ends while another begins, which gets the same cells or others, and finds
    /// all that is in them.
    #[test]
    fn cells_are_handed_on_whole() {
        assert_two_threads_lose_nothing(|shared| {
            let cells = shared.new_writer();
            cells.record_u64::<One>(0);
            shared.end_writer(cells);
        });
    }

    /// Threads that come first to cells that nobody has made record in the same ones.
    #[test]
    fn threads_that_come_first_make_cells_once() {
        assert_two_threads_lose_nothing(|shared| shared.of_this_thread().record_u64::<Many>(0));
    }
}

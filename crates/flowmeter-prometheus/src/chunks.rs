//! Memory for a text that is sent while it is written.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;

/// Makes chunks of a text, in buffers that are used again as soon as all readers of a chunk are through with it.
///
/// A text of many megabytes would otherwise be written into memory that is new each time, which takes several times as
/// long as writing it. When the text is written and sent, nothing of it is kept.
#[derive(Debug, Default)]
pub struct ChunkWriter {
    spare: Arc<Spare>,
    kept: Kept,
}

#[derive(Debug, Default)]
struct Spare(Mutex<Vec<Vec<u8>>>);

/// How many bytes of chunks their readers have not let go of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept(Arc<(Mutex<usize>, Condvar)>);

/// A chunk that readers share. The last of them gives its buffer back, if the text is still being written.
struct Chunk {
    buffer: Vec<u8>,
    spare: Weak<Spare>,
    kept: Kept,
}

impl ChunkWriter {
    /// The size of a chunk; the last one of a text may be smaller, and all may be a line larger.
    pub const CHUNK: usize = 64 * 1024;

    /// One whose chunks are counted beside those of others.
    pub(crate) fn counted(kept: &Kept) -> Self {
        Self { spare: Arc::default(), kept: kept.clone() }
    }

    /// Writes a text and hands it to `send` in chunks: `write` gets a buffer and a function to call whenever that has
    /// grown by a chunk or a little more, which leaves it empty.
    pub fn write(
        &self,
        mut send: impl FnMut(Bytes),
        write: impl FnOnce(&mut Vec<u8>, &mut dyn FnMut(&mut Vec<u8>)),
    ) {
        let mut buffer = self.buffer();
        write(&mut buffer, &mut |full| {
            // The chunk that was sent before may be on its way back already.
            let full = std::mem::replace(full, self.buffer());
            send(self.chunk(full));
        });
        send(self.chunk(buffer));
    }

    fn buffer(&self) -> Vec<u8> {
        let spare = self.spare.lock().pop();
        // Room for a line beyond the chunk, in most cases.
        spare.unwrap_or_else(|| Vec::with_capacity(Self::CHUNK + Self::CHUNK / 8))
    }

    fn chunk(&self, buffer: Vec<u8>) -> Bytes {
        self.kept.add(buffer.len());
        Bytes::from_owner(Chunk { buffer, spare: Arc::downgrade(&self.spare), kept: self.kept.clone() })
    }
}

impl Spare {
    fn lock(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn lock(&self) -> MutexGuard<'_, usize> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn bytes(&self) -> usize {
        *self.lock()
    }

    fn add(&self, bytes: usize) {
        *self.lock() += bytes;
    }

    fn remove(&self, bytes: usize) {
        *self.lock() -= bytes;
        self.0.1.notify_all();
    }

    /// Waits until at most so many bytes are kept. Returns whether that came about: not if readers let go of nothing for as long
    /// as `stall`, nor once `patience` is over.
    pub(crate) fn wait_for(&self, most: usize, stall: Duration, patience: Duration) -> bool {
        let start = Instant::now();
        let mut let_go = start;
        let mut kept = self.lock();
        while *kept > most {
            // One that lets go tells so a little later, so being told need not mean that anything has changed since.
            let rest = stall.saturating_sub(let_go.elapsed()).min(patience.saturating_sub(start.elapsed()));
            if rest.is_zero() {
                return false;
            }
            let before = *kept;
            kept = self.0.1.wait_timeout(kept, rest).unwrap_or_else(PoisonError::into_inner).0;
            if *kept < before {
                let_go = Instant::now();
            }
        }
        true
    }
}

impl AsRef<[u8]> for Chunk {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        self.kept.remove(self.buffer.len());
        if let Some(spare) = self.spare.upgrade() {
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.clear();
            spare.lock().push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_told_of_nothing_goes_on_waiting() {
        const PATIENCE: Duration = Duration::from_secs(60);
        let kept = Kept::default();
        kept.add(10);
        let teller = kept.clone();
        let telling = std::thread::spawn(move || {
            for _ in 0..100 {
                teller.0.1.notify_all();
                std::thread::sleep(Duration::from_millis(1));
            }
            teller.remove(10);
        });
        assert!(kept.wait_for(5, PATIENCE, PATIENCE));
        telling.join().unwrap();
        kept.add(10);
        assert!(!kept.wait_for(5, Duration::from_millis(1), PATIENCE), "readers let go of nothing");
        assert!(!kept.wait_for(5, PATIENCE, Duration::from_millis(1)), "there is no time left");
    }

    /// Writes chunks of one letter each, and keeps those that `keeps` says. Returns what was kept, and where all were.
    fn write(writer: &ChunkWriter, chunks: u8, keeps: impl Fn(usize) -> bool) -> (Vec<Bytes>, Vec<usize>) {
        let (mut kept, mut places) = (Vec::new(), Vec::new());
        let send = |chunk: Bytes| {
            places.push(chunk.as_ptr() as usize);
            if keeps(places.len() - 1) {
                kept.push(chunk);
            }
        };
        writer.write(send, |buffer, full| {
            for letter in b'a'..b'a' + chunks {
                buffer.extend(std::iter::repeat_n(letter, ChunkWriter::CHUNK));
                full(buffer);
            }
            buffer.push(b'!');
        });
        (kept, places)
    }

    #[test]
    fn chunks_that_are_read_at_once_take_two_buffers() {
        let (_, mut places) = write(&ChunkWriter::default(), 20, |_| false);
        places.sort_unstable();
        places.dedup();
        assert!(places.len() <= 2, "{places:?}");
    }

    #[test]
    fn what_is_being_read_is_not_written_over() {
        let (kept, _) = write(&ChunkWriter::default(), 20, |number| number % 3 == 0);
        for (chunk, letter) in kept.iter().zip((b'a'..).step_by(3)) {
            assert!(chunk.iter().all(|byte| *byte == letter));
        }
        let (all, _) = write(&ChunkWriter::default(), 3, |_| true);
        assert_eq!(all.iter().map(Bytes::len).collect::<Vec<_>>(), [65_536, 65_536, 65_536, 1]);
    }

    #[test]
    fn a_writer_waits_for_readers_to_let_go_but_not_for_ever() {
        let kept = Kept::default();
        let writer = ChunkWriter::counted(&kept);
        let (chunks, _) = write(&writer, 3, |_| true);
        assert_eq!(kept.bytes(), 3 * ChunkWriter::CHUNK + 1);
        let long = Duration::from_secs(60);
        assert!(!kept.wait_for(ChunkWriter::CHUNK, Duration::ZERO, long), "nobody lets go");
        assert!(!kept.wait_for(ChunkWriter::CHUNK, long, Duration::ZERO), "it has taken too long");
        std::thread::scope(|scope| {
            scope.spawn(|| drop(chunks));
            assert!(kept.wait_for(0, long, long));
        });
    }

    #[test]
    fn nothing_is_kept() {
        let writer = ChunkWriter::default();
        let (kept, _) = write(&writer, 5, |_| true);
        let spare = Arc::downgrade(&writer.spare);
        drop(writer);
        assert_eq!(spare.strong_count(), 0);
        drop(kept);
    }
}

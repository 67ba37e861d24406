//! Memory for texts that several readers share.

use bytes::Bytes;

/// Buffers of one size that a text is written into, and that are written into again once all its readers are through.
///
/// A text of many megabytes would otherwise be written into memory that is new each time, which takes several times as
/// long as writing the text. What a text took is kept until the next: a scrape costs no more memory than the last.
#[derive(Debug, Default)]
pub struct ChunkPool {
    /// What was handed out last.
    lent: Vec<Bytes>,
    spare: Vec<Vec<u8>>,
}

impl ChunkPool {
    /// The size of a chunk; the last one of a text may be smaller, and all may be a line larger.
    pub const CHUNK: usize = 64 * 1024;

    /// Writes a text in chunks: `write` gets a buffer and a function to call whenever that has grown by a chunk or a
    /// little more, which leaves it empty.
    pub fn write(&mut self, write: impl FnOnce(&mut Vec<u8>, &mut dyn FnMut(&mut Vec<u8>))) -> Vec<Bytes> {
        self.take_back();
        let mut chunks = Vec::with_capacity(self.spare.len());
        let mut buffer = self.buffer();
        write(&mut buffer, &mut |full| {
            let next = self.buffer();
            chunks.push(Bytes::from(std::mem::replace(full, next)));
        });
        chunks.push(buffer.into());
        self.spare.clear();
        self.lent.clone_from(&chunks);
        chunks
    }

    fn buffer(&mut self) -> Vec<u8> {
        // Room for a line beyond the chunk, in most cases.
        self.spare.pop().unwrap_or_else(|| Vec::with_capacity(Self::CHUNK + Self::CHUNK / 8))
    }

    /// Takes back the buffers that nobody reads any more. Those that somebody does go with their last reader.
    fn take_back(&mut self) {
        for chunk in self.lent.drain(..) {
            if let Ok(unique) = chunk.try_into_mut() {
                let mut buffer = Vec::from(unique);
                buffer.clear();
                self.spare.push(buffer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pool: &mut ChunkPool, chunks: usize) -> Vec<Bytes> {
        pool.write(|buffer, full| {
            for _ in 1..chunks {
                buffer.extend(std::iter::repeat_n(b'x', ChunkPool::CHUNK));
                full(buffer);
            }
            buffer.push(b'y');
        })
    }

    fn places(chunks: &[Bytes]) -> Vec<*const u8> {
        let mut places: Vec<_> = chunks.iter().map(|chunk| chunk.as_ptr()).collect();
        places.sort_unstable();
        places
    }

    #[test]
    fn buffers_are_used_again_once_nobody_reads_them() {
        let mut pool = ChunkPool::default();
        let first = text(&mut pool, 4);
        assert_eq!(first.iter().map(Bytes::len).collect::<Vec<_>>(), [65_536, 65_536, 65_536, 1]);
        let before = places(&first);
        drop(first);
        let second = text(&mut pool, 4);
        assert_eq!(places(&second), before);
        assert_eq!(second.concat().len(), 3 * ChunkPool::CHUNK + 1);
        // Somebody still reads one of them.
        let read = second[1].clone();
        drop(second);
        let third = text(&mut pool, 4);
        assert!(!places(&third).contains(&read.as_ptr()));
        assert_eq!(read.len(), ChunkPool::CHUNK);
    }

    #[test]
    fn what_a_shorter_text_does_not_need_is_given_back() {
        let mut pool = ChunkPool::default();
        drop(text(&mut pool, 9));
        drop(text(&mut pool, 2));
        assert_eq!((pool.spare.len(), pool.lent.len()), (0, 2));
    }
}

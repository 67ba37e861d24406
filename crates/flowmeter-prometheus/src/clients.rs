//! The clients that share an answer.

use std::time::{Duration, Instant};

use bytes::Bytes;
use flowmeter_http::BodyWriter;

use crate::chunks::{ChunkWriter, Kept};

/// How long a client may take nothing while memory is short.
const STALL: Duration = Duration::from_secs(1);
/// What a client has that takes its answer as it comes.
const SMALL_BACKLOG: usize = 2 * ChunkWriter::CHUNK;

/// Those who wait for an answer that is being written.
///
/// They take it at their own pace, and what the slowest has not taken is kept. Once that is more than there is memory for, the
/// rest of the answer waits for it; and if it takes nothing then, it is given up, so that the others go on.
pub(crate) struct Clients<'a> {
    bodies: Vec<BodyWriter>,
    kept: &'a Kept,
    memory: usize,
    /// How long the answer may still wait for its clients.
    patience: Duration,
}

impl<'a> Clients<'a> {
    pub(crate) fn new(bodies: Vec<BodyWriter>, kept: &'a Kept, memory: usize, patience: Duration) -> Self {
        Self { bodies, kept, memory, patience }
    }

    /// Hands a chunk to all of them. Returns how many there are.
    pub(crate) fn write(&mut self, chunk: Bytes) -> usize {
        self.bodies.retain(|body| !body.is_gone());
        self.bodies.iter().for_each(|body| body.write(chunk.clone()));
        drop(chunk);
        self.wait();
        self.bodies.len()
    }

    /// Ends the answer.
    pub(crate) fn finish(self) {
        self.bodies.into_iter().for_each(BodyWriter::finish);
    }

    fn wait(&mut self) {
        while self.kept.bytes() > self.memory {
            // Where all of them keep up, it is clients of another answer that have the memory.
            if self.backlog() <= SMALL_BACKLOG {
                return;
            }
            let start = Instant::now();
            let is_enough = self.kept.wait_for(self.memory, STALL, self.patience);
            self.patience = self.patience.saturating_sub(start.elapsed());
            if !is_enough {
                let backlog = self.backlog();
                self.bodies.retain(|body| body.backlog() < backlog);
            }
        }
    }

    /// How much the slowest has not taken.
    fn backlog(&self) -> usize {
        self.bodies.iter().map(BodyWriter::backlog).max().unwrap_or(0)
    }
}

//! What lies between who writes a body and the connection that sends it.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

/// The side of a streamed answer on which its body is written, see [`Response::stream`](crate::Response::stream).
///
/// Writing does not wait for the client: what it has not taken yet is kept, which [`backlog`](Self::backlog) tells,
/// and a client that takes too little for too long is given up. If this is dropped without
/// [`finish`](Self::finish), what is kept is let go at once, the answer breaks off, and the client notices.
pub struct BodyWriter(Arc<Queue>);

impl BodyWriter {
    /// Both sides of a body.
    pub(crate) fn new() -> (Self, BodyReader) {
        let queue = Arc::new(Queue::default());
        (Self(Arc::clone(&queue)), BodyReader(queue))
    }

    /// Writes a chunk. Does nothing if the client is gone.
    pub fn write(&self, chunk: Bytes) {
        // HTTP takes an empty chunk for the end.
        if chunk.is_empty() {
            return;
        }
        let mut pieces = self.0.lock();
        if pieces.state != State::Open {
            // Who dropped it may have things to do, so not under the lock.
            drop(pieces);
            return drop(chunk);
        }
        pieces.bytes += chunk.len();
        pieces.chunks.push_back(chunk);
        wake(pieces);
    }

    /// How many bytes were written that the connection has not taken yet. What it has taken is a few chunks at most
    /// ahead of what was sent.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.0.lock().bytes
    }

    /// Whether nobody takes the body any more: the client is gone or was given up, or wants the head only.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.lock().state == State::Gone
    }

    /// Ends the body.
    pub fn finish(self) {
        let mut pieces = self.0.lock();
        if pieces.state == State::Open {
            pieces.state = State::Finished;
        }
        wake(pieces);
    }
}

impl Drop for BodyWriter {
    fn drop(&mut self) {
        self.0.end(State::Broken);
    }
}

impl fmt::Debug for BodyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pieces = self.0.lock();
        f.debug_struct("BodyWriter")
            .field("backlog", &pieces.bytes)
            .field("gone", &(pieces.state == State::Gone))
            .finish()
    }
}

/// The side on which a body is read.
pub(crate) struct BodyReader(Arc<Queue>);

impl BodyReader {
    /// The next chunk, and nothing after the last one.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        let mut pieces = self.0.lock();
        if let Some(chunk) = pieces.chunks.pop_front() {
            pieces.bytes -= chunk.len();
            return Poll::Ready(Some(Ok(chunk)));
        }
        match pieces.state {
            State::Open => {
                pieces.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            State::Finished => Poll::Ready(None),
            State::Broken | State::Gone => {
                Poll::Ready(Some(Err(io::Error::other("the answer was not finished"))))
            }
        }
    }
}

impl Drop for BodyReader {
    fn drop(&mut self) {
        self.0.end(State::Gone);
    }
}

#[derive(Default)]
struct Queue(Mutex<Pieces>);

#[derive(Default)]
struct Pieces {
    chunks: VecDeque<Bytes>,
    /// The length of them all.
    bytes: usize,
    state: State,
    /// Who waits for a chunk.
    reader: Option<Waker>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum State {
    /// More may come.
    #[default]
    Open,
    /// All was written.
    Finished,
    /// The writer has left before that.
    Broken,
    /// The reader has left.
    Gone,
}

impl Queue {
    /// Breaks off what has not ended, and lets go of the chunks at once.
    fn end(&self, state: State) {
        let mut pieces = self.lock();
        if pieces.state != State::Open {
            return;
        }
        pieces.state = state;
        pieces.bytes = 0;
        let chunks = std::mem::take(&mut pieces.chunks);
        wake(pieces);
        drop(chunks);
    }

    fn lock(&self) -> MutexGuard<'_, Pieces> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the reader, if it waits, after the lock is given back.
fn wake(mut pieces: MutexGuard<'_, Pieces>) {
    let reader = pieces.reader.take();
    drop(pieces);
    if let Some(reader) = reader {
        reader.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::mpsc;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// A chunk that tells when it is let go.
    struct Told(mpsc::Sender<()>, [u8; 10]);

    impl AsRef<[u8]> for Told {
        fn as_ref(&self) -> &[u8] {
            &self.1
        }
    }

    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    fn told() -> (Bytes, mpsc::Receiver<()>) {
        let (sender, receiver) = mpsc::channel();
        (Bytes::from_owner(Told(sender, [0; 10])), receiver)
    }

    fn poll(reader: &BodyReader) -> Poll<Option<Result<Bytes, String>>> {
        let polled = reader.poll(&mut Context::from_waker(Waker::noop()));
        polled.map(|piece| piece.map(|chunk| chunk.map_err(|error| error.to_string())))
    }

    fn broken() -> Poll<Option<Result<Bytes, String>>> {
        Poll::Ready(Some(Err("the answer was not finished".to_owned())))
    }

    #[test]
    fn the_backlog_is_what_was_not_taken() {
        let (writer, reader) = BodyWriter::new();
        assert_eq!((writer.backlog(), poll(&reader)), (0, Poll::Pending));
        writer.write("abc".into());
        writer.write(Bytes::new());
        writer.write("de".into());
        assert_eq!(format!("{writer:?}"), "BodyWriter { backlog: 5, gone: false }");
        assert_eq!(poll(&reader), Poll::Ready(Some(Ok("abc".into()))));
        assert_eq!(writer.backlog(), 2);
        assert_eq!(poll(&reader), Poll::Ready(Some(Ok("de".into()))));
        assert_eq!((writer.backlog(), poll(&reader)), (0, Poll::Pending));
    }

    #[test]
    fn what_was_finished_is_read_to_its_end() {
        let (writer, reader) = BodyWriter::new();
        writer.write("abc".into());
        writer.finish();
        assert_eq!(poll(&reader), Poll::Ready(Some(Ok("abc".into()))));
        assert_eq!([poll(&reader), poll(&reader)], [Poll::Ready(None), Poll::Ready(None)]);
    }

    #[test]
    fn a_writer_that_breaks_off_lets_go_of_what_it_wrote() {
        let (writer, reader) = BodyWriter::new();
        let (chunk, gone) = told();
        writer.write(chunk);
        assert!(gone.try_recv().is_err());
        drop(writer);
        assert_eq!(gone.try_recv(), Ok(()), "although nobody has read it");
        assert_eq!([poll(&reader), poll(&reader)], [broken(), broken()]);
    }

    #[test]
    fn a_reader_that_leaves_lets_go_of_what_was_written_and_takes_no_more() {
        let (writer, reader) = BodyWriter::new();
        let (chunk, gone) = told();
        writer.write(chunk);
        assert!(!writer.is_gone());
        drop(reader);
        assert_eq!(gone.try_recv(), Ok(()));
        assert!(writer.is_gone());
        let (chunk, gone) = told();
        writer.write(chunk);
        assert_eq!((gone.try_recv(), writer.backlog()), (Ok(()), 0));
        writer.finish();
    }

    #[test]
    fn chunks_may_use_the_body_when_they_are_let_go() {
        struct Nosy(Arc<Queue>);
        impl AsRef<[u8]> for Nosy {
            fn as_ref(&self) -> &[u8] {
                b"x"
            }
        }
        impl Drop for Nosy {
            fn drop(&mut self) {
                assert_eq!(self.0.0.try_lock().unwrap().bytes, 0);
            }
        }
        for is_reader_first in [true, false] {
            let (writer, reader) = BodyWriter::new();
            writer.write(Bytes::from_owner(Nosy(Arc::clone(&writer.0))));
            if is_reader_first {
                drop(reader);
                writer.write(Bytes::from_owner(Nosy(Arc::clone(&writer.0))));
            } else {
                drop(writer);
            }
        }
    }

    /// Reads all on one thread, while `write` writes on another one.
    fn read(write: impl FnOnce(BodyWriter) + Send + 'static) -> Result<Vec<u8>, io::Error> {
        let (writer, reader) = BodyWriter::new();
        let (done, is_done) = mpsc::channel();
        let writing = thread::spawn(move || write(writer));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let read = runtime.block_on(async {
                let mut all = Vec::new();
                while let Some(chunk) = poll_fn(|cx| reader.poll(cx)).await {
                    all.extend_from_slice(&chunk?);
                }
                Ok(all)
            });
            done.send(read).unwrap();
        });
        let read = is_done.recv_timeout(PATIENCE);
        writing.join().unwrap();
        read.expect("the reader still waits")
    }

    #[test]
    fn a_reader_that_waits_hears_of_all_that_is_written_elsewhere() {
        let all = read(|writer| {
            for i in 0..100_000_u32 {
                writer.write(i.to_be_bytes().to_vec().into());
            }
            writer.finish();
        });
        let expected: Vec<u8> = (0..100_000_u32).flat_map(u32::to_be_bytes).collect();
        assert!(all.unwrap() == expected);
    }

    /// Waits for the reader to wait, with nothing left to read.
    fn wait_for_reader(writer: &BodyWriter) {
        let deadline = Instant::now() + PATIENCE;
        let waits = || {
            let pieces = writer.0.lock();
            pieces.reader.is_some() && pieces.bytes == 0
        };
        while !waits() {
            assert!(Instant::now() < deadline, "the reader has not heard of a chunk");
            thread::yield_now();
        }
    }

    #[test]
    fn a_reader_that_waits_hears_of_each_chunk_and_of_the_end() {
        let all = read(|writer| {
            wait_for_reader(&writer);
            writer.write("x".into());
            wait_for_reader(&writer);
            writer.finish();
        });
        assert_eq!(all.unwrap(), b"x");
        let error = read(|writer| wait_for_reader(&writer)).unwrap_err();
        assert_eq!(error.to_string(), "the answer was not finished");
    }

    #[test]
    fn a_writer_elsewhere_sees_that_the_reader_has_left() {
        let (writer, reader) = BodyWriter::new();
        let (done, is_done) = mpsc::channel();
        let writing = thread::spawn(move || {
            while !writer.is_gone() {
                writer.write("x".into());
            }
            done.send(writer.backlog()).unwrap();
        });
        while poll(&reader).is_pending() {}
        drop(reader);
        assert_eq!(is_done.recv_timeout(PATIENCE), Ok(0));
        writing.join().unwrap();
    }
}

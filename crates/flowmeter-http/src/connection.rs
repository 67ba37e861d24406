//! A connection that gives up on clients that do not ask or do not take their answer, and tells when one has left.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep};

use crate::ServerOptions;
use crate::asking::Asking;
use crate::under_way::UnderWay;

pub(crate) struct Connection<S> {
    stream: S,
    under_way: UnderWay,
    /// The client's time while nothing is under way.
    asking: Asking,
    patience: Duration,
    /// How many bytes a second the client has to take, once it has had its patience: one that trickles along would
    /// otherwise hold a connection and the answer's memory for hours.
    least_rate: u64,
    /// Since when the client takes nothing, although there is something, and until when it may.
    waiting: Option<Instant>,
    stall: Pin<Box<Sleep>>,
    /// How long the client has been waited for in this answer, and how much it has taken of it.
    waited: Duration,
    taken: u64,
    /// Whether the client has closed its side, or has had its time.
    is_closed: bool,
    /// Who is to read on when the answers have left.
    reader: Option<Waker>,
}

impl<S> Connection<S> {
    /// A connection that ends when it is idle and somebody needs `room`.
    pub(crate) fn new(stream: S, under_way: UnderWay, options: &ServerOptions, room: Arc<Notify>) -> Self {
        Self {
            stream,
            under_way,
            asking: Asking::new(options, room),
            patience: options.client_patience,
            least_rate: options.least_rate,
            waiting: None,
            stall: Box::pin(sleep(options.client_patience)),
            waited: Duration::ZERO,
            taken: 0,
            is_closed: false,
            reader: None,
        }
    }

    /// Passes a result on, unless the client has taken nothing for too long, or too little.
    fn watch<T>(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let now = Instant::now();
        let waiting = self.waiting.map_or(Duration::ZERO, |since| now - since);
        let earned = Duration::from_millis(self.taken.saturating_mul(1000) / self.least_rate);
        if self.waited + waiting > self.patience + earned {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if result.is_ready() {
            self.waited += waiting;
            self.waiting = None;
            return result;
        }
        if self.waiting.is_none() {
            self.waiting = Some(now);
            let end = now + self.patience;
            self.stall.as_mut().reset(end);
        }
        match self.stall.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    fn watch_write(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(written)) = &result {
            self.taken += *written as u64;
        }
        self.watch(cx, result)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    /// A client may close its side and still wait for what it has asked for, but HTTP gives up a connection when it
    /// sees its end. So it does not, as long as answers are under way.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.is_closed {
            let before = buffer.filled().len();
            let read = Pin::new(&mut self.stream).poll_read(cx, buffer)?;
            let came = &buffer.filled()[before..];
            if read.is_ready() && (!came.is_empty() || buffer.remaining() == 0) {
                self.asking.came(came);
                return Poll::Ready(Ok(()));
            }
            self.is_closed = read.is_ready();
        }
        if self.under_way.any() {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if !self.is_closed {
            ready!(self.asking.poll(cx))?;
            self.is_closed = true;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch_write(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.watch_write(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// TLS holds some of what was written until here, so a client that takes nothing is noticed here as well.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        let result = self.watch(cx, result);
        if let Poll::Ready(Ok(())) = result {
            // HTTP writes all that it holds before it flushes, so the answer is with the system now.
            if self.under_way.flushed(!self.is_closed) {
                (self.waited, self.taken) = (Duration::ZERO, 0);
                let is_received = self.under_way.take_received();
                self.asking.answered(is_received);
                if let Some(reader) = self.reader.take() {
                    reader.wake();
                }
            }
        }
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.watch(cx, result)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// A stream whose client takes nothing.
    struct Stuck;

    impl AsyncWrite for Stuck {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    /// What comes of waiting for a client that takes nothing.
    fn stuck<T>(
        poll: impl Fn(Pin<&mut Connection<Stuck>>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> io::ErrorKind {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let ended = runtime.block_on(async {
            let options = ServerOptions::default().with_client_patience(Duration::from_millis(10));
            let mut connection = Connection::new(Stuck, UnderWay::default(), &options, Arc::default());
            poll_fn(|cx| poll(Pin::new(&mut connection), cx)).await
        });
        ended.map(drop).unwrap_err().kind()
    }

    #[test]
    fn a_client_that_takes_nothing_is_given_up_wherever_it_is_waited_for() {
        assert_eq!(stuck(|connection, cx| connection.poll_write(cx, b"x")), io::ErrorKind::TimedOut);
        assert_eq!(stuck(Connection::poll_flush), io::ErrorKind::TimedOut);
        assert_eq!(stuck(Connection::poll_shutdown), io::ErrorKind::TimedOut);
    }
    /// A stream whose client takes some bytes twice a second.
    struct Slow {
        bytes: usize,
        takes: Pin<Box<Sleep>>,
    }

    const HALF: Duration = Duration::from_millis(500);

    impl AsyncWrite for Slow {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            ready!(self.takes.as_mut().poll(cx));
            self.takes.as_mut().reset(Instant::now() + HALF);
            Poll::Ready(Ok(self.bytes.min(bytes.len())))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// How often a client takes some bytes until it is given up, in half an hour at most, if it has to take 1,000 bytes
    /// a second after its first second.
    fn takes(bytes: usize) -> usize {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let options =
                ServerOptions::default().with_client_patience(Duration::from_secs(1)).with_least_rate(1_000);
            let stream = Slow { bytes, takes: Box::pin(sleep(HALF)) };
            let mut connection = Connection::new(stream, UnderWay::default(), &options, Arc::default());
            for taken in 0..3_600 {
                let written = poll_fn(|cx| Pin::new(&mut connection).poll_write(cx, &[b'x'; 4_096])).await;
                match written {
                    Ok(written) => assert_eq!(written, bytes),
                    Err(error) => {
                        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                        return taken;
                    }
                }
            }
            3_600
        })
    }

    #[test]
    fn a_client_that_takes_too_little_is_given_up_when_its_patience_is_used_up() {
        assert_eq!(takes(510), 3_600);
        // It is late by a fifth of a second with each second.
        let taken = takes(400);
        assert!((9..=11).contains(&taken), "{taken}");
        assert!((2..=3).contains(&takes(1)));
    }
}

//! A connection that gives up on clients that do not take their answer, and tells when one has left.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

use crate::under_way::UnderWay;

pub(crate) struct Connection<S> {
    stream: S,
    under_way: UnderWay,
    patience: Duration,
    /// Since when the client takes nothing, although there is something, and until when it may.
    waiting: Option<Instant>,
    stall: Pin<Box<Sleep>>,
    /// How long the client has been waited for in this answer, and how much it has taken of it.
    waited: Duration,
    taken: u64,
    /// Whether the client has closed its side, and who is to hear of it when the answers have left.
    is_closed: bool,
    reader: Option<Waker>,
}

/// How many bytes a second a client has to take of an answer, once it has had its patience: one that trickles along
/// would otherwise hold a connection and the answer's memory for hours.
const LEAST_RATE: u64 = 1 << 20;

impl<S> Connection<S> {
    pub(crate) fn new(stream: S, under_way: UnderWay, patience: Duration) -> Self {
        Self {
            stream,
            under_way,
            patience,
            waiting: None,
            stall: Box::pin(sleep(patience)),
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
        if self.waited + waiting > self.patience + Duration::from_secs(self.taken / LEAST_RATE) {
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
            let filled = buffer.filled().len();
            let result = Pin::new(&mut self.stream).poll_read(cx, buffer);
            self.is_closed = matches!(result, Poll::Ready(Ok(())))
                && buffer.filled().len() == filled
                && buffer.remaining() > 0;
            if !self.is_closed {
                return result;
            }
        }
        if self.under_way.any() {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
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
            let mut connection = Connection::new(Stuck, UnderWay::default(), Duration::from_millis(10));
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
}

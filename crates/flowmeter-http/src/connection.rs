//! A connection that gives up on clients that do not take their answer, and tells when one has left.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use crate::body::Sent;

pub(crate) struct Connection {
    stream: TcpStream,
    sent: Sent,
    patience: Duration,
    /// Runs while the client takes nothing.
    stall: Pin<Box<Sleep>>,
    stalled: bool,
    /// Since when the client takes an answer, and how much it has taken.
    answer: Option<(Instant, u64)>,
}

/// How many bytes a second a client has to take of an answer, once it has had its patience: one that trickles along
/// would otherwise hold a connection and the answer's memory for hours.
const LEAST_RATE: u64 = 1 << 20;

impl Connection {
    pub(crate) fn new(stream: TcpStream, sent: Sent, patience: Duration) -> Self {
        Self { stream, sent, patience, stall: Box::pin(sleep(patience)), stalled: false, answer: None }
    }

    /// Passes a write's result on, unless the client has taken nothing for too long, or too little.
    fn watch(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let now = Instant::now();
        let (since, taken) = self.answer.get_or_insert((now, 0));
        if let Poll::Ready(Ok(written)) = &result {
            *taken += *written as u64;
        }
        if now - *since > self.patience + Duration::from_secs(*taken / LEAST_RATE) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if result.is_ready() {
            self.stalled = false;
            return result;
        }
        if !self.stalled {
            self.stalled = true;
            let end = Instant::now() + self.patience;
            self.stall.as_mut().reset(end);
        }
        match self.stall.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watch(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.watch(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        if let Poll::Ready(Ok(())) = result {
            // HTTP writes all that it holds before it flushes, so the answer is with the system now.
            if self.sent.flushed() {
                self.answer = None;
            }
        }
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

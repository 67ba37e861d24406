//! The body of an answer: chunks in a row, and a note when the last was taken.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::exchange::OnSent;

/// What is to be called once all that was written to a connection has left it. Set by the body when its last chunk is
/// taken; read by the connection when it is flushed, which by then includes that chunk.
#[derive(Clone, Default)]
pub(crate) struct Sent(Arc<Mutex<Option<OnSent>>>);

impl Sent {
    fn set(&self, sent: Option<OnSent>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = sent;
    }

    pub(crate) fn flushed(&self) {
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sent) = sent {
            sent();
        }
    }
}

pub(crate) struct ChunkedBody {
    chunks: VecDeque<Bytes>,
    length: u64,
    on_sent: Option<OnSent>,
    sent: Sent,
}

impl ChunkedBody {
    pub(crate) fn new(chunks: Vec<Bytes>, on_sent: Option<OnSent>, sent: Sent) -> Self {
        let length = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        let chunks: VecDeque<_> = chunks.into_iter().filter(|chunk| !chunk.is_empty()).collect();
        let mut body = Self { chunks, length, on_sent, sent };
        if body.chunks.is_empty() {
            body.sent.set(body.on_sent.take());
        }
        body
    }

    /// For an answer without a body: it has the length that the body would have.
    pub(crate) fn head(chunks: &[Bytes], sent: Sent) -> Self {
        let length = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        Self { chunks: VecDeque::new(), length, on_sent: None, sent }
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }
}

impl Body for ChunkedBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = self.chunks.pop_front();
        if chunk.is_some() && self.chunks.is_empty() {
            let on_sent = self.on_sent.take();
            self.sent.set(on_sent);
        }
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.chunks.iter().map(|chunk| chunk.len() as u64).sum())
    }
}

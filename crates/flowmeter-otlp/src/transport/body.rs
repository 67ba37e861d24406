//! Bodies: requests that say how far they have gone, and answers that are bounded.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};

/// How many bytes are handed over at a time: few enough that a connection which breaks early has not got the last of them.
const PIECE: usize = 64 * 1024;

/// The most that is read of an answer, which is a few bytes or an error message.
pub(super) const LONGEST_ANSWER: usize = 64 * 1024;

/// How much more is passed over, because the status of gRPC stands behind it.
const LONGEST_PASSED_OVER: usize = 16 * 1024 * 1024;

/// The bytes of a request.
pub(super) struct Outgoing {
    parts: VecDeque<Bytes>,
    gone: Gone,
}

/// How far a request has gone.
#[derive(Clone, Default)]
pub(super) struct Gone {
    is_begun: Arc<AtomicBool>,
    is_all: Arc<AtomicBool>,
}

impl Gone {
    /// Whether the last byte was handed to the connection. As long as it was not, no receiver has all of it.
    pub(super) fn get(&self) -> bool {
        self.is_all.load(Relaxed)
    }

    /// Whether some was handed to it, and not all.
    pub(super) fn is_halfway(&self) -> bool {
        self.is_begun.load(Relaxed) && !self.get()
    }
}

impl Outgoing {
    pub(super) fn new(parts: impl IntoIterator<Item = Bytes>) -> (Self, Gone) {
        let parts: VecDeque<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let gone = Gone::default();
        // Nothing is there as soon as the head is.
        gone.is_all.store(parts.is_empty(), Relaxed);
        (Self { parts, gone: gone.clone() }, gone)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.parts.front_mut().map(|part| part.split_to(part.len().min(PIECE)));
        if self.parts.front().is_some_and(Bytes::is_empty) {
            self.parts.pop_front();
        }
        self.gone.is_begun.store(true, Relaxed);
        if self.parts.is_empty() {
            self.gone.is_all.store(true, Relaxed);
        }
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.parts.iter().map(|part| part.len() as u64).sum())
    }
}

/// What came behind the head of an answer.
pub(super) struct Rest {
    pub(super) body: Bytes,
    pub(super) trailers: HeaderMap,
}

/// Why an answer could not be read.
pub(super) enum Unread {
    /// What stood behind it, if it was not too long by far.
    TooLong(HeaderMap),
    Broken(hyper::Error),
}

/// Reads an answer up to its bound.
pub(super) async fn read(mut incoming: Incoming) -> Result<Rest, Unread> {
    let (mut body, mut trailers) = (BytesMut::new(), HeaderMap::new());
    let mut length = 0;
    while let Some(frame) = incoming.frame().await {
        match frame.map_err(Unread::Broken)?.into_data() {
            Ok(data) => {
                length += data.len();
                if length <= LONGEST_ANSWER {
                    body.extend_from_slice(&data);
                } else if length > LONGEST_PASSED_OVER {
                    break;
                }
            }
            Err(frame) => trailers = frame.into_trailers().unwrap_or(trailers),
        }
    }
    if length > LONGEST_ANSWER {
        Err(Unread::TooLong(trailers))
    } else {
        Ok(Rest { body: body.freeze(), trailers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_gone_with_its_last_piece_and_not_before() {
        let mut context = Context::from_waker(std::task::Waker::noop());
        let parts = [Bytes::from_static(b"12345"), Bytes::new(), Bytes::from(vec![0; PIECE + 1])];
        let (mut body, gone) = Outgoing::new(parts);
        assert_eq!(body.size_hint().exact(), Some(PIECE as u64 + 6));
        let mut lengths = Vec::new();
        while !body.is_end_stream() {
            assert!(!gone.get());
            assert_eq!(gone.is_halfway(), !lengths.is_empty());
            let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) else { panic!() };
            lengths.push(frame.into_data().unwrap().len());
        }
        assert!(gone.get() && !gone.is_halfway());
        assert_eq!(lengths, [5, PIECE, 1]);
    }
}

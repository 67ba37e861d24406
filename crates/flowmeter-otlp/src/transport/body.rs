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

/// The bytes of a request.
pub(super) struct Outgoing {
    parts: VecDeque<Bytes>,
    is_gone: Arc<AtomicBool>,
}

/// Whether the last byte of a request was handed to the connection. As long as it was not, no receiver has all of it.
#[derive(Clone)]
pub(super) struct Gone(Arc<AtomicBool>);

impl Gone {
    pub(super) fn get(&self) -> bool {
        self.0.load(Relaxed)
    }
}

impl Outgoing {
    pub(super) fn new(parts: impl IntoIterator<Item = Bytes>) -> (Self, Gone) {
        let parts: VecDeque<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        // Nothing is there as soon as the head is.
        let is_gone = Arc::new(AtomicBool::new(parts.is_empty()));
        (Self { parts, is_gone: Arc::clone(&is_gone) }, Gone(is_gone))
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
        if self.parts.is_empty() {
            self.is_gone.store(true, Relaxed);
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
    TooLong,
    Broken(hyper::Error),
}

/// Reads an answer up to its bound.
pub(super) async fn read(mut incoming: Incoming) -> Result<Rest, Unread> {
    let (mut body, mut trailers) = (BytesMut::new(), HeaderMap::new());
    while let Some(frame) = incoming.frame().await {
        let frame = match frame.map_err(Unread::Broken)?.into_data() {
            Ok(data) if body.len() + data.len() > LONGEST_ANSWER => return Err(Unread::TooLong),
            Ok(data) => {
                body.extend_from_slice(&data);
                continue;
            }
            Err(frame) => frame,
        };
        if let Ok(more) = frame.into_trailers() {
            trailers = more;
        }
    }
    Ok(Rest { body: body.freeze(), trailers })
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
            let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut context) else { panic!() };
            lengths.push(frame.into_data().unwrap().len());
        }
        assert!(gone.get());
        assert_eq!(lengths, [5, PIECE, 1]);
    }
}

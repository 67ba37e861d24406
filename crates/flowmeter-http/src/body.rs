//! The body of an answer.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use crate::under_way::{OnSent, UnderWay};

/// What a body is made of.
pub(crate) enum Content {
    /// All of it is there.
    Whole(VecDeque<Bytes>),
    /// It comes while it is sent.
    Stream(mpsc::UnboundedReceiver<Piece>),
}

pub(crate) enum Piece {
    Chunk(Bytes),
    End,
}

impl Content {
    /// The length in bytes, if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        match self {
            Self::Whole(chunks) => Some(chunks.iter().map(|chunk| chunk.len() as u64).sum()),
            Self::Stream(_) => None,
        }
    }
}

/// The side of a streamed answer on which its body is written, see [`Response::stream`](crate::Response::stream).
///
/// Writing does not wait for the client: what it has not taken yet is kept, and a client that takes too little for
/// too long is given up. If this is dropped without [`finish`](Self::finish), the answer breaks off, and the client
/// notices.
#[derive(Debug)]
pub struct BodyWriter(mpsc::UnboundedSender<Piece>);

impl BodyWriter {
    pub(crate) fn new() -> (Self, Content) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), Content::Stream(receiver))
    }

    /// Writes a chunk. Does nothing if the client is gone.
    pub fn write(&self, chunk: Bytes) {
        let _ = self.0.send(Piece::Chunk(chunk));
    }

    /// Ends the body.
    pub fn finish(self) {
        let _ = self.0.send(Piece::End);
    }
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Chunk(chunk) => f.debug_tuple("Chunk").field(&chunk.len()).finish(),
            Self::End => f.write_str("End"),
        }
    }
}

pub(crate) struct AnswerBody {
    content: Content,
    on_sent: Option<OnSent>,
    under_way: UnderWay,
    ended: bool,
}

impl AnswerBody {
    pub(crate) fn new(content: Content, on_sent: Option<OnSent>, under_way: UnderWay) -> Self {
        let mut body = Self { content, on_sent, under_way, ended: false };
        if let Content::Whole(chunks) = &mut body.content {
            chunks.retain(|chunk| !chunk.is_empty());
            if chunks.is_empty() {
                body.end();
            }
        }
        body
    }

    /// No body, for the answer to a request that asks for none.
    pub(crate) fn none(under_way: UnderWay) -> Self {
        under_way.ended(None);
        Self { content: Content::Whole(VecDeque::new()), on_sent: None, under_way, ended: true }
    }

    fn end(&mut self) {
        self.ended = true;
        self.under_way.ended(self.on_sent.take());
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let (chunk, is_last) = match &mut self.content {
            Content::Whole(chunks) => (chunks.pop_front(), chunks.is_empty()),
            Content::Stream(pieces) => match ready!(pieces.poll_recv(cx)) {
                Some(Piece::Chunk(chunk)) => (Some(chunk), false),
                Some(Piece::End) => (None, true),
                None => return Poll::Ready(Some(Err(io::Error::other("the answer was not finished")))),
            },
        };
        if is_last {
            self.end();
        }
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        self.content.length().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

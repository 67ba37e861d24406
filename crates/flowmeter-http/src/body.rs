//! The body of an answer.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::queue::BodyReader;
use crate::under_way::{OnSent, UnderWay};

/// What a body is made of.
pub(crate) enum Content {
    /// All of it is there.
    Whole(VecDeque<Bytes>),
    /// It comes while it is sent.
    Stream(BodyReader),
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
            Content::Stream(reader) => {
                let chunk = ready!(reader.poll(cx)).transpose()?;
                let is_last = chunk.is_none();
                (chunk, is_last)
            }
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

//! Requests and answers.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use tokio::sync::oneshot;

use crate::body::{BodyWriter, Content};

/// A `GET` or `HEAD` request.
#[derive(Debug)]
pub struct Request {
    uri: Uri,
    headers: HeaderMap,
}

impl Request {
    pub(crate) fn new(uri: Uri, headers: HeaderMap) -> Self {
        Self { uri, headers }
    }

    /// The path, such as `/metrics`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The value of a query parameter, as it was sent; empty if it came without one.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        let pairs = self.uri.query()?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// The value of a header, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Answers requests. Called on the server's thread, so it must not block: what takes time is done elsewhere, with the
/// responder in hand.
pub trait Handler: Send + Sync + 'static {
    /// Answers a request, now or later. A responder that is dropped answers 503.
    fn handle(&self, request: Request, responder: Responder);
}

impl<F: Fn(Request, Responder) + Send + Sync + 'static> Handler for F {
    fn handle(&self, request: Request, responder: Responder) {
        self(request, responder);
    }
}

/// The way back to the client of one request.
pub struct Responder(oneshot::Sender<Response>);

impl Responder {
    pub(crate) fn new() -> (Self, oneshot::Receiver<Response>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Answers. If the client is gone the answer is dropped, and [`Response::on_sent`] is not called.
    pub fn send(self, response: Response) {
        let _ = self.0.send(response);
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("gone", &self.0.is_closed()).finish()
    }
}

/// An answer.
pub struct Response {
    pub(crate) status: StatusCode,
    pub(crate) content_type: &'static str,
    pub(crate) content: Content,
    pub(crate) on_sent: Option<OnSent>,
}

pub(crate) type OnSent = Box<dyn FnOnce() + Send>;

impl Response {
    /// A body of chunks, which many answers can share.
    #[must_use]
    pub fn chunks(content_type: &'static str, chunks: Vec<Bytes>) -> Self {
        Self::of(content_type, Content::Whole(chunks.into()))
    }

    /// A body that is written while it is sent, and where to write it.
    #[must_use]
    pub fn stream(content_type: &'static str) -> (Self, BodyWriter) {
        let (writer, content) = BodyWriter::new();
        (Self::of(content_type, content), writer)
    }

    fn of(content_type: &'static str, content: Content) -> Self {
        Self { status: StatusCode::OK, content_type, content, on_sent: None }
    }

    /// Plain text.
    #[must_use]
    pub fn text(text: impl Into<Bytes>) -> Self {
        Self::chunks("text/plain; charset=utf-8", vec![text.into()])
    }

    /// Nothing is there.
    #[must_use]
    pub fn not_found() -> Self {
        Self::error(StatusCode::NOT_FOUND, "there is nothing here\n")
    }

    pub(crate) fn error(status: StatusCode, text: &'static str) -> Self {
        Self { status, ..Self::text(text) }
    }

    /// Calls `sent` once the whole answer was handed to the network without an error. For a `HEAD` request, which gets
    /// no body, it is not called.
    #[must_use]
    pub fn on_sent(mut self, sent: impl FnOnce() + Send + 'static) -> Self {
        self.on_sent = Some(Box::new(sent));
        self
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("length", &self.content.length())
            .finish_non_exhaustive()
    }
}

//! Who answers, and the way back to the client.

use std::fmt;

use tokio::sync::oneshot;

use crate::{Request, Response};

/// Answers requests. Called on the server's thread, so it must not block: what takes time is done elsewhere, with the
/// responder in hand.
pub trait Handler: Send + Sync + 'static {
    /// Answers a request, now or later. A responder that is dropped answers 503.
    fn handle(&self, request: Request, responder: Responder);

    /// The most bytes of a body that it takes; nothing, which is the default, if it answers `GET` and `HEAD` alone.
    ///
    /// One that takes bodies gets `POST` requests, once their body is there, and `OPTIONS` requests. Browsers send those ahead of
    /// requests to other sites, without credentials, so it gets them without; the answer to one is to say nothing else than who
    /// may ask.
    fn most_body(&self) -> Option<usize> {
        None
    }
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

    /// Whether nobody waits for the answer any more: the client is gone, or was told that it did not come in time.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.is_closed()
    }

    /// Answers. If the client is gone the answer is dropped, and [`Response::on_sent`] is not called.
    pub fn send(self, response: Response) {
        let _ = self.0.send(response);
    }
}

impl fmt::Debug for Responder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("gone", &self.is_gone()).finish()
    }
}

//! How long a client may take to ask for something, and how long it may stay without asking.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, Sleep, sleep};

use crate::ServerOptions;

/// The time of a client that has all of its answers, or none yet.
///
/// It is asking from the start, and again from the first byte of each further request. In between it is idle.
pub(crate) struct Asking {
    request_patience: Duration,
    idle_patience: Duration,
    /// Tells one idle connection, the one that is so for longest, that somebody else needs its place.
    room: Arc<Notify>,
    /// There if the client is idle.
    place_needed: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    end: Pin<Box<Sleep>>,
    /// The last bytes that came.
    last: [u8; 3],
}

impl Asking {
    pub(crate) fn new(options: &ServerOptions, room: Arc<Notify>) -> Self {
        Self {
            request_patience: options.request_patience,
            idle_patience: options.idle_patience,
            room,
            place_needed: None,
            end: Box::pin(sleep(options.request_patience)),
            last: [0; 3],
        }
    }

    /// Notes what the client sends.
    pub(crate) fn came(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().rev().take(3).rev() {
            self.last.rotate_left(1);
            self.last[2] = *byte;
        }
        if self.place_needed.take().is_some() {
            self.restart(self.request_patience);
        }
    }

    /// Notes that the client has all of its answers, and whether one was to a request with a body that somebody has read.
    pub(crate) fn answered(&mut self, is_body_received: bool) {
        // HTTP may have read on, and holds the begin of another request then. Only the empty line after a head is the
        // end of what was asked; a body that nobody has read is taken for such a begin.
        if is_body_received || self.last.ends_with(b"\n\r\n") || self.last.ends_with(b"\n\n") {
            let room = Arc::clone(&self.room);
            self.place_needed = Some(Box::pin(async move { room.notified().await }));
            self.restart(self.idle_patience);
        } else {
            self.place_needed = None;
            self.restart(self.request_patience);
        }
    }

    /// Waits until the client has had its time. That is an error if it is in the middle of a request.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let is_over = self.end.as_mut().poll(cx);
        match &mut self.place_needed {
            None => is_over.map(|()| Err(io::ErrorKind::TimedOut.into())),
            Some(_) if is_over.is_ready() => Poll::Ready(Ok(())),
            Some(needed) => needed.as_mut().poll(cx).map(Ok),
        }
    }

    fn restart(&mut self, patience: Duration) {
        self.end.as_mut().reset(Instant::now() + patience);
    }
}

//! The answers of a connection that have not left yet.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) type OnSent = Box<dyn FnOnce() + Send>;

/// What is under way on a connection, and what is to be called once it has left.
///
/// An answer has ended when its body's last chunk was taken, and left when the connection is flushed after that.
#[derive(Clone, Default)]
pub(crate) struct UnderWay(Arc<Mutex<Answers>>);

/// Several, if a client sends requests ahead.
#[derive(Default)]
struct Answers {
    asked: usize,
    ended: usize,
    /// Whether a body was read to its end, and what has come with it is no begin of another request.
    is_received: bool,
    on_sent: Vec<OnSent>,
}

impl UnderWay {
    /// Notes a request.
    pub(crate) fn asked(&self) {
        self.lock().asked += 1;
    }

    /// Notes that all of an answer was written.
    pub(crate) fn ended(&self, on_sent: Option<OnSent>) {
        let mut answers = self.lock();
        answers.ended += 1;
        answers.on_sent.extend(on_sent);
    }

    /// Notes that all of a request's body was read.
    pub(crate) fn received(&self) {
        self.lock().is_received = true;
    }

    /// Whether a body was read to its end since this was asked last.
    pub(crate) fn take_received(&self) -> bool {
        std::mem::take(&mut self.lock().is_received)
    }

    /// Whether there is a request whose answer has not left.
    pub(crate) fn any(&self) -> bool {
        self.lock().asked > 0
    }

    /// Notes that all that was written has left. Tells those who want to know, if there is somebody who got it.
    /// Returns whether that ended an answer.
    pub(crate) fn flushed(&self, is_received: bool) -> bool {
        let mut answers = self.lock();
        let ended = std::mem::take(&mut answers.ended);
        answers.asked = answers.asked.saturating_sub(ended);
        let on_sent = std::mem::take(&mut answers.on_sent);
        drop(answers);
        if is_received {
            on_sent.into_iter().for_each(|sent| sent());
        }
        ended > 0
    }

    fn lock(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

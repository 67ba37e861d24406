//! Scrapes that wait for an answer, and the answers that they share.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use flowmeter_http::{Request, Responder, Response};

use crate::encode::Selection;
use crate::naming::NamingPolicy;
use crate::negotiation::{Accepted, Compression};

/// What an answer looks like. Scrapes that want the same share one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub(crate) accepted: Accepted,
    pub(crate) compression: Compression,
    pub(crate) selection: Selection,
}

impl Form {
    /// What a request asks for; nothing where there is nothing that it takes.
    pub(crate) fn of(request: &Request, naming: &NamingPolicy) -> Option<Self> {
        let accepted = if naming.is_flink() {
            // Flink writes text, whoever asks.
            Accepted::TEXT
        } else {
            Accepted::of(request.header_values("accept"))
        };
        let compression = Compression::of(request.header_values("accept-encoding"))?;
        let selection = Selection::of(request.queries("name[]").map(Cow::into_owned));
        Some(Self { accepted, compression, selection })
    }

    /// The headers of the answer.
    pub(crate) fn describe(&self, response: Response) -> Response {
        let response = response.with_header("vary", "Accept, Accept-Encoding");
        match self.compression.name() {
            Some(name) => response.with_header("content-encoding", name),
            None => response,
        }
    }
}

/// A request that waits.
pub(crate) struct Scrape {
    pub(crate) responder: Responder,
    pub(crate) form: Form,
    /// Whether it only wants to look, and closed groups stay for others.
    pub(crate) peek: bool,
}

impl Scrape {
    /// Whether whoever gets the answer has all that there is.
    pub(crate) fn delivers(&self) -> bool {
        !self.peek && self.form.selection.is_all()
    }
}

/// The requests that wait for an answer.
#[derive(Clone, Default)]
pub(crate) struct Waiting(Arc<Mutex<Vec<Scrape>>>);

impl Waiting {
    pub(crate) fn push(&self, scrape: Scrape) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(scrape);
    }

    /// Those that still wait, by what they want.
    pub(crate) fn take(&self) -> Vec<(Form, Vec<Scrape>)> {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let mut by_form: Vec<(Form, Vec<Scrape>)> = Vec::new();
        for scrape in all.into_iter().filter(|scrape| !scrape.responder.is_gone()) {
            match by_form.iter_mut().find(|(form, _)| *form == scrape.form) {
                Some((_, scrapes)) => scrapes.push(scrape),
                None => by_form.push((scrape.form.clone(), vec![scrape])),
            }
        }
        by_form
    }
}

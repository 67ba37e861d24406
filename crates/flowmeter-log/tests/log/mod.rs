//! A log that tests read.

#![allow(dead_code, reason = "each test uses some of it")]

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// A line of the log.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) target: String,
    pub(crate) level: Level,
    pub(crate) text: String,
}

/// The log of the process: reporters write on threads of their own, so a subscriber of the test's thread would see nothing.
static LINES: Mutex<Vec<Line>> = Mutex::new(Vec::new());
static LISTENER: Mutex<Option<Listener>> = Mutex::new(None);
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
static BEGIN: Once = Once::new();

/// Called with each line, on the thread that writes it.
pub(crate) type Listener = Arc<dyn Fn(&Line) + Send + Sync>;

/// The log while one test has it.
pub(crate) struct Log(MutexGuard<'static, ()>);

impl Log {
    pub(crate) fn begin() -> Self {
        BEGIN.call_once(|| tracing::subscriber::set_global_default(Capture).unwrap());
        let log = Self(lock(&ONE_AT_A_TIME));
        log.take();
        log
    }

    /// What was written since the last time.
    pub(crate) fn take(&self) -> Vec<Line> {
        std::mem::take(&mut *lock(&LINES))
    }

    pub(crate) fn listen(&self, listener: Listener) {
        *lock(&LISTENER) = Some(listener);
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        *lock(&LISTENER) = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes what flowmeter writes but `TRACE`.
struct Capture;

impl Subscriber for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("flowmeter") && *metadata.level() < Level::TRACE
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Message::default();
        event.record(&mut text);
        let metadata = event.metadata();
        let line = Line { target: metadata.target().to_owned(), level: *metadata.level(), text: text.0 };
        if line.target.starts_with("flowmeter::") {
            lock(&LINES).push(line.clone());
        }
        let listener = lock(&LISTENER).clone();
        if let Some(listener) = listener {
            listener(&line);
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

//! What the log says of reporters that fail: enough, and not the same all day.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt;
use std::sync::{Arc, Mutex};

use flowmeter_testkit::{Capture, PATIENCE, on_request, quiet_registry};
use tracing::field::{Field, Visit};
use tracing::{Level, span};

/// The lines about failures and what follows them, with their levels.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Level, String)>>>);

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "flowmeter_core::control"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push((*event.metadata().level(), line.0.trim_end().to_owned()));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn what_fails_for_one_reason_is_said_less_and_less_often_and_that_it_works_again_once() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let (registry, capture) = (quiet_registry(), Capture::push());
    let handle = registry.add_reporter("s", capture.reporter(), on_request()).unwrap();
    capture.fail(true);
    for _ in 0..10 {
        handle.report_now(PATIENCE).unwrap_err();
    }
    capture.fail(false);
    for _ in 0..3 {
        handle.report_now(PATIENCE).unwrap();
    }
    capture.fail(true);
    handle.report_now(PATIENCE).unwrap_err();
    let lines = std::mem::take(&mut *log.0.lock().unwrap());
    let failed =
        |times| format!("message=a reporter failed reporter=\"s\" message=\"told to\" times={times}");
    let works = "message=a reporter that failed works again reporter=\"s\"".to_owned();
    let warned: Vec<_> =
        lines.iter().filter(|(level, _)| *level <= Level::INFO).map(|(_, line)| line.clone()).collect();
    assert_eq!(warned, [failed(1), failed(2), failed(4), failed(8), works, failed(1)]);
    assert_eq!(lines.len(), 12, "the others are for those who look closely: {lines:?}");
}

//! Names of metrics may be made of what a request said: they stay within their line of the log.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt;
use std::sync::{Arc, Mutex};

use flowmeter_testkit::{Capture, PATIENCE, on_request, quiet_registry};
use tracing::field::{Field, Visit};
use tracing::span;

/// All lines, as most subscribers show them.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("flowmeter_core")
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[test]
fn no_name_ends_a_line_of_the_log() {
    const NAME: &str = "n\n2026-01-01 ERROR \u{1b}[31mforged";
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).unwrap();
    let (registry, capture) = (quiet_registry(), Capture::push());
    let reporter = registry.add_reporter("s", capture.reporter(), on_request()).unwrap();
    let group = registry.add_group("g").add_group_kv("key", NAME);
    group.gauge_callback(NAME, || -> u64 { panic!("told to") });
    let refused = [group.counter(NAME), group.counter("twice"), group.counter("twice")];
    reporter.report_now(PATIENCE).unwrap();
    let lines = std::mem::take(&mut *log.0.lock().unwrap());
    assert!(lines.len() >= 3, "{lines:?}");
    for line in lines {
        assert!(!line.contains(char::is_control), "{line:?}");
    }
    drop(refused);
}

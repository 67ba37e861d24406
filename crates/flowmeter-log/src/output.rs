//! The way into the log.

use std::cell::Cell;

use flowmeter_core::Severity;

use crate::LogLevel;

/// What a line is about, which is its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Report,
    Span,
    Event,
}

thread_local! {
    static IS_WRITING: Cell<bool> = const { Cell::new(false) };
}

/// Whether the calling thread is writing a line of a log reporter.
///
/// For what reads a program's log and tells flowmeter of it, such as a subscriber that makes an [event](flowmeter_core::Event) of
/// each error: it is to leave out what a log reporter writes, which would come back to it. One that does not is bounded by
/// [`lines`](crate::LogOptions::lines). Subscribers that take lines on another thread know them by their targets, which begin with
/// `flowmeter::`.
#[must_use]
pub fn is_writing() -> bool {
    IS_WRITING.get()
}

/// Ends the writing, also when a subscriber panics.
struct Writing;

impl Writing {
    fn begin() -> Self {
        IS_WRITING.set(true);
        Self
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        IS_WRITING.set(false);
    }
}

/// A target and a level are parts of a place in the code for `tracing`, so there is one for each pair of them.
macro_rules! at_each_place {
    ($target:expr, $level:expr, $macro:ident $(, $line:expr)?) => {
        match $target {
            Target::Report => at_each_place!(@ "flowmeter::report", $level, $macro $(, $line)?),
            Target::Span => at_each_place!(@ "flowmeter::span", $level, $macro $(, $line)?),
            Target::Event => at_each_place!(@ "flowmeter::event", $level, $macro $(, $line)?),
        }
    };
    (@ $target:literal, $level:expr, $macro:ident $(, $line:expr)?) => {
        match $level {
            LogLevel::Trace => tracing::$macro!(target: $target, tracing::Level::TRACE $(, "{}", $line)?),
            LogLevel::Debug => tracing::$macro!(target: $target, tracing::Level::DEBUG $(, "{}", $line)?),
            LogLevel::Info => tracing::$macro!(target: $target, tracing::Level::INFO $(, "{}", $line)?),
            LogLevel::Warn => tracing::$macro!(target: $target, tracing::Level::WARN $(, "{}", $line)?),
            LogLevel::Error => tracing::$macro!(target: $target, tracing::Level::ERROR $(, "{}", $line)?),
        }
    };
}

/// Whether anybody takes lines of this kind.
pub(crate) fn is_taken(target: Target, level: LogLevel) -> bool {
    at_each_place!(target, level, event_enabled)
}

/// Writes a line.
pub(crate) fn write(target: Target, level: LogLevel, line: &str) {
    let _writing = Writing::begin();
    at_each_place!(target, level, event, line);
}

impl LogLevel {
    /// The level that is nearest to the severity of an event.
    pub(crate) fn of(severity: Severity) -> Self {
        match severity {
            Severity::Trace => Self::Trace,
            Severity::Debug => Self::Debug,
            Severity::Info => Self::Info,
            Severity::Warn => Self::Warn,
            Severity::Error | Severity::Fatal => Self::Error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_ends_with_a_panic_too() {
        assert!(!is_writing());
        let panicked = std::panic::catch_unwind(|| {
            let _writing = Writing::begin();
            assert!(is_writing());
            panic!("told to");
        });
        assert!(panicked.is_err() && !is_writing());
    }
}

//! How much is written.

use std::time::{Duration, Instant};

use flowmeter_core::ReporterContext;
use tracing::warn;

use crate::LogLevel;
use crate::messages::Message;
use crate::output::{Target, write};

/// Writes the messages of one report, up to a number of them.
pub(crate) struct ReportWriter<'a> {
    level: LogLevel,
    size: usize,
    left: usize,
    bytes: u64,
    /// Messages that were one too many, and their values.
    beyond: (u64, u64),
    too_long: &'a mut TooLongSeries,
}

/// Names once what is too long for a message.
#[derive(Debug, Default)]
pub(crate) struct TooLongSeries {
    values: u64,
    is_named: bool,
}

impl<'a> ReportWriter<'a> {
    pub(crate) fn new(level: LogLevel, size: usize, lines: usize, too_long: &'a mut TooLongSeries) -> Self {
        Self { level, size, left: lines.max(1), bytes: 0, beyond: (0, 0), too_long }
    }

    /// How many bytes a message has at most.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn write(&mut self, message: &Message) {
        if self.left == 0 {
            self.beyond.0 += 1;
            self.beyond.1 += message.values;
            return;
        }
        self.left -= 1;
        self.bytes += message.text.len() as u64;
        write(Target::Report, self.level, &message.text);
    }

    /// Counts a series that is not written, and names the first.
    pub(crate) fn drop_too_long(&mut self, group: &str, metric: &str) {
        self.too_long.values += 1;
        if !self.too_long.is_named {
            self.too_long.is_named = true;
            warn!(
                group,
                metric,
                "a metric is not written, because it is longer than a message; raise `message-size`. Others are counted alone"
            );
        }
    }

    /// Says what is missing, and counts it.
    pub(crate) fn finish(self, context: &ReporterContext) {
        let (messages, values) = self.beyond;
        if messages > 0 {
            let line = format!(
                "{messages} more lines with {values} values are left out of this report: raise `lines`, or filter"
            );
            write(Target::Report, self.level, &line);
        }
        context.count_bytes(self.bytes);
        context.count_dropped(values + std::mem::take(&mut self.too_long.values));
    }
}

/// Bounds how many spans and events are written in an interval: what tells flowmeter of each line in the log would make another
/// of it, without end.
#[derive(Debug)]
pub(crate) struct MilestoneBudget {
    lines: usize,
    interval: Duration,
    begun: Option<Instant>,
    written: usize,
    has_said: bool,
}

impl MilestoneBudget {
    pub(crate) fn new(lines: usize, interval: Duration) -> Self {
        Self { lines: lines.max(1), interval, begun: None, written: 0, has_said: false }
    }

    /// Whether there is room for some lines at a time. Says once an interval when there is not.
    pub(crate) fn take(&mut self, lines: usize, now: Instant) -> bool {
        if self.begun.is_none_or(|begun| now.saturating_duration_since(begun) >= self.interval) {
            (self.begun, self.written, self.has_said) = (Some(now), 0, false);
        }
        // One that is longer than all of an interval is written if nothing was before it.
        if self.written > 0 && self.written + lines > self.lines {
            if !self.has_said {
                self.has_said = true;
                let lines = self.lines;
                warn!(
                    lines,
                    "spans and events are dropped, because there are too many in an interval; raise `lines`"
                );
            }
            return false;
        }
        self.written += lines;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interval_has_room_for_so_many() {
        let mut budget = MilestoneBudget::new(3, Duration::from_secs(10));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(budget.take(2, at(0)));
        assert!(!budget.take(2, at(1)) && budget.take(1, at(2)) && !budget.take(1, at(9)));
        assert!(budget.take(5, at(10)), "the first of an interval always has room");
        assert!(!budget.take(1, at(11)));
    }
}

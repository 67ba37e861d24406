//! What a reporter writes, and how.

/// What lines look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NamingPolicy {
    /// A line a group, with all of its metrics: `taskmanager.job host=h job_name=j | numRestarts=0 uptime=5000`.
    #[default]
    Native,
    /// The text of Flink's SLF4J reporter: one message a report, with a line a metric under headings of kinds.
    Flink,
}

/// What is written, all of it by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signals {
    /// Whether metrics are.
    pub metrics: bool,
    /// Whether spans are.
    pub spans: bool,
    /// Whether events are.
    pub events: bool,
}

impl Default for Signals {
    fn default() -> Self {
        Self { metrics: true, spans: true, events: true }
    }
}

impl Signals {
    /// Nothing, to add to.
    #[must_use]
    pub fn none() -> Self {
        Self { metrics: false, spans: false, events: false }
    }

    /// And metrics.
    #[must_use]
    pub fn and_metrics(mut self) -> Self {
        self.metrics = true;
        self
    }

    /// And spans.
    #[must_use]
    pub fn and_spans(mut self) -> Self {
        self.spans = true;
        self
    }

    /// And events.
    #[must_use]
    pub fn and_events(mut self) -> Self {
        self.events = true;
        self
    }
}

/// How much lines matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogLevel {
    /// `TRACE`.
    Trace,
    /// `DEBUG`.
    Debug,
    /// `INFO`.
    #[default]
    Info,
    /// `WARN`.
    Warn,
    /// `ERROR`.
    Error,
}

/// What a [`LogReporter`](crate::LogReporter) writes, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LogOptions {
    /// What is written: metrics, spans and events.
    pub signals: Signals,
    /// What lines look like: a line a group.
    pub naming: NamingPolicy,
    /// The level of reports and spans, and of events too in Flink's form: `INFO`. Otherwise an event has the level that is nearest to
    /// its severity.
    pub level: LogLevel,
    /// How many bytes a message has at most: 16 KiB, which is what container runtimes take for one, or 1 MiB in Flink's form,
    /// in which a report is to be one message.
    pub message_size: Option<usize>,
    /// How many messages a report has at most, and how many spans and events are written at most in an interval: 10,000.
    pub lines: usize,
    /// What is between the components of identifiers in Flink's form: a dot.
    pub delimiter: char,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            signals: Signals::default(),
            naming: NamingPolicy::default(),
            level: LogLevel::default(),
            message_size: None,
            lines: 10_000,
            delimiter: '.',
        }
    }
}

impl LogOptions {
    /// The least number of bytes that can be set for a message.
    pub const LEAST_MESSAGE_SIZE: usize = 256;

    /// The greatest.
    pub const GREATEST_MESSAGE_SIZE: usize = 16 * 1024 * 1024;

    /// Sets what is written.
    #[must_use]
    pub fn with_signals(mut self, signals: Signals) -> Self {
        self.signals = signals;
        self
    }

    /// Sets what lines look like.
    #[must_use]
    pub fn with_naming(mut self, naming: NamingPolicy) -> Self {
        self.naming = naming;
        self
    }

    /// Sets the level.
    #[must_use]
    pub fn with_level(mut self, level: LogLevel) -> Self {
        self.level = level;
        self
    }

    /// Sets how many bytes a message has at most; taken for the nearest that is possible.
    #[must_use]
    pub fn with_message_size(mut self, bytes: usize) -> Self {
        self.message_size = Some(bytes);
        self
    }

    /// Sets how many messages a report has at most, one at least.
    #[must_use]
    pub fn with_lines(mut self, lines: usize) -> Self {
        self.lines = lines;
        self
    }

    /// Sets what is between the components of identifiers.
    #[must_use]
    pub fn with_delimiter(mut self, delimiter: char) -> Self {
        self.delimiter = delimiter;
        self
    }

    pub(crate) fn size(&self) -> usize {
        let default = match self.naming {
            NamingPolicy::Native => 16 * 1024,
            NamingPolicy::Flink => 1024 * 1024,
        };
        self.message_size.unwrap_or(default).clamp(Self::LEAST_MESSAGE_SIZE, Self::GREATEST_MESSAGE_SIZE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_are_impossible_are_taken_for_the_nearest() {
        assert_eq!(LogOptions::default().size(), 16 * 1024);
        assert_eq!(LogOptions::default().with_naming(NamingPolicy::Flink).size(), 1024 * 1024);
        assert_eq!(LogOptions::default().with_message_size(0).size(), LogOptions::LEAST_MESSAGE_SIZE);
        let most = LogOptions::default().with_message_size(usize::MAX);
        assert_eq!(most.size(), LogOptions::GREATEST_MESSAGE_SIZE);
    }
}

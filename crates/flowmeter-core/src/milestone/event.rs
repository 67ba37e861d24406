//! Events: what happened at a time.

use std::borrow::Cow;
use std::time::Duration;

use super::attribute::{Attributes, cut_name, cut_text};
use crate::AttributeValue;

/// What an event weighs beside its texts and attributes.
const EVENT_WEIGHT: usize = 256;

/// Something that happened, such as that a job failed: Flink's `Event`, with what its `EventBuilder` has.
///
/// It is reported with [`MetricGroup::report_event`](crate::MetricGroup::report_event).
///
/// ```
/// use flowmeter_core::{Event, Severity};
///
/// # let registry = flowmeter_core::Registry::new();
/// # let job_manager = registry.job_manager("h");
/// # let job = job_manager.job("j", "job");
/// job.report_event(
///     Event::new("my.engine.JobMaster", "JobStatusChangeEvent")
///         .with_severity(Severity::Warn)
///         .with_body("a task has failed")
///         .with("newJobStatus", "RESTARTING"),
/// );
/// ```
///
/// # Limits
///
/// An event has 128 attributes at most, as OpenTelemetry has it; scope, name and keys have 256 bytes, values and the body 8 KiB, and
/// all of it 256 KiB. What is beyond is cut or left out, which the event says of attributes, and the registry counts in
/// [`Statistics::cut_milestones`](crate::Statistics::cut_milestones).
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    scope: Cow<'static, str>,
    name: Cow<'static, str>,
    observed: Option<Duration>,
    severity: Severity,
    body: String,
    attributes: Attributes,
    /// Whether a text of it is shorter than it was given.
    is_cut: bool,
}

/// How much an event matters, in OpenTelemetry's terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// For those who look closely.
    Trace,
    /// For those who look for a mistake.
    Debug,
    /// Something that happens: what an event has unless it says otherwise.
    #[default]
    Info,
    /// Something that should not happen often.
    Warn,
    /// Something has failed.
    Error,
    /// Something has ended by it.
    Fatal,
}

impl Severity {
    /// OpenTelemetry's `SeverityNumber`: the first of the four that each has.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Trace => 1,
            Self::Debug => 5,
            Self::Info => 9,
            Self::Warn => 13,
            Self::Error => 17,
            Self::Fatal => 21,
        }
    }

    /// OpenTelemetry's `SeverityText`, which Flink has as well.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}

impl Event {
    /// An event of a scope, which is what reports it: in Flink the full name of a class. Names made at run time are given as a
    /// `String`.
    #[must_use]
    pub fn new(scope: impl Into<Cow<'static, str>>, name: impl Into<Cow<'static, str>>) -> Self {
        let mut is_cut = false;
        Self {
            scope: cut_name(scope.into(), &mut is_cut),
            name: cut_name(name.into(), &mut is_cut),
            observed: None,
            severity: Severity::Info,
            body: String::new(),
            attributes: Attributes::default(),
            is_cut,
        }
    }

    /// Sets when it was observed, since the Unix epoch. Otherwise that is when it is reported.
    #[must_use]
    pub fn observed_at(mut self, time: Duration) -> Self {
        self.observed = Some(time);
        self
    }

    /// Sets how much it matters.
    #[must_use]
    pub fn with_severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Sets its text for people.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        cut_text(&mut self.body, &mut self.is_cut);
        self
    }

    /// Sets an attribute. A key that is there already takes the new value.
    #[must_use]
    pub fn with(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<AttributeValue>) -> Self {
        self.attributes.set(key.into(), value.into());
        self
    }

    /// What reports it.
    #[must_use]
    pub fn scope(&self) -> &str {
        &self.scope
    }

    /// What it is.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it was observed, since the Unix epoch. Set once it is reported.
    #[must_use]
    pub fn observed(&self) -> Duration {
        self.observed.unwrap_or_default()
    }

    /// How much it matters.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// Its text for people; may be empty.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The attributes, each key once, in the order in which they were first set.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &AttributeValue)> {
        self.attributes.iter()
    }

    /// How many attributes were left out, because they were too many.
    #[must_use]
    pub fn dropped_attributes(&self) -> u32 {
        self.attributes.dropped()
    }

    /// Makes it what reporters get, at a time. Takes its weight from what is `left`.
    pub(super) fn finish(&mut self, now: Duration, left: &mut usize) {
        self.observed.get_or_insert(now);
        *left = left.saturating_sub(EVENT_WEIGHT + self.scope.len() + self.name.len() + self.body.len());
        self.attributes.fit(left);
    }

    /// Whether anything of it is not as it was given.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut || self.attributes.is_cut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_bytes_than_there_can_be() {
        let mut event = Event::new("s".repeat(1_000), "name").with_body("b".repeat(10_000));
        assert_eq!((event.scope().len(), event.body().len()), (256, 8 * 1024));
        for i in 0..64 {
            event = event.with(format!("key{i}"), "x".repeat(8 * 1024));
        }
        event.finish(Duration::from_secs(3), &mut { 256 * 1024 });
        let kept = event.attributes().count();
        assert!((25..32).contains(&kept), "{kept}");
        assert_eq!(event.dropped_attributes(), 64 - kept as u32);
        assert!(event.is_cut());
        assert_eq!(event.observed(), Duration::from_secs(3));
    }
}

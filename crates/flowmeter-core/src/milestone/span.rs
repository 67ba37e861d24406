//! Spans: what took a time.

use std::borrow::Cow;
use std::time::Duration;

use super::attribute::{Attributes, cut_name, cut_text};
use crate::AttributeValue;

/// How many spans one has at most, itself and all below.
const SPANS_LIMIT: u32 = 1_024;

/// How many levels of spans there are at most.
const LEVELS_LIMIT: u8 = 16;

/// What a span weighs beside its texts and attributes.
const SPAN_WEIGHT: usize = 256;

/// Something that took a time, such as a checkpoint: Flink's `Span`, with what its `SpanBuilder` has.
///
/// It is reported once, whole, when it is over, with [`MetricGroup::report_span`](crate::MetricGroup::report_span).
/// Parts of it are children. This is for the milestones of a job; it does not trace requests, and nothing is passed on from
/// one thread or process to another.
///
/// ```
/// use std::time::Duration;
/// use flowmeter_core::Span;
///
/// # let registry = flowmeter_core::Registry::new();
/// # let job_manager = registry.job_manager("h");
/// # let job = job_manager.job("j", "job");
/// # let (triggered, complete) = (Duration::from_secs(1), Duration::from_secs(2));
/// job.report_span(
///     Span::new("my.engine.CheckpointStatsTracker", "Checkpoint")
///         .starting_at(triggered)
///         .ending_at(complete)
///         .with("checkpointId", 17)
///         .with("checkpointStatus", "COMPLETED")
///         .child(Span::new("my.engine.CheckpointStatsTracker", "CheckpointTask").with("subtask", 3)),
/// );
/// ```
///
/// # Limits
///
/// A span has 128 attributes at most, as OpenTelemetry has it; scope, name and keys have 256 bytes, values and messages 8 KiB. With
/// all its children it is 1,024 spans in 16 levels, and 256 KiB. What is beyond is cut or left out, which the span says of
/// attributes and children, and the registry counts in [`Statistics::cut_milestones`](crate::Statistics::cut_milestones).
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    scope: Cow<'static, str>,
    name: Cow<'static, str>,
    start: Option<Duration>,
    end: Option<Duration>,
    attributes: Attributes,
    status: SpanStatus,
    children: Vec<Self>,
    dropped_children: u32,
    /// How many spans it is, and in how many levels, itself included.
    spans: u32,
    levels: u8,
    /// Whether a text of it is shorter than it was given.
    is_cut: bool,
}

/// How what took a time has ended, as OpenTelemetry has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SpanStatus {
    /// Nobody said.
    #[default]
    Unset,
    /// Well, for certain.
    Ok,
    /// Not well, and why, in 8 KiB at most.
    Error(String),
}

impl Span {
    /// A span of a scope, which is what reports it: in Flink the full name of a class. Names made at run time are given as a
    /// `String`.
    #[must_use]
    pub fn new(scope: impl Into<Cow<'static, str>>, name: impl Into<Cow<'static, str>>) -> Self {
        let mut is_cut = false;
        Self {
            scope: cut_name(scope.into(), &mut is_cut),
            name: cut_name(name.into(), &mut is_cut),
            start: None,
            end: None,
            attributes: Attributes::default(),
            status: SpanStatus::Unset,
            children: Vec::new(),
            dropped_children: 0,
            spans: 1,
            levels: 1,
            is_cut,
        }
    }

    /// Sets when it began, since the Unix epoch. Otherwise a child begins with its parent, and another span is an instant.
    #[must_use]
    pub fn starting_at(mut self, start: Duration) -> Self {
        self.start = Some(start);
        self
    }

    /// Sets when it ended, since the Unix epoch. Otherwise a child ends with its parent, and another span when it is
    /// reported. A span that ends before it begins, since clocks may be set back, ends as it begins.
    #[must_use]
    pub fn ending_at(mut self, end: Duration) -> Self {
        self.end = Some(end);
        self
    }

    /// Sets an attribute. A key that is there already takes the new value.
    #[must_use]
    pub fn with(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<AttributeValue>) -> Self {
        self.attributes.set(key.into(), value.into());
        self
    }

    /// Says that it ended well.
    #[must_use]
    pub fn succeeded(mut self) -> Self {
        self.status = SpanStatus::Ok;
        self
    }

    /// Says that it did not end well, and why.
    #[must_use]
    pub fn failed(mut self, why: impl Into<String>) -> Self {
        let mut why = why.into();
        cut_text(&mut why, &mut self.is_cut);
        self.status = SpanStatus::Error(why);
        self
    }

    /// Adds a part of it.
    #[must_use]
    pub fn child(mut self, mut child: Self) -> Self {
        child.trim(LEVELS_LIMIT - 1);
        if self.spans + child.spans > SPANS_LIMIT {
            self.drop_children(child.spans);
            return self;
        }
        self.spans += child.spans;
        self.levels = self.levels.max(child.levels + 1);
        self.children.push(child);
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

    /// When it began, since the Unix epoch. Set once it is reported.
    #[must_use]
    pub fn start(&self) -> Duration {
        self.start.unwrap_or_default()
    }

    /// When it ended, since the Unix epoch: not before it began. Set once it is reported.
    #[must_use]
    pub fn end(&self) -> Duration {
        self.end.unwrap_or_default()
    }

    /// The attributes, each key once, in the order in which they were first set.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &AttributeValue)> {
        self.attributes.iter()
    }

    /// How it has ended.
    #[must_use]
    pub fn status(&self) -> &SpanStatus {
        &self.status
    }

    /// Its parts.
    #[must_use]
    pub fn children(&self) -> &[Self] {
        &self.children
    }

    /// How many spans it is: itself, its children, theirs and so on.
    #[must_use]
    pub fn spans(&self) -> u32 {
        self.spans
    }

    /// How many attributes were left out, because they were too many.
    #[must_use]
    pub fn dropped_attributes(&self) -> u32 {
        self.attributes.dropped()
    }

    /// How many spans below it were left out, because they were too many or too deep.
    #[must_use]
    pub fn dropped_children(&self) -> u32 {
        self.dropped_children
    }

    /// Makes it what reporters get, at a time. Takes its weight from what is `left`.
    pub(super) fn finish(&mut self, now: Duration, left: &mut usize) {
        self.set_times(None, now);
        self.fit(left);
    }

    /// Whether anything of it is not as it was given.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
            || self.attributes.is_cut()
            || self.dropped_children > 0
            || self.children.iter().any(Self::is_cut)
    }

    /// Sets the times that are not, from those of the parent.
    fn set_times(&mut self, parent_start: Option<Duration>, parent_end: Duration) {
        let end = self.end.unwrap_or_else(|| parent_end.max(self.start.unwrap_or_default()));
        let start = self.start.unwrap_or_else(|| parent_start.map_or(end, |start| start.min(end)));
        let end = end.max(start);
        (self.start, self.end) = (Some(start), Some(end));
        for child in &mut self.children {
            child.set_times(Some(start), end);
        }
    }

    /// Leaves out what is deeper.
    fn trim(&mut self, levels: u8) {
        if self.levels <= levels {
            return;
        }
        self.change_children(|parent, children| {
            for mut child in children {
                if levels > 1 {
                    child.trim(levels - 1);
                    parent.children.push(child);
                } else {
                    parent.drop_children(child.spans);
                }
            }
        });
    }

    /// Leaves out what is heavier than what is left of a weight, and takes the rest from it.
    fn fit(&mut self, left: &mut usize) {
        *left = left.saturating_sub(self.bare_weight());
        self.attributes.fit(left);
        self.change_children(|parent, children| {
            for mut child in children {
                if child.bare_weight() <= *left {
                    child.fit(left);
                    parent.children.push(child);
                } else {
                    parent.drop_children(child.spans);
                }
            }
        });
    }

    /// Has the children put back that are to stay, and counts them anew.
    fn change_children(&mut self, put_back: impl FnOnce(&mut Self, Vec<Self>)) {
        let children = std::mem::take(&mut self.children);
        put_back(self, children);
        self.spans = 1 + self.children.iter().map(|child| child.spans).sum::<u32>();
        self.levels = 1 + self.children.iter().map(|child| child.levels).max().unwrap_or(0);
    }

    fn drop_children(&mut self, spans: u32) {
        self.dropped_children = self.dropped_children.saturating_add(spans);
    }

    /// Without attributes and children.
    fn bare_weight(&self) -> usize {
        let why = if let SpanStatus::Error(why) = &self.status { why.len() } else { 0 };
        SPAN_WEIGHT + self.scope.len() + self.name.len() + why
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIGHT: usize = 256 * 1024;

    fn span() -> Span {
        Span::new("scope", "name")
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn finished(mut span: Span) -> Span {
        span.finish(seconds(100), &mut { LIGHT });
        span
    }

    fn times(span: &Span) -> (u64, u64) {
        (span.start().as_secs(), span.end().as_secs())
    }

    #[test]
    fn times_that_are_not_set_follow() {
        assert_eq!(times(&finished(span())), (100, 100));
        assert_eq!(times(&finished(span().starting_at(seconds(90)))), (90, 100));
        assert_eq!(times(&finished(span().ending_at(seconds(90)))), (90, 90));
        assert_eq!(times(&finished(span().starting_at(seconds(120)))), (120, 120), "the clock was set back");
        assert_eq!(times(&finished(span().starting_at(seconds(7)).ending_at(seconds(5)))), (7, 7));
        let parent = span().starting_at(seconds(10)).ending_at(seconds(20));
        let parent =
            parent.child(span()).child(span().ending_at(seconds(12))).child(span().starting_at(seconds(15)));
        let parent = finished(parent);
        assert_eq!(parent.children().iter().map(times).collect::<Vec<_>>(), [(10, 20), (10, 12), (15, 20)]);
    }

    #[test]
    fn no_more_spans_than_there_can_be() {
        let mut wide = span();
        for _ in 0..SPANS_LIMIT {
            wide = wide.child(span());
        }
        assert_eq!((wide.spans(), wide.dropped_children()), (SPANS_LIMIT, 1));
        let mut parent = span().child(wide.clone());
        assert_eq!((parent.spans(), parent.dropped_children()), (1, SPANS_LIMIT));
        assert!(parent.is_cut());
        parent = span();
        for _ in 0..50 {
            parent = span().child(parent);
        }
        let mut levels = 1;
        let mut deepest = &parent;
        while let Some(child) = deepest.children().first() {
            (levels, deepest) = (levels + 1, child);
        }
        assert_eq!((levels, parent.spans()), (LEVELS_LIMIT, u32::from(LEVELS_LIMIT)));
        assert_eq!(deepest.dropped_children(), 1);
    }

    #[test]
    fn no_more_bytes_than_there_can_be() {
        let long = || "x".repeat(8 * 1024);
        let mut heavy = span().with("a", 1);
        for i in 0..100 {
            heavy = heavy.child(span().with("text", long()).with("number", i).failed(long()));
        }
        assert!(!heavy.is_cut());
        let mut left = LIGHT;
        heavy.finish(seconds(1), &mut left);
        assert!(heavy.is_cut());
        let kept = heavy.children().len();
        assert!((15..40).contains(&kept), "{kept}");
        assert_eq!((heavy.spans(), heavy.dropped_children()), (1 + kept as u32, 100 - kept as u32));
        assert!(heavy.attributes().eq([("a", &AttributeValue::I64(1))]));
    }
}

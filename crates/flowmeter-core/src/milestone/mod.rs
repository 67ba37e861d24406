//! Spans and events: the milestones of a job, which are reported once each, beside its metrics.
//!
//! ```text
//! coordinator's thread          inbox of each reporter that wants them        reporter's thread
//! MetricGroup::report_span ---> bounded; wakes the reporter -------------->  Reporter::report_milestones
//! ```

mod attribute;
mod delivery;
mod event;
mod inbox;
mod span;

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use attribute::AttributeValue;
pub(crate) use delivery::{Delivery, Failure};
pub use event::{Event, Severity};
pub(crate) use inbox::MilestoneDesk;
pub use span::{Span, SpanStatus};

use crate::node::Node;
use crate::{GroupView, ReporterOptions};

/// How many bytes a span or an event is at most.
const WEIGHT_LIMIT: usize = 256 * 1024;

/// A span or an event.
#[derive(Clone, Debug, PartialEq)]
pub enum Milestone {
    /// What took a time.
    Span(Span),
    /// What happened at a time.
    Event(Event),
}

impl Milestone {
    /// Makes it what reporters get, at a time. Returns its weight.
    fn finish(&mut self, now: Duration) -> usize {
        let mut left = WEIGHT_LIMIT;
        match self {
            Self::Span(span) => span.finish(now, &mut left),
            Self::Event(event) => event.finish(now, &mut left),
        }
        WEIGHT_LIMIT - left
    }

    fn is_cut(&self) -> bool {
        match self {
            Self::Span(span) => span.is_cut(),
            Self::Event(event) => event.is_cut(),
        }
    }

    fn scope_and_name(&self) -> (&str, &str) {
        match self {
            Self::Span(span) => (span.scope(), span.name()),
            Self::Event(event) => (event.scope(), event.name()),
        }
    }
}

/// A milestone that was reported. All reporters share it.
struct Posted {
    number: u64,
    /// The group that reported it, for its variables.
    node: Arc<Node>,
    milestone: Milestone,
    weight: usize,
}

/// A batch of spans and events, in the order in which they came.
///
/// A reporter gets each until it has taken it: the whole batch when [`report_milestones`](crate::Reporter::report_milestones)
/// succeeds, and otherwise what was [acknowledged](Self::acknowledge).
pub struct Milestones<'a> {
    batch: &'a [Arc<Posted>],
    options: &'a ReporterOptions,
    acknowledged: Cell<usize>,
}

impl<'a> Milestones<'a> {
    fn new(batch: &'a [Arc<Posted>], options: &'a ReporterOptions) -> Self {
        Self { batch, options, acknowledged: Cell::new(0) }
    }

    /// How many there are: one at least.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    #[must_use]
    pub fn len(&self) -> usize {
        self.batch.len()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = MilestoneView<'a>> + use<'a> {
        let options = self.options;
        self.batch.iter().map(move |posted| MilestoneView { posted, options })
    }

    /// Tells that the first so many were taken, whatever becomes of the rest: they do not come again. What was given up counts
    /// as taken. A call that succeeds need not say so: all are taken then.
    pub fn acknowledge(&self, first: usize) {
        self.acknowledged.set(self.acknowledged.get().max(first.min(self.batch.len())));
    }
}

impl fmt::Debug for Milestones<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A span or an event, as a reporter sees it.
#[derive(Clone, Copy)]
pub struct MilestoneView<'a> {
    posted: &'a Posted,
    options: &'a ReporterOptions,
}

impl<'a> MilestoneView<'a> {
    /// What was reported.
    #[must_use]
    pub fn milestone(&self) -> &'a Milestone {
        &self.posted.milestone
    }

    /// The group that reported it, which may be closed by now: with the variables that the reporter is to see.
    #[must_use]
    pub fn group(&self) -> GroupView<'a> {
        GroupView::of_reporter(&self.posted.node, self.options)
    }

    /// Which of the registry's milestones it is, from 1: the same each time that it comes, and for each reporter. For
    /// identifiers that are to be the same again when something is sent twice.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.posted.number
    }
}

impl fmt::Debug for MilestoneView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MilestoneView")
            .field("number", &self.number())
            .field("group", &self.group())
            .field("milestone", self.milestone())
            .finish()
    }
}

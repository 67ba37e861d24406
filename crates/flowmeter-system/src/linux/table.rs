//! Files that say the same of several things, which come and go: interfaces, disks, processors, threads.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{Clock, MetricGroup, MetricSet};

use super::error::Error;
use crate::shared::{Seen, Shared};

/// What such a file says.
pub(crate) trait Rows: Send + 'static {
    /// What it says of one thing.
    type Row;

    /// Reads it. After an error there are no rows.
    fn read(&mut self, now: Duration) -> Result<(), Error>;

    /// Forgets what is there now.
    fn lose(&mut self, now: Duration);

    /// The things that are to have metrics, by name.
    fn rows(&self) -> &BTreeMap<String, Self::Row>;
}

/// Such a file, with metrics for each row: they are registered when it appears, and closed when it is gone.
///
/// It is read once when it is made, so that what is there has metrics from the beginning, and rates a beginning.
pub(crate) struct Table<R>(Shared<Shown<R>>);

struct Shown<R> {
    rows: R,
    outcome: Result<(), String>,
    parent: MetricGroup,
    show: Show<R>,
    shown: BTreeMap<String, Metrics>,
}

/// Registers the metrics of a thing below the parent. Nothing if that is not possible, such as when it is closed.
type Show<R> = Box<dyn Fn(&Arc<Table<R>>, &MetricGroup, &str, Seen) -> Option<Metrics> + Send>;

/// Metrics that can be closed.
pub(crate) enum Metrics {
    Group(MetricGroup),
    /// One that is alone in a group that has others.
    One(MetricGroup, String),
}

impl<R: Rows> Table<R> {
    pub(crate) fn new(
        clock: &Arc<dyn Clock>,
        parent: &MetricGroup,
        rows: R,
        show: impl Fn(&Arc<Self>, &MetricGroup, &str, Seen) -> Option<Metrics> + Send + 'static,
    ) -> Arc<Self> {
        let (parent, show) = (parent.clone(), Box::new(show));
        let shown = Shown { rows, outcome: Ok(()), parent, show, shown: BTreeMap::new() };
        let table = Arc::new(Self(Shared::new(clock, shown)));
        table.look(&mut Seen::default(), |_| ());
        table
    }

    /// What a callback that is made now has seen.
    pub(crate) fn seen(&self) -> Seen {
        self.0.seen()
    }

    /// Looks at the rows, or at why there are none.
    pub(crate) fn look<T>(
        self: &Arc<Self>,
        seen: &mut Seen,
        look: impl FnOnce(Result<&R, &String>) -> T,
    ) -> T {
        let read = |shown: &mut Shown<R>, now, seen| shown.read(self, now, seen);
        self.0.look(seen, read, |shown| look(shown.outcome.as_ref().map(|()| &shown.rows)))
    }

    /// Has a set in a group filled from the row of this name, which is missing while `fill` says that there is nothing to show
    /// yet. When the row is gone the last values stay, to be final.
    pub(crate) fn fill<S: MetricSet + Send + 'static>(
        self: &Arc<Self>,
        group: MetricGroup,
        name: &str,
        mut seen: Seen,
        fill: impl Fn(&S, &R::Row) -> bool + Send + 'static,
    ) -> Option<Metrics> {
        let (table, name, mut is_filled) = (Arc::clone(self), name.to_owned(), false);
        let registered = group.try_collector(move |set: &S| {
            table.look(&mut seen, |rows| {
                if let Some(row) = rows.ok().and_then(|rows| rows.rows().get(&name)) {
                    is_filled = fill(set, row);
                }
            });
            is_filled
        });
        registered.ok().map(|()| Metrics::Group(group))
    }
}

impl<R: Rows> Shown<R> {
    fn read(&mut self, table: &Arc<Table<R>>, now: Duration, seen: Seen) {
        self.outcome = self.rows.read(now).map_err(|error| error.to_string());
        if self.outcome.is_err() {
            self.rows.lose(now);
        }
        let rows = self.rows.rows();
        self.shown.retain(|name, metrics| {
            let is_there = rows.contains_key(name);
            if !is_there {
                metrics.close();
            }
            is_there
        });
        for name in rows.keys() {
            if !self.shown.contains_key(name)
                && let Some(metrics) = (self.show)(table, &self.parent, name, seen)
            {
                self.shown.insert(name.clone(), metrics);
            }
        }
    }
}

impl Metrics {
    fn close(&self) {
        match self {
            Self::Group(group) => group.close(),
            // An error says that it is gone with its group.
            Self::One(group, name) => drop(group.remove(name)),
        }
    }
}

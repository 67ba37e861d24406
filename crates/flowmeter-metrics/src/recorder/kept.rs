//! What a recorder keeps: series by key, made as they are asked for, and removed when they are idle.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use flowmeter_core::{MetricGroup, SharedCounter, SharedGauge, SharedHistogram, Unit};
use metrics::{Key, SharedString};
use tracing::warn;

use super::descriptions::{Descriptions, Fate};
use super::labels::{PREFIX, canonical};
use super::options::{RecorderOptions, RecorderStatistics};
use super::places::{Places, group_of};
use super::series::{Bridged, Series};
use super::table::Table;
use crate::inside::Inside;

/// How many names of labels are told of one by one.
const TOLD: usize = 100;

/// All of a recorder, which its clones share.
pub(super) struct Kept {
    group: MetricGroup,
    options: RecorderOptions,
    pub(super) counters: Kind<SharedCounter>,
    pub(super) gauges: Kind<SharedGauge<f64>>,
    pub(super) histograms: Kind<SharedHistogram<f64>>,
    /// For handles of labels that cannot be groups.
    nobody: OnceLock<MetricGroup>,
    changes: Mutex<Changes>,
    counts: Counts,
}

/// The metrics of one kind.
pub(super) struct Kind<H> {
    series: Table<H>,
    descriptions: Descriptions,
}

/// What series come and go under: one at a time.
#[derive(Default)]
struct Changes {
    places: Places,
    swept_at: Duration,
    /// Labels whose new name was told.
    told: HashSet<String>,
}

#[derive(Default)]
struct Counts {
    keys: AtomicUsize,
    refused: AtomicU64,
    limited: AtomicU64,
    nested: AtomicU64,
    altered: AtomicU64,
    late_units: AtomicU64,
    removed: AtomicU64,
    is_limit_told: AtomicBool,
}

impl<H> Default for Kind<H> {
    fn default() -> Self {
        Self { series: Table::new(), descriptions: Descriptions::default() }
    }
}

impl Kept {
    pub(super) fn new(group: MetricGroup, options: RecorderOptions) -> Self {
        Self {
            group,
            options,
            counters: Kind::default(),
            gauges: Kind::default(),
            histograms: Kind::default(),
            nobody: OnceLock::new(),
            changes: Mutex::default(),
            counts: Counts::default(),
        }
    }

    pub(super) fn group(&self) -> &MetricGroup {
        &self.group
    }

    /// The series of a key, registered if it is not there; nothing if there can be no more.
    #[inline]
    pub(super) fn series<H: Bridged>(&self, kind: &Kind<H>, key: &Key) -> Option<Arc<Series<H>>> {
        kind.series.get(key).or_else(|| self.register(kind, key))
    }

    #[cold]
    fn register<H: Bridged>(&self, kind: &Kind<H>, key: &Key) -> Option<Arc<Series<H>>> {
        let Some(_inside) = Inside::enter() else {
            self.counts.nested.fetch_add(1, Relaxed);
            return None;
        };
        if self.is_full() && self.options.idle_timeout.is_none() {
            return self.limited(key);
        }
        let mut changes = self.changes();
        if let Some(known) = kind.series.get(key) {
            return Some(known);
        }
        self.sweep_if_due(&mut changes);
        if self.is_full() {
            drop(changes);
            return self.limited(key);
        }
        let canonical = canonical(key);
        if canonical.is_altered {
            self.counts.altered.fetch_add(1, Relaxed);
            self.tell(&mut changes, &canonical.renamed);
        }
        let known = if canonical.is_altered { kind.series.get(&canonical.key) } else { None };
        let series = known.unwrap_or_else(|| {
            let series = Arc::new(self.new_series(kind, canonical.key));
            changes.places.add(&labels(&series.key));
            self.insert(kind, series.key.clone(), &series);
            series
        });
        if canonical.is_altered {
            self.insert(kind, key.to_retained(), &series);
        }
        Some(series)
    }

    fn new_series<H: Bridged>(&self, kind: &Kind<H>, key: Key) -> Series<H> {
        let metric = kind.descriptions.metric(key.name(), self.options.series_limit);
        let now = self.group.clock().monotonic();
        let refused = |handle| {
            self.counts.refused.fetch_add(1, Relaxed);
            (handle, false)
        };
        let labels = labels(&key);
        let (handle, is_reported) = match group_of(&self.group, &labels) {
            Ok(group) => match group.try_register::<H>(metric.clone()) {
                Ok(handle) => (handle, true),
                // The core gives a handle that works all the same, counts it and says why.
                Err(_) => refused(H::plain(&group, metric)),
            },
            Err((group, depth)) => {
                let _closed = group.add_group_kv(labels[depth].key(), labels[depth].value());
                refused(H::plain(self.nobody.get_or_init(MetricGroup::noop), metric))
            }
        };
        Series::new(handle, key, is_reported, now)
    }

    fn insert<H: Bridged>(&self, kind: &Kind<H>, key: Key, series: &Arc<Series<H>>) {
        kind.series.insert(key, series);
        self.counts.keys.fetch_add(1, Relaxed);
    }

    fn is_full(&self) -> bool {
        self.counts.keys.load(Relaxed) >= self.options.series_limit
    }

    /// Gives nothing for a key that there is no room for.
    fn limited<H>(&self, key: &Key) -> Option<Arc<Series<H>>> {
        self.counts.limited.fetch_add(1, Relaxed);
        if !self.counts.is_limit_told.swap(true, Relaxed) {
            let (group, limit) = (&self.group, self.options.series_limit);
            warn!(?group, limit, key = %key, "there are as many keys as there can be; further ones are not recorded");
        }
        None
    }

    /// Says once of each label that it has another name here.
    fn tell(&self, changes: &mut Changes, renamed: &[SharedString]) {
        for label in renamed {
            if changes.told.len() < TOLD && changes.told.insert(label.to_string()) {
                let group = &self.group;
                warn!(
                    ?group,
                    "label `{label}` is the variable `{PREFIX}{label}`, since none can be named like it"
                );
            }
        }
    }

    /// Keeps a description for the series to come, and gives it to those that are there.
    pub(super) fn describe<H: Bridged>(&self, kind: &Kind<H>, name: &str, unit: &Unit, text: &str) {
        let Some(_inside) = Inside::enter() else {
            self.counts.nested.fetch_add(1, Relaxed);
            return;
        };
        let _changes = self.changes();
        let (fate, is_unit_late) = kind.descriptions.describe(name, unit, text, self.options.series_limit);
        if is_unit_late {
            self.counts.late_units.fetch_add(1, Relaxed);
            let group = &self.group;
            warn!(?group, name, %unit, "this unit comes after series of the name, which keep theirs");
        }
        if fate == Fate::Late {
            let metric = kind.descriptions.metric(name, self.options.series_limit);
            for series in kind.series.named(name).iter().filter(|series| series.is_reported) {
                // The same series once more: its family takes the description.
                let again = group_of(&self.group, &labels(&series.key))
                    .map(|group| group.try_register::<H>(metric.clone()).map(drop));
                drop(again);
            }
        }
    }

    /// Removes what is idle, if that is to be done.
    pub(super) fn maintain(&self) {
        if self.options.idle_timeout.is_some()
            && let Some(_inside) = Inside::enter()
        {
            self.sweep(&mut self.changes());
        }
    }

    /// The same, unless it has been done a short while ago.
    fn sweep_if_due(&self, changes: &mut Changes) {
        if let Some(timeout) = self.options.idle_timeout {
            let due = changes.swept_at.saturating_add(timeout / 4);
            if self.group.clock().monotonic() >= due {
                self.sweep(changes);
            }
        }
    }

    fn sweep(&self, changes: &mut Changes) {
        let Some(timeout) = self.options.idle_timeout else { return };
        changes.swept_at = self.group.clock().monotonic();
        self.remove_idle(&self.counters, changes, timeout);
        self.remove_idle(&self.gauges, changes, timeout);
        self.remove_idle(&self.histograms, changes, timeout);
    }

    fn remove_idle<H: Bridged>(&self, kind: &Kind<H>, changes: &mut Changes, timeout: Duration) {
        let (idle, keys) = kind.series.take_idle(changes.swept_at, timeout);
        self.counts.keys.fetch_sub(keys, Relaxed);
        self.counts.removed.fetch_add(idle.len() as u64, Relaxed);
        // Handles go after the series are removed, so that their values are final at once.
        for series in &idle {
            let labels = labels(&series.key);
            let empty = changes.places.remove(&labels);
            // A group that closed meanwhile has removed them itself.
            let Ok(group) = group_of(&self.group, &labels[..empty.unwrap_or(labels.len())]) else { continue };
            if empty.is_some() {
                group.close();
            } else if series.is_reported {
                let _ = group.remove(series.key.name());
            }
        }
    }

    pub(super) fn statistics(&self) -> RecorderStatistics {
        let Counts { keys, refused, limited, nested, altered, late_units, removed, .. } = &self.counts;
        let read = |count: &AtomicU64| count.load(Relaxed);
        RecorderStatistics {
            keys: keys.load(Relaxed),
            refused: read(refused),
            limited: read(limited),
            nested: read(nested),
            altered: read(altered),
            late_units: read(late_units),
            removed: read(removed),
        }
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn labels(key: &Key) -> Vec<metrics::Label> {
    key.labels().cloned().collect()
}

//! What a recorder keeps: series by key, made as they are asked for, and removed when they are idle.

use std::collections::HashSet;
use std::sync::atomic::{
    AtomicBool, AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, TryLockError};
use std::time::Duration;

use flowmeter_core::{Metric, MetricGroup, SharedCounter, SharedGauge, SharedHistogram, Unit};
use metrics::{Key, Label, SharedString};
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
    /// Held for reading from before a series is registered in the core until it is in its table: nothing is removed meanwhile. Whoever removes
    /// has `changes` and does not wait for this, so that readers never wait for one another.
    registering: RwLock<()>,
    counts: Counts,
}

/// The metrics of one kind.
pub(super) struct Kind<H> {
    series: Table<H>,
    descriptions: Descriptions,
}

/// What series come and go under: one at a time. While it is locked nothing is registered in the core, which may log, and log lines are
/// the program's code: they may wait for another thread that registers.
#[derive(Default)]
struct Changes {
    places: Places,
    swept_at: Duration,
    /// How many names were described after they were used.
    described_late: u64,
    /// Labels whose new name was told.
    told: HashSet<String>,
}

impl Changes {
    /// The labels of which nobody has said yet that they have another name here.
    fn untold(&mut self, renamed: &[SharedString]) -> Vec<String> {
        let room = TOLD.saturating_sub(self.told.len());
        let new = renamed.iter().map(SharedString::to_string).filter(|label| self.told.insert(label.clone()));
        new.take(room).collect()
    }
}

/// What the core refuses: a metric, or the group of a label below another.
struct Refusal {
    group: MetricGroup,
    label: Option<Label>,
    metric: Metric,
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
            registering: RwLock::default(),
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
            // The last room may have gone to this very key, by another thread.
            return kind.series.get(key).or_else(|| self.limited(key));
        }
        let canonical = canonical(key);
        let mut changes = self.changes();
        if let Some(known) = kind.series.get(key) {
            return Some(known);
        }
        self.sweep_if_due(&mut changes);
        if self.is_full() {
            drop(changes);
            return self.limited(key);
        }
        let known = if canonical.is_altered { kind.series.get(&canonical.key) } else { None };
        let series = if let Some(known) = known {
            known
        } else {
            let _registering = self.registering.read().unwrap_or_else(PoisonError::into_inner);
            let (handle, is_reported) = loop {
                let described_late = changes.described_late;
                drop(changes);
                let made = match self.try_handle(kind, &canonical.key) {
                    Ok(handle) => (handle, true),
                    Err(refusal) => (self.refuse(&refusal), false),
                };
                changes = self.changes();
                // Otherwise it may lack what was said of it meanwhile.
                if changes.described_late == described_late || !made.1 {
                    break made;
                }
            };
            let known = kind.series.get(&canonical.key);
            known.unwrap_or_else(|| self.add(&mut changes, kind, handle, canonical.key, is_reported))
        };
        if canonical.is_altered && kind.series.get(key).is_none() {
            self.counts.altered.fetch_add(1, Relaxed);
            self.insert(kind, key.to_retained(), &series);
        }
        let untold = changes.untold(&canonical.renamed);
        drop(changes);
        for label in untold {
            let group = &self.group;
            warn!(
                ?group,
                ?label,
                "this label is a variable with `{PREFIX}` before it, since none can be named like it"
            );
        }
        Some(series)
    }

    /// Registers a series in the core.
    fn try_handle<H: Bridged>(&self, kind: &Kind<H>, key: &Key) -> Result<H, Box<Refusal>> {
        let metric = kind.descriptions.metric(key.name(), self.options.series_limit);
        let labels = labels(key);
        match group_of(&self.group, &labels) {
            Ok(group) => match group.try_register::<H>(metric.clone()) {
                Ok(handle) => Ok(handle),
                Err(_) => Err(Box::new(Refusal { group, label: None, metric })),
            },
            Err((group, depth)) => {
                Err(Box::new(Refusal { group, label: labels.into_iter().nth(depth), metric }))
            }
        }
    }

    /// Has the core count what it refuses, and say why. It gives a handle that works all the same.
    fn refuse<H: Bridged>(&self, refusal: &Refusal) -> H {
        self.counts.refused.fetch_add(1, Relaxed);
        let Refusal { group, label, metric } = refusal;
        let Some(label) = label else { return H::plain(group, metric.clone()) };
        let _closed = group.add_group_kv(label.key(), label.value());
        H::plain(self.nobody.get_or_init(MetricGroup::noop), metric.clone())
    }

    fn add<H: Bridged>(
        &self,
        changes: &mut Changes,
        kind: &Kind<H>,
        handle: H,
        key: Key,
        is_reported: bool,
    ) -> Arc<Series<H>> {
        let now = self.group.clock().monotonic();
        let series = Arc::new(Series::new(handle, key, is_reported, now));
        changes.places.add(&labels(&series.key));
        self.insert(kind, series.key.clone(), &series);
        series
    }

    fn insert<H: Bridged>(&self, kind: &Kind<H>, key: Key, series: &Arc<Series<H>>) {
        kind.series.insert(key, series);
        // Whoever finds no room finds all keys that have it.
        self.counts.keys.fetch_add(1, Release);
    }

    fn is_full(&self) -> bool {
        self.counts.keys.load(Acquire) >= self.options.series_limit
    }

    /// Gives nothing for a key that there is no room for.
    fn limited<H>(&self, key: &Key) -> Option<Arc<Series<H>>> {
        self.counts.limited.fetch_add(1, Relaxed);
        if !self.counts.is_limit_told.swap(true, Relaxed) {
            let (group, limit) = (&self.group, self.options.series_limit);
            // Shown as Rust would write it: labels may be what a request said.
            let key = key.to_string();
            warn!(
                ?group,
                limit,
                ?key,
                "there are as many keys as there can be; further ones are not recorded"
            );
        }
        None
    }

    /// Keeps a description for the series to come, and gives it to those that are there.
    pub(super) fn describe<H: Bridged>(&self, kind: &Kind<H>, name: &str, unit: &Unit, text: &str) {
        let Some(_inside) = Inside::enter() else {
            self.counts.nested.fetch_add(1, Relaxed);
            return;
        };
        let mut changes = self.changes();
        let (fate, is_unit_late) = kind.descriptions.describe(name, unit, text, self.options.series_limit);
        let mut described = Vec::new();
        if fate == Fate::Late {
            changes.described_late += 1;
            described = kind.series.named(name);
        }
        drop(changes);
        if !described.is_empty() {
            let metric = kind.descriptions.metric(name, self.options.series_limit);
            // These are held here, so they are not removed.
            for series in described.iter().filter(|series| series.is_reported) {
                // The same series once more: its family takes the description.
                let again = group_of(&self.group, &labels(&series.key))
                    .map(|group| group.try_register::<H>(metric.clone()).map(drop));
                drop(again);
            }
        }
        if is_unit_late {
            self.counts.late_units.fetch_add(1, Relaxed);
            let group = &self.group;
            warn!(?group, name, %unit, "this unit comes after series of the name, which keep theirs");
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
        let _alone = match self.registering.try_write() {
            Ok(alone) => alone,
            Err(TryLockError::Poisoned(alone)) => alone.into_inner(),
            // Next time.
            Err(TryLockError::WouldBlock) => return,
        };
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

fn labels(key: &Key) -> Vec<Label> {
    key.labels().cloned().collect()
}

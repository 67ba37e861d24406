//! From the reporters that run to those of another configuration.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{Error, Registry, ReporterHandle};
use tracing::warn;

use super::plan::Planned;

/// How long one reporter may take to end, or to make room for another.
const PATIENCE: Duration = Duration::from_secs(10);

/// What another configuration changed: names of reporters, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reload {
    /// Those that were not there.
    pub added: Vec<String>,
    /// Those that are no longer there.
    pub removed: Vec<String>,
    /// Those whose sections are others. What they have delivered stays known.
    pub replaced: Vec<String>,
    /// Those that went on as if nothing had happened.
    pub unchanged: Vec<String>,
    /// Whether [settings](crate::Flowmeter::settings) are others.
    pub settings_changed: bool,
}

impl Planned {
    /// Starts it.
    pub(super) fn add(&self, registry: &Registry) -> Result<ReporterHandle, Error> {
        registry.add_configured_reporter(&self.name, Arc::clone(&self.factory), self.section.clone())
    }

    /// Puts it in the place of the one that has its name.
    fn replace(&self, registry: &Registry) -> Result<ReporterHandle, Error> {
        let (factory, section) = (Arc::clone(&self.factory), self.section.clone());
        registry.replace_configured_reporter(&self.name, factory, section, PATIENCE)
    }

    /// Whether it would do the same as another.
    fn is_as(&self, other: &Self) -> bool {
        self.is_certain
            && self.factory.reporter_type() == other.factory.reporter_type()
            && self.section == other.section
    }
}

/// Why reporters cannot be those of another configuration.
pub(super) struct Failed {
    pub(super) error: Error,
    /// Whether all is as it was.
    pub(super) is_undone: bool,
}

/// Changes the reporters that run. What one needs may be what another one has that changes or goes, such as a port; so those that
/// cannot start are tried again when others have changed, and when those that go have gone.
pub(super) fn change(
    registry: &Registry,
    running: &mut BTreeMap<String, Planned>,
    wanted: BTreeMap<String, Planned>,
) -> Result<Reload, Failed> {
    let is_running = |name: &str| registry.reporter(name).is_some();
    // Code may have removed some of them.
    running.retain(|name, _| is_running(name));
    if let Some(name) = wanted.keys().find(|name| !running.contains_key(*name) && is_running(name)) {
        let error = Error::DuplicateReporter { name: name.clone() };
        return Err(Failed { error, is_undone: true });
    }
    let gone: Vec<_> = running.keys().filter(|name| !wanted.contains_key(*name)).cloned().collect();
    let mut reload = Reload::default();
    let mut changed = Vec::new();
    for (name, planned) in wanted {
        match running.get(&name) {
            Some(present) if present.is_as(&planned) => reload.unchanged.push(name),
            _ => changed.push(planned),
        }
    }
    let mut done = Vec::new();
    let mut outcome = put_all(registry, running, &mut changed, &mut reload, &mut done);
    if gone.is_empty()
        && let Err(error) = outcome
    {
        undo(registry, running, done);
        return Err(Failed { error, is_undone: true });
    }
    for name in gone {
        running.remove(&name);
        if let Err(error) = registry.remove_reporter(&name, PATIENCE) {
            warn!("reporter `{name}` is removed, but did not end well: {error}");
        }
        reload.removed.push(name);
    }
    if outcome.is_err() {
        outcome = put_all(registry, running, &mut changed, &mut reload, &mut done);
    }
    outcome.map_err(|error| Failed { error, is_undone: false })?;
    reload.added.sort_unstable();
    reload.replaced.sort_unstable();
    Ok(reload)
}

/// Has reporters run, and tries those again that cannot while others can. Those that cannot are left; the first says why.
fn put_all(
    registry: &Registry,
    running: &mut BTreeMap<String, Planned>,
    wanted: &mut Vec<Planned>,
    reload: &mut Reload,
    done: &mut Vec<(String, Option<Planned>)>,
) -> Result<(), Error> {
    loop {
        let before = wanted.len();
        let mut first = None;
        wanted.retain(|planned| match put(registry, running, planned, reload, done) {
            Ok(()) => false,
            Err(error) => {
                first.get_or_insert(error);
                true
            }
        });
        match first {
            None => return Ok(()),
            Some(error) if wanted.len() == before => return Err(error),
            Some(_) => {}
        }
    }
}

/// Has a reporter run, in the place of one of its name if there is one. That one, or nothing, is remembered.
fn put(
    registry: &Registry,
    running: &mut BTreeMap<String, Planned>,
    planned: &Planned,
    reload: &mut Reload,
    done: &mut Vec<(String, Option<Planned>)>,
) -> Result<(), Error> {
    let name = planned.name.clone();
    if running.contains_key(&name) {
        let replaced = planned.replace(registry);
        if let (Err(Error::Timeout { .. }), Some(present)) = (&replaced, running.get_mut(&name)) {
            // It may have begun, and then comes to its end after all.
            present.is_certain = false;
        }
        replaced?;
        reload.replaced.push(name.clone());
    } else {
        planned.add(registry)?;
        reload.added.push(name.clone());
    }
    done.push((name.clone(), running.insert(name, planned.clone())));
    Ok(())
}

/// Goes back to what ran before, as far as that is possible.
fn undo(registry: &Registry, running: &mut BTreeMap<String, Planned>, done: Vec<(String, Option<Planned>)>) {
    for (name, before) in done.into_iter().rev() {
        running.remove(&name);
        let undone = match &before {
            Some(planned) => planned.replace(registry).map(drop),
            None => registry.remove_reporter(&name, PATIENCE),
        };
        if let Err(error) = undone {
            warn!("reporter `{name}` cannot be as it was before: {error}");
        }
        if let Some(planned) = before {
            running.insert(name, planned);
        }
    }
}

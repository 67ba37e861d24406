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
        self.factory.reporter_type() == other.factory.reporter_type() && self.section == other.section
    }
}

/// Changes the reporters that run. What one needs may be what one that goes has, such as a port; so those that cannot start are tried
/// again when the others have gone.
pub(super) fn change(
    registry: &Registry,
    running: &mut BTreeMap<String, Planned>,
    wanted: BTreeMap<String, Planned>,
) -> Result<Reload, Error> {
    let is_running = |name: &str| registry.reporter(name).is_some();
    // Code may have removed some of them.
    running.retain(|name, _| is_running(name));
    if let Some(name) = wanted.keys().find(|name| !running.contains_key(*name) && is_running(name)) {
        return Err(Error::DuplicateReporter { name: name.clone() });
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
    let mut later = Vec::new();
    for planned in changed {
        match put(registry, running, &planned, &mut reload, &mut done) {
            Ok(()) => {}
            Err(_) if !gone.is_empty() => later.push(planned),
            Err(error) => {
                undo(registry, running, done);
                return Err(error);
            }
        }
    }
    for name in gone {
        running.remove(&name);
        if let Err(error) = registry.remove_reporter(&name, PATIENCE) {
            warn!("reporter `{name}` is removed, but did not end well: {error}");
        }
        reload.removed.push(name);
    }
    for planned in &later {
        put(registry, running, planned, &mut reload, &mut done)?;
    }
    reload.added.sort_unstable();
    reload.replaced.sort_unstable();
    Ok(reload)
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
        planned.replace(registry)?;
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

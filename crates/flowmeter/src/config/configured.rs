//! The reporters that run because a configuration says so.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flowmeter_core::{Error, Registry, RegistryOptions, ScopeFormats};

use super::plan::{Plan, Planned};
use super::reload::{self, Failed, Reload};
use super::{Config, ConfigFileError, EngineSettings, Place, Types};

/// What a configuration has come to.
#[derive(Debug)]
pub(crate) struct Configured {
    types: Types,
    /// What code chose, on top of which configurations are.
    formats_of_code: ScopeFormats,
    formats: ScopeFormats,
    /// The keys of formats, as they were given.
    format_keys: BTreeMap<&'static str, (String, Place)>,
    settings: Mutex<Arc<EngineSettings>>,
    /// By name. Held while reporters start and stop, so that settings, which these may ask for, are apart.
    running: Mutex<BTreeMap<String, Planned>>,
}

impl Configured {
    /// Checks a configuration, and puts what it says about all groups into the options.
    pub(crate) fn new(config: &Config, types: Types, options: &mut RegistryOptions) -> Result<Self, Error> {
        let formats_of_code = options.scope_formats.clone();
        let Plan { settings, scope_formats, format_keys, reporters } =
            Plan::of(config, &types, &formats_of_code)?;
        options.scope_formats = scope_formats.clone();
        let (settings, running) = (Mutex::new(Arc::new(settings)), Mutex::new(by_name(reporters)));
        Ok(Self { types, formats_of_code, formats: scope_formats, format_keys, settings, running })
    }

    /// Starts its reporters.
    pub(crate) fn start(&self, registry: &Registry) -> Result<(), Error> {
        for planned in lock(&self.running).values() {
            planned.add(registry)?;
        }
        Ok(())
    }

    pub(crate) fn settings(&self) -> Arc<EngineSettings> {
        Arc::clone(&lock(&self.settings))
    }

    /// Has those reporters run that another configuration says.
    pub(crate) fn reload(&self, registry: &Registry, config: &Config) -> Result<Reload, Error> {
        let mut running = lock(&self.running);
        let plan = Plan::of(config, &self.types, &self.formats_of_code)?;
        self.check_formats(&plan)?;
        let changed = reload::change(registry, &mut running, by_name(plan.reporters));
        if let Err(Failed { error, is_undone: true }) = changed {
            return Err(error);
        }
        let former = std::mem::replace(&mut *lock(&self.settings), Arc::new(plan.settings));
        let mut reload = changed.map_err(|failed| failed.error)?;
        reload.settings_changed = former != self.settings();
        Ok(reload)
    }

    /// Groups have identifiers of the formats that there were when they began.
    fn check_formats(&self, plan: &Plan) -> Result<(), ConfigFileError> {
        if plan.scope_formats == self.formats {
            return Ok(());
        }
        let (old, new) = (&self.format_keys, &plan.format_keys);
        let format =
            |keys: &BTreeMap<_, (String, Place)>, key| keys.get(key).map(|(format, _)| format.clone());
        let changed = old.keys().chain(new.keys()).find(|key| format(old, **key) != format(new, **key));
        let key = changed.copied().unwrap_or("metrics.scope");
        let place = new.get(key).or(old.get(key)).map_or_else(Place::unknown, |(_, place)| place.clone());
        Err(ConfigFileError::NeedsRestart { place, key })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn by_name(reporters: Vec<Planned>) -> BTreeMap<String, Planned> {
    reporters.into_iter().map(|planned| (planned.name.clone(), planned)).collect()
}

//! The reporters that run because a configuration says so.

use std::sync::{Arc, Mutex, PoisonError};

use flowmeter_core::{Error, Registry, RegistryOptions};

use super::plan::{Plan, Planned};
use super::{Config, EngineSettings, Types};

/// What a configuration has come to.
#[derive(Debug)]
pub(crate) struct Configured {
    settings: EngineSettings,
    planned: Mutex<Vec<Planned>>,
}

impl Configured {
    /// Checks a configuration, and puts what it says about all groups into the options.
    pub(crate) fn new(config: &Config, types: &Types, options: &mut RegistryOptions) -> Result<Self, Error> {
        let plan = Plan::of(config, types, &options.scope_formats)?;
        options.scope_formats = plan.scope_formats;
        Ok(Self { settings: plan.settings, planned: Mutex::new(plan.reporters) })
    }

    /// Starts its reporters.
    pub(crate) fn start(&self, registry: &Registry) -> Result<(), Error> {
        let planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        for Planned { name, factory, section } in planned.iter() {
            registry.add_configured_reporter(name, Arc::clone(factory), section.clone())?;
        }
        Ok(())
    }

    pub(crate) fn settings(&self) -> &EngineSettings {
        &self.settings
    }
}

//! A reporter, where another one like it comes from, and what it says of itself.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracing::warn;

use crate::node::Node;
use crate::reporter::{Clashes, Endpoints, Naming, ReportMode, Reporter, ReporterContext};
use crate::runner::panicked;
use crate::{ConfigSection, ReportError, ReporterFactory, ReporterOptions};

/// A reporter, and where another one like it comes from.
pub(crate) struct Source {
    pub(crate) reporter: Box<dyn Reporter>,
    /// Without one the same reporter is started again.
    factory: Option<(Arc<dyn ReporterFactory>, ConfigSection)>,
}

impl Source {
    /// A reporter that is there already.
    pub(crate) fn of(reporter: Box<dyn Reporter>) -> Self {
        Self { reporter, factory: None }
    }

    pub(crate) fn build(
        factory: Arc<dyn ReporterFactory>,
        section: ConfigSection,
    ) -> Result<Self, ReportError> {
        let reporter = built(&*factory, &section)?;
        Ok(Self { reporter, factory: Some((factory, section)) })
    }

    /// Opens what the reporter needs. Returns where people find what it serves, and what it is like.
    pub(crate) fn start(&mut self, context: &ReporterContext) -> Result<(Endpoints, Traits), ReportError> {
        let reporter = &mut self.reporter;
        let start = catch_unwind(AssertUnwindSafe(|| reporter.start(context)));
        start.unwrap_or_else(|panic| Err(panicked(&*panic).into()))?;
        let about = catch_unwind(AssertUnwindSafe(|| (Endpoints::of(&**reporter), Traits::of(&**reporter))));
        about.map_err(|panic| {
            let _ = self.stop();
            panicked(&*panic).into()
        })
    }

    /// Closes what the reporter opened.
    pub(crate) fn stop(&mut self) -> Result<(), String> {
        catch_unwind(AssertUnwindSafe(|| self.reporter.stop())).map_err(|panic| panicked(&*panic))
    }

    /// Puts a new reporter into the place of the stopped one, where there is a factory.
    pub(crate) fn replace(&mut self) -> Result<(), ReportError> {
        let Some((factory, section)) = &self.factory else { return Ok(()) };
        discard(std::mem::replace(&mut self.reporter, built(&**factory, section)?));
        Ok(())
    }
}

/// Lets go of what others wrote, or has such a thing in it, which may panic as it goes.
pub(crate) fn discard<T>(gone: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(gone))) {
        warn!(message = panicked(&*panic), "a reporter that was replaced has panicked as it went");
    }
}

fn built(factory: &dyn ReporterFactory, section: &ConfigSection) -> Result<Box<dyn Reporter>, ReportError> {
    let build = || factory.build(section).map_err(ReportError::from);
    catch_unwind(AssertUnwindSafe(build)).unwrap_or_else(|panic| Err(panicked(&*panic).into()))
}

/// What is to take a running reporter's place.
pub(crate) struct Replacement {
    pub(crate) source: Source,
    pub(crate) options: ReporterOptions,
    /// By which callbacks know its index from the former one.
    pub(crate) reader: u64,
    /// Where all groups are.
    pub(crate) root: Arc<Node>,
}

/// What a reporter says of itself, once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Traits {
    pub(crate) naming: Naming,
    pub(crate) clashes: Clashes,
    pub(crate) mode: ReportMode,
    /// Whether it wants differences or rates.
    pub(crate) accounts: bool,
    pub(crate) milestones: bool,
}

impl Traits {
    fn of(reporter: &dyn Reporter) -> Self {
        let accounts = reporter.deltas() || reporter.rates();
        Self {
            naming: reporter.naming(),
            clashes: reporter.clashes(),
            mode: reporter.mode(),
            accounts,
            milestones: reporter.milestones(),
        }
    }
}

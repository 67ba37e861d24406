//! The compatibility kit: what every reporter must do, tried on a registry with all kinds of metrics.
//!
//! A [`Subject`] is a reporter and a backend that the test can read. [`check`] takes it through each [`Scenario`] and
//! says what went wrong in each:
//!
//! ```
//! use flowmeter_testkit::compatibility::{self, Held, Subject};
//! # use flowmeter_core::Reporter;
//! # use flowmeter_testkit::{Capture, Observed};
//! # struct InMemory(Capture);
//!
//! impl Subject for InMemory {
//!     fn reporter(&mut self) -> Box<dyn Reporter> {
//!         self.0.reporter()
//!     }
//!
//!     fn held(&mut self) -> Result<Vec<Held>, String> {
//!         Ok(self.0.last_series().into_iter().map(|(name, value)| Held::new(name, value)).collect())
//!     }
//! #
//! #   fn abilities(&self) -> compatibility::Abilities {
//! #       compatibility::Abilities { labels: false, ..Default::default() }
//! #   }
//! }
//!
//! if let Err(failures) = compatibility::check(|| InMemory(Capture::push())) {
//!     panic!("{failures}");
//! }
//! ```
//!
//! Series are told apart by their values, of which no two are the same, so the kit need not know how a reporter names them.

mod bench;
mod factory;
mod milestones;
mod scenarios;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use flowmeter_core::{AttributeValue, Reporter, ReporterHandle};

use crate::{Observed, PATIENCE};
use bench::Bench;

pub use factory::check_factory;
pub use scenarios::Scenario;

/// A reporter with a backend that can be read. Each is for one scenario.
pub trait Subject {
    /// The reporter. Asked for once.
    fn reporter(&mut self) -> Box<dyn Reporter>;

    /// Has the reporter report. A reporter that is asked by its backend is asked that way, and what it answers is kept for
    /// [`held`](Self::held).
    ///
    /// # Errors
    ///
    /// When the report failed.
    fn report(&mut self, reporter: &ReporterHandle) -> Result<(), String> {
        reporter.report_now(PATIENCE).map_err(|error| error.to_string())
    }

    /// Every series that the backend holds after the last report: of sums the whole, though differences may have been sent.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not what the format allows.
    fn held(&mut self) -> Result<Vec<Held>, String>;

    /// Every span, children too, and every event that the backend holds, from the beginning on. Asked of a reporter that
    /// [wants](Reporter::milestones) them; nothing if it cannot be told, and then those scenarios are skipped.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not what the format allows.
    fn held_milestones(&mut self) -> Result<Option<Vec<HeldMilestone>>, String> {
        Ok(None)
    }

    /// What the backend can hold.
    fn abilities(&self) -> Abilities {
        Abilities::default()
    }

    /// How many characters the name of a metric or of a group can have. Reporters need not send longer ones.
    fn longest_name(&self) -> usize {
        usize::MAX
    }

    /// Whether the backend refuses reports from now on. Returns whether it can do that.
    fn refuse(&mut self, refuse: bool) -> bool {
        let _ = refuse;
        false
    }
}

/// What a backend can hold. What it cannot must not be sent in a changed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Integers of 64 bits, exactly; else they are compared as floats.
    pub integers: bool,
    /// Texts as values.
    pub texts: bool,
    /// Truth values, as numbers or in words.
    pub truths: bool,
    /// Histograms, with count and sum.
    pub histograms: bool,
    /// Infinities and what is not a number.
    pub non_finite: bool,
    /// The values of variables, unchanged.
    pub labels: bool,
    /// Whether series that are no longer reported are no longer held.
    pub forgets: bool,
}

impl Default for Abilities {
    /// All of it.
    fn default() -> Self {
        Self {
            integers: true,
            texts: true,
            truths: true,
            histograms: true,
            non_finite: true,
            labels: true,
            forgets: true,
        }
    }
}

/// What a backend holds of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Held {
    /// Its name there.
    pub name: String,
    /// Its labels, tags or attributes.
    pub labels: Vec<(String, String)>,
    /// Its value.
    pub value: Observed,
}

impl Held {
    /// A series without labels.
    #[must_use]
    pub fn new(name: impl Into<String>, value: Observed) -> Self {
        Self { name: name.into(), labels: Vec::new(), value }
    }
}

/// What a backend holds of a span or an event.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldMilestone {
    /// Its name there.
    pub name: String,
    /// Its attributes, with whatever the reporter adds.
    pub attributes: Vec<(String, AttributeValue)>,
}

/// What a reporter did wrong, by scenario.
#[derive(Clone, Debug)]
pub struct Failures(Vec<(Scenario, String)>);

impl Failures {
    /// The scenarios, and what was wrong in each.
    pub fn iter(&self) -> impl Iterator<Item = (Scenario, &str)> {
        self.0.iter().map(|(scenario, failure)| (*scenario, failure.as_str()))
    }
}

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the reporter is not compatible:")?;
        self.0.iter().try_for_each(|(scenario, failure)| writeln!(f, "- {scenario:?}: {failure}"))
    }
}

impl std::error::Error for Failures {}

/// Takes a reporter through all scenarios, each with a subject of its own. Returns the scenarios that were skipped, since the
/// subject [cannot play](Subject::refuse) them.
///
/// # Errors
///
/// What went wrong, panics too. After a report that did not end in time no more are tried.
pub fn check<S: Subject>(mut make: impl FnMut() -> S) -> Result<Vec<Scenario>, Failures> {
    let (mut skipped, mut failures) = (Vec::new(), Vec::new());
    for scenario in Scenario::ALL {
        let run = || {
            if *scenario == Scenario::Unused {
                make().reporter().stop();
                return Ok(());
            }
            let mut bench = Bench::new(make());
            if scenario.is_about_milestones() && !bench.wants_milestones {
                return Ok(());
            }
            if scenario.is_for(&mut bench)? {
                return scenario.run(&mut bench);
            }
            skipped.push(*scenario);
            Ok(())
        };
        let outcome = catch_unwind(AssertUnwindSafe(run));
        let outcome = outcome.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            Err(format!("panicked: {}", text.or_else(|| panic.downcast_ref().cloned()).unwrap_or_default()))
        });
        let is_stuck = outcome.as_ref().is_err_and(|failure| failure.contains("did not finish within"));
        failures.extend(outcome.err().map(|failure| (*scenario, failure)));
        if is_stuck {
            break;
        }
    }
    if failures.is_empty() { Ok(skipped) } else { Err(Failures(failures)) }
}

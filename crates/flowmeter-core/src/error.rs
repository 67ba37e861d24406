//! What can go wrong, apart from recording, which cannot.

use std::time::Duration;

/// An error of the registry or of a reporter's thread.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The group has ended.
    #[error("group `{group}` is closed: register metrics and groups before it closes")]
    GroupClosed {
        /// The group's identifier.
        group: String,
    },

    /// The metric is there already, and its handle cannot be shared.
    #[error(
        "metric `{metric}` is already registered in group `{group}`: keep its handle, ask for shared handles alone, all of one \
         kind and unit, or choose another name"
    )]
    DuplicateMetric {
        /// The metric's name.
        metric: String,
        /// The group's identifier.
        group: String,
    },

    /// The group has no such metric.
    #[error("group `{group}` has no metric `{metric}`: it was never registered there, or is removed already")]
    UnknownMetric {
        /// The metric's name.
        metric: String,
        /// The group's identifier.
        group: String,
    },

    /// The metric came with others, whose cells are beside its own.
    #[error(
        "metric `{metric}` of group `{group}` is part of a metric set: register it alone, or close a group that has \
         nothing but the set"
    )]
    PartOfSet {
        /// The metric's name.
        metric: String,
        /// The group's identifier.
        group: String,
    },

    /// A name or a key is empty.
    #[error("empty {what} in group `{group}`: give it at least one character")]
    EmptyName {
        /// What has no name.
        what: &'static str,
        /// The group's identifier.
        group: String,
    },

    /// A user variable would hide a system one.
    #[error("variable `{key}` in group `{group}` has the name of a system variable: choose another key")]
    SystemVariable {
        /// The key.
        key: String,
        /// The group's identifier.
        group: String,
    },

    /// Groups are nested too deeply.
    #[error("group `{group}` is {depth} levels deep, and no group can be deeper: flatten the groups")]
    TooDeep {
        /// The group's identifier.
        group: String,
        /// The greatest depth.
        depth: usize,
    },

    /// No reporter can have this name.
    #[error("`{name}` is no name for a reporter: give it a name of visible characters")]
    InvalidReporterName {
        /// The name, as Rust would write it.
        name: String,
    },

    /// There is no such reporter.
    #[error("there is no reporter named `{name}`: it was never added, or has been removed")]
    UnknownReporter {
        /// The name.
        name: String,
    },

    /// Another reporter has this name.
    #[error("a reporter named `{name}` exists already: choose another name")]
    DuplicateReporter {
        /// The name.
        name: String,
    },

    /// The reporter is no longer there.
    #[error("reporter `{name}` has ended: it was removed, or the registry was shut down")]
    Stopped {
        /// The reporter's name.
        name: String,
    },

    /// The registry was shut down.
    #[error("the registry was shut down: reporter `{name}` cannot start")]
    ShutDown {
        /// The reporter's name.
        name: String,
    },

    /// The configuration of a reporter is wrong.
    #[error("reporter `{name}`: {source}")]
    Configuration {
        /// The reporter's name.
        name: String,
        /// What is wrong.
        source: crate::ConfigError,
    },

    /// A configuration is wrong as a whole, or in what is of no one reporter: whoever read it says what.
    #[error(transparent)]
    ConfigurationFile {
        /// What is wrong, and where.
        source: ReportError,
    },

    /// A reporter could not begin.
    #[error("reporter `{name}` cannot start: {source}")]
    ReporterStart {
        /// The reporter's name.
        name: String,
        /// Why.
        source: ReportError,
    },

    /// A report failed.
    #[error("reporter `{name}` failed: {message}")]
    Report {
        /// The reporter's name.
        name: String,
        /// What it said, or that it panicked.
        message: String,
    },

    /// A reporter did not finish in time.
    #[error("reporter `{name}` did not finish within {waited:?}")]
    Timeout {
        /// The reporter's name.
        name: String,
        /// How long it was waited for.
        waited: Duration,
    },
}

impl Error {
    /// That a reporter could not start, or that its configuration is wrong, which it may find only then.
    pub(crate) fn of_start(name: &str, source: ReportError) -> Self {
        let name = name.to_owned();
        match source.downcast::<crate::ConfigError>() {
            Ok(source) => Self::Configuration { name, source: *source },
            Err(source) => Self::ReporterStart { name, source },
        }
    }
}

/// Why a reporter could not start or report: any error.
pub type ReportError = Box<dyn std::error::Error + Send + Sync>;

//! Where something was written.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Where a key, or a whole text, was written: a file and a line, or an environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    // Errors have several places, and should be small.
    origin: Arc<Origin>,
    line: Option<u32>,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A text of the program's.
    Text,
    File(PathBuf),
    Variable(String),
}

impl Place {
    pub(super) fn line(origin: &Arc<Origin>, line: usize) -> Self {
        Self { origin: Arc::clone(origin), line: u32::try_from(line).ok() }
    }

    pub(super) fn variable(name: &str) -> Self {
        Self { origin: Arc::new(Origin::Variable(name.to_owned())), line: None }
    }

    pub(super) fn unknown() -> Self {
        Self { origin: Arc::new(Origin::Text), line: None }
    }

    pub(super) fn is_variable(&self) -> bool {
        matches!(*self.origin, Origin::Variable(_))
    }

    /// Whether it is earlier than another one in the same text.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        self.line < other.line
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.origin, self.line) {
            (Origin::File(path), Some(line)) => write!(f, "{}, line {line}", path.display()),
            (Origin::File(path), None) => write!(f, "{}", path.display()),
            (Origin::Variable(name), _) => write!(f, "variable {name}"),
            (Origin::Text, Some(line)) => write!(f, "line {line}"),
            (Origin::Text, None) => f.write_str("the configuration"),
        }
    }
}

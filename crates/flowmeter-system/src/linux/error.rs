//! Why metrics are missing.

use std::io;
use std::path::{Path, PathBuf};

/// Why a source gave nothing. The core logs it once, and leaves the series out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum Error {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} does not have {what} where Linux has it", path.display())]
    Malformed { path: PathBuf, what: &'static str },
    #[error("no limit is set in {}", path.display())]
    Unlimited { path: PathBuf },
    #[error("the system does not tell what the process used: {0}")]
    NoUsage(io::Error),
}

impl Error {
    /// For what is not an error of [`Path`]'s, but was not there.
    pub(crate) fn malformed(path: &Path, what: &'static str) -> Self {
        Self::Malformed { path: path.to_path_buf(), what }
    }
}

//! Where the servers are, and folders to run them in.

use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The folder of the installed servers; `cargo xtask test` sets it.
const BACKENDS: &str = "FLOWMETER_BACKENDS";
/// Set where no server may be missing.
const REQUIRED: &str = "FLOWMETER_REQUIRE_BACKENDS";
/// The file that skipped tests are written to, a line each.
const SKIPPED: &str = "FLOWMETER_SKIPPED";

/// The path of a program, a server's or one that says the same as we; nothing if it is not installed, in which case the
/// test is to return.
///
/// # Panics
///
/// If it is not installed but required.
#[must_use]
pub fn program(test: &str, name: &str) -> Option<PathBuf> {
    let installed = backends().map(|folder| folder.join("root/usr/bin").join(name));
    let on_path = env::var_os("PATH")
        .into_iter()
        .flat_map(|path| env::split_paths(&path).map(|folder| folder.join(name)).collect::<Vec<_>>());
    let found = installed.into_iter().chain(on_path).find(|path| path.is_file());
    found.or_else(|| missing(test, name))
}

/// The path of a file that is installed with the servers; nothing if it is not, in which case the test is to return.
///
/// # Panics
///
/// If it is not installed but required.
pub(crate) fn installed(test: &str, path: &str) -> Option<PathBuf> {
    let found = backends().map(|folder| folder.join(path)).filter(|path| path.exists());
    found.or_else(|| missing(test, path))
}

fn backends() -> Option<PathBuf> {
    env::var_os(BACKENDS).map(PathBuf::from)
}

/// Says out loud what is not installed.
fn missing<T>(test: &str, what: &str) -> Option<T> {
    let line = format!("{test}: `{what}` is not installed; `cargo xtask backends` installs it");
    assert!(env::var_os(REQUIRED).is_none(), "{line}");
    let _ = writeln!(std::io::stderr(), "SKIPPED {line}");
    if let Some(path) = env::var_os(SKIPPED) {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let _ = file.and_then(|mut file| writeln!(file, "{line}"));
    }
    None
}

/// A folder of a test's own, which goes with it.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes a new folder.
    ///
    /// # Panics
    ///
    /// When that is not possible.
    #[must_use]
    pub fn new(name: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Relaxed);
        let path = env::temp_dir().join(format!("flowmeter-e2e-{}-{name}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("the folder for temporary files can be written");
        Self(path)
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

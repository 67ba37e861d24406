//! Running programs.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use std::{env, fmt};

use anyhow::{Context, Result, bail};

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is in the repository").to_path_buf()
}

/// Where builds go.
pub(crate) fn target() -> PathBuf {
    // Relative to the root, where everything runs.
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// A program to run in the repository's root.
pub(crate) fn program(path: impl AsRef<OsStr>) -> Program {
    let mut command = Command::new(path.as_ref());
    command.current_dir(root());
    Program { command, name: path.as_ref().to_owned() }
}

/// Cargo, the one that runs this.
pub(crate) fn cargo(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Program {
    let mut cargo = program(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.name = "cargo".into();
    cargo.args(arguments)
}

pub(crate) struct Program {
    command: Command,
    name: OsString,
}

impl Program {
    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(arguments);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn directory(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    /// Runs it; an error unless it succeeds.
    pub(crate) fn run(mut self) -> Result<()> {
        let status = self.command.status().with_context(|| format!("cannot run {}", self.name.display()))?;
        if !status.success() {
            bail!("`{self}` failed: {status}");
        }
        Ok(())
    }

    /// Runs it for what it writes; an error unless it succeeds.
    pub(crate) fn output(mut self) -> Result<String> {
        self.command.stderr(Stdio::inherit());
        let output = self.command.output().with_context(|| format!("cannot run {}", self.name.display()))?;
        if !output.status.success() {
            bail!("`{self}` failed: {}", output.status);
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{self}` does not write UTF-8"))
    }

    /// Whether it succeeds, without its output.
    pub(crate) fn succeeds(mut self) -> bool {
        self.command.output().is_ok_and(|output| output.status.success())
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name.display())?;
        self.command.get_args().try_for_each(|argument| write!(f, " {}", argument.display()))
    }
}

/// Runs a step with its name in front and the time that it took behind.
pub(crate) fn step<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(&format!("== {name}"));
    let start = Instant::now();
    let result = work().with_context(|| name.to_owned())?;
    say(&format!("== {name}: done in {:.0} s", start.elapsed().as_secs_f64()));
    Ok(result)
}

/// A line to the developer.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

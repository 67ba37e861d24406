//! Debian's packages, of a suite that the machine need not have.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::remove;
use crate::shell::{Program, program};

/// Suites that have what we need. One that moves on may lack something for a day.
const SUITES: [&str; 2] = ["sid", "forky"];

/// An apt that knows one suite alone and keeps its lists in a folder of its own.
pub(super) struct Apt {
    state: PathBuf,
}

/// Does something with the first suite with which it can be done, and returns the name of that.
pub(super) fn with_a_suite(folder: &Path, work: impl Fn(&Apt) -> Result<()>) -> Result<&'static str> {
    if !program("apt-get").args(["--version"]).succeeds() || !program("dpkg").args(["--version"]).succeeds() {
        bail!("this is no Debian machine");
    }
    let mirror = mirror().context("no Debian mirror is configured")?;
    let mut failures = Vec::new();
    for suite in SUITES {
        let state = folder.join(format!("apt-{suite}"));
        let done = Apt::new(state.clone(), &mirror, suite).and_then(|apt| work(&apt));
        remove(&state)?;
        match done {
            Ok(()) => return Ok(suite),
            Err(error) => failures.push(format!("{suite}: {error:#}")),
        }
    }
    bail!("{}", failures.join("; "))
}

impl Apt {
    fn new(state: PathBuf, mirror: &str, suite: &str) -> Result<Self> {
        remove(&state)?;
        let apt = Self { state };
        for path in ["lists/partial", "cache/archives/partial", "packages"] {
            let path = apt.state.join(path);
            fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        }
        let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
        fs::write(apt.state.join("sources"), format!("deb [signed-by={keyring}] {mirror} {suite} main\n"))?;
        fs::write(
            apt.configuration(),
            format!(
                "Dir::Etc::sourcelist \"{0}/sources\"; Dir::Etc::sourceparts \"-\";\n\
                 Dir::State::lists \"{0}/lists\"; Dir::Cache \"{0}/cache\";\n\
                 Acquire::Languages \"none\"; APT::Sandbox::User \"root\";\n",
                apt.state.display()
            ),
        )?;
        apt.program("apt-get").args(["update"]).run()?;
        Ok(apt)
    }

    fn configuration(&self) -> PathBuf {
        self.state.join("configuration")
    }

    /// Where packages are downloaded to.
    fn packages(&self) -> PathBuf {
        self.state.join("packages")
    }

    fn program(&self, name: &str) -> Program {
        program(name).args(["-qq"]).env("APT_CONFIG", self.configuration()).directory(&self.packages())
    }

    /// Packages and all that they depend on, and what that depends on.
    pub(super) fn with_dependencies(&self, packages: &[&str]) -> Result<Vec<String>> {
        let depends = self.program("apt-cache").args(["depends", "--recurse", "--important"]);
        let depends = depends.args(packages).output()?;
        // What a package depends on is behind it, and is a package itself further down. A name that others provide is in angle brackets.
        let names = depends.lines().filter(|line| !line.starts_with([' ', '<']));
        Ok(names.map(ToOwned::to_owned).collect())
    }

    /// Downloads packages, and unpacks them into a folder.
    pub(super) fn unpack(&self, packages: &[impl AsRef<str>], into: &Path) -> Result<()> {
        let names = packages.iter().map(AsRef::as_ref);
        self.program("apt-get").args(["download"]).args(names).run()?;
        for entry in fs::read_dir(self.packages())? {
            program("dpkg").args(["-x"]).args([&entry?.path(), into]).run()?;
        }
        Ok(())
    }
}

/// The mirror that the machine gets its packages from.
fn mirror() -> Option<String> {
    let configured = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let deb822 = configured("/etc/apt/sources.list.d/debian.sources");
    let uris = deb822.lines().find_map(|line| line.strip_prefix("URIs:"));
    let uris = uris.and_then(|uris| uris.split_whitespace().next());
    let classic = configured("/etc/apt/sources.list");
    let deb = classic.lines().filter(|line| line.starts_with("deb "));
    let classic = deb.flat_map(str::split_whitespace).find(|word| word.contains("://"));
    uris.or(classic).map(ToOwned::to_owned)
}

//! Installs the real servers of the end-to-end tests.
//!
//! They are Debian's packages, of a newer suite than most machines have, unpacked into a folder of the repository that
//! git ignores. Only the tools that most machines have anyway, which say the same as our metrics of the system, are installed
//! system-wide where they are missing. No server starts by itself.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell::{program, root, say};

/// The packages, with the program of each.
const PACKAGES: [(&str, &str); 2] = [("prometheus", "prometheus"), ("promtool", "promtool")];
/// Suites that have them. The first moves on and may lack one for a day; the next is stable.
const SUITES: [&str; 2] = ["sid", "trixie"];

/// Tools of the machine's own suite, with a program of each.
const TOOLS: [(&str, &str); 2] = [("procps", "ps"), ("iproute2", "ip")];

/// Installs what is missing. Returns the folder.
pub(crate) fn install() -> Result<PathBuf> {
    tools()?;
    let folder = root().join(".backends");
    let programs = folder.join("root/usr/bin");
    if PACKAGES.iter().all(|(_, name)| programs.join(name).is_file()) {
        return Ok(folder);
    }
    let by_hand = "install Prometheus 3 and promtool yourself (in Debian the packages `prometheus` and `promtool`), \
                   and have both on the PATH";
    if !program("apt-get").args(["--version"]).succeeds() || !program("dpkg").args(["--version"]).succeeds() {
        bail!("this is no Debian machine: {by_hand}");
    }
    let mirror = mirror().with_context(|| format!("no Debian mirror is configured: {by_hand}"))?;
    let mut failures = Vec::new();
    for suite in SUITES {
        match unpack(&folder, &mirror, suite) {
            Ok(()) => {
                say(&format!(
                    "installed {} from {suite}",
                    PACKAGES.map(|(package, _)| package).join(" and ")
                ));
                return Ok(folder);
            }
            Err(error) => failures.push(format!("{suite}: {error:#}")),
        }
    }
    bail!("cannot install the servers ({}): {by_hand}", failures.join("; "))
}

/// Installs the tools, as whoever uses the machine would.
fn tools() -> Result<()> {
    let is_there = |name: &str| program(name).args(["-V"]).succeeds();
    let missing: Vec<_> =
        TOOLS.into_iter().filter(|(_, name)| !is_there(name)).map(|(package, _)| package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand =
        || format!("install the packages of `ps`, `free` and `ip` yourself ({})", missing.join(" and "));
    program("apt-get").args(["-qq", "update"]).run().with_context(by_hand)?;
    let install = program("apt-get").args(["-qq", "--yes", "--no-install-recommends", "install"]);
    install.args(&missing).env("DEBIAN_FRONTEND", "noninteractive").run().with_context(by_hand)?;
    say(&format!("installed {}", missing.join(" and ")));
    Ok(())
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

/// Downloads the packages with an apt that knows this suite alone and keeps its lists here, and unpacks them.
fn unpack(folder: &Path, mirror: &str, suite: &str) -> Result<()> {
    let state = folder.join(format!("apt-{suite}"));
    let packages = state.join("packages");
    for path in [&state.join("lists/partial"), &state.join("cache/archives/partial"), &packages] {
        fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    fs::write(state.join("sources"), format!("deb [signed-by={keyring}] {mirror} {suite} main\n"))?;
    let configuration = state.join("configuration");
    fs::write(
        &configuration,
        format!(
            "Dir::Etc::sourcelist \"{0}/sources\"; Dir::Etc::sourceparts \"-\";\n\
             Dir::State::lists \"{0}/lists\"; Dir::Cache \"{0}/cache\";\n\
             Acquire::Languages \"none\"; APT::Sandbox::User \"root\";\n",
            state.display()
        ),
    )?;
    let apt = |arguments: &[&str]| {
        program("apt-get")
            .args(["-qq"])
            .args(arguments)
            .env("APT_CONFIG", &configuration)
            .directory(&packages)
    };
    apt(&["update"]).run()?;
    apt(&["download"]).args(PACKAGES.map(|(package, _)| package)).run()?;
    for entry in fs::read_dir(&packages)? {
        program("dpkg").args(["-x"]).args([entry?.path(), folder.join("root")]).run()?;
    }
    fs::remove_dir_all(&state).with_context(|| format!("cannot remove {}", state.display()))
}

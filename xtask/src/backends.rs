//! Installs the real servers of the end-to-end tests, and what reads our formats beside them.
//!
//! They are Debian's packages, of a newer suite than most machines have, unpacked into a folder of the repository that
//! git ignores, and in it too the official Python clients of Prometheus and of Datadog, clients of JMX and of Jolokia, the OpenTelemetry
//! collector Rotel, and Etsy's StatsD, of fixed versions, and OpenTelemetry's own Collector, which is built of such packages. Only tools that run with the machine's own libraries are installed system-wide, where they are missing. No
//! server starts by itself.

mod collector;
mod debian;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::shell::{program, root, say};

/// The packages, with a file of each: servers, the official definition of Prometheus' protobuf, and what that imports.
const PACKAGES: [(&str, &str); 5] = [
    ("prometheus", "usr/bin/prometheus"),
    ("promtool", "usr/bin/promtool"),
    ("victoria-metrics", "usr/bin/victoria-metrics"),
    (
        "golang-github-prometheus-client-model-dev",
        "usr/share/gocode/src/github.com/prometheus/client_model/io/prometheus/client/metrics.proto",
    ),
    ("libprotobuf-dev", "usr/include/google/protobuf/timestamp.proto"),
];

/// Tools of the machine's own suite, with what succeeds where each is there: those that say the same as our metrics of the
/// system, those that read what Prometheus is sent, the JDK, whose clients read what JMX serves, and those that install and run what is not Debian's.
const TOOLS: [(&str, &[&str]); 9] = [
    ("procps", &["ps", "-V"]),
    ("iproute2", &["ip", "-V"]),
    ("zstd", &["zstd", "-V"]),
    ("protobuf-compiler", &["protoc", "--version"]),
    ("python3", &["python3", "--version"]),
    ("python3-pip", &["python3", "-m", "pip", "--version"]),
    ("openjdk-17-jdk-headless", &["javac", "-version"]),
    ("nodejs", &["node", "--version"]),
    ("npm", &["npm", "--version"]),
];

/// What comes from Python's package index: Prometheus' official client, whose parsers read names in UTF-8, while Debian's is
/// older, Datadog's, a client of JMX, one of Jolokia with what it needs, and Rotel, a program that has no other package.
const PYTHON_PACKAGES: [(&str, &str); 10] = [
    ("prometheus_client", "0.26.0"),
    ("datadog", "0.56.0"),
    ("jmxquery", "0.6.0"),
    ("rotel", "0.0.1a15"),
    ("jolokia", "0.4.0"),
    ("requests", "2.34.2"),
    ("urllib3", "2.8.0"),
    ("idna", "3.20"),
    ("certifi", "2024.8.30"),
    ("charset_normalizer", "3.5.3"),
];

/// What comes from npm: Etsy's StatsD, and the client of Jolokia that consoles in browsers use, with what it needs.
const NODE_PACKAGES: [(&str, &str); 3] =
    [("statsd", "0.9.0"), ("@jolokia.js/simple", "2.6.0"), ("jolokia.js", "2.6.0")];

/// Installs what is missing. Returns the folder.
pub(crate) fn install() -> Result<PathBuf> {
    let folder = root().join(".backends");
    tools()?;
    packages(&folder)?;
    python_packages(&folder)?;
    node_packages(&folder)?;
    collector::install(&folder)?;
    Ok(folder)
}

/// Installs the tools, as whoever uses the machine would.
fn tools() -> Result<()> {
    let is_there = |command: &[&str]| program(command[0]).args(&command[1..]).succeeds();
    let missing: Vec<_> =
        TOOLS.into_iter().filter(|(_, command)| !is_there(command)).map(|(package, _)| package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = || {
        let packages = missing.join(" and ");
        format!(
            "install the packages of `ps`, `free`, `ip`, `zstd`, `protoc`, `python3` and its pip, `javac`, `node` and \
             `npm` yourself ({packages})"
        )
    };
    program("apt-get").args(["-qq", "update"]).run().with_context(by_hand)?;
    let install = program("apt-get").args(["-qq", "--yes", "--no-install-recommends", "install"]);
    install.args(&missing).env("DEBIAN_FRONTEND", "noninteractive").run().with_context(by_hand)?;
    say(&format!("installed {}", missing.join(" and ")));
    Ok(())
}

/// Unpacks the packages that are missing.
fn packages(folder: &Path) -> Result<()> {
    let missing: Vec<_> = PACKAGES
        .into_iter()
        .filter(|(_, file)| !folder.join("root").join(file).is_file())
        .map(|(package, _)| package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let by_hand = "install Prometheus 3, promtool and VictoriaMetrics yourself (in Debian the packages `prometheus`, \
                   `promtool` and `victoria-metrics`), and have them on the PATH";
    let names = missing.join(" and ");
    let suite = debian::with_a_suite(folder, |apt| apt.unpack(&missing, &folder.join("root")));
    let suite = suite.with_context(|| format!("cannot install the servers: {by_hand}"))?;
    say(&format!("installed {names} from {suite}"));
    Ok(())
}

/// Installs what comes from Python's package index, unless these versions of them are there.
fn python_packages(folder: &Path) -> Result<()> {
    let python = folder.join("python");
    let is_there =
        |(name, version): &(&str, &str)| python.join(format!("{name}-{version}.dist-info")).is_dir();
    if PYTHON_PACKAGES.iter().all(is_there) {
        return Ok(());
    }
    remove(&python)?;
    let requirements = PYTHON_PACKAGES.map(|(name, version)| format!("{name}=={version}"));
    let all = requirements.join(" and ");
    program("python3")
        .args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"])
        .args([&python])
        .args(&requirements)
        .env("PIP_DISABLE_PIP_VERSION_CHECK", "1")
        .env("PIP_ROOT_USER_ACTION", "ignore")
        .run()
        .with_context(|| {
            format!(
                "cannot install {all}: install them yourself, with pip and `--target {}`",
                python.display()
            )
        })?;
    say(&format!("installed {all}"));
    Ok(())
}

/// Installs what comes from npm, unless these versions of them are there.
fn node_packages(folder: &Path) -> Result<()> {
    let node = folder.join("node");
    let is_there = |(name, version): &(&str, &str)| {
        let package = fs::read_to_string(node.join("node_modules").join(name).join("package.json"));
        package.is_ok_and(|package| package.contains(&format!("\"version\": \"{version}\"")))
    };
    if NODE_PACKAGES.iter().all(is_there) {
        return Ok(());
    }
    remove(&node)?;
    fs::create_dir_all(&node).with_context(|| format!("cannot make {}", node.display()))?;
    let requirements = NODE_PACKAGES.map(|(name, version)| format!("{name}@{version}"));
    let all = requirements.join(" and ");
    program("npm")
        .args([
            "install",
            "--loglevel=error",
            "--no-audit",
            "--no-fund",
            "--omit=optional",
            "--ignore-scripts",
        ])
        // It would try for more than a minute.
        .args(["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"])
        .args(&requirements)
        .args(["--prefix"])
        .args([&node])
        .run()
        .with_context(|| {
            format!("cannot install {all}: install them yourself, with npm and `--prefix {}`", node.display())
        })?;
    say(&format!("installed {all}"));
    Ok(())
}

/// Removes a folder, if there is one.
fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

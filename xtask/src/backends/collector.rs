//! OpenTelemetry's Collector, of its own code.
//!
//! Debian has it not as a program, but its source, that of all it needs, and Go. So it is built of these, and takes no module from
//! elsewhere.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::debian::{self, Apt};
use super::remove;
use crate::shell::{program, say};

/// Our own part of it: what it is made of.
const MAIN: &str = include_str!("collector.go");

/// The Collector's source and Go.
const PACKAGES: [&str; 2] = ["golang-opentelemetry-collector-dev", "golang-go"];
/// How all packages of Go are called: of what it is built of, nothing else is needed.
const OF_GO: &str = "golang-";
/// Beginnings of packages that only other programs need of what the Collector's source comes with: more than half of a
/// gigabyte of clouds.
const OF_OTHERS: [&str; 4] =
    ["golang-google-cloud-", "golang-google-api-", "golang-github-aws-", "golang-github-cloudflare-circl-"];

/// Builds it, unless what is there is built of the same parts.
pub(super) fn install(backends: &Path) -> Result<()> {
    let folder = backends.join("collector");
    let (program, main) = (folder.join("otelcol"), folder.join("main.go"));
    if program.is_file() && fs::read_to_string(&main).is_ok_and(|main| main == MAIN) {
        return Ok(());
    }
    say("builds OpenTelemetry's Collector: a minute or two, and for that time 1.5 GB of the disk");
    let suite = debian::with_a_suite(backends, |apt| {
        remove(&folder)?;
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let source = folder.join("source");
        unpack(apt, &source)?;
        build(&source, &folder)?;
        remove(&source)?;
        // Last, since it says that all is there.
        fs::write(&main, MAIN).with_context(|| format!("cannot write {}", main.display()))
    });
    let suite = suite.with_context(|| {
        format!(
            "cannot build OpenTelemetry's Collector: get one with the receiver `otlp` and the exporter `otlp_http` \
             yourself, as {}, and put a copy of xtask/src/backends/collector.go beside it as `main.go`",
            program.display()
        )
    })?;
    say(&format!("built {} of {} from {suite}", program.display(), PACKAGES.join(" and ")));
    Ok(())
}

fn unpack(apt: &Apt, into: &Path) -> Result<()> {
    let needed = |name: &String| {
        name.starts_with(OF_GO) && !OF_OTHERS.iter().any(|beginning| name.starts_with(beginning))
    };
    let packages: Vec<_> = apt.with_dependencies(&PACKAGES)?.into_iter().filter(needed).collect();
    apt.unpack(&packages, into)
}

/// Builds it with the Go that is unpacked, which takes and leaves nothing elsewhere.
fn build(source: &Path, folder: &Path) -> Result<()> {
    let main = source.join("main.go");
    fs::write(&main, MAIN).with_context(|| format!("cannot write {}", main.display()))?;
    let go = source.join("usr/lib/go");
    program(go.join("bin/go"))
        .args(["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o"])
        .args([&folder.join("otelcol"), &main])
        .env("GOROOT", &go)
        .env("GOPATH", source.join("usr/share/gocode"))
        // The packages are folders of GOPATH, as they were before there were modules.
        .env("GO111MODULE", "off")
        .env("GOTOOLCHAIN", "local")
        .env("GOENV", "off")
        .env("GOFLAGS", "")
        .env("CGO_ENABLED", "0")
        .env("GOCACHE", source.join("cache"))
        // Where it counts how it is used.
        .env("XDG_CONFIG_HOME", source.join("configuration"))
        .run()
}

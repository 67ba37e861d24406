//! All that must hold before a change lands.

use anyhow::Result;

use crate::shell::{Program, cargo, program, say, step, target};
use crate::test::{self, Missing};
use crate::{measure, package};

/// The version of cargo-deny that the checks are written for.
const DENY: &str = "0.20.2";

pub(crate) fn run() -> Result<()> {
    step("format", || cargo(["fmt", "--all", "--check"]).run())?;
    step("lints", lints)?;
    step("other platforms", platforms)?;
    step("documentation", documentation)?;
    step("licences, bans and sources", deny)?;
    test::run(Missing::Fail)?;
    step("packages", package::check)?;
    step("demo", || {
        // The first of the README's two commands, cut short.
        cargo(["demo", "--events", "1000000", "--linger", "0s"]).run()
    })?;
    let bench = ["--brief", "--rounds", "1", "--series", "2000", "--json"];
    step("benchmarks run", || measure("flowmeter-bench", &bench))?;
    step("soak, cut short", || measure("soak", &["--cycles", "1000000"]))
}

fn lints() -> Result<()> {
    let clippy = |arguments: &[&str]| cargo(["clippy"]).args(arguments).args(["--", "-D", "warnings"]).run();
    clippy(&["--workspace", "--all-targets", "--all-features"])?;
    // The facade stands on its own with each of its features, and with none.
    clippy(&["--package", "flowmeter"])?;
    clippy(&["--package", "flowmeter", "--features", "prometheus"])?;
    clippy(&["--package", "flowmeter", "--features", "prometheus,tls"])?;
    clippy(&["--package", "flowmeter", "--features", "jmx"])?;
    clippy(&["--package", "flowmeter", "--features", "jmx,tls"])?;
    clippy(&["--package", "flowmeter", "--features", "log"])?;
    clippy(&["--package", "flowmeter", "--features", "otlp"])?;
    clippy(&["--package", "flowmeter", "--features", "otlp,tls"])?;
    clippy(&["--package", "flowmeter", "--features", "statsd"])?;
    clippy(&["--package", "flowmeter", "--features", "derive"])?;
    clippy(&["--package", "flowmeter", "--features", "stream"])?;
    clippy(&["--package", "flowmeter", "--features", "system"])
}

/// The features of the facade that compile for any target; the others need its C compiler.
const PORTABLE: &str = "flowmeter/derive,flowmeter/jmx,flowmeter/log,flowmeter/otlp,flowmeter/prometheus,flowmeter/statsd,flowmeter/stream,flowmeter/system,flowmeter/tokio,\
                        flowmeter/counting-allocator";

/// The libraries compile elsewhere too. A target that the toolchain has not, and cannot get, is skipped, out loud.
fn platforms() -> Result<()> {
    for target in ["i686-unknown-linux-gnu", "x86_64-pc-windows-gnu", "x86_64-apple-darwin"] {
        if program("rustup").args(["target", "add", target]).succeeds() {
            let check = cargo(["check", "--quiet", "--features", PORTABLE, "--target", target]);
            check
                .args([
                    "--package",
                    "flowmeter",
                    "--package",
                    "flowmeter-timely",
                    "--package",
                    "flowmeter-testkit",
                ])
                .run()?;
        } else {
            say(&format!("skipped: the toolchain has no target {target}"));
        }
    }
    Ok(())
}

fn documentation() -> Result<()> {
    cargo(["doc", "--workspace", "--all-features", "--no-deps", "--document-private-items"])
        .env("RUSTDOCFLAGS", "-D warnings")
        .run()
}

fn deny() -> Result<()> {
    let tools = target().join("tools");
    let deny = || -> Program {
        let path = tools.join("bin/cargo-deny");
        if path.is_file() { program(path) } else { program("cargo-deny") }
    };
    if !deny().args(["--version"]).succeeds() {
        // Without optimization, because building it takes longer than running it.
        let install = cargo(["install", "--quiet", "--locked", "--debug", "--no-default-features", "--root"]);
        install.args([&tools]).args([format!("cargo-deny@{DENY}")]).run()?;
    }
    // Advisories would need a database from the network.
    deny().args(["--all-features", "check", "licenses", "bans", "sources"]).run()
}

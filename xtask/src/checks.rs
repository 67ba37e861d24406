//! All that must hold before a change lands.

use anyhow::Result;

use crate::shell::{Program, cargo, program, say, step, target};
use crate::test::{self, Missing};
use crate::{api, measure, package};

/// The version of cargo-deny that the checks are written for.
const DENY: &str = "0.20.2";

pub(crate) fn run() -> Result<()> {
    step("format", || cargo(["fmt", "--all", "--check"]).run())?;
    step("lints", lints)?;
    step("the facade with each choice of reporters", choices)?;
    step("other platforms", platforms)?;
    step("documentation", documentation)?;
    step("public API", api::check)?;
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
    clippy(&["--workspace", "--all-targets", "--all-features"])?;
    // The facade stands on its own with each of its features; those that bring a reporter have a step of their own.
    let with_tls = ["jmx,tls", "otlp,tls", "prometheus,tls"].map(str::to_owned);
    for features in package::features_of("flowmeter")?.into_iter().chain(with_tls) {
        if !REPORTERS.contains(&&*features) && !ALLOCATORS.contains(&&*features) && features != "full" {
            clippy(&["--package", "flowmeter", "--features", &features])?;
        }
    }
    Ok(())
}

/// The features that take minutes to build in C, for a few lines of ours. All features at once have them.
const ALLOCATORS: [&str; 2] = ["jemalloc", "mimalloc"];

/// Fails on whatever it has to say.
fn clippy(arguments: &[&str]) -> Result<()> {
    cargo(["clippy", "--quiet"]).args(arguments).args(["--", "-D", "warnings"]).run()
}

/// The features of the facade that bring a reporter which needs a server, a socket or a runtime. They share what they are built upon,
/// so that one may miss what another has brought.
const REPORTERS: [&str; 4] = ["jmx", "otlp", "prometheus", "statsd"];

/// The facade stands on its own with each of the sixteen choices of them, and none.
fn choices() -> Result<()> {
    for choice in chosen(&REPORTERS) {
        let features = choice.join(",");
        let facade = ["--package", "flowmeter", "--no-default-features", "--features", &features];
        clippy(&[&facade[..], &["--all-targets"]].concat())?;
        cargo(["test", "--quiet"]).args(facade).env("RUST_BACKTRACE", "0").run()?;
    }
    Ok(())
}

/// All choices among some features, from none to all.
fn chosen<'a>(features: &[&'a str]) -> Vec<Vec<&'a str>> {
    let is_in = |choice: usize, position: usize| choice >> position & 1 == 1;
    let one = |choice| {
        let features = features.iter().enumerate();
        features.filter(|(position, _)| is_in(choice, *position)).map(|(_, feature)| *feature).collect()
    };
    (0..1 << features.len()).map(one).collect()
}

/// The features of the facade that compile for any target; the others need its C compiler.
const PORTABLE: &str = "flowmeter/config,flowmeter/derive,flowmeter/jmx,flowmeter/log,flowmeter/metrics,flowmeter/otlp,flowmeter/prometheus,flowmeter/statsd,flowmeter/stream,flowmeter/system,flowmeter/tokio,\
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_all_that_there_are() {
        assert_eq!(chosen(&["a", "b"]), [&[][..], &["a"], &["b"], &["a", "b"]]);
        assert_eq!(chosen(&REPORTERS).len(), 16);
    }
}

//! All tests.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::shell::{cargo, say, step, target};
use crate::{assembly, backends};

/// What a server that is missing means.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Its tests are skipped, out loud.
    Skip,
    /// A failure.
    Fail,
}

pub(crate) fn run(missing: Missing) -> Result<()> {
    let servers = match (step("servers of the end-to-end tests", backends::install), missing) {
        (Ok(folder), _) => Some(folder),
        (Err(error), Missing::Fail) => return Err(error),
        (Err(error), Missing::Skip) => {
            say(&format!("end-to-end tests that need a server will be skipped: {error:#}"));
            None
        }
    };
    step("tests", || tests(servers, missing))?;
    step("models of concurrency", models)?;
    step("assembly of increments", || assembly::check(false))
}

fn tests(servers: Option<PathBuf>, missing: Missing) -> Result<()> {
    let skipped = target().join("skipped-tests");
    let _ = fs::remove_file(&skipped);
    let mut test =
        cargo(["test", "--workspace", "--all-features", "--no-fail-fast"]).env("FLOWMETER_SKIPPED", &skipped);
    // Many panics in the tests are wanted, and to name all functions that are on the stack takes longer than reports wait.
    test = test.env("RUST_BACKTRACE", "0");
    if let Some(servers) = servers {
        test = test.env("FLOWMETER_BACKENDS", servers);
    }
    if missing == Missing::Fail {
        test = test.env("FLOWMETER_REQUIRE_BACKENDS", "1");
    }
    let result = test.run();
    let skipped = fs::read_to_string(&skipped).unwrap_or_default();
    for line in skipped.lines() {
        say(&format!("skipped: {line}"));
    }
    say(&format!("end-to-end tests skipped: {}", skipped.lines().count()));
    result
}

/// Writes the documents that a test compares with the code, by that test.
pub(crate) fn write_documents() -> Result<()> {
    cargo([
        "test",
        "--quiet",
        "--package",
        "flowmeter-e2e",
        "--test",
        "reference",
        "documents_are_up_to_date",
    ])
    .env("FLOWMETER_WRITE_GOLDEN", "1")
    .run()
}

/// Loom runs the interleavings of the models of what is lock-free. Its own target folder, because it replaces atomics.
fn models() -> Result<()> {
    let packages = ["--package", "flowmeter-core", "--package", "flowmeter-stream"];
    cargo(["test", "--quiet", "--lib", "--release"])
        .args(packages)
        .args(["models"])
        .env("RUSTFLAGS", "--cfg loom")
        .env("CARGO_TARGET_DIR", target().join("loom"))
        .run()
}

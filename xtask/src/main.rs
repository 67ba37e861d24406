//! `cargo xtask`: the tasks of flowmeter's developers.

#![forbid(unsafe_code)]

mod api;
mod assembly;
mod backends;
mod checks;
mod package;
mod shell;
mod test;

use std::ffi::OsStr;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use shell::cargo;

/// The tasks of flowmeter's developers.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs all tests, installing the servers that end-to-end tests need.
    Test,
    /// Measures flowmeter beside its peers, in release mode.
    Bench {
        /// Passed on: a part of the names of the rows to measure, --json, --rounds N, --series N, --brief.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Registers, records and closes millions of times with reporters attached, in release mode: no count may be lost, and
    /// memory must stay as it is. Then reads as many inputs of JMX's clients that mean no good.
    Soak {
        /// Passed on: --cycles N, --series N, --inputs N, or --help for what they mean.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Shows what an increment compiles to, and fails if that is more than loads, an addition and a store.
    Assembly,
    /// Writes the documents that are made from the code.
    Docs,
    /// Writes `docs/reference/api.txt`, the list of what the crates have for others.
    Api {
        /// Compares it instead.
        #[arg(long)]
        check: bool,
    },
    /// Packs the crates as others get them, and builds and tests the example of a reporter upon the packages.
    Package,
    /// Installs the servers of the end-to-end tests into `.backends`.
    Backends,
    /// All that must hold before a change lands: format, lints, docs, licences, tests, the demo.
    Ci,
}

/// Builds the benchmarks and runs a program of theirs.
pub(crate) fn measure(program: &str, arguments: &[impl AsRef<OsStr>]) -> Result<()> {
    cargo(["build", "--quiet", "--release", "--package", "flowmeter-bench"]).run()?;
    shell::program(shell::target().join("release").join(program)).args(arguments).run()
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Test => test::run(test::Missing::Skip),
        Task::Bench { arguments } => measure("flowmeter-bench", &arguments),
        Task::Soak { arguments } => measure("soak", &arguments),
        Task::Assembly => assembly::check(true),
        Task::Docs => test::write_documents().and_then(|()| api::write()),
        Task::Api { check: true } => api::check(),
        Task::Api { check: false } => api::write(),
        Task::Package => package::check(),
        Task::Backends => backends::install().map(drop),
        Task::Ci => checks::run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

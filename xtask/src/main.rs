//! `cargo xtask`: the tasks of flowmeter's developers.

#![forbid(unsafe_code)]

mod backends;
mod checks;
mod shell;
mod test;

use std::io::{self, Write};
use std::process::ExitCode;

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
        /// Passed on: a part of the names of the rows to measure, --json, --rounds N, --series N.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Installs the servers of the end-to-end tests into `.backends`.
    Backends,
    /// All that must hold before a change lands: format, lints, docs, licences, tests, the demo.
    Ci,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().task {
        Task::Test => test::run(test::Missing::Skip),
        Task::Bench { arguments } => {
            cargo(["build", "--quiet", "--release", "--package", "flowmeter-bench"]).run().and_then(|()| {
                shell::program(shell::target().join("release/flowmeter-bench")).args(arguments).run()
            })
        }
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

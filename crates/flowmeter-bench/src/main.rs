//! Measures rows and prints them.

#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use flowmeter_bench::rows::{Effort, ROWS};

/// Measures flowmeter beside its peers.
#[derive(Parser)]
struct Arguments {
    /// Only the rows whose names contain this.
    filter: Option<String>,
    /// One JSON object a row.
    #[arg(long)]
    json: bool,
    /// Rounds that count.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Series in the rows about many.
    #[arg(long, default_value_t = 100_000)]
    series: usize,
    /// Only a part of the calls of each round: shows that rows run, and no figures to go by.
    #[arg(long)]
    brief: bool,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "flowmeter-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> io::Result<()> {
    let filter = arguments.filter.as_deref().unwrap_or_default();
    let rows: Vec<_> = ROWS.iter().filter(|(name, _)| name.contains(filter)).collect();
    if rows.is_empty() {
        let names: Vec<_> = ROWS.iter().map(|(name, _)| *name).collect();
        return Err(io::Error::other(format!(
            "no row contains `{filter}`; the rows are {}",
            names.join(", ")
        )));
    }
    let (rounds, series) = (arguments.rounds.max(1), arguments.series.max(1000));
    let effort = Effort { rounds, series, brief: arguments.brief };
    let mut out = io::stdout();
    for (_, measure) in rows {
        let row = measure(effort);
        if arguments.json {
            writeln!(out, "{}", row.to_json())?;
        } else {
            writeln!(out, "{}", row.to_text())?;
        }
    }
    Ok(())
}

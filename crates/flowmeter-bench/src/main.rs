//! Measures rows and prints them.

#![forbid(unsafe_code)]

use std::io::{self, Write};

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
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let filter = arguments.filter.unwrap_or_default();
    let effort = Effort { rounds: arguments.rounds.max(1), series: arguments.series.max(1000) };
    let mut out = io::stdout();
    for (_, measure) in ROWS.iter().filter(|(name, _)| name.contains(&filter)) {
        let row = measure(effort);
        if arguments.json {
            writeln!(out, "{}", row.to_json())?;
        } else {
            writeln!(out, "{}", row.to_text())?;
        }
    }
    Ok(())
}

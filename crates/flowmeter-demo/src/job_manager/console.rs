//! What people, or programs, see of a run.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::summary::Summary;

/// Prints to standard output: tables, or one JSON object a line. Progress goes to standard error if that is a terminal.
pub(super) struct Console {
    json: bool,
    progress: Option<ProgressBar>,
    started: Vec<[String; 4]>,
}

impl Console {
    pub(super) fn new(json: bool) -> Self {
        Self { json, progress: None, started: Vec::new() }
    }

    pub(super) fn started(&mut self, role: &str, id: &str, pid: u32, endpoint: Option<&str>) {
        if self.json {
            let endpoints = endpoint.map(|endpoint| ("prometheus", endpoint)).into_iter().collect();
            print_json(&Started { event: "started", role, id, pid, endpoints });
        } else {
            let endpoint = endpoint.unwrap_or("-").to_owned();
            self.started.push([role.to_owned(), id.to_owned(), pid.to_string(), endpoint]);
        }
    }

    /// Shows all that has started.
    pub(super) fn table(&self) {
        if !self.json {
            print(&format!("{:<13}{:<8}{:>8}  {}", "role", "id", "pid", "metrics"));
            for [role, id, pid, endpoint] in &self.started {
                print(&format!("{role:<13}{id:<8}{pid:>8}  {endpoint}"));
            }
        }
    }

    pub(super) fn progress(&mut self, source_records: u64) {
        if self.json || !io::stderr().is_terminal() {
            return;
        }
        let bar = self.progress.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{elapsed:>5}  {human_pos} records, {per_sec}");
            ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_position(source_records);
    }

    pub(super) fn end_progress(&mut self) {
        if let Some(bar) = self.progress.take() {
            bar.finish_and_clear();
        }
    }

    /// A line for people; programs know.
    pub(super) fn note(&self, text: &str) {
        if !self.json {
            match &self.progress {
                Some(bar) => bar.suspend(|| print(text)),
                None => print(text),
            }
        }
    }

    pub(super) fn summary(&self, summary: &Summary) {
        if self.json {
            print_json(&summary.event());
        } else {
            print(&format!("\n{}", summary.to_text().trim_end()));
        }
    }
}

/// A process that has started, as an event.
#[derive(Serialize)]
struct Started<'a> {
    event: &'static str,
    role: &'a str,
    id: &'a str,
    pid: u32,
    /// By reporter.
    endpoints: BTreeMap<&'static str, &'a str>,
}

fn print_json(event: &impl Serialize) {
    // An event has no map with keys that are not text, and nothing else can fail.
    if let Ok(line) = serde_json::to_string(event) {
        print(&line);
    }
}

/// Prints a line. A reader that is gone does not keep the job from ending well.
fn print(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

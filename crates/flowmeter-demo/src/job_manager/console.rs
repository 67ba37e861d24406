//! What people, or programs, see of a run.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::serving::{self, Endpoints};
use crate::summary::Summary;

/// Prints to standard output: tables, or one JSON object a line. Progress goes to standard error if that is a terminal.
pub(super) struct Console {
    json: bool,
    progress: Option<Progress>,
    started: Vec<[String; 6]>,
    /// What processes serve that has no column.
    others: Vec<String>,
    /// What kept it from printing.
    failure: Option<io::Error>,
}

/// The line that shows how far the job is.
struct Progress {
    bar: ProgressBar,
    /// When the rate was worked out last, and from how many records.
    since: Instant,
    records: u64,
}

/// The time over which a rate is worked out.
const RATE_SPAN: Duration = Duration::from_secs(1);

impl Console {
    pub(super) fn new(json: bool) -> Self {
        Self { json, progress: None, started: Vec::new(), others: Vec::new(), failure: None }
    }

    pub(super) fn started(&mut self, role: &str, id: &str, pid: u32, endpoints: &Endpoints) {
        if self.json {
            self.print_json(&Started { event: "started", role, id, pid, endpoints });
        } else {
            let metrics = serving::prometheus(endpoints).unwrap_or("-").to_owned();
            let port = |port: Option<u16>| port.map_or("-".to_owned(), |port| format!(":{port}"));
            let [jmx, jolokia] = serving::jmx_ports(endpoints).map(port);
            let other = |(name, url)| format!("{id:<8}{name:<24}{url}");
            self.others.extend(serving::others(endpoints).map(other));
            self.started.push([role.to_owned(), id.to_owned(), pid.to_string(), metrics, jmx, jolokia]);
        }
    }

    /// Shows all that has started.
    pub(super) fn table(&mut self) {
        if !self.json {
            let head = ["role", "id", "pid", "metrics", "jmx", "jolokia"].map(str::to_owned);
            for [role, id, pid, metrics, jmx, jolokia] in
                std::iter::once(head).chain(std::mem::take(&mut self.started))
            {
                self.print(&format!("{role:<13}{id:<8}{pid:>8}  {metrics:<31}{jmx:<8}{jolokia}"));
            }
            for line in std::mem::take(&mut self.others) {
                self.print(&line);
            }
        }
    }

    pub(super) fn progress(&mut self, source_records: u64) {
        if self.json || !io::stderr().is_terminal() {
            return;
        }
        let progress = self.progress.get_or_insert_with(|| {
            let style = ProgressStyle::with_template("{elapsed:>5}  {human_pos} records{msg}");
            let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::no_length().with_style(style);
            Progress { bar, since: Instant::now(), records: source_records }
        });
        let passed = progress.since.elapsed();
        if passed >= RATE_SPAN {
            let rate = source_records.saturating_sub(progress.records) as f64 / passed.as_secs_f64();
            progress.bar.set_message(format!(", {} records/s", HumanCount(rate as u64)));
            (progress.since, progress.records) = (Instant::now(), source_records);
        }
        progress.bar.set_position(source_records);
    }

    pub(super) fn end_progress(&mut self) {
        if let Some(progress) = self.progress.take() {
            progress.bar.finish_and_clear();
        }
    }

    /// A line for people; programs know.
    pub(super) fn note(&mut self, text: &str) {
        if !self.json {
            match &self.progress {
                Some(progress) => progress.bar.clone().suspend(|| self.print(text)),
                None => self.print(text),
            }
        }
    }

    pub(super) fn summary(&mut self, summary: &Summary) {
        if self.json {
            self.print_json(&summary.event());
        } else {
            self.print(&format!("\n{}", summary.to_text().trim_end()));
        }
    }

    /// Whether all could be printed. A reader that went away early does not count: it has seen enough.
    pub(super) fn result(&self) -> Result<(), String> {
        match &self.failure {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(format!("cannot write to standard output: {error}"))
            }
            _ => Ok(()),
        }
    }

    fn print_json(&mut self, event: &impl Serialize) {
        // An event has no map with keys that are not text, and nothing else can fail.
        if let Ok(line) = serde_json::to_string(event) {
            self.print(&line);
        }
    }

    /// Prints a line. The job goes on if that fails.
    fn print(&mut self, line: &str) {
        let mut out = io::stdout().lock();
        if let Err(error) = writeln!(out, "{line}").and_then(|()| out.flush()) {
            self.failure.get_or_insert(error);
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
    endpoints: &'a Endpoints,
}

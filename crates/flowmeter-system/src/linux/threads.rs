//! CPU time by the names of threads.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use flowmeter_core::MetricGroup;
use tracing::warn;

use super::error::Error;
use super::source::Source;
use super::stat::{Stat, nanoseconds};
use super::table::{Rows, Table};
use crate::SystemOptions;
use crate::sets::{ThreadMetrics, ThreadNamesMetrics};

/// How many names have metrics. Names are for kinds of threads; who numbers threads has more than anyone looks at.
const NAME_LIMIT: usize = 128;
/// What threads of further names are counted under.
const OTHERS: &str = "(other)";
/// What threads without a name are counted under.
const UNNAMED: &str = "(unnamed)";
/// For how many passes a thread that was not seen is remembered: its file may be unreadable for once, and a folder that
/// changes while it is read may leave out what is there. Its time until then must not be counted again.
const PASSES: u8 = 8;
/// How long a name stays when its last thread is gone.
const LINGER: Duration = Duration::from_secs(300);

pub(super) fn register(process: &MetricGroup, options: &SystemOptions) {
    let threads = Threads::new(options.proc.join("self/task"));
    let table = Table::new(process.clock(), process, threads, |table, process, name, seen| {
        let group = process.try_add_group_kv("thread", name).ok()?;
        table.fill(group, name, seen, |metrics: &ThreadMetrics, name: &Name| {
            metrics.user_time.raise(nanoseconds(name.user));
            metrics.system_time.raise(nanoseconds(name.system));
            metrics.threads.set(name.threads);
            true
        })
    });
    let mut seen = table.seen();
    process.collector(move |names: &ThreadNamesMetrics| {
        table.look(&mut seen, |threads| {
            let threads = threads.map_err(Clone::clone)?;
            names.thread_names.set(threads.names.len() as u64);
            names.other_threads.set(threads.names.get(OTHERS).map_or(0, |others| others.threads));
            Ok::<_, String>(())
        })
    });
}

struct Threads {
    folder: PathBuf,
    stat: Source,
    /// By number, those that were not seen lately included. One that begins later is another of the same number.
    known: HashMap<u32, Thread>,
    names: BTreeMap<String, Name>,
    /// There is nothing to say at present, though names still count when there is.
    lost: bool,
    warned: bool,
}

/// What a thread had used when it was last looked at, in clock ticks.
#[derive(Clone, Copy, Default)]
struct Thread {
    start: u64,
    user: u64,
    system: u64,
    /// Passes since.
    unseen: u8,
}

/// What threads of a name have used since it has metrics, in clock ticks.
#[derive(Default)]
struct Name {
    user: u64,
    system: u64,
    threads: u64,
    last_seen: Duration,
}

impl Threads {
    fn new(folder: PathBuf) -> Self {
        let stat = Source::new("");
        Self { folder, stat, known: HashMap::new(), names: BTreeMap::new(), lost: false, warned: false }
    }

    /// Adds what a thread has used since it was last looked at to its name.
    fn add(&mut self, now: Duration, stat: &Stat<'_>, before: Option<Thread>) -> Thread {
        let before = before.filter(|before| before.start == stat.start).unwrap_or_default();
        let name = self.name(stat.name);
        name.threads += 1;
        name.last_seen = now;
        name.user = name.user.saturating_add(stat.user.saturating_sub(before.user));
        name.system = name.system.saturating_add(stat.system.saturating_sub(before.system));
        // Neither does it count again what it counted before, should its count go back.
        let (user, system) = (stat.user.max(before.user), stat.system.max(before.system));
        Thread { start: stat.start, user, system, unseen: 0 }
    }

    fn name(&mut self, name: &str) -> &mut Name {
        let mut name = if name.trim().is_empty() { UNNAMED } else { name };
        if !self.names.contains_key(name) && self.names.len() >= NAME_LIMIT {
            if !std::mem::replace(&mut self.warned, true) {
                warn!(name, "threads have more than {NAME_LIMIT} names; others are counted as `{OTHERS}`");
            }
            name = OTHERS;
        }
        // One look-up more than `entry`, and a copy of the name less for every thread.
        if !self.names.contains_key(name) {
            self.names.insert(name.to_owned(), Name::default());
        }
        self.names.get_mut(name).expect("it was there, or is now")
    }
}

impl Rows for Threads {
    type Row = Name;

    fn read(&mut self, now: Duration) -> Result<(), Error> {
        let entries = fs::read_dir(&self.folder);
        let entries = entries.map_err(|source| Error::Unreadable { path: self.folder.clone(), source })?;
        self.known.values_mut().for_each(|thread| thread.unseen = thread.unseen.saturating_add(1));
        self.names.values_mut().for_each(|name| name.threads = 0);
        let mut stat = std::mem::replace(&mut self.stat, Source::new(""));
        let mut path = self.folder.clone();
        let mut found = false;
        for entry in entries.flatten() {
            let file_name = entry.file_name();
            let Some(id) = file_name.to_str().and_then(|name| name.parse().ok()) else { continue };
            path.push(file_name);
            path.push("stat");
            // An error: most likely it has ended since the folder was read.
            if let Ok(text) = stat.at(&path).read()
                && let Some(statistics) = Stat::parse(&text)
            {
                let thread = self.add(now, &statistics, self.known.get(&id).copied());
                self.known.insert(id, thread);
                found = true;
            }
            path.pop();
            path.pop();
        }
        self.stat = stat;
        self.known.retain(|_, thread| thread.unseen <= PASSES);
        self.names.retain(|_, name| name.threads > 0 || now.saturating_sub(name.last_seen) < LINGER);
        self.lost = !found;
        if self.lost {
            return Err(Error::malformed(&self.folder, "a thread"));
        }
        Ok(())
    }

    fn lose(&mut self, _: Duration) {
        self.lost = true;
    }

    fn rows(&self) -> &BTreeMap<String, Name> {
        static NONE: BTreeMap<String, Name> = BTreeMap::new();
        if self.lost { &NONE } else { &self.names }
    }
}

//! Trees of files as Linux has them, for tests to change.

#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use flowmeter_core::{Registry, ReporterHandle, TaskManagerGroup};
use flowmeter_system::SystemOptions;
use flowmeter_testkit::{Capture, MockClock, PATIENCE, driven};
use tempfile::TempDir;

/// All files that are read, with contents of real machines that were made short.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("proc/stat", STAT),
    ("proc/loadavg", "0.52 0.61 12.40 1/123 4567\n"),
    ("proc/meminfo", MEMINFO),
    ("proc/diskstats", DISKSTATS),
    ("proc/self/net/dev", NET_DEV),
    ("proc/self/stat", SELF_STAT),
    ("proc/self/status", "Name:\tx\nVmHWM:\t    3000 kB\nVmRSS:\t 2500 kB\nVmSwap:\t       7 kB\n"),
    ("proc/self/limits", LIMITS),
    ("proc/self/io", "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 4096\nwrite_bytes: 8192\n"),
    ("proc/self/fd/0", ""),
    ("proc/self/fd/1", ""),
    ("proc/self/fd/17", ""),
    ("proc/self/task/100/stat", "100 (main) S 1 1 1 0 -1 0 0 0 0 0 30 10 0 0 20 0 2 0 500 0 0 0 0\n"),
    ("proc/self/task/101/stat", "101 (worker) R 1 1 1 0 -1 0 0 0 0 0 5 1 0 0 20 0 2 0 501 0 0 0 0\n"),
    ("proc/self/task/102/stat", "102 (worker) R 1 1 1 0 -1 0 0 0 0 0 7 2 0 0 20 0 2 0 502 0 0 0 0\n"),
    ("proc/self/cgroup", "1:cpu:/old\n0::/outer/inner\n"),
    ("proc/self/mountinfo", MOUNTINFO),
    ("sys/devices/system/cpu/online", "0-1\n"),
    ("sys/block/vda/size", "1\n"),
    ("sys/fs/cgroup/memory.stat", ""),
    ("sys/fs/cgroup/outer/memory.max", "1000000\n"),
    ("sys/fs/cgroup/outer/cpu.max", "max 100000\n"),
    ("sys/fs/cgroup/outer/inner/memory.current", "4194304\n"),
    ("sys/fs/cgroup/outer/inner/memory.max", "8388608\n"),
    ("sys/fs/cgroup/outer/inner/cpu.max", "150000 100000\n"),
    ("sys/fs/cgroup/outer/inner/cpu.stat", CPU_STAT),
];

const STAT: &str = "\
cpu  100 10 50 1000 20 3 4 5 0 0
cpu0 60 5 25 500 10 2 2 3 0 0
cpu1 40 5 25 500 10 1 2 2 0 0
intr 369800 0 0 0
ctxt 591280
btime 1700000000
processes 5
";
const MEMINFO: &str = "\
MemTotal:        8000 kB
MemFree:         1000 kB
MemAvailable:    5000 kB
SwapTotal:       2000 kB
SwapFree:        1500 kB
";
const DISKSTATS: &str = "   7       0 loop0 9 0 9 0 9 0 9 0 0 9 0
 254       0 vda 10 0 80 5 20 0 160 7 0 12 12 0 0 0 0 0 0
 254       1 vda1 10 0 80 5 20 0 160 7 0 12 12 0 0 0 0 0 0
";
pub(crate) const NET_DEV: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    1000      10    0    0    0     0          0         0     1000      10    0    0    0     0       0          0
  eth0:   50000     100    1    2    0     0          0         0    20000      50    3    4    0     0       0          0
";
/// 30 + 10 clock ticks of CPU time, 25 pages in memory.
const SELF_STAT: &str =
    "100 (a (b) c) S 1 1 1 0 -1 4194304 11 0 2 0 30 10 0 0 20 0 3 0 500 123456 25 18446744073709551615\n";
const LIMITS: &str = "\
Limit                     Soft Limit           Hard Limit           Units
Max processes             100                  200                  processes
Max open files            1024                 4096                 files
";
const MOUNTINFO: &str = "\
31 23 0:28 / /sys rw,relatime - sysfs sysfs rw
32 31 0:29 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
";
const CPU_STAT: &str = "\
usage_usec 5000
user_usec 3000
system_usec 2000
nr_periods 7
nr_throttled 3
throttled_usec 900
";

/// A tree of files in a folder of its own.
pub(crate) struct Tree(TempDir);

impl Tree {
    /// With all files.
    pub(crate) fn new() -> Self {
        let tree = Self(tempfile::tempdir().unwrap());
        FILES.iter().for_each(|(path, text)| tree.write(path, text));
        tree
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Replaces a part of a file that is there.
    pub(crate) fn change(&self, path: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(from), "{path} does not have {from}");
        self.write(path, text.replace(from, to));
    }

    /// Has both processors do nothing for a while. Until they did anything, nothing is known of what they do.
    pub(crate) fn idle(&self) {
        self.change("proc/stat", " 1000 20 ", " 1200 20 ");
        self.change("proc/stat", " 5 25 500 10 ", " 5 25 600 10 ");
    }

    pub(crate) fn remove(&self, path: &str) {
        let path = self.path(path);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }

    pub(crate) fn options(&self) -> SystemOptions {
        SystemOptions::default().with_proc(self.path("proc")).with_sys(self.path("sys"))
    }
}

/// Metrics of a tree, in a TaskManager's group, with a reporter that reports when it is told.
pub(crate) struct Measured {
    pub(crate) capture: Capture,
    pub(crate) registry: Registry,
    pub(crate) clock: Arc<MockClock>,
    pub(crate) reporter: ReporterHandle,
    pub(crate) task_manager: TaskManagerGroup,
}

impl Measured {
    pub(crate) fn new(options: &SystemOptions) -> Self {
        Self::with(Capture::push(), options)
    }

    pub(crate) fn with(capture: Capture, options: &SystemOptions) -> Self {
        let (registry, clock, reporter) = driven(&capture);
        let task_manager = registry.task_manager("h", "tm");
        flowmeter_system::register(&task_manager, options);
        Self { capture, registry, clock, reporter, task_manager }
    }

    /// Reports after so many seconds.
    pub(crate) fn report_after(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
        self.reporter.report_now(PATIENCE).unwrap();
        let statistics = self.registry.statistics();
        assert_eq!((statistics.callback_panics, statistics.clashes), (0, 0));
    }

    /// What the last report had of a metric of the TaskManager. Its variables besides those of the TaskManager are given
    /// as `name{key=value}`.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        let (name, variables) =
            name.strip_suffix('}').and_then(|name| name.split_once('{')).unwrap_or((name, ""));
        let known = [format!("taskmanager.{name}{{"), "host=h".to_owned(), "tm_id=tm".to_owned()];
        let lines = self.capture.last();
        let found = lines.iter().find(|(line, _)| {
            let variables: Vec<_> = variables.split(',').filter(|variable| !variable.is_empty()).collect();
            let all = line.strip_prefix(&known[0]).and_then(|line| line.strip_suffix('}'));
            all.is_some_and(|all| {
                let all: Vec<_> = all.split(',').collect();
                all.len() == 2 + variables.len() && variables.iter().all(|variable| all.contains(variable))
            })
        });
        found.map(|(_, value)| *value)
    }

    /// That the last report had these.
    #[track_caller]
    pub(crate) fn assert(&self, expected: &[(&str, f64)]) {
        for (name, expected) in expected {
            let value = self.value(name);
            let near = value.is_some_and(|value| (value - expected).abs() <= 1e-9 * expected.abs().max(1.0));
            assert!(near, "{name} is {value:?}, not {expected}");
        }
    }

    /// That the last report had nothing of these names.
    #[track_caller]
    pub(crate) fn assert_missing(&self, names: &[&str]) {
        for name in names {
            assert_eq!(self.value(name), None, "{name}");
        }
    }

    /// How many series the last report had whose names begin so.
    pub(crate) fn count(&self, prefix: &str) -> usize {
        self.capture
            .last()
            .iter()
            .filter(|(name, _)| name.starts_with(&format!("taskmanager.{prefix}")))
            .count()
    }
}

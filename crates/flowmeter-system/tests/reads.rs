//! What is read when, as the kernel tells of opened files.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::collections::{BTreeMap, HashMap};

use flowmeter_core::{MetricFilter, ReporterOptions};
use flowmeter_testkit::{Capture, PATIENCE, on_request};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use support::{FILES, Measured, Tree};

/// Watches all files of a tree.
struct Watch {
    notify: Inotify,
    paths: HashMap<WatchDescriptor, String>,
}

impl Watch {
    fn new(tree: &Tree) -> Self {
        let notify = Inotify::init(InitFlags::IN_NONBLOCK).unwrap();
        let mut paths = HashMap::new();
        let mut add = |path: &str| {
            let watch = notify.add_watch(&tree.path(path), AddWatchFlags::IN_OPEN).unwrap();
            paths.insert(watch, path.to_owned());
        };
        FILES.iter().for_each(|(path, _)| add(path));
        Self { notify, paths }
    }

    /// How often each was opened since this was last asked.
    fn opened(&self) -> BTreeMap<&str, usize> {
        let mut opened = BTreeMap::new();
        while let Ok(events) = self.notify.read_events() {
            for event in events {
                *opened.entry(self.paths[&event.wd].as_str()).or_default() += 1;
            }
        }
        opened
    }
}

/// Files that say how to read others, and are read once.
const PREPARATION: [&str; 2] = ["proc/self/cgroup", "proc/self/mountinfo"];
/// Files that are looked at without being opened.
fn is_never_opened(path: &str) -> bool {
    path.starts_with("proc/self/fd/") || path.starts_with("sys/block/") || path == "sys/fs/cgroup/memory.stat"
}

#[test]
fn a_report_reads_each_file_once() {
    for flink_groups in [false, true] {
        let tree = Tree::new();
        let watch = Watch::new(&tree);
        let measured = Measured::new(&tree.options().with_flink_groups(flink_groups));
        assert_eq!(watch.opened()["proc/self/cgroup"], 1, "the test sees what is opened");
        // The first needs the time at which the machine began as well.
        measured.report_after(10);
        watch.opened();
        for seconds in [10, 0, 10] {
            measured.report_after(seconds);
            let opened = watch.opened();
            for (path, _) in FILES {
                let expected = usize::from(!is_never_opened(path) && !PREPARATION.contains(path));
                assert_eq!(opened.get(path).copied().unwrap_or(0), expected, "{path}");
            }
        }
    }
}

#[test]
fn what_no_report_has_is_not_read() {
    let tree = Tree::new();
    let watch = Watch::new(&tree);
    let measured = Measured::new(&tree.options());
    measured.registry.remove_reporter("capture", PATIENCE).unwrap();
    let add = |filter: MetricFilter| {
        let capture = Capture::push();
        let options: ReporterOptions = on_request().with_metrics(filter);
        let reporter = measured.registry.add_reporter("filtered", capture.reporter(), options).unwrap();
        watch.opened();
        reporter.report_now(PATIENCE).unwrap();
        let read = (capture.last().len(), watch.opened());
        measured.registry.remove_reporter("filtered", PATIENCE).unwrap();
        read
    };
    let only = |pattern: &str| MetricFilter::default().including(pattern).unwrap();
    assert_eq!(add(only("nothing")), (0, BTreeMap::new()));
    assert_eq!(add(only("taskmanager.System.Memory:Total")), (1, BTreeMap::from([("proc/meminfo", 1)])));
    let (series, opened) = add(only("taskmanager.System.Network.interface:receivedBytes"));
    assert_eq!((series, opened), (2, BTreeMap::from([("proc/self/net/dev", 1)])));
}

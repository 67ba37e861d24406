//! What is said of sources that are missing. One test, because the log is that of the whole program.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use flowmeter_system::SystemOptions;
use support::{Measured, Tree};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// The lines since this was last asked.
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        text.lines().map(ToOwned::to_owned).collect()
    }
}

#[test]
fn the_log_says_once_why_metrics_are_missing() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
    let reported = |options: &SystemOptions| {
        let measured = Measured::new(options);
        (0..3).for_each(|_| measured.report_after(10));
        let lines = log.lines();
        (measured, lines)
    };

    let tree = Tree::new();
    let (_, lines) = reported(&tree.options());
    assert_eq!(lines, [""; 0], "nothing is missing");

    tree.remove("proc/self/io");
    let (measured, lines) = reported(&tree.options());
    measured.assert_missing(&["process.readBytes"]);
    let [line] = &lines[..] else { panic!("not one line: {lines:?}") };
    assert!(
        line.contains("metrics are missing") && line.contains("process/io") | line.contains("self/io"),
        "{line}"
    );
    assert!(line.contains("No such file"), "{line}");

    let tree = Tree::new();
    tree.remove("proc/stat");
    let (_, lines) = reported(&tree.options().with_process(false));
    let [line] = &lines[..] else { panic!("not one line: {lines:?}") };
    assert!(line.contains("metrics of the host's processors are missing"), "{line}");

    // A machine that has control groups of version 1.
    let tree = Tree::new();
    tree.write("proc/self/cgroup", "4:memory:/x\n1:cpu:/\n0::/\n");
    tree.write("proc/self/mountinfo", "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n");
    let (measured, lines) = reported(&tree.options());
    assert_eq!(measured.count("cgroup."), 0);
    let [line] = &lines[..] else { panic!("not one line: {lines:?}") };
    assert!(line.contains("no control groups of version 2 are mounted"), "{line}");
    assert!(
        line.contains("metrics of the control group, such as limits of memory and CPU, are missing"),
        "{line}"
    );
    assert!(line.contains("control groups of version 1 are not read"), "{line}");
    assert!(!line.contains("error"), "it is none: {line}");

    // One that has both, with the controllers of version 1.
    let tree = Tree::new();
    tree.write("proc/self/cgroup", "4:memory:/x\n1:cpu:/\n0::/\n");
    tree.write("sys/fs/cgroup/cpu.stat", "usage_usec 5000\n");
    let (measured, lines) = reported(&tree.options());
    assert_eq!(measured.count("cgroup."), 0);
    let [line] = &lines[..] else { panic!("not one line: {lines:?}") };
    let reason =
        "sys/fs/cgroup has neither memory.current nor cpu.max; control groups of version 1 are not read\"";
    assert!(line.contains(reason), "{line}");

    // A limit that nobody has set.
    let tree = Tree::new();
    tree.write("sys/fs/cgroup/outer/cpu.max", "max 100000\n");
    tree.write("sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n");
    let (measured, lines) = reported(&tree.options());
    measured.assert_missing(&["cgroup.cpuLimit"]);
    let [line] = &lines[..] else { panic!("not one line: {lines:?}") };
    assert!(line.contains("no limit is set"), "{line}");

    // Names of threads beyond the limit.
    let tree = Tree::new();
    for id in 200..400 {
        let stat = format!("{id} (numbered-{id}) R 1 1 1 0 -1 0 0 0 0 0 1 0 0 0 20 0 2 0 502 0 0 0 0\n");
        tree.write(&format!("proc/self/task/{id}/stat"), stat);
    }
    let (_, lines) = reported(&tree.options());
    let [line] = &lines[..] else { panic!("not one line: {lines:?}") };
    assert!(line.contains("more than 128 names"), "{line}");
}

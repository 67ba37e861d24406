use std::fs::{self, File};
use std::hint::black_box;
use std::io::Read;
use std::thread;
use std::time::Duration;

use flowmeter_core::{MetricFilter, Registry, ReporterHandle, ReporterOptions};
use flowmeter_system::SystemOptions;

use super::Effort;
use crate::harness::{Better, Row, Side, Turns, process_cpu};
use crate::ours::{PATIENCE, TextReporter};

/// CPU of all threads for one report of a process that does nothing else, with the metrics of process, threads, control
/// group and host written as text. Between two reports is a pause, as there is in life, in which caches forget. The limit
/// reads the same files and leaves it at that.
pub(super) fn report(effort: Effort) -> Row {
    let mut row = Row::new("system/report", "us", Better::Smaller);
    let reports = effort.calls(32);
    let registry = Registry::new();
    let task_manager = registry.task_manager("host-1", "tm-1");
    flowmeter_system::register(&task_manager, &SystemOptions::default());
    let add = |name: &str, options: ReporterOptions| {
        let reporter = TextReporter::chunked();
        let options = options.with_interval(Duration::MAX);
        registry.add_reporter(name, Box::new(reporter), options).expect("nothing can fail to start")
    };
    let all = add("all", ReporterOptions::default());
    let none = MetricFilter::default().including("flowmeter*").expect("it is a pattern");
    let none = add("none", ReporterOptions::default().with_metrics(none));

    let mut turns = Turns::default();
    turns.add_with_notes(Side::Ours, |notes| {
        let cost = |reporter: &ReporterHandle| {
            // Asking how many there were takes some too.
            let (earlier, before) = (reads(), reads());
            let spent = paused(reports, || reporter.report_now(PATIENCE).expect("it cannot fail"));
            let made = reads() - before - (before - earlier);
            (spent, made as f64 / reports as f64)
        };
        let (cost_of_none, reads_of_none) = cost(&none);
        notes.add("a report without these metrics, us", cost_of_none);
        notes.add("reads for a report without these metrics", reads_of_none);
        let (cost, reads) = cost(&all);
        notes.add("reads for a report", reads);
        cost
    });
    turns.add(Side::Limit, || {
        let mut buffer = Vec::with_capacity(1 << 16);
        paused(reports, || {
            let read = |path: &str, buffer: &mut Vec<u8>| {
                buffer.clear();
                let file = File::open(path);
                black_box(file.and_then(|mut file| file.read_to_end(buffer)).is_ok());
            };
            FILES.iter().for_each(|path| read(path, &mut buffer));
            for task in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
                read(&format!("{}/stat", task.path().display()), &mut buffer);
            }
            black_box(fs::metadata("/proc/self/fd").is_ok());
        })
    });
    turns.run(&mut row, effort.rounds);
    row
}

/// What Linux has these metrics in, besides a file for each thread.
const FILES: [&str; 10] = [
    "/proc/diskstats",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/self/io",
    "/proc/self/limits",
    "/proc/self/net/dev",
    "/proc/self/stat",
    "/proc/self/status",
    "/proc/stat",
    "/sys/devices/system/cpu/online",
];

/// CPU microseconds of all threads for a call, with pauses.
fn paused(calls: u64, mut call: impl FnMut()) -> f64 {
    let mut spent = 0.0;
    for _ in 0..calls {
        thread::sleep(Duration::from_millis(5));
        let start = process_cpu();
        call();
        spent += process_cpu() - start;
    }
    spent / calls as f64 / 1e3
}

/// How often the process has called the system to read.
fn reads() -> i64 {
    let io = fs::read_to_string("/proc/self/io").unwrap_or_default();
    let reads = io.lines().find_map(|line| line.strip_prefix("syscr:"));
    reads.and_then(|reads| reads.trim().parse().ok()).unwrap_or(0)
}

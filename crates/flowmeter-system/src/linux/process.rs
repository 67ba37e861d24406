//! The process as a whole.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use flowmeter_core::MetricGroup;
use nix::sys::resource::{UsageWho, getrusage};

use super::error::Error;
use super::source::{Source, keyed, keyed_kibibytes};
use super::stat::{Stat, nanoseconds};
use super::window::Window;
use crate::SystemOptions;
use crate::sets::{
    ContextSwitchMetrics, FileDescriptorLimitMetrics, FileDescriptorMetrics, ProcessIoMetrics,
    ProcessMemoryMetrics, ProcessMetrics,
};

pub(super) fn register(process: &MetricGroup, options: &SystemOptions) {
    let own = options.proc.join("self");
    statistics(process, options);
    let mut status = Source::new(own.join("status"));
    process.collector(move |memory: &ProcessMemoryMetrics| -> Result<(), Error> {
        let (peak, swapped) = status.find("VmHWM and VmSwap", |text| {
            Some((keyed_kibibytes(text, "VmHWM:")?, keyed_kibibytes(text, "VmSwap:")?))
        })?;
        memory.peak_resident_memory.set(peak);
        memory.swapped_memory.set(swapped);
        Ok(())
    });
    // The files have them for one thread each.
    process.collector(|switches: &ContextSwitchMetrics| -> Result<(), Error> {
        let usage = getrusage(UsageWho::RUSAGE_SELF).map_err(|error| Error::NoUsage(error.into()))?;
        switches.voluntary_context_switches.raise(count(usage.voluntary_context_switches()));
        switches.involuntary_context_switches.raise(count(usage.involuntary_context_switches()));
        Ok(())
    });
    let descriptors = own.join("fd");
    process.collector(move |files: &FileDescriptorMetrics| -> Result<(), Error> {
        let unreadable = |source| Error::Unreadable { path: descriptors.clone(), source };
        files.open_file_descriptors.set(open_files(&descriptors).map_err(unreadable)?);
        Ok(())
    });
    let mut limits = Source::new(own.join("limits"));
    process.collector(move |files: &FileDescriptorLimitMetrics| -> Result<(), Error> {
        files.max_file_descriptors.set(limits.find("a limit of open files", open_files_limit)?);
        Ok(())
    });
    let mut io = Source::new(own.join("io"));
    process.collector(move |storage: &ProcessIoMetrics| -> Result<(), Error> {
        let (read, written) = io.find("read_bytes and write_bytes", |text| {
            Some((keyed(text, "read_bytes:")?, keyed(text, "write_bytes:")?))
        })?;
        storage.read_bytes.raise(read);
        storage.written_bytes.raise(written);
        Ok(())
    });
}

/// A count of C's `long`, which is not as long everywhere.
fn count(count: impl TryInto<u64>) -> u64 {
    count.try_into().unwrap_or_default()
}

/// What `/proc/self/stat` has, and what it takes to make sense of it.
fn statistics(process: &MetricGroup, options: &SystemOptions) {
    let clock = process.clock().clone();
    let mut stat = Source::new(options.proc.join("self/stat"));
    let mut online = Source::new(options.sys.join("devices/system/cpu/online"));
    let mut machine = Source::new(options.proc.join("stat"));
    let mut boot_time = None;
    let mut load = Load::new(clock.monotonic(), stat.find("", cpu_time).unwrap_or_default());
    process.collector(move |process: &ProcessMetrics| -> Result<(), Error> {
        let processors = online.find("processors", processors).unwrap_or_else(|_| {
            thread::available_parallelism().map_or(1, |processors| processors.get() as u64)
        });
        let boot_time = match boot_time {
            Some(time) => time,
            None => *boot_time.insert(machine.find("btime", |text| keyed(text, "btime"))?),
        };
        let now = clock.monotonic();
        let text = stat.read()?;
        let Some(statistics) = Stat::parse(&text) else {
            drop(text);
            return Err(Error::malformed(stat.path(), "the statistics of a process"));
        };
        let cpu_time = nanoseconds(statistics.user.saturating_add(statistics.system));
        process.cpu_time.raise(cpu_time);
        process.cpu_load.set(load.advance(now, cpu_time, processors));
        process.resident_memory.set(statistics.resident_pages.saturating_mul(procfs::page_size()));
        process.virtual_memory.set(statistics.virtual_memory);
        process.threads.set(statistics.threads);
        process.minor_page_faults.raise(statistics.minor_faults);
        process.major_page_faults.raise(statistics.major_faults);
        process.start_time.set(boot_time as f64 + nanoseconds(statistics.start) as f64 / 1e9);
        Ok(())
    });
}

fn cpu_time(line: &str) -> Option<u64> {
    Stat::parse(line).map(|stat| nanoseconds(stat.user.saturating_add(stat.system)))
}

/// The part of the machine that the process had, of all its processors, like the JVM's `getProcessCpuLoad`.
struct Load {
    window: Window,
    /// CPU time at its beginning.
    from: u64,
    load: f64,
}

impl Load {
    fn new(now: Duration, cpu_time: u64) -> Self {
        Self { window: Window::new(now), from: cpu_time, load: 0.0 }
    }

    fn advance(&mut self, now: Duration, cpu_time: u64, processors: u64) -> f64 {
        if let Some(span) = self.window.until(now) {
            let used = cpu_time.saturating_sub(self.from) as f64 / 1e9;
            self.load = (used / span.seconds / processors.max(1) as f64).clamp(0.0, 1.0);
            if span.ends {
                self.from = cpu_time;
            }
        }
        self.load
    }
}

/// How many processors a list such as `0-3,6` has.
fn processors(list: &str) -> Option<u64> {
    let count = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        last.parse::<u64>().ok()?.checked_sub(first.parse().ok()?)?.checked_add(1)
    };
    list.trim().split(',').map(count).try_fold(0_u64, |sum, count| sum.checked_add(count?))
}

/// How many descriptors are open: Linux 6.2 and later say so in the size of the folder. Of others the entries are counted,
/// less the one that it takes to do so.
fn open_files(folder: &Path) -> std::io::Result<u64> {
    let metadata = fs::metadata(folder)?;
    // Folders of no other file system say that: the file of limits beside it has no size there.
    let is_proc = fs::metadata(folder.with_file_name("limits"))
        .is_ok_and(|limits| limits.len() == 0 && limits.dev() == metadata.dev());
    if is_proc && metadata.len() > 0 {
        return Ok(metadata.len());
    }
    let entries = fs::read_dir(folder)?.count() as u64;
    Ok(if is_proc { entries.saturating_sub(1) } else { entries })
}

/// The limit that holds, which is the softer of the two.
fn open_files_limit(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors_are_counted() {
        for (list, count) in [("0-1\n", Some(2)), ("0", Some(1)), ("0-3,6,8-9", Some(7))] {
            assert_eq!(processors(list), count, "{list}");
        }
        for odd in ["", "a", "3-1", "0-", "-", "0-18446744073709551615", "0-18446744073709551614,0-9"] {
            assert_eq!(processors(odd), None, "{odd}");
        }
    }

    #[test]
    fn the_load_is_of_the_whole_machine_and_never_more() {
        let second = Duration::from_secs;
        let mut load = Load::new(second(0), 5_000_000_000);
        assert_eq!(load.advance(second(10), 10_000_000_000, 2), 0.25, "5 s of 20 s");
        assert_eq!(load.advance(second(10), 10_000_000_000, 2), 0.25, "no time has passed");
        assert_eq!(load.advance(second(20), 99_000_000_000, 2), 1.0);
        assert_eq!(load.advance(second(30), 1_000_000_000, 2), 0.0, "less than before");
    }

    #[test]
    fn the_load_holds_between_windows_and_loses_nothing() {
        let mut load = Load::new(Duration::ZERO, 5_000_000_000);
        let mut after = |milliseconds, used: u64| {
            let cpu_time = 5_000_000_000 + used * 1_000_000;
            load.advance(Duration::from_millis(milliseconds), cpu_time, 1)
        };
        assert_eq!(after(500, 125), 0.25, "over half a second, for want of more");
        assert_eq!(after(750, 375), 0.5, "that did not end the window");
        assert_eq!(after(1000, 750), 0.75);
        assert_eq!(after(1500, 1000), 0.75, "the last one holds");
        assert_eq!(after(2000, 1250), 0.5);
    }
}

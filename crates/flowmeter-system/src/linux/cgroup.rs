//! The control group of the process, version 2.
//!
//! See the kernel's [cgroup-v2](https://docs.kernel.org/admin-guide/cgroup-v2.html).

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use flowmeter_core::MetricGroup;
use procfs::process::MountInfo;
use procfs::{FromRead, ProcessCGroups};
use tracing::info;

use super::error::Error;
use super::source::{Source, keyed};
use crate::SystemOptions;
use crate::sets::{
    CgroupCpuLimitMetrics, CgroupCpuMetrics, CgroupMemoryLimitMetrics, CgroupMemoryMetrics,
    CgroupThrottlingMetrics,
};
use crate::shared::{Seen, Shared};

/// Registers nothing if the process has no control group of this version, and says why.
pub(super) fn register(group: &MetricGroup, options: &SystemOptions) {
    match find(options) {
        Ok(folders) => register_at(&group.add_group("cgroup"), &folders),
        Err(reason) => {
            info!(reason, "metrics of the control group, such as limits of memory and CPU, are missing");
        }
    }
}

/// The folders of the process's group and of those above it, as far as they can be seen, or why there are none.
fn find(options: &SystemOptions) -> Result<Vec<PathBuf>, String> {
    // Where that may be why.
    let none = |why: &str| format!("{why}; control groups of version 1 are not read");
    let path = options.proc.join("self/cgroup");
    let groups = ProcessCGroups::from_file(&path).map_err(|error| error.to_string())?;
    let own = groups.into_iter().find(|group| group.hierarchy == 0 && group.controllers.is_empty());
    let own = own.ok_or_else(|| none("the process is in no control group of version 2"))?;
    let mut mounts = Source::new(options.proc.join("self/mountinfo"));
    let mounts = mounts.read().map_err(|error| error.to_string())?;
    let mounts = mounts.lines().filter(|line| line.contains("cgroup2"));
    let mounts = mounts.filter_map(|line| MountInfo::from_line(line).ok());
    let mounts: Vec<_> = mounts.filter(|mount| mount.fs_type == "cgroup2").collect();
    if mounts.is_empty() {
        return Err(none("no control groups of version 2 are mounted"));
    }
    // What is mounted may be a part of the hierarchy, and what the process sees of its path as well: above the root of its
    // namespace there are only dots.
    let below = mounts.iter().find_map(|mount| {
        let path = Path::new(&own.pathname).strip_prefix(&mount.root).ok()?;
        let is_plain = path.components().all(|part| matches!(part, Component::Normal(_)));
        is_plain.then_some((mount, path))
    });
    let (mount, path) =
        below.ok_or_else(|| format!("the control group `{}` is outside of what is mounted", own.pathname))?;
    let top = match mount.mount_point.strip_prefix("/sys") {
        Ok(below) => options.sys.join(below),
        Err(_) => mount.mount_point.clone(),
    };
    // Without the slash that is left where there is nothing to join.
    let folder: PathBuf = top.join(path).components().collect();
    if !folder.is_dir() {
        return Err(format!("the control group's folder {} is not there", folder.display()));
    }
    // The root of all has neither, nor has a group whose controllers are of version 1. What is left says nothing of a limit,
    // and in the root it is of the whole machine.
    if !["memory.current", "cpu.max"].iter().any(|file| folder.join(file).exists()) {
        return Err(none(&format!("{} has neither memory.current nor cpu.max", folder.display())));
    }
    let above = path.ancestors().count();
    Ok(folder.ancestors().take(above).map(Path::to_path_buf).collect())
}

fn register_at(cgroup: &MetricGroup, folders: &[PathBuf]) {
    let Some(own) = folders.first() else { return };
    let mut current = Source::new(own.join("memory.current"));
    cgroup.collector(move |memory: &CgroupMemoryMetrics| -> Result<(), Error> {
        memory.memory_used.set(current.find("a number of bytes", |text| text.trim().parse().ok())?);
        Ok(())
    });
    let mut limit = Limit::new(folders, "memory.max");
    cgroup.collector(move |memory: &CgroupMemoryLimitMetrics| -> Result<(), Error> {
        let bytes = limit.least("a number of bytes or max", |text| match text.trim() {
            "max" => Some(None),
            bytes => bytes.parse::<u64>().ok().map(Some),
        })?;
        memory.memory_limit.set(bytes);
        Ok(())
    });
    let mut limit = Limit::new(folders, "cpu.max");
    cgroup.collector(move |cpu: &CgroupCpuLimitMetrics| -> Result<(), Error> {
        cpu.cpu_limit.set(limit.least("a quota and a period", processors)?);
        Ok(())
    });
    register_statistics(cgroup, Source::new(own.join("cpu.stat")));
}

/// Two sets of one file, since a group without a limit of CPU time of its own has nothing throttled.
fn register_statistics(cgroup: &MetricGroup, stat: Source) {
    let shared = Arc::new(Shared::new(cgroup.clock(), (stat, Ok((None, None)))));
    let (of_time, mut seen) = (Arc::clone(&shared), Seen::default());
    cgroup.collector(move |cpu: &CgroupCpuMetrics| -> Result<(), String> {
        let (time, _) = look(&of_time, &mut seen)?;
        cpu.cpu_time.raise(time.ok_or("there is no usage_usec in cpu.stat")?);
        Ok(())
    });
    let mut seen = Seen::default();
    cgroup.collector(move |cpu: &CgroupThrottlingMetrics| -> Result<(), String> {
        let (_, throttling) = look(&shared, &mut seen)?;
        let [periods, throttled, time] = throttling.ok_or("there are no periods in cpu.stat")?;
        cpu.periods.raise(periods);
        cpu.throttled_periods.raise(throttled);
        cpu.throttled_time.raise(time);
        Ok(())
    });
}

/// CPU time; periods, throttled ones and the time for which they were. Times are in nanoseconds.
type Statistics = (Option<u64>, Option<[u64; 3]>);

fn look(
    shared: &Shared<(Source, Result<Statistics, String>)>,
    seen: &mut Seen,
) -> Result<Statistics, String> {
    let statistics = |text: &str| {
        let nanoseconds = |key: &str| keyed(text, key).map(|microseconds| microseconds.saturating_mul(1000));
        let throttling = || {
            Some([keyed(text, "nr_periods")?, keyed(text, "nr_throttled")?, nanoseconds("throttled_usec")?])
        };
        (nanoseconds("usage_usec"), throttling())
    };
    shared.look(
        seen,
        |(source, read), _, _| {
            *read = source.read().map(|text| statistics(&text)).map_err(|error| error.to_string());
        },
        |(_, read)| read.clone(),
    )
}

/// A limit that a group and those above it may have. The least of them holds.
struct Limit {
    sources: Vec<Source>,
}

impl Limit {
    fn new(folders: &[PathBuf], file: &str) -> Self {
        // The root of the hierarchy has none of these files, and has not when the process is in a namespace.
        let files = folders.iter().map(|folder| folder.join(file));
        let is_there = |(place, path): &(usize, PathBuf)| *place == 0 || fs::exists(path).unwrap_or(false);
        Self { sources: files.enumerate().filter(is_there).map(|(_, path)| Source::new(path)).collect() }
    }

    /// `parse` gives nothing for what is no limit, and no limit for one that is not set.
    fn least<T: PartialOrd>(
        &mut self,
        what: &'static str,
        parse: impl Fn(&str) -> Option<Option<T>>,
    ) -> Result<T, Error> {
        let mut least = None;
        for source in &mut self.sources {
            if let Some(limit) = source.find(what, &parse)?
                && least.as_ref().is_none_or(|least| limit < *least)
            {
                least = Some(limit);
            }
        }
        let path = || self.sources.first().map(|source| source.path().to_path_buf()).unwrap_or_default();
        least.ok_or_else(|| Error::Unlimited { path: path() })
    }
}

/// A quota of time in a period, both in microseconds, as a number of processors.
fn processors(text: &str) -> Option<Option<f64>> {
    let mut words = text.split_ascii_whitespace();
    let quota = words.next()?;
    let period: u64 = words.next()?.parse().ok()?;
    match quota {
        "max" => Some(None),
        quota => {
            let quota: u64 = quota.parse().ok()?;
            (period > 0).then(|| Some(quota as f64 / period as f64))
        }
    }
}

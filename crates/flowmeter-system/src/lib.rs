//! Process and host metrics on Linux, statistics of allocators, and metrics of tokio runtimes, for flowmeter's groups.
//!
//! ```
//! use flowmeter_core::Registry;
//! use flowmeter_system::SystemOptions;
//!
//! let registry = Registry::new();
//! let task_manager = registry.task_manager("host-1", "tm-1");
//! flowmeter_system::register(&task_manager, &SystemOptions::default());
//! ```
//!
//! # What is measured
//!
//! | group | metrics |
//! |---|---|
//! | `process` | `cpuTime`, `cpuLoad` (0 to 1, of the whole machine), `residentMemory`, `peakResidentMemory`, `swappedMemory`, `virtualMemory`, `threads`, `openFileDescriptors`, `maxFileDescriptors`, `voluntaryContextSwitches`, `involuntaryContextSwitches`, `minorPageFaults`, `majorPageFaults`, `readBytes`, `writtenBytes`, `startTime`, `threadNames`, `otherThreads` |
//! | `process.thread`, with the variable `thread`, a name | `userTime`, `systemTime`, `threads` |
//! | `cgroup` | `memoryUsed`, `memoryLimit`, `cpuLimit` (processors), `cpuTime`, `periods`, `throttledPeriods`, `throttledTime` |
//! | `System.CPU` | `Usage`, `Idle`, `Sys`, `User`, `IOWait`, `Irq`, `SoftIrq`, `Nice`, `Steal` (percent), `Load1min`, `Load5min`, `Load15min` |
//! | `System.CPU.cpu`, with the variable `cpu` | `Usage` |
//! | `System.Memory`, `System.Swap` | `Available`, `Total`; `Used`, `Total` |
//! | `System.Network` | `interfaces` |
//! | `System.Network.interface`, with the variable `interface` | `ReceiveRate`, `SendRate` (bytes by second), `receivedBytes`, `receivedPackets`, `receiveErrors`, `receiveDrops`, `sentBytes`, `sentPackets`, `sendErrors`, `sendDrops` |
//! | `System.Disk` | `disks` |
//! | `System.Disk.device`, with the variable `device` | `readBytes`, `writtenBytes`, `reads`, `writes`, `busyTime` |
//! | `allocator` | `heapUsed`, `heapCommitted`, `heapMax`, `allocatedBytes`, `allocations`, `deallocations`: as far as the allocator tells; see [`AllocatorStatistics`] |
//! | `tokio` | `workers`, `aliveTasks`, `globalQueueDepth`, `workerBusyTime`, `workerParks`: see `register_runtime` |
//!
//! Names in `System` are Flink's, and so are the names that the `flink` naming policy gives those of process and heap
//! (`Status.JVM.CPU.Load` and so on). [`SystemOptions::with_flink_groups`] makes those of interfaces and processors Flink's as
//! well. [`CATALOGUE`] has them all with units and descriptions.
//!
//! # How it is measured
//!
//! Reports have each file read once, and only if they have metrics of it: nothing runs in between. Registering reads
//! once what interfaces, disks, processors and threads there are, and where rates begin. What can be read is decided by
//! the machine and by what the process may see. Where a source is missing its metrics are, and one line of the log says
//! why; on other systems than Linux those of process, control group and host are missing.
//!
//! Rates and loads are over the time since the last report of any reporter, or the one before if that is less than a
//! second ago. Counters do not go back: those of threads keep what ended ones had used, and those of devices what they
//! counted before they were made anew. What a thread uses between the last report and its end is not in its name's
//! time; it is in the process's. What processors do is missing until a report finds that they counted time. `readBytes`
//! and `writtenBytes` include what child processes did that were waited for, as `/proc/self/io` does; `cpuTime` and all
//! else is without them. Names of threads stay for five minutes after the last thread, and 128 of them have metrics,
//! the others as one.

#![deny(unsafe_code)]

mod allocator;
mod catalogue;
#[cfg(target_os = "linux")]
mod linux;
mod options;
#[cfg(feature = "tokio")]
mod runtime;
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "nothing fills them there"))]
mod sets;
mod shared;

use flowmeter_core::MetricGroup;

#[cfg(feature = "counting-allocator")]
pub use allocator::CountingAllocator;
#[cfg(feature = "jemalloc")]
pub use allocator::JemallocStatistics;
#[cfg(feature = "mimalloc")]
pub use allocator::MimallocStatistics;
pub use allocator::{AllocatorReading, AllocatorStatistics, register_allocator};
pub use catalogue::CATALOGUE;
pub use options::SystemOptions;
#[cfg(feature = "tokio")]
pub use runtime::register_runtime;

/// Registers the metrics of process, control group and host in a group: that of a JobManager or a TaskManager, or any other.
///
/// Once in a process is enough. Where one process has several groups, such as a JobManager's and a TaskManager's, and each has
/// these metrics, all is said twice, and sums over groups count it twice. The Prometheus reporter then withholds those of the
/// group that it saw later that have the names of a process as a whole, which are `process_cpu_seconds_total`,
/// `process_resident_memory_bytes`, `process_virtual_memory_bytes`, `process_threads`, `process_start_time_seconds`,
/// `process_open_fds` and `process_max_fds`, with a warning; the others begin with the group's scope and are there for both.
pub fn register(group: &MetricGroup, options: &SystemOptions) {
    #[cfg(target_os = "linux")]
    linux::register(group, options);
    #[cfg(not(target_os = "linux"))]
    {
        let _ = options;
        tracing::info!(?group, "metrics of process and host are missing: they are read on Linux only");
    }
}

/// The example of the README, which is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

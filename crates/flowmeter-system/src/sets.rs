//! What the metrics of process, control group and host are.
//!
//! What one file gives, one callback fills. Where a part of a file may not be there, such as a limit that nobody has set,
//! it is a set of its own, because the series of a set are there or missing together.

use flowmeter_core::{CollectedCounter, Gauge, MetricSet};

/// The process, from `/proc/self/stat`.
#[derive(Debug, MetricSet)]
pub(crate) struct ProcessMetrics {
    /// CPU time that the process has used, without its child processes.
    #[metric(unit = NANOSECONDS, names(
        flink = "Status.JVM.CPU.Time", prometheus = "process_cpu_seconds_total", otlp = "process.cpu.time"
    ))]
    pub(crate) cpu_time: CollectedCounter,
    /// Part of the machine's CPU time that the process used lately.
    #[metric(unit = RATIO, names(flink = "Status.JVM.CPU.Load", otlp = "process.cpu.utilization"))]
    pub(crate) cpu_load: Gauge<f64>,
    /// Memory of the process that is in RAM.
    #[metric(unit = BYTES, names(
        prometheus = "process_resident_memory_bytes", otlp = "process.memory.usage"
    ))]
    pub(crate) resident_memory: Gauge<u64>,
    /// Address space of the process.
    #[metric(unit = BYTES, names(
        prometheus = "process_virtual_memory_bytes", otlp = "process.memory.virtual"
    ))]
    pub(crate) virtual_memory: Gauge<u64>,
    /// Threads of the process.
    #[metric(
        unit = "{thread}",
        names(
            flink = "Status.JVM.Threads.Count",
            prometheus = "process_threads",
            otlp = "process.thread.count"
        )
    )]
    pub(crate) threads: Gauge<u64>,
    /// Page faults that needed no storage.
    #[metric(unit = "{fault}")]
    pub(crate) minor_page_faults: CollectedCounter,
    /// Page faults that were read from storage.
    #[metric(unit = "{fault}")]
    pub(crate) major_page_faults: CollectedCounter,
    /// When the process began, since the Unix epoch.
    #[metric(unit = SECONDS, names(prometheus = "process_start_time_seconds"))]
    pub(crate) start_time: Gauge<f64>,
}

/// Further memory, from `/proc/self/status`.
#[derive(Debug, MetricSet)]
pub(crate) struct ProcessMemoryMetrics {
    /// Most memory of the process that has been in RAM.
    #[metric(unit = BYTES)]
    pub(crate) peak_resident_memory: Gauge<u64>,
    /// Memory of the process that is swapped out.
    #[metric(unit = BYTES)]
    pub(crate) swapped_memory: Gauge<u64>,
}

/// Switches of all threads, those that have ended included, from `getrusage`.
#[derive(Debug, MetricSet)]
pub(crate) struct ContextSwitchMetrics {
    /// How often a thread gave up its processor to wait.
    #[metric(unit = "{switch}")]
    pub(crate) voluntary_context_switches: CollectedCounter,
    /// How often a thread's processor was taken from it.
    #[metric(unit = "{switch}")]
    pub(crate) involuntary_context_switches: CollectedCounter,
}

/// Open files, from `/proc/self/fd`.
#[derive(Debug, MetricSet)]
pub(crate) struct FileDescriptorMetrics {
    /// File descriptors that are open.
    #[metric(
        unit = "{file_descriptor}",
        names(
            flink = "Status.JVM.FileDescriptor.Open",
            prometheus = "process_open_fds",
            otlp = "process.unix.file_descriptor.count"
        )
    )]
    pub(crate) open_file_descriptors: Gauge<u64>,
}

/// Their limit, from `/proc/self/limits`.
#[derive(Debug, MetricSet)]
pub(crate) struct FileDescriptorLimitMetrics {
    /// How many file descriptors may be open.
    #[metric(
        unit = "{file_descriptor}",
        names(flink = "Status.JVM.FileDescriptor.Max", prometheus = "process_max_fds")
    )]
    pub(crate) max_file_descriptors: Gauge<u64>,
}

/// Storage, from `/proc/self/io`.
#[derive(Debug, MetricSet)]
pub(crate) struct ProcessIoMetrics {
    /// Bytes that the process, and child processes it waited for, had read from storage.
    #[metric(unit = BYTES)]
    pub(crate) read_bytes: CollectedCounter,
    /// Bytes that the process, and child processes it waited for, had written to storage.
    #[metric(unit = BYTES)]
    pub(crate) written_bytes: CollectedCounter,
}

/// All threads, from the files of each.
#[derive(Debug, MetricSet)]
pub(crate) struct ThreadNamesMetrics {
    /// Names of threads that have metrics.
    #[metric(unit = "{name}")]
    pub(crate) thread_names: Gauge<u64>,
    /// Threads whose names have no metrics of their own, because there are too many names.
    #[metric(unit = "{thread}")]
    pub(crate) other_threads: Gauge<u64>,
}

/// Threads of one name.
#[derive(Debug, MetricSet)]
pub(crate) struct ThreadMetrics {
    /// CPU time in the program that threads of this name have used.
    #[metric(unit = NANOSECONDS)]
    pub(crate) user_time: CollectedCounter,
    /// CPU time in the kernel that threads of this name have used.
    #[metric(unit = NANOSECONDS)]
    pub(crate) system_time: CollectedCounter,
    /// Threads of this name.
    #[metric(unit = "{thread}")]
    pub(crate) threads: Gauge<u64>,
}

/// Memory of the control group, from `memory.current`.
#[derive(Debug, MetricSet)]
pub(crate) struct CgroupMemoryMetrics {
    /// Memory that the control group uses, page cache included.
    #[metric(unit = BYTES)]
    pub(crate) memory_used: Gauge<u64>,
}

/// Its limit, from `memory.max` of the group and those above it.
#[derive(Debug, MetricSet)]
pub(crate) struct CgroupMemoryLimitMetrics {
    /// Memory that the control group may use.
    #[metric(unit = BYTES)]
    pub(crate) memory_limit: Gauge<u64>,
}

/// The limit of CPU time, from `cpu.max` of the group and those above it.
#[derive(Debug, MetricSet)]
pub(crate) struct CgroupCpuLimitMetrics {
    /// Processors whose time the control group may use.
    #[metric(unit = "{cpu}")]
    pub(crate) cpu_limit: Gauge<f64>,
}

/// CPU time, from `cpu.stat`.
#[derive(Debug, MetricSet)]
pub(crate) struct CgroupCpuMetrics {
    /// CPU time that the control group has used.
    #[metric(unit = NANOSECONDS)]
    pub(crate) cpu_time: CollectedCounter,
}

/// What the limit did, from `cpu.stat`.
#[derive(Debug, MetricSet)]
pub(crate) struct CgroupThrottlingMetrics {
    /// Periods in which the limit of CPU time was looked at.
    #[metric(unit = "{period}")]
    pub(crate) periods: CollectedCounter,
    /// Periods in which the limit stopped the control group.
    #[metric(unit = "{period}")]
    pub(crate) throttled_periods: CollectedCounter,
    /// Time for which the limit stopped the control group's threads.
    #[metric(unit = NANOSECONDS)]
    pub(crate) throttled_time: CollectedCounter,
}

/// All processors of the host, from `/proc/stat`, under Flink's names.
#[derive(Debug, MetricSet)]
pub(crate) struct HostCpuMetrics {
    /// CPU time of the host that was used.
    #[metric(name = "Usage", unit = "%")]
    pub(crate) usage: Gauge<f64>,
    /// CPU time of the host that nobody needed.
    #[metric(name = "Idle", unit = "%")]
    pub(crate) idle: Gauge<f64>,
    /// CPU time of the host in the kernel.
    #[metric(name = "Sys", unit = "%")]
    pub(crate) system: Gauge<f64>,
    /// CPU time of the host in programs.
    #[metric(name = "User", unit = "%")]
    pub(crate) user: Gauge<f64>,
    /// CPU time of the host for which storage was waited.
    #[metric(name = "IOWait", unit = "%")]
    pub(crate) io_wait: Gauge<f64>,
    /// CPU time of the host in interrupts.
    #[metric(name = "Irq", unit = "%")]
    pub(crate) irq: Gauge<f64>,
    /// CPU time of the host in soft interrupts.
    #[metric(name = "SoftIrq", unit = "%")]
    pub(crate) soft_irq: Gauge<f64>,
    /// CPU time of the host in programs of low priority.
    #[metric(name = "Nice", unit = "%")]
    pub(crate) nice: Gauge<f64>,
    /// CPU time of the host that other virtual machines had.
    #[metric(name = "Steal", unit = "%")]
    pub(crate) steal: Gauge<f64>,
}

/// Load, from `/proc/loadavg`, under Flink's names.
#[derive(Debug, MetricSet)]
pub(crate) struct HostLoadMetrics {
    /// Threads that ran or were ready to, on average over a minute.
    #[metric(name = "Load1min")]
    pub(crate) load_1min: Gauge<f64>,
    /// Threads that ran or were ready to, on average over five minutes.
    #[metric(name = "Load5min")]
    pub(crate) load_5min: Gauge<f64>,
    /// Threads that ran or were ready to, on average over a quarter of an hour.
    #[metric(name = "Load15min")]
    pub(crate) load_15min: Gauge<f64>,
}

/// One processor.
#[derive(Debug, MetricSet)]
pub(crate) struct ProcessorMetrics {
    /// Time of the processor that was used.
    #[metric(name = "Usage", unit = "%")]
    pub(crate) usage: Gauge<f64>,
}

/// Memory of the host, from `/proc/meminfo`, under Flink's names.
#[derive(Debug, MetricSet)]
pub(crate) struct HostMemoryMetrics {
    /// Memory of the host that programs could have without swapping.
    #[metric(name = "Available", unit = BYTES, names(otlp = "system.memory.linux.available"))]
    pub(crate) available: Gauge<u64>,
    /// Memory of the host.
    #[metric(name = "Total", unit = BYTES, names(otlp = "system.memory.limit"))]
    pub(crate) total: Gauge<u64>,
}

/// Swap space of the host, from `/proc/meminfo`, under Flink's names.
#[derive(Debug, MetricSet)]
pub(crate) struct HostSwapMetrics {
    /// Swap space of the host that is used.
    #[metric(name = "Used", unit = BYTES)]
    pub(crate) used: Gauge<u64>,
    /// Swap space of the host.
    #[metric(name = "Total", unit = BYTES)]
    pub(crate) total: Gauge<u64>,
}

/// All network interfaces, from `/proc/net/dev`.
#[derive(Debug, MetricSet)]
pub(crate) struct InterfacesMetrics {
    /// Network interfaces.
    #[metric(unit = "{interface}")]
    pub(crate) interfaces: Gauge<u64>,
}

/// One network interface, the rates under Flink's names.
#[derive(Debug, MetricSet)]
pub(crate) struct InterfaceMetrics {
    /// Bytes received lately, by second.
    #[metric(name = "ReceiveRate", unit = "By/s")]
    pub(crate) receive_rate: Gauge<f64>,
    /// Bytes sent lately, by second.
    #[metric(name = "SendRate", unit = "By/s")]
    pub(crate) send_rate: Gauge<f64>,
    /// Bytes received.
    #[metric(unit = BYTES)]
    pub(crate) received_bytes: CollectedCounter,
    /// Packets received.
    #[metric(unit = "{packet}")]
    pub(crate) received_packets: CollectedCounter,
    /// Packets that could not be received.
    #[metric(unit = "{packet}")]
    pub(crate) receive_errors: CollectedCounter,
    /// Packets received and dropped.
    #[metric(unit = "{packet}")]
    pub(crate) receive_drops: CollectedCounter,
    /// Bytes sent.
    #[metric(unit = BYTES)]
    pub(crate) sent_bytes: CollectedCounter,
    /// Packets sent.
    #[metric(unit = "{packet}")]
    pub(crate) sent_packets: CollectedCounter,
    /// Packets that could not be sent.
    #[metric(unit = "{packet}")]
    pub(crate) send_errors: CollectedCounter,
    /// Packets dropped before they were sent.
    #[metric(unit = "{packet}")]
    pub(crate) send_drops: CollectedCounter,
}

/// All disks, from `/proc/diskstats`.
#[derive(Debug, MetricSet)]
pub(crate) struct DisksMetrics {
    /// Disks.
    #[metric(unit = "{disk}")]
    pub(crate) disks: Gauge<u64>,
}

/// One disk.
#[derive(Debug, MetricSet)]
pub(crate) struct DiskMetrics {
    /// Bytes read.
    #[metric(unit = BYTES)]
    pub(crate) read_bytes: CollectedCounter,
    /// Bytes written.
    #[metric(unit = BYTES)]
    pub(crate) written_bytes: CollectedCounter,
    /// Reads completed.
    #[metric(unit = "{operation}")]
    pub(crate) reads: CollectedCounter,
    /// Writes completed.
    #[metric(unit = "{operation}")]
    pub(crate) writes: CollectedCounter,
    /// Time for which the disk had something to do.
    #[metric(unit = NANOSECONDS)]
    pub(crate) busy_time: CollectedCounter,
}

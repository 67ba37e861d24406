//! Reading what Linux says.
//!
//! Each source is read once for each report that has any of its metrics. Parsers take any bytes: what they do not find is
//! an error, for which the series are missing. They are our own where `procfs` would panic at odd contents (`stat`, `status`,
//! `io`, `limits`, `meminfo`), refuse all for one odd line (`net/dev`, `stat`) or lose digits (`loadavg`).

mod cgroup;
mod cpu;
mod devices;
mod disk;
mod error;
mod memory;
mod network;
mod process;
mod source;
mod stat;
mod table;
mod threads;
mod window;

use flowmeter_core::MetricGroup;

use crate::SystemOptions;

pub(crate) fn register(group: &MetricGroup, options: &SystemOptions) {
    let process = (options.process || options.threads).then(|| group.add_group("process"));
    if let Some(process) = &process {
        if options.process {
            process::register(process, options);
        }
        if options.threads {
            threads::register(process, options);
        }
    }
    if options.cgroup {
        cgroup::register(group, options);
    }
    if options.host {
        let system = group.add_group("System");
        cpu::register(&system.add_group("CPU"), options);
        memory::register(&system, options);
        network::register(&system.add_group("Network"), options);
        disk::register(&system.add_group("Disk"), options);
    }
}

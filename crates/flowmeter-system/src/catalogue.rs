//! What there is, for documents and dashboards.

use flowmeter_core::{CatalogueEntry, Descriptor, Gauge, Metric, MetricSet, ScopeKind, Unit};

use crate::allocator::{
    AllocatedBytesMetrics, AllocationsMetrics, HeapCommittedMetrics, HeapMaxMetrics, HeapUsedMetrics,
};
#[cfg(feature = "tokio")]
use crate::runtime::{RuntimeMetrics, RuntimeWorkerMetrics};
use crate::sets::{
    CgroupCpuLimitMetrics, CgroupCpuMetrics, CgroupMemoryLimitMetrics, CgroupMemoryMetrics,
    CgroupThrottlingMetrics, ContextSwitchMetrics, DiskMetrics, DisksMetrics, FileDescriptorLimitMetrics,
    FileDescriptorMetrics, HostCpuMetrics, HostLoadMetrics, HostMemoryMetrics, HostSwapMetrics,
    InterfaceMetrics, InterfacesMetrics, ProcessIoMetrics, ProcessMemoryMetrics, ProcessMetrics,
    ProcessorMetrics, ThreadMetrics, ThreadNamesMetrics,
};

/// All metric sets of this crate. They are meant for the groups of JobManagers and TaskManagers, and work in any.
pub const CATALOGUE: &[CatalogueEntry] = &[
    of::<ProcessMetrics>(REGISTER, "process"),
    of::<ProcessMemoryMetrics>(REGISTER, "process"),
    of::<ContextSwitchMetrics>(REGISTER, "process"),
    of::<FileDescriptorMetrics>(REGISTER, "process"),
    of::<FileDescriptorLimitMetrics>(REGISTER, "process"),
    of::<ProcessIoMetrics>(REGISTER, "process"),
    of::<ThreadNamesMetrics>(REGISTER, "process"),
    of::<ThreadMetrics>(REGISTER, "process.thread"),
    of::<CgroupMemoryMetrics>(REGISTER, "cgroup"),
    of::<CgroupMemoryLimitMetrics>(REGISTER, "cgroup"),
    of::<CgroupCpuLimitMetrics>(REGISTER, "cgroup"),
    of::<CgroupCpuMetrics>(REGISTER, "cgroup"),
    of::<CgroupThrottlingMetrics>(REGISTER, "cgroup"),
    of::<HostCpuMetrics>(REGISTER, "System.CPU"),
    of::<HostLoadMetrics>(REGISTER, "System.CPU"),
    of::<ProcessorMetrics>(REGISTER, "System.CPU.cpu"),
    entry(FLINK_GROUPS, "System.CPU", FLINK_PROCESSOR),
    of::<HostMemoryMetrics>(REGISTER, "System.Memory"),
    of::<HostSwapMetrics>(REGISTER, "System.Swap"),
    of::<InterfacesMetrics>(REGISTER, "System.Network"),
    of::<InterfaceMetrics>(REGISTER, "System.Network.interface"),
    of::<InterfaceMetrics>(FLINK_GROUPS, "System.Network.<interface>"),
    of::<DisksMetrics>(REGISTER, "System.Disk"),
    of::<DiskMetrics>(REGISTER, "System.Disk.device"),
    of::<HeapUsedMetrics>(REGISTER_ALLOCATOR, "allocator"),
    of::<HeapCommittedMetrics>(REGISTER_ALLOCATOR, "allocator"),
    of::<HeapMaxMetrics>(REGISTER_ALLOCATOR, "allocator"),
    of::<AllocatedBytesMetrics>(REGISTER_ALLOCATOR, "allocator"),
    of::<AllocationsMetrics>(REGISTER_ALLOCATOR, "allocator"),
    #[cfg(feature = "tokio")]
    of::<RuntimeMetrics>(REGISTER_RUNTIME, "tokio"),
    #[cfg(feature = "tokio")]
    of::<RuntimeWorkerMetrics>(REGISTER_RUNTIME, "tokio"),
];

const REGISTER: &str = "flowmeter_system::register";
const FLINK_GROUPS: &str = "flowmeter_system::register, with Flink's groups";
const REGISTER_ALLOCATOR: &str = "flowmeter_system::register_allocator";
#[cfg(feature = "tokio")]
const REGISTER_RUNTIME: &str = "flowmeter_system::register_runtime";

/// Flink has the number of the processor in the name.
const FLINK_PROCESSOR: &[Descriptor] = &[Descriptor::of::<Gauge<f64>>(
    Metric::new("UsageCPU<cpu>")
        .with_unit(Unit::new("%"))
        .with_description("Time of the processor that was used."),
)];

const fn of<S: MetricSet>(registered_by: &'static str, groups: &'static str) -> CatalogueEntry {
    entry(registered_by, groups, S::DESCRIPTORS)
}

const fn entry(
    registered_by: &'static str,
    groups: &'static str,
    descriptors: &'static [Descriptor],
) -> CatalogueEntry {
    let scopes = &[ScopeKind::JobManager, ScopeKind::TaskManager];
    CatalogueEntry { registered_by, scopes, groups, descriptors }
}

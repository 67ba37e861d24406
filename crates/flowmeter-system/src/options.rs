//! What to measure, and where it is read from.

use std::path::PathBuf;

/// Which metrics [`register`](crate::register) registers. All of them unless said otherwise.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SystemOptions {
    /// Those of the process: group `process`.
    pub process: bool,
    /// Those of its threads, by their names: group `process.thread`.
    pub threads: bool,
    /// Those of its control group: group `cgroup`.
    pub cgroup: bool,
    /// Those of the host: group `System`.
    pub host: bool,
    /// Whether interfaces and processors are parts of names, as Flink has them.
    pub flink_groups: bool,
    /// Where the process file system is mounted.
    pub proc: PathBuf,
    /// Where the system file system is mounted.
    pub sys: PathBuf,
}

impl Default for SystemOptions {
    fn default() -> Self {
        Self {
            process: true,
            threads: true,
            cgroup: true,
            host: true,
            flink_groups: false,
            proc: "/proc".into(),
            sys: "/sys".into(),
        }
    }
}

impl SystemOptions {
    /// Whether to have metrics of the process.
    #[must_use]
    pub const fn with_process(mut self, process: bool) -> Self {
        self.process = process;
        self
    }

    /// Whether to have metrics of its threads, which cost a file each in every report.
    #[must_use]
    pub const fn with_threads(mut self, threads: bool) -> Self {
        self.threads = threads;
        self
    }

    /// Whether to have metrics of its control group.
    #[must_use]
    pub const fn with_cgroup(mut self, cgroup: bool) -> Self {
        self.cgroup = cgroup;
        self
    }

    /// Whether to have metrics of the host.
    #[must_use]
    pub const fn with_host(mut self, host: bool) -> Self {
        self.host = host;
        self
    }

    /// Whether interfaces and processors are parts of names, as in Flink: `System.Network.eth0.ReceiveRate` and
    /// `System.CPU.UsageCPU0`. These come instead of the variables `interface` and `cpu`, since both would say everything
    /// twice. For reporters that have flat names or Flink's; a backend with labels is better off without.
    #[must_use]
    pub const fn with_flink_groups(mut self, flink_groups: bool) -> Self {
        self.flink_groups = flink_groups;
        self
    }

    /// Reads from another place than `/proc`: that of the host, mounted into a container, or a test's. Metrics of the
    /// process are those of `self` there.
    #[must_use]
    pub fn with_proc(mut self, proc: impl Into<PathBuf>) -> Self {
        self.proc = proc.into();
        self
    }

    /// Reads from another place than `/sys`.
    #[must_use]
    pub fn with_sys(mut self, sys: impl Into<PathBuf>) -> Self {
        self.sys = sys.into();
        self
    }
}

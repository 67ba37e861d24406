//! How a reporter serves, and what.

use std::net::IpAddr;

use flowmeter_http::{Ports, ServerOptions};

use crate::{Buckets, NamingPolicy};

/// Where Flink's own reporter listens, so that existing scrape configurations go on working.
const DEFAULT_PORT: u16 = 9249;

/// How a [`PrometheusReporter`](crate::PrometheusReporter) serves, and what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PrometheusOptions {
    /// Address, ports, limits, TLS and who may scrape: 127.0.0.1:9249 for everybody unless changed.
    pub server: ServerOptions,
    /// The names: Prometheus' own.
    pub naming: NamingPolicy,
    /// The buckets of histograms in protocol buffers: both kinds.
    pub buckets: Buckets,
    /// Whether OpenMetrics has `_created` samples, since when sums count: it has, as its specification wants it. A Prometheus
    /// that is not told to use them (`--enable-feature=created-timestamp-zero-ingestion`) stores each as a series of its
    /// own. Protocol buffers have these times at no such cost.
    pub created: bool,
    /// Whether answers have `target_info` and `flowmeter_build_info`: they do, but for Flink's names.
    pub info: bool,
    /// Attributes of the process, which are labels of `target_info`. `service.name` is the program's name unless it is among
    /// them.
    pub target: Vec<(String, String)>,
    /// How many bytes of answers are kept that clients have not taken yet: 256 MiB, at least a chunk. An answer that would
    /// take more waits for its clients, and one that takes nothing for a second is given up then, or all that lag when the answer
    /// has waited for [`answer_patience`](ServerOptions::answer_patience). New scrapes are told to come back meanwhile.
    pub memory: usize,
}

impl Default for PrometheusOptions {
    fn default() -> Self {
        Self {
            server: ServerOptions::default().with_ports(Ports::one(DEFAULT_PORT)),
            naming: NamingPolicy::default(),
            buckets: Buckets::default(),
            created: true,
            info: true,
            target: Vec::new(),
            memory: 256 << 20,
        }
    }
}

impl PrometheusOptions {
    /// Sets the port, or the range of ports of which the first free one is taken.
    #[must_use]
    pub fn with_ports(mut self, ports: Ports) -> Self {
        self.server = self.server.with_ports(ports);
        self
    }

    /// Sets the address to listen on. Anything but loopback lets other hosts in.
    #[must_use]
    pub fn with_address(mut self, address: IpAddr) -> Self {
        self.server = self.server.with_address(address);
        self
    }

    /// Sets how it serves: address, limits, TLS and who may scrape. The ports stay, since those of a server are any ones by
    /// default; set them with [`with_ports`](Self::with_ports).
    #[must_use]
    pub fn with_server(mut self, server: ServerOptions) -> Self {
        self.server = server.with_ports(self.server.ports);
        self
    }

    /// Sets the names.
    #[must_use]
    pub fn with_naming(mut self, naming: NamingPolicy) -> Self {
        self.naming = naming;
        self
    }

    /// Sets which buckets histograms have in protocol buffers.
    #[must_use]
    pub fn with_buckets(mut self, buckets: Buckets) -> Self {
        self.buckets = buckets;
        self
    }

    /// Adds an attribute of the process, such as `deployment.environment`, to `target_info`.
    #[must_use]
    pub fn with_target(mut self, attribute: impl Into<String>, value: impl Into<String>) -> Self {
        self.target.push((attribute.into(), value.into()));
        self
    }

    /// Leaves `_created` samples out of OpenMetrics.
    #[must_use]
    pub fn without_created(mut self) -> Self {
        self.created = false;
        self
    }

    /// Leaves `target_info` and `flowmeter_build_info` out.
    #[must_use]
    pub fn without_info(mut self) -> Self {
        self.info = false;
        self
    }

    /// Sets how many bytes of answers are kept for clients that are slow to take them.
    #[must_use]
    pub fn with_memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }
}

//! How beans are served by Jolokia.

use std::net::IpAddr;

use flowmeter_http::{Ports, ServerOptions};

/// Jolokia's own port, and some for further processes of a host.
const DEFAULT_PORTS: Ports = Ports::range(8778, 8788);

/// How beans are served by Jolokia.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JolokiaOptions {
    /// Address, ports, limits, TLS and who may ask: the first free port of 127.0.0.1:8778 to 8788, for everybody, unless changed.
    pub server: ServerOptions,
    /// The origins whose pages may ask, such as `https://console.example`, besides those of this host; `*` stands for all. A page's browser
    /// asks with whatever access its user has, so each of them can read all metrics.
    pub origins: Vec<String>,
}

impl Default for JolokiaOptions {
    fn default() -> Self {
        Self { server: ServerOptions::default().with_ports(DEFAULT_PORTS), origins: Vec::new() }
    }
}

impl JolokiaOptions {
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

    /// Sets how it serves: address, limits, TLS and who may ask. The ports stay; set them with [`with_ports`](Self::with_ports).
    #[must_use]
    pub fn with_server(mut self, server: ServerOptions) -> Self {
        self.server = server.with_ports(self.server.ports);
        self
    }

    /// Lets the pages of an origin ask.
    #[must_use]
    pub fn with_origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }
}

//! How a reporter serves, and what.

use std::net::IpAddr;
use std::time::Duration;

use flowmeter_http::{Ports, ServerOptions};

use crate::{JolokiaOptions, NamingPolicy};

/// The ports that Flink's documentation has as its example, so that several processes of a host share a configuration.
const DEFAULT_PORTS: Ports = Ports::range(9250, 9260);

/// How a [`JmxReporter`](crate::JmxReporter) serves, and what.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct JmxOptions {
    /// Address, ports, limits, TLS and who may ask: the first free port of 127.0.0.1:9250 to 9260, for everybody, unless changed.
    /// Of credentials there are a user name and its password; headers and a bearer token are not of this protocol.
    pub server: ServerOptions,
    /// What beans are called: flowmeter's own names.
    pub naming: NamingPolicy,
    /// How old values may be that a client gets: 250 ms. The first request after that has a report made, and the following
    /// ones are answered from it. Reports take at most a tenth of the time, so values may be older if a report takes long.
    pub freshness: Duration,
    /// Which beans of the process there are: the basic ones.
    pub platform: PlatformBeans,
    /// The host name or address that clients are told to connect to once they have found the server: by default the one that they
    /// found it at. To be set where an address is translated on the way.
    pub host: Option<String>,
    /// The port that goes with the host, where it is translated as well.
    pub host_port: Option<u16>,
    /// How long a client may be silent before what the server keeps for it is dropped: 10 min. Clients renew their leases at half of it.
    pub lease: Duration,
    /// How the same beans are served by Jolokia as well: not at all.
    pub jolokia: Option<JolokiaOptions>,
}

impl Default for JmxOptions {
    fn default() -> Self {
        Self {
            server: ServerOptions::default().with_ports(DEFAULT_PORTS),
            naming: NamingPolicy::default(),
            freshness: Duration::from_millis(250),
            platform: PlatformBeans::Basic,
            host: None,
            host_port: None,
            lease: Duration::from_secs(600),
            jolokia: None,
        }
    }
}

impl JmxOptions {
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

    /// Sets what beans are called.
    #[must_use]
    pub fn with_naming(mut self, naming: NamingPolicy) -> Self {
        self.naming = naming;
        self
    }

    /// Sets how old values may be; without any time each request has a report made.
    #[must_use]
    pub fn with_freshness(mut self, freshness: Duration) -> Self {
        self.freshness = freshness;
        self
    }

    /// Sets which beans of the process there are.
    #[must_use]
    pub fn with_platform(mut self, platform: PlatformBeans) -> Self {
        self.platform = platform;
        self
    }

    /// Sets the host name or address that clients are told to connect to, and the port if it is another one as well.
    #[must_use]
    pub fn with_host(mut self, host: impl Into<String>, port: Option<u16>) -> Self {
        (self.host, self.host_port) = (Some(host.into()), port);
        self
    }

    /// Sets how long a client may be silent: a second to a day.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Has the same beans served by Jolokia as well.
    #[must_use]
    pub fn with_jolokia(mut self, jolokia: JolokiaOptions) -> Self {
        self.jolokia = Some(jolokia);
        self
    }
}

/// Which beans of the process there are, in the domain `java.lang`. Where the metrics of `flowmeter-system` are registered they have the
/// values of those.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlatformBeans {
    /// None.
    None,
    /// `java.lang:type=Runtime`, `java.lang:type=OperatingSystem` and, where there are the metrics of an allocator, `java.lang:type=Memory`.
    #[default]
    Basic,
    /// `java.lang:type=Threading` as well. Where that is, jconsole takes the process for a virtual machine, and begins with charts of heaps
    /// and classes that stay empty; without it, it begins with the beans. `Runtime` says that it is Java's then, and VisualVM asks it for
    /// what only a virtual machine has.
    All,
}

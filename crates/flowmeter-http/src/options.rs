//! What a server is told.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

#[cfg(feature = "tls")]
use crate::TlsOptions;
use crate::{AuthOptions, Ports};

/// Where a server listens and what it puts up with. The defaults are safe.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// The address: 127.0.0.1, which only this host reaches.
    pub address: IpAddr,
    /// The ports to try: any free one.
    pub ports: Ports,
    /// Connections at a time; more of them wait: 64.
    pub connections: usize,
    /// The most headers of a request: 64. Their size together is limited to 16 KiB.
    pub headers: usize,
    /// How long a client may take to send a request, and may stay without sending one: 10 s.
    pub request_patience: Duration,
    /// How long an answer may take to be made: 30 s. After that the client gets a 503.
    pub answer_patience: Duration,
    /// How long a client may take nothing of its answer: 10 s.
    pub client_patience: Duration,
    /// Who is served: everybody who reaches the server.
    pub auth: AuthOptions,
    /// HTTPS: none, but HTTP.
    #[cfg(feature = "tls")]
    pub tls: Option<TlsOptions>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: Ports::any(),
            connections: 64,
            headers: 64,
            request_patience: Duration::from_secs(10),
            answer_patience: Duration::from_secs(30),
            client_patience: Duration::from_secs(10),
            auth: AuthOptions::default(),
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl ServerOptions {
    /// Sets the address to listen on. Anything but loopback lets other hosts in.
    #[must_use]
    pub fn with_address(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// Sets the ports to try.
    #[must_use]
    pub fn with_ports(mut self, ports: Ports) -> Self {
        self.ports = ports;
        self
    }

    /// Sets who is served.
    #[must_use]
    pub fn with_auth(mut self, auth: AuthOptions) -> Self {
        self.auth = auth;
        self
    }

    /// Has it serve HTTPS, and only that.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(mut self, tls: TlsOptions) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Whether the credentials of clients could be read on their way.
    pub(crate) fn shows_credentials(&self) -> bool {
        self.auth.is_wanted() && !self.is_encrypted() && !self.address.is_loopback()
    }

    /// Whether what is sent is encrypted.
    pub(crate) fn is_encrypted(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    /// With nothing in it that a server could not take.
    pub(crate) fn within_limits(self) -> Self {
        Self {
            connections: self.connections.clamp(1, MOST_CONNECTIONS),
            headers: self.headers.clamp(1, MOST_HEADERS),
            request_patience: self.request_patience.min(LONGEST_PATIENCE),
            answer_patience: self.answer_patience.min(LONGEST_PATIENCE),
            client_patience: self.client_patience.min(LONGEST_PATIENCE),
            ..self
        }
    }
}

/// What options can ask for at most; more of it is taken for so much.
pub(crate) const MOST_CONNECTIONS: usize = 65_536;
pub(crate) const MOST_HEADERS: usize = 1_024;
pub(crate) const LONGEST_PATIENCE: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    #[test]
    fn credentials_are_safe_on_this_host_and_in_tls() {
        let open = ServerOptions::default().with_address("192.0.2.1".parse().unwrap());
        assert!(!open.shows_credentials(), "there are none");
        for auth in [
            AuthOptions::default().with_basic("me", Secret::new("p")),
            AuthOptions::default().with_bearer_token(Secret::new("t")),
        ] {
            let options = open.clone().with_auth(auth);
            assert!(options.shows_credentials());
            #[cfg(feature = "tls")]
            assert!(!options.clone().with_tls(TlsOptions::new("c", "k")).shows_credentials());
            assert!(!options.with_address("::1".parse().unwrap()).shows_credentials());
        }
    }
}

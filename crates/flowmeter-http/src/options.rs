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
    /// Connections at a time: 64. More of them wait, and idle ones are closed for them.
    pub connections: usize,
    /// The most headers of a request: 64. Their size together is limited to 16 KiB.
    pub headers: usize,
    /// How long a client may take to send a request, from its first byte, and from the connection to the end of its
    /// first request: 10 s.
    pub request_patience: Duration,
    /// How long a connection may stay without another request after an answer: 2 min 30 s, so that clients who come
    /// every two minutes need not connect anew. Those that are idle for longest are closed before that if others wait
    /// for a connection.
    pub idle_patience: Duration,
    /// How long an answer may take to be made: 30 s. After that the client gets a 503.
    pub answer_patience: Duration,
    /// How long an answer waits for a client that takes nothing of it, or less than [`least_rate`](Self::least_rate):
    /// 10 s. After that the client is cut off.
    pub client_patience: Duration,
    /// How many bytes a second a client has to take of an answer on average, once [`client_patience`] is used up:
    /// 64 KiB. Time in which the client waits for more of the answer does not count.
    ///
    /// [`client_patience`]: Self::client_patience
    pub least_rate: u64,
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
            idle_patience: Duration::from_secs(150),
            answer_patience: Duration::from_secs(30),
            client_patience: Duration::from_secs(10),
            least_rate: 64 * 1024,
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

    /// Sets how many connections there may be at a time: 1 to 65,536.
    #[must_use]
    pub fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections;
        self
    }

    /// Sets how many headers a request may have: 1 to 1,024.
    #[must_use]
    pub fn with_headers(mut self, headers: usize) -> Self {
        self.headers = headers;
        self
    }

    /// Sets how long a client may take to send a request: 10 ms to a day, like all of these times.
    #[must_use]
    pub fn with_request_patience(mut self, patience: Duration) -> Self {
        self.request_patience = patience;
        self
    }

    /// Sets how long a connection may stay without another request after an answer.
    #[must_use]
    pub fn with_idle_patience(mut self, patience: Duration) -> Self {
        self.idle_patience = patience;
        self
    }

    /// Sets how long an answer may take to be made.
    #[must_use]
    pub fn with_answer_patience(mut self, patience: Duration) -> Self {
        self.answer_patience = patience;
        self
    }

    /// Sets how long an answer waits for a client that takes nothing of it, or less than the least rate.
    #[must_use]
    pub fn with_client_patience(mut self, patience: Duration) -> Self {
        self.client_patience = patience;
        self
    }

    /// Sets how many bytes a second a client has to take on average, 1 or more, once its patience is used up.
    #[must_use]
    pub fn with_least_rate(mut self, bytes: u64) -> Self {
        self.least_rate = bytes;
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
    #[must_use]
    pub fn shows_credentials(&self) -> bool {
        self.auth.is_wanted() && !self.is_encrypted() && !self.address.is_loopback()
    }

    /// Whether what is sent is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }

    /// With nothing in it that a server could not take.
    #[must_use]
    pub fn within_limits(self) -> Self {
        let patience = |patience: Duration| patience.clamp(SHORTEST_PATIENCE, LONGEST_PATIENCE);
        Self {
            connections: self.connections.clamp(1, MOST_CONNECTIONS),
            headers: self.headers.clamp(1, MOST_HEADERS),
            request_patience: patience(self.request_patience),
            idle_patience: patience(self.idle_patience),
            answer_patience: patience(self.answer_patience),
            client_patience: patience(self.client_patience),
            least_rate: self.least_rate.max(1),
            ..self
        }
    }
}

/// What options can ask for at least and at most; less and more of it is taken for so much.
pub(crate) const MOST_CONNECTIONS: usize = 65_536;
pub(crate) const MOST_HEADERS: usize = 1_024;
pub(crate) const SHORTEST_PATIENCE: Duration = Duration::from_millis(10);
pub(crate) const LONGEST_PATIENCE: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    #[test]
    fn what_no_server_could_take_is_brought_within_limits() {
        let all = |count: usize, patience: Duration, rate: u64| {
            ServerOptions::default()
                .with_connections(count)
                .with_headers(count)
                .with_request_patience(patience)
                .with_idle_patience(patience)
                .with_answer_patience(patience)
                .with_client_patience(patience)
                .with_least_rate(rate)
        };
        let said = |options: ServerOptions| format!("{options:?}");
        let good = all(7, Duration::from_secs(7), 7);
        assert_eq!(said(good.clone().within_limits()), said(good));
        let least = said(all(1, SHORTEST_PATIENCE, 1));
        assert_eq!(said(all(0, Duration::ZERO, 0).within_limits()), least);
        let most = ServerOptions {
            connections: MOST_CONNECTIONS,
            headers: MOST_HEADERS,
            ..all(0, LONGEST_PATIENCE, u64::MAX)
        };
        assert_eq!(said(all(usize::MAX, Duration::MAX, u64::MAX).within_limits()), said(most));
    }

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

//! Names of hosts, resolved with a deadline.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Resolves the name of a host, again and again.
///
/// The system's resolver can hang for as long as it likes, so it does that on a thread of its own, of which there is one at most.
pub(super) struct Resolver {
    host: String,
    port: u16,
    interval: Duration,
    resolved: Vec<SocketAddr>,
    /// When it is resolved again.
    due: Option<Instant>,
    under_way: Option<Receiver<io::Result<Vec<SocketAddr>>>>,
}

impl Resolver {
    pub(super) fn new(host: String, port: u16, interval: Duration) -> Self {
        Self { host, port, interval, resolved: Vec::new(), due: None, under_way: None }
    }

    #[cfg(test)]
    pub(super) fn knows(&mut self, addresses: Vec<SocketAddr>) {
        (self.resolved, self.due) = (addresses, Instant::now().checked_add(self.interval));
    }

    #[cfg(test)]
    pub(super) fn is_doubted(&self) -> bool {
        self.due.is_none()
    }

    /// The addresses of the host, which may be some time old.
    pub(super) fn addresses(&mut self, deadline: Instant) -> io::Result<&[SocketAddr]> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            self.resolved = vec![SocketAddr::new(address, self.port)];
            return Ok(&self.resolved);
        }
        if self.resolved.is_empty() || self.due.is_none_or(|due| due <= Instant::now()) {
            match self.resolve(deadline) {
                Ok(resolved) => {
                    self.resolved = resolved;
                    self.due = Instant::now().checked_add(self.interval);
                }
                // What was known is better than nothing.
                Err(error) if self.resolved.is_empty() => return Err(error),
                Err(_) => {}
            }
        }
        Ok(&self.resolved)
    }

    /// Has the name resolved again, since what was known does not work.
    pub(super) fn doubt(&mut self) {
        self.due = None;
    }

    fn resolve(&mut self, deadline: Instant) -> io::Result<Vec<SocketAddr>> {
        let failed = |what: &str| io::Error::other(format!("cannot resolve `{}`: {what}", self.host));
        let under_way = match self.under_way.take() {
            Some(under_way) => under_way,
            None => {
                let (sender, receiver) = mpsc::channel();
                let (host, port) = (self.host.clone(), self.port);
                let resolve = move || {
                    let addresses = (host.as_str(), port).to_socket_addrs();
                    // Nobody waits for it any longer if the reporter has ended.
                    let _ = sender.send(addresses.map(Iterator::collect));
                };
                thread::Builder::new().name("statsd-resolver".to_owned()).spawn(resolve)?;
                receiver
            }
        };
        match under_way.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Ok(addresses)) if addresses.is_empty() => Err(failed("it has no address")),
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(error)) => Err(failed(&error.to_string())),
            Err(RecvTimeoutError::Timeout) => {
                self.under_way = Some(under_way);
                Err(io::Error::new(io::ErrorKind::TimedOut, failed("it takes too long")))
            }
            Err(RecvTimeoutError::Disconnected) => Err(failed("the resolver has ended")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_need_no_resolver_and_names_do() {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut literal = Resolver::new("::1".to_owned(), 7, Duration::ZERO);
        assert_eq!(literal.addresses(Instant::now()).unwrap(), ["[::1]:7".parse().unwrap()]);
        let mut name = Resolver::new("localhost".to_owned(), 7, Duration::ZERO);
        assert!(name.addresses(deadline).unwrap().iter().all(|address| address.ip().is_loopback()));
    }

    #[test]
    fn a_resolver_that_takes_its_time_is_not_waited_for() {
        let mut resolver = Resolver::new("localhost".to_owned(), 7, Duration::from_secs(60));
        let (sender, receiver) = mpsc::channel();
        resolver.under_way = Some(receiver);
        let error = resolver.addresses(Instant::now()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        // Its answer is good for the next report.
        let address: SocketAddr = "127.0.0.9:7".parse().unwrap();
        sender.send(Ok(vec![address])).unwrap();
        assert_eq!(resolver.addresses(Instant::now()).unwrap(), [address]);
        // And goes on being used until a better one comes.
        resolver.doubt();
        let (sender, receiver) = mpsc::channel();
        resolver.under_way = Some(receiver);
        assert_eq!(resolver.addresses(Instant::now()).unwrap(), [address]);
        drop(sender);
        assert_eq!(resolver.addresses(Instant::now()).unwrap(), [address]);
    }
}

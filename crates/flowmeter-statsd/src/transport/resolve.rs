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
    under_way: Option<Receiver<Answer>>,
}

type Answer = io::Result<Vec<SocketAddr>>;

impl Resolver {
    pub(super) fn new(host: String, port: u16, interval: Duration) -> Self {
        Self { host, port, interval, resolved: Vec::new(), due: None, under_way: None }
    }

    #[cfg(test)]
    pub(super) fn knows(&mut self, addresses: Vec<SocketAddr>) {
        (self.resolved, self.due) = (addresses, Instant::now().checked_add(self.interval));
    }

    /// Has a resolver be under way that has no answer until the sender is dropped.
    #[cfg(test)]
    pub(super) fn hang(&mut self) -> mpsc::Sender<Answer> {
        let (sender, receiver) = mpsc::channel();
        self.under_way = Some(receiver);
        sender
    }

    #[cfg(test)]
    pub(super) fn is_doubted(&self) -> bool {
        self.due.is_none()
    }

    /// The addresses of the host, which may be some time old: those that are known are not kept from being
    /// used by a resolver that takes its time. Where none are, half of the time is for that, and the other
    /// for what they are needed for.
    pub(super) fn addresses(&mut self, deadline: Instant) -> io::Result<&[SocketAddr]> {
        if let Ok(address) = self.host.parse::<IpAddr>() {
            self.resolved = vec![SocketAddr::new(address, self.port)];
            return Ok(&self.resolved);
        }
        if self.under_way.is_none() && self.due.is_none_or(|due| due <= Instant::now()) {
            match self.start() {
                Ok(under_way) => self.under_way = Some(under_way),
                Err(error) if self.resolved.is_empty() => return Err(error),
                // There is no room for a thread now.
                Err(_) => {}
            }
        }
        let patience = match self.resolved[..] {
            [] => deadline.saturating_duration_since(Instant::now()) / 2,
            _ => Duration::ZERO,
        };
        if let Some(under_way) = self.under_way.take() {
            match self.answer(under_way, patience) {
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

    fn start(&self) -> io::Result<Receiver<Answer>> {
        let (sender, receiver) = mpsc::channel();
        let (host, port) = (self.host.clone(), self.port);
        let resolve = move || {
            let addresses = (host.as_str(), port).to_socket_addrs();
            // Nobody waits for it any longer if the reporter has ended.
            let _ = sender.send(addresses.map(Iterator::collect));
        };
        thread::Builder::new().name("statsd-resolver".to_owned()).spawn(resolve)?;
        Ok(receiver)
    }

    /// What a resolver has found. If that takes too long, it is under way again.
    fn answer(&mut self, under_way: Receiver<Answer>, patience: Duration) -> Answer {
        let failed = |what: &str| io::Error::other(format!("cannot resolve `{}`: {what}", self.host));
        match under_way.recv_timeout(patience) {
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
        let begun = Instant::now();
        let deadline = begun + Duration::from_millis(100);
        let mut resolver = Resolver::new("localhost".to_owned(), 7, Duration::from_secs(60));
        let sender = resolver.hang();
        let error = resolver.addresses(deadline).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= Duration::from_millis(50), "there is time for it");
        // Its answer is good for the next report.
        let address: SocketAddr = "127.0.0.9:7".parse().unwrap();
        sender.send(Ok(vec![address])).unwrap();
        assert_eq!(resolver.addresses(deadline).unwrap(), [address]);
        // And goes on being used until a better one comes, which is not waited for.
        resolver.doubt();
        let sender = resolver.hang();
        let far = Instant::now() + Duration::from_secs(3600);
        assert_eq!(resolver.addresses(far).unwrap(), [address]);
        let better: SocketAddr = "127.0.0.8:7".parse().unwrap();
        sender.send(Ok(vec![better])).unwrap();
        assert_eq!(resolver.addresses(far).unwrap(), [better]);
        resolver.doubt();
        let sender = resolver.hang();
        drop(sender);
        assert_eq!(resolver.addresses(far).unwrap(), [better]);
    }
}

//! Connections, by TCP or to a Unix socket.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fd::{AsFd, BorrowedFd};

use super::resolve::Resolver;
use super::wait::{timed_out, until_writable};
use super::{Sent, values};
use crate::Address;
use crate::packets::Lot;

/// How soon a connection that failed is tried again, twice as late each time, up to the longest.
const SHORTEST_BACKOFF: Duration = Duration::from_millis(100);
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// A connection that is made when it is needed.
pub(crate) struct Stream {
    target: Target,
    socket: Option<Socket>,
    backoff: Option<(Instant, Duration)>,
    /// The rest of a packet of which a part was written when time was up. It goes out before anything else.
    rest: Vec<u8>,
    /// Whether the last report was written to its end.
    has_ended: bool,
    /// Values that were written up to the end of a report, and since. If the connection breaks they may be
    /// lost: that it took a whole report after they were written is what is known of their arrival.
    before: u64,
    written: u64,
    /// Values that may be lost.
    pub(super) uncertain: u64,
}

enum Target {
    Tcp(Resolver),
    Unix(PathBuf),
}

enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Stream {
    pub(super) fn new(address: Address) -> Self {
        let target = match address {
            Address::Udp(host, port) | Address::Tcp(host, port) => {
                Target::Tcp(Resolver::new(host, port, Duration::ZERO))
            }
            Address::UnixDatagram(path) | Address::UnixStream(path) => Target::Unix(path),
        };
        Self {
            target,
            socket: None,
            backoff: None,
            rest: Vec::new(),
            has_ended: false,
            before: 0,
            written: 0,
            uncertain: 0,
        }
    }

    pub(super) fn is_unix(&self) -> bool {
        matches!(self.target, Target::Unix(_))
    }

    /// Looks whether the connection stands, makes a new one where it does not, and writes what is left of the last report.
    pub(super) fn begin(&mut self, deadline: Instant, at_once: bool) -> io::Result<()> {
        self.look();
        // A peer that hangs takes a part now and then, and confirms nothing by it.
        if std::mem::take(&mut self.has_ended) {
            self.before = std::mem::take(&mut self.written);
        }
        if self.socket.is_none() {
            self.connect(deadline, at_once)?;
        }
        let rest = std::mem::take(&mut self.rest);
        let (written, result) = self.write(&rest, deadline);
        if self.socket.is_some() {
            self.rest = rest;
            self.rest.drain(..written);
        }
        result
    }

    pub(super) fn send(&mut self, lot: Lot<'_>, deadline: Instant) -> Sent {
        let bytes = lot.stream();
        let (mut written, result) = self.write(bytes, deadline);
        let mut packets = 0;
        for length in lot.lengths() {
            if written == 0 {
                break;
            }
            packets += 1;
            if written < length {
                // The peer may have read lines of it, so it is not for another connection.
                let end: usize = lot.lengths().take(packets).sum();
                self.rest.extend_from_slice(&bytes[end - (length - written)..end]);
            }
            written = written.saturating_sub(length);
        }
        self.written += values(lot, packets);
        if self.socket.is_none() {
            self.break_off();
        }
        Sent { packets, result }
    }

    /// Ends a report of which all was written.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    pub(super) fn close(&mut self) {
        self.look();
        if !self.rest.is_empty() {
            // A part of a packet is all that the peer gets.
            self.break_off();
        }
        self.socket = None;
    }

    /// Looks whether the connection stands.
    fn look(&mut self) {
        if self.socket.as_mut().is_some_and(|socket| !socket.stands()) {
            self.break_off();
        }
    }

    /// Writes bytes, as many as are taken until the deadline. If the connection is gone afterwards, they may be lost.
    fn write(&mut self, bytes: &[u8], deadline: Instant) -> (usize, io::Result<()>) {
        let mut written = 0;
        let result = loop {
            if written == bytes.len() {
                break Ok(());
            }
            let Some(socket) = &mut self.socket else { break Err(ErrorKind::NotConnected.into()) };
            match socket.write(&bytes[written..]) {
                Ok(0) => break Err(self.broken(&ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    match until_writable(socket.as_fd(), deadline) {
                        Ok(true) => {}
                        Ok(false) => break Err(timed_out()),
                        Err(error) => break Err(self.broken(&error)),
                    }
                }
                Err(error) => break Err(self.broken(&error)),
            }
        };
        (written, result)
    }

    fn broken(&mut self, error: &io::Error) -> io::Error {
        self.break_off();
        io::Error::new(error.kind(), format!("the connection to the daemon broke: {error}"))
    }

    /// Gives the connection up. The next begins with a packet of its own.
    fn break_off(&mut self) {
        self.socket = None;
        self.rest.clear();
        self.uncertain += std::mem::take(&mut self.before) + std::mem::take(&mut self.written);
    }

    fn connect(&mut self, deadline: Instant, at_once: bool) -> io::Result<()> {
        let now = Instant::now();
        if let Some((until, _)) = self.backoff.filter(|(until, _)| *until > now && !at_once) {
            let left = (until - now).as_millis();
            return Err(io::Error::new(
                ErrorKind::NotConnected,
                format!("there is no connection to the daemon; the next is tried in {left} ms"),
            ));
        }
        let connected = match &mut self.target {
            Target::Tcp(resolver) => connect_tcp(resolver, deadline),
            Target::Unix(path) => connect_unix(path),
        };
        match connected {
            Ok(socket) => {
                (self.socket, self.backoff) = (Some(socket), None);
                Ok(())
            }
            Err(error) => {
                let pause =
                    self.backoff.map_or(SHORTEST_BACKOFF, |(_, pause)| (2 * pause).min(LONGEST_BACKOFF));
                self.backoff = Some((now + pause, pause));
                Err(io::Error::new(error.kind(), format!("cannot connect to the daemon: {error}")))
            }
        }
    }
}

/// Connects to the first address that takes a connection in time.
fn connect_tcp(resolver: &mut Resolver, deadline: Instant) -> io::Result<Socket> {
    let addresses = resolver.addresses(deadline)?;
    let mut last = timed_out();
    for (number, address) in addresses.iter().enumerate() {
        // Each has its part of the time.
        let left = deadline.saturating_duration_since(Instant::now());
        let patience = left / u32::try_from(addresses.len() - number).unwrap_or(u32::MAX);
        if patience.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(address, patience) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                return Ok(Socket::Tcp(stream));
            }
            Err(error) => last = io::Error::new(error.kind(), format!("{address}: {error}")),
        }
    }
    resolver.doubt();
    Err(last)
}

/// Connects to a Unix socket, without waiting for room among those that want to be let in.
#[cfg(unix)]
fn connect_unix(path: &Path) -> io::Result<Socket> {
    use rustix::io::FdFlags;
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

    let connect = || -> io::Result<_> {
        let socket = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
        rustix::io::fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&socket, true)?;
        rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
        Ok(Socket::Unix(UnixStream::from(socket)))
    };
    connect().map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

#[cfg(not(unix))]
fn connect_unix(_: &Path) -> io::Result<Socket> {
    Err(io::Error::new(ErrorKind::Unsupported, "this system has no Unix sockets"))
}

impl Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            #[cfg(unix)]
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    /// Whether the peer has not ended the connection. What it says is of no interest.
    fn stands(&mut self) -> bool {
        // A peer that says much must not hold the reporter.
        for _ in 0..16 {
            let mut ignored = [0; 1024];
            let read = match self {
                Self::Tcp(stream) => stream.read(&mut ignored),
                #[cfg(unix)]
                Self::Unix(stream) => stream.read(&mut ignored),
            };
            match read {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Tcp(stream) => stream.as_fd(),
            #[cfg(unix)]
            Self::Unix(stream) => stream.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::packets::{Framing, Packets};

    /// What tests wait at most.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// A packet of so many bytes with one value.
    fn packet(length: usize) -> Packets {
        let mut packets = Packets::default();
        packets.begin(Framing::Lines, length);
        packets.out().resize(length, b'x');
        packets.end_unit(None, 1).unwrap();
        packets.end();
        packets
    }

    fn report(stream: &mut Stream, length: usize, patience: Duration) -> io::Result<()> {
        let deadline = Instant::now() + patience;
        stream.begin(deadline, true)?;
        stream.send(packet(length).ready(), deadline).result?;
        stream.end();
        Ok(())
    }

    fn connected() -> (TcpListener, Stream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        (listener, Stream::new(Address::Tcp("127.0.0.1".to_owned(), address.port())))
    }

    #[test]
    fn a_peer_that_hangs_confirms_nothing() {
        let (listener, mut stream) = connected();
        for _ in 0..2 {
            report(&mut stream, 10, PATIENCE).unwrap();
        }
        // More than the buffers of a connection hold.
        let patience = Duration::from_millis(1);
        for _ in 0..4 {
            report(&mut stream, 64 << 20, patience).unwrap_err();
        }
        assert_eq!(
            (stream.before, stream.written),
            (1, 1),
            "the first is confirmed, a part of the third is out"
        );
        // With what was not read, that is a reset.
        drop(listener.accept().unwrap());
        drop(listener);
        assert!(until_broken(&mut stream));
        assert_eq!(stream.uncertain, 2);
    }

    #[test]
    fn a_resolver_that_hangs_keeps_no_known_address_from_being_used() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut stream = Stream::new(Address::Tcp("no-such-host.invalid".to_owned(), address.port()));
        let Target::Tcp(resolver) = &mut stream.target else { panic!("it is TCP") };
        resolver.knows(vec![address]);
        let _hanging = resolver.hang();
        report(&mut stream, 10, PATIENCE).unwrap();
        assert!(listener.accept().is_ok());
    }

    #[test]
    fn what_a_connection_lost_before_the_end_is_uncertain() {
        let (listener, mut stream) = connected();
        report(&mut stream, 10, PATIENCE).unwrap();
        drop(listener.accept().unwrap());
        drop(listener);
        let socket = stream.socket.as_ref().unwrap();
        let mut event = [rustix::event::PollFd::new(socket, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut event, None).unwrap();
        stream.close();
        assert_eq!(stream.uncertain, 1);
    }

    /// Waits until a reset has come in.
    fn until_broken(stream: &mut Stream) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while stream.socket.is_some() && Instant::now() < deadline {
            let _ = stream.begin(Instant::now() + Duration::from_millis(1), true);
        }
        stream.socket.is_none()
    }
}

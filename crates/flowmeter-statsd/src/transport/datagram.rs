//! Datagrams, by UDP or to a Unix socket.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fd::{AsFd, BorrowedFd};
use rustix::io::Errno;
use tracing::warn;

use super::resolve::Resolver;
use super::wait::{is_writable, timed_out, until_writable};
use super::{Sent, values};
use crate::packets::{Lot, Packets};
use crate::{Address, StatsdOptions};

/// A socket that is connected to where datagrams go, so that the system tells of those that were refused.
///
/// It tells of them late, a round trip after they went to another host. So what the socket took counts as
/// arrived when there is still nothing to tell at the beginning of the report after the next. A peer that
/// refused something gets an empty line and nothing else, until it has not refused that.
pub(crate) struct Datagrams {
    target: Target,
    socket: Option<Socket>,
    /// Where the socket is connected to by UDP, or the last one was.
    peer: Option<SocketAddr>,
    standing: Standing,
    /// Values that the socket took in the report before, and in this one. If it tells of an error, it may be
    /// of any of these.
    before: u64,
    since: u64,
    /// Whether the socket was opened anew within this report.
    is_reopened: bool,
    /// How many bytes a packet has at most, after a longer one was too long.
    pub(super) longest: usize,
    /// Whether a peer has answered as soon as something was sent to it.
    answers_at_once: fn(&IpAddr) -> bool,
    /// Values that may be lost.
    pub(super) uncertain: u64,
}

enum Target {
    Udp(Resolver),
    Unix(PathBuf),
}

enum Socket {
    Udp(UdpSocket),
    #[cfg(unix)]
    Unix(UnixDatagram),
}

/// What is known of a peer by UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Nothing.
    Unknown,
    /// It refused something, or there was no way to it. There is no socket then.
    Refused,
    /// It got an empty line after it had refused something, and may yet refuse that.
    Tried,
    /// It has refused nothing since.
    Good,
}

impl Datagrams {
    pub(super) fn new(address: Address, resolve_interval: Duration) -> Self {
        let target = match address {
            Address::Udp(host, port) | Address::Tcp(host, port) => {
                Target::Udp(Resolver::new(host, port, resolve_interval))
            }
            Address::UnixDatagram(path) | Address::UnixStream(path) => Target::Unix(path),
        };
        Self {
            target,
            socket: None,
            peer: None,
            standing: Standing::Unknown,
            before: 0,
            since: 0,
            is_reopened: false,
            longest: usize::MAX,
            answers_at_once: IpAddr::is_loopback,
            uncertain: 0,
        }
    }

    pub(super) fn is_udp(&self) -> bool {
        matches!(self.target, Target::Udp(_))
    }

    /// Opens the socket, or looks what became of the datagrams of the last reports. Returns whether they stay
    /// on this host. With `at_once` it does not wait for what a peer says that refused something.
    pub(super) fn begin(&mut self, deadline: Instant, at_once: bool) -> io::Result<bool> {
        self.is_reopened = false;
        if self.check().is_ok() {
            self.before = std::mem::take(&mut self.since);
            if self.standing == Standing::Tried {
                self.standing = Standing::Good;
            }
        }
        match &mut self.target {
            Target::Udp(resolver) => {
                let addresses = resolver.addresses(deadline)?;
                if self.socket.is_none() || !self.peer.is_some_and(|peer| addresses.contains(&peer)) {
                    self.socket = None;
                    match open_one(addresses, &mut self.peer) {
                        Ok(socket) => self.socket = Some(socket),
                        Err(error) => {
                            self.doubt();
                            return Err(error);
                        }
                    }
                    let has_answered = self.peer.is_some_and(|peer| (self.answers_at_once)(&peer.ip()));
                    let is_doubted = self.standing == Standing::Refused && !has_answered;
                    self.standing = if is_doubted { Standing::Tried } else { Standing::Good };
                }
                if self.standing == Standing::Tried && !at_once {
                    return Err(io::Error::new(
                        ErrorKind::ConnectionRefused,
                        format!(
                            "datagrams were refused; {} is tried, and gets the next report unless it refuses that",
                            self.shown_peer()
                        ),
                    ));
                }
                Ok(self.peer.is_some_and(|peer| peer.ip().is_loopback()))
            }
            Target::Unix(path) => {
                if self.socket.is_none() {
                    self.socket = Some(connect_unix(path).map_err(|error| described(path, &error))?);
                }
                Ok(true)
            }
        }
    }

    pub(super) fn send(&mut self, lot: Lot<'_>, deadline: Instant) -> Sent {
        let mut packets = 0;
        let result = loop {
            if packets == lot.packets().len() {
                break Ok(());
            }
            let left = lot.without(packets);
            match self.send_some(left, deadline) {
                Ok(count) => {
                    self.since += values(left, count);
                    packets += count;
                    let is_all = count == left.packets().len().min(Packets::LOT);
                    if !is_all && let Err(error) = self.find_out_why(deadline) {
                        break Err(error);
                    }
                }
                Err(error) if self.reopens(&error) => {}
                Err(error) => {
                    if is_too_long(&error) {
                        self.shorten(left.lengths().next().unwrap_or_default());
                    }
                    break Err(self.failed(error));
                }
            }
        };
        Sent { packets, result }
    }

    pub(super) fn end(&mut self) -> io::Result<()> {
        self.check()
    }

    pub(super) fn close(&mut self) {
        if self.check().is_ok() && self.standing == Standing::Tried {
            self.lose();
        }
        self.socket = None;
    }

    /// Sends one or more packets, and waits for the socket to take the first.
    fn send_some(&self, lot: Lot<'_>, deadline: Instant) -> io::Result<usize> {
        let Some(socket) = &self.socket else { return Err(ErrorKind::NotConnected.into()) };
        loop {
            match socket.send_lot(lot) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => wait(socket.as_fd(), deadline)?,
                Err(error) if is(&error, Errno::NOBUFS) => wait_for_device(deadline)?,
                result => return result,
            }
        }
    }

    /// Some packets of several were not taken, and the system does not say why. Where the socket is full it is waited for.
    /// Where it is not, UDP had an error to tell of, which is lost, so the peer is tried before anything else goes there; a
    /// Unix socket has room again, or says the same again.
    fn find_out_why(&mut self, deadline: Instant) -> io::Result<()> {
        let Some(socket) = &self.socket else { return Err(ErrorKind::NotConnected.into()) };
        if !is_writable(socket.as_fd(), Duration::ZERO)? {
            return wait(socket.as_fd(), deadline);
        }
        if !self.is_udp() {
            return Ok(());
        }
        let tried = probe(socket);
        self.lose();
        tried.map_err(|error| self.failed(error))
    }

    /// Whether an error says that a daemon has gone, and another has come in its place.
    fn reopens(&mut self, error: &io::Error) -> bool {
        let Target::Unix(path) = &self.target else { return false };
        let has_gone = matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotConnected);
        if self.is_reopened || !has_gone {
            return false;
        }
        self.is_reopened = true;
        let Ok(socket) = connect_unix(path) else { return false };
        self.socket = Some(socket);
        self.lose();
        true
    }

    /// What the socket took lately may be lost, if that is what an error says.
    fn failed(&mut self, error: io::Error) -> io::Error {
        if error.kind() == ErrorKind::TimedOut {
            return error;
        }
        let peer = self.peer.map_or_else(String::new, |_| format!(" of {}", self.shown_peer()));
        self.lose();
        if !is_too_long(&error) {
            self.doubt();
        }
        io::Error::new(error.kind(), format!("the daemon{peer} did not take a datagram: {error}"))
    }

    /// Has packets be shorter from the next report on than one that was too long.
    fn shorten(&mut self, length: usize) {
        let longest = (length / 2).max(StatsdOptions::LEAST_PACKET_SIZE);
        if longest < self.longest {
            self.longest = longest;
            warn!(
                length,
                longest, "a packet is too long for the way to the daemon; they are shorter from now on"
            );
        }
    }

    /// Asks the socket whether it has an error to tell of, and doubts the peer then.
    fn check(&mut self) -> io::Result<()> {
        let Some(socket) = &self.socket else { return Ok(()) };
        match socket.take_error() {
            Ok(None) => Ok(()),
            Ok(Some(error)) | Err(error) => {
                let message = format!("datagrams to {} did not arrive: {error}", self.shown_peer());
                self.lose();
                // The system knows the way better now.
                if !is_too_long(&error) {
                    self.doubt();
                }
                Err(io::Error::new(error.kind(), message))
            }
        }
    }

    fn lose(&mut self) {
        self.uncertain += std::mem::take(&mut self.before) + std::mem::take(&mut self.since);
    }

    /// Has the next report begin with a new socket, perhaps to another address.
    fn doubt(&mut self) {
        self.standing = Standing::Refused;
        self.socket = None;
        if let Target::Udp(resolver) = &mut self.target {
            resolver.doubt();
        }
    }

    fn shown_peer(&self) -> String {
        self.peer.map_or_else(|| "the daemon".to_owned(), |peer| peer.to_string())
    }
}

/// How long what the device has no room for waits: nothing tells when it has.
const DEVICE_PAUSE: Duration = Duration::from_millis(1);

/// Waits until the socket is not full.
fn wait(socket: BorrowedFd<'_>, deadline: Instant) -> io::Result<()> {
    let is_over = Instant::now() >= deadline;
    if !is_over && until_writable(socket, deadline)? { Ok(()) } else { Err(timed_out()) }
}

/// Waits for a device that is full, as it is on some systems. A socket is not full then, so that waiting for
/// that would not wait.
fn wait_for_device(deadline: Instant) -> io::Result<()> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(timed_out());
    }
    thread::sleep(DEVICE_PAUSE.min(left));
    Ok(())
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}

/// Whether a packet is longer than the way to the peer has room for.
fn is_too_long(error: &io::Error) -> bool {
    is(error, Errno::MSGSIZE)
}

/// Opens a socket to an address where nobody refuses an empty line at once, beginning behind the one that was
/// the last.
fn open_one(addresses: &[SocketAddr], peer: &mut Option<SocketAddr>) -> io::Result<Socket> {
    let first = addresses.iter().position(|address| Some(*address) == *peer).map_or(0, |last| last + 1);
    let mut last = ErrorKind::AddrNotAvailable.into();
    for address in addresses.iter().cycle().skip(first).take(addresses.len()) {
        *peer = Some(*address);
        match connect_udp(*address).and_then(|socket| probe(&socket).map(|()| socket)) {
            Ok(socket) => return Ok(socket),
            Err(error) => {
                last = io::Error::new(error.kind(), format!("nobody takes datagrams at {address}: {error}"));
            }
        }
    }
    Err(last)
}

/// Connects a socket to an address, which says whether there is a way there and no more.
fn connect_udp(address: SocketAddr) -> io::Result<Socket> {
    let socket = match address {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
    }?;
    socket.connect(address)?;
    socket.set_nonblocking(true)?;
    Ok(Socket::Udp(socket))
}

/// Tries a peer with an empty line, which daemons skip, so that no value is lost if there is nobody. On this
/// host the answer is there at once.
fn probe(socket: &Socket) -> io::Result<()> {
    socket.send(b"\n")?;
    socket.take_error()?.map_or(Ok(()), Err)
}

fn described(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(unix)]
fn connect_unix(path: &Path) -> io::Result<Socket> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(path)?;
    socket.set_nonblocking(true)?;
    Ok(Socket::Unix(socket))
}

#[cfg(not(unix))]
fn connect_unix(_: &Path) -> io::Result<Socket> {
    Err(io::Error::new(ErrorKind::Unsupported, "this system has no Unix sockets"))
}

impl Socket {
    fn send(&self, packet: &[u8]) -> io::Result<()> {
        match self {
            Self::Udp(socket) => socket.send(packet),
            #[cfg(unix)]
            Self::Unix(socket) => socket.send(packet),
        }
        .map(drop)
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        match self {
            Self::Udp(socket) => socket.take_error(),
            #[cfg(unix)]
            Self::Unix(socket) => socket.take_error(),
        }
    }

    /// Sends packets with one call to the system, as many as it takes.
    #[cfg(target_os = "linux")]
    fn send_lot(&self, lot: Lot<'_>) -> io::Result<usize> {
        use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};

        let mut payloads = [io::IoSlice::new(&[]); Packets::LOT];
        let slices = payloads.iter_mut().zip(lot.payloads());
        let count = slices.map(|(slice, payload)| *slice = io::IoSlice::new(payload)).count();
        let mut controls = [(); Packets::LOT].map(|()| SendAncillaryBuffer::default());
        let mut slices = payloads.chunks(1);
        let mut messages =
            controls.each_mut().map(|control| MMsgHdr::new(slices.next().unwrap_or_default(), control));
        Ok(sendmmsg(self, &mut messages[..count], SendFlags::empty())?)
    }

    /// Sends packets, as many as the system takes. Fails if it does not take the first.
    #[cfg(not(target_os = "linux"))]
    fn send_lot(&self, lot: Lot<'_>) -> io::Result<usize> {
        let mut sent = 0;
        for payload in lot.payloads().take(Packets::LOT) {
            match self.send(payload) {
                Ok(()) => sent += 1,
                Err(error) if sent == 0 => return Err(error),
                Err(_) => break,
            }
        }
        Ok(sent)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Udp(socket) => socket.as_fd(),
            #[cfg(unix)]
            Self::Unix(socket) => socket.as_fd(),
        }
    }
}

#[cfg(test)]
#[path = "datagram_tests.rs"]
mod tests;

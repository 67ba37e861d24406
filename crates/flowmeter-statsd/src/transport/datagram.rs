//! Datagrams, by UDP or to a Unix socket.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
#[cfg(unix)]
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fd::{AsFd, BorrowedFd};

use super::resolve::Resolver;
use super::wait::{is_writable, timed_out, until_writable};
use super::{Sent, values};
use crate::Address;
use crate::packets::{Lot, Packets};

/// A socket that is connected to where datagrams go, so that the system tells of those that were refused.
pub(crate) struct Datagrams {
    target: Target,
    socket: Option<Socket>,
    /// Where the socket is connected to by UDP.
    peer: Option<SocketAddr>,
    /// Values that the socket took since it last had no error to tell of. If it tells of one, it may be of any of these.
    unconfirmed: u64,
    /// Whether the peer is to be tried before anything is sent: nothing is known of it, or that it refused something.
    doubted: bool,
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

impl Datagrams {
    pub(super) fn new(address: Address, resolve_interval: Duration) -> Self {
        let target = match address {
            Address::Udp(host, port) | Address::Tcp(host, port) => {
                Target::Udp(Resolver::new(host, port, resolve_interval))
            }
            Address::UnixDatagram(path) | Address::UnixStream(path) => Target::Unix(path),
        };
        Self { target, socket: None, peer: None, unconfirmed: 0, doubted: true, uncertain: 0 }
    }

    pub(super) fn is_udp(&self) -> bool {
        matches!(self.target, Target::Udp(_))
    }

    /// Opens the socket, or looks what became of the datagrams of the last report. Returns whether they stay on this host.
    pub(super) fn begin(&mut self, deadline: Instant) -> io::Result<bool> {
        if self.check().is_err() {
            self.doubt();
        }
        match &mut self.target {
            Target::Udp(resolver) => {
                let addresses = resolver.addresses(deadline)?;
                let current = self.peer.filter(|peer| self.socket.is_some() && addresses.contains(peer));
                let (socket, peer) = match (self.socket.take(), current) {
                    (Some(socket), Some(peer)) => (socket, peer),
                    _ => connect_to_first(addresses)?,
                };
                self.peer = Some(peer);
                let socket = self.socket.insert(socket);
                if self.doubted {
                    probe(socket)?;
                    self.doubted = false;
                }
                Ok(peer.ip().is_loopback())
            }
            Target::Unix(path) => {
                if self.socket.is_none() {
                    let described = |error: io::Error| {
                        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                    };
                    self.socket = Some(connect_unix(path).map_err(described)?);
                }
                self.doubted = false;
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
                    self.unconfirmed += values(left, count);
                    packets += count;
                    let is_all = count == left.packets().len().min(Packets::LOT);
                    if !is_all && let Err(error) = self.find_out_why(deadline) {
                        break Err(error);
                    }
                }
                Err(error) => break Err(self.failed(error)),
            }
        };
        Sent { packets, result }
    }

    pub(super) fn end(&mut self) -> io::Result<()> {
        self.check().inspect_err(|_| self.doubt())
    }

    pub(super) fn close(&mut self) {
        let _ = self.check();
        self.socket = None;
    }

    /// Sends one or more packets, and waits for the socket to take the first.
    fn send_some(&self, lot: Lot<'_>, deadline: Instant) -> io::Result<usize> {
        let Some(socket) = &self.socket else { return Err(ErrorKind::NotConnected.into()) };
        loop {
            match socket.send_lot(lot) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if is_full(&error) => wait(socket.as_fd(), deadline)?,
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

    /// What the socket took lately may be lost, if that is what an error says.
    fn failed(&mut self, error: io::Error) -> io::Error {
        if error.kind() == ErrorKind::TimedOut {
            return error;
        }
        self.lose();
        self.doubt();
        let peer = self.peer.map_or_else(String::new, |peer| format!(" of {peer}"));
        io::Error::new(error.kind(), format!("the daemon{peer} did not take a datagram: {error}"))
    }

    /// Asks the socket whether it has an error to tell of.
    fn check(&mut self) -> io::Result<()> {
        let Some(socket) = &self.socket else { return Ok(()) };
        match socket.take_error() {
            Ok(None) => {
                self.unconfirmed = 0;
                Ok(())
            }
            Ok(Some(error)) | Err(error) => {
                self.lose();
                Err(io::Error::new(error.kind(), format!("datagrams of this report did not arrive: {error}")))
            }
        }
    }

    fn lose(&mut self) {
        self.uncertain += std::mem::take(&mut self.unconfirmed);
    }

    /// Has the next report begin with a new socket, perhaps to another address.
    fn doubt(&mut self) {
        self.doubted = true;
        self.socket = None;
        if let Target::Udp(resolver) = &mut self.target {
            resolver.doubt();
        }
    }
}

/// Waits until the socket is not full.
fn wait(socket: BorrowedFd<'_>, deadline: Instant) -> io::Result<()> {
    if until_writable(socket, deadline)? { Ok(()) } else { Err(timed_out()) }
}

fn is_full(error: &io::Error) -> bool {
    // The latter on systems where it is the device that is full.
    error.kind() == ErrorKind::WouldBlock
        || error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error())
}

/// The first address that a socket can be connected to, which says whether there is a way there and no more.
fn connect_to_first(addresses: &[SocketAddr]) -> io::Result<(Socket, SocketAddr)> {
    let connect = |address: &SocketAddr| {
        let socket = match address {
            SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
        }?;
        socket.connect(address)?;
        socket.set_nonblocking(true)?;
        Ok((Socket::Udp(socket), *address))
    };
    let mut last = None;
    for address in addresses {
        match connect(address) {
            Ok(connected) => return Ok(connected),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| ErrorKind::AddrNotAvailable.into()))
}

/// Tries a peer with an empty line, which daemons skip, so that no value is lost if there is nobody. On this host the answer is there at once.
fn probe(socket: &Socket) -> io::Result<()> {
    socket.send(b"\n")?;
    match socket.take_error()? {
        None => Ok(()),
        Some(error) => {
            Err(io::Error::new(error.kind(), format!("nobody listens at the daemon's address: {error}")))
        }
    }
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
        let messages = payloads[..count].chunks(1).zip(&mut controls);
        let mut messages: Vec<_> =
            messages.map(|(payload, control)| MMsgHdr::new(payload, control)).collect();
        Ok(sendmmsg(self, &mut messages, SendFlags::empty())?)
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

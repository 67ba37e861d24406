//! Where Datadog's Agent would listen.

use std::io::Read;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::PathBuf;
use std::thread;

use crate::{Folder, PATIENCE, wait_for};

/// The kinds of Unix sockets that Datadog's Agent has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketKind {
    /// Datagrams.
    Datagram,
    /// Packets with their length in front, four bytes little-endian.
    Stream,
}

/// A Unix socket, as Datadog's Agent has one.
pub struct Agent {
    socket: Socket,
    path: PathBuf,
    _folder: Folder,
}

enum Socket {
    Datagram(UnixDatagram),
    Stream(UnixListener),
}

/// Longer than any packet.
const LONGEST: usize = 1 << 16;

impl Agent {
    /// Opens a new one.
    ///
    /// # Panics
    ///
    /// When that is not possible.
    #[must_use]
    pub fn listen(kind: SocketKind) -> Self {
        let folder = Folder::new("agent");
        let path = folder.path().join("socket");
        let socket = match kind {
            SocketKind::Datagram => UnixDatagram::bind(&path).map(Socket::Datagram),
            SocketKind::Stream => UnixListener::bind(&path).map(Socket::Stream),
        };
        Self { socket: socket.expect("the folder can be written"), path, _folder: folder }
    }

    /// Where that is.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = match &self.socket {
            Socket::Datagram(_) => "unixgram",
            Socket::Stream(_) => "unixstream",
        };
        format!("{scheme}://{}", self.path.display())
    }

    /// The packets that somebody sends, over one connection if it is a stream, which is to be closed in the
    /// end.
    ///
    /// # Panics
    ///
    /// When the packets of a stream are not whole.
    pub fn receive(&self, send: impl FnOnce()) -> Vec<Vec<u8>> {
        thread::scope(|scope| match &self.socket {
            Socket::Datagram(socket) => {
                let received = scope.spawn(|| datagrams(socket));
                send();
                // Nobody else sends an empty one.
                let end = UnixDatagram::unbound().and_then(|end| end.send_to(b"", &self.path));
                end.expect("the socket is there");
                received.join().expect("datagrams can be received")
            }
            Socket::Stream(listener) => {
                let received = scope.spawn(|| connection(listener));
                send();
                packets(&received.join().expect("a stream can be read"))
            }
        })
    }
}

/// All datagrams up to an empty one.
fn datagrams(socket: &UnixDatagram) -> Vec<Vec<u8>> {
    // Or a sender that fails would never be heard of.
    socket.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
    let mut datagrams = Vec::new();
    let mut buffer = vec![0; LONGEST];
    loop {
        let length = socket.recv(&mut buffer).expect("the socket is open");
        if length == 0 {
            return datagrams;
        }
        datagrams.push(buffer[..length].to_vec());
    }
}

/// All that comes over the next connection.
fn connection(listener: &UnixListener) -> Vec<u8> {
    listener.set_nonblocking(true).expect("the socket is open");
    let (mut stream, _) = wait_for("a connection", || listener.accept().ok());
    stream.set_nonblocking(false).expect("the socket is open");
    stream.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("the connection is closed");
    bytes
}

/// The packets of a stream.
fn packets(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while let Some((length, rest)) = stream.split_first_chunk() {
        let length = u32::from_le_bytes(*length) as usize;
        let (packet, rest) = rest.split_at_checked(length).expect("a packet is whole");
        packets.push(packet.to_vec());
        stream = rest;
    }
    assert!(stream.is_empty(), "a length is whole");
    packets
}

//! Daemons that listen for as long as a test wants them to, and read strictly.

#![allow(dead_code, reason = "each test uses some of it")]

use std::io::{ErrorKind, Read as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flowmeter_statsd::Address;
use flowmeter_testkit::PATIENCE;
use flowmeter_testkit::statsd::{Daemon, Dialect};

/// What a daemon has read.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) daemon: Daemon,
    /// Every packet, or of streams of lines every whole line.
    pub(crate) packets: Vec<Vec<u8>>,
    pub(crate) errors: Vec<String>,
    /// How often there was nothing to read.
    idle: u64,
    /// Bytes at the end of a connection that are no whole line or packet.
    pub(crate) torn: usize,
}

/// A daemon that runs.
pub(crate) struct Running {
    pub(crate) address: Address,
    pub(crate) state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// What takes each packet.
type Take<'a> = &'a mut dyn FnMut(&[u8]);

/// A connection.
type Connection = Box<dyn std::io::Read + Send>;

/// How often a daemon looks whether it is to end.
const LOOK: Duration = Duration::from_millis(5);

impl State {
    fn take(&mut self, dialect: Dialect, packet: &[u8]) {
        self.packets.push(packet.to_vec());
        // An empty line asks whether somebody is there.
        if packet != b"\n"
            && let Err(error) = self.daemon.take(dialect, packet)
        {
            self.errors.push(error);
        }
    }
}

impl Running {
    /// By UDP, on a port that is free or the one that is given.
    pub(crate) fn udp(dialect: Dialect, state: &Arc<Mutex<State>>, port: u16) -> Self {
        Self::udp_on("127.0.0.1", dialect, state, port)
    }

    pub(crate) fn udp_on(host: &str, dialect: Dialect, state: &Arc<Mutex<State>>, port: u16) -> Self {
        let socket = UdpSocket::bind((host, port)).unwrap();
        socket.set_read_timeout(Some(LOOK)).unwrap();
        let address = Address::Udp(host.to_owned(), socket.local_addr().unwrap().port());
        let mut buffer = vec![0; 1 << 16];
        Self::run(address, dialect, state, move |take| received(socket.recv(&mut buffer), &buffer, take))
    }

    pub(crate) fn unix_datagrams(dialect: Dialect, state: &Arc<Mutex<State>>, path: PathBuf) -> Self {
        let _ = std::fs::remove_file(&path);
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(LOOK)).unwrap();
        let mut buffer = vec![0; 1 << 17];
        Self::run(Address::UnixDatagram(path), dialect, state, move |take| {
            received(socket.recv(&mut buffer), &buffer, take)
        })
    }

    /// By TCP: a line at a time.
    pub(crate) fn tcp(dialect: Dialect, state: &Arc<Mutex<State>>, port: u16) -> Self {
        let listener = listen(port);
        listener.set_nonblocking(true).unwrap();
        let address = Address::Tcp("127.0.0.1".to_owned(), listener.local_addr().unwrap().port());
        Self::run_streams(address, dialect, state, Arc::clone(state), whole_lines, move || {
            accept(listener.accept(), |(stream, _)| {
                stream.set_read_timeout(Some(LOOK)).unwrap();
                Box::new(stream)
            })
        })
    }

    pub(crate) fn unix_stream(dialect: Dialect, state: &Arc<Mutex<State>>, path: PathBuf) -> Self {
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self::run_streams(
            Address::UnixStream(path),
            dialect,
            state,
            Arc::clone(state),
            // Datadog's Agent wants the length in front.
            if dialect == Dialect::DogStatsd { whole_packets } else { whole_lines },
            move || {
                accept(listener.accept(), |(stream, _)| {
                    stream.set_nonblocking(false).unwrap();
                    stream.set_read_timeout(Some(LOOK)).unwrap();
                    Box::new(stream)
                })
            },
        )
    }

    fn run_streams(
        address: Address,
        dialect: Dialect,
        state: &Arc<Mutex<State>>,
        torn: Arc<Mutex<State>>,
        split: fn(&mut Vec<u8>, Take<'_>),
        mut accept: impl FnMut() -> Option<Connection> + Send + 'static,
    ) -> Self {
        let mut open: Vec<(Connection, Vec<u8>)> = Vec::new();
        Self::run(address, dialect, state, move |take| {
            open.extend(accept().map(|stream| (stream, Vec::new())));
            if open.is_empty() {
                thread::sleep(LOOK);
            }
            let mut has_read = false;
            open.retain_mut(|(stream, bytes)| {
                let mut buffer = [0; 4096];
                let length = match stream.read(&mut buffer) {
                    Ok(length) => length,
                    Err(error) if is_nothing(&error) => return true,
                    Err(_) => 0,
                };
                bytes.extend_from_slice(&buffer[..length]);
                split(bytes, take);
                if length == 0 {
                    torn.lock().unwrap().torn += bytes.len();
                }
                has_read |= length > 0;
                length > 0
            });
            has_read
        })
    }

    fn run(
        address: Address,
        dialect: Dialect,
        state: &Arc<Mutex<State>>,
        mut read: impl FnMut(Take<'_>) -> bool + Send + 'static,
    ) -> Self {
        let (state, stop) = (Arc::clone(state), Arc::new(AtomicBool::new(false)));
        let (of_thread, stopping) = (Arc::clone(&state), Arc::clone(&stop));
        let run = move || {
            while !stopping.load(Ordering::Acquire) {
                let has_read = read(&mut |packet| of_thread.lock().unwrap().take(dialect, packet));
                of_thread.lock().unwrap().idle += u64::from(!has_read);
            }
        };
        Self { address, state, stop, thread: Some(thread::spawn(run)) }
    }

    pub(crate) fn port(&self) -> u16 {
        match self.address {
            Address::Udp(_, port) | Address::Tcp(_, port) => port,
            _ => 0,
        }
    }

    /// Ends at once, whatever has not been read.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits until all was read that had arrived before. Within a host that is all that was sent.
pub(crate) fn settle(state: &Mutex<State>) {
    let before = state.lock().unwrap().idle;
    // The first may have begun before.
    wait_until(|| state.lock().unwrap().idle >= before + 2).expect("a daemon that runs comes to its end");
}

/// Waits until something is so, for as long as tests do.
pub(crate) fn wait_until(mut is_so: impl FnMut() -> bool) -> Result<(), ()> {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        if Instant::now() > deadline {
            return Err(());
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// Takes a datagram, if there was one.
fn received(result: std::io::Result<usize>, buffer: &[u8], take: Take<'_>) -> bool {
    match result {
        Ok(length) => take(&buffer[..length]),
        Err(error) if is_nothing(&error) => return false,
        Err(error) => panic!("{error}"),
    }
    true
}

fn is_nothing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Takes the port again right after another had it.
fn listen(port: u16) -> TcpListener {
    TcpListener::bind(("127.0.0.1", port)).unwrap()
}

fn accept<S>(accepted: std::io::Result<S>, open: impl FnOnce(S) -> Connection) -> Option<Connection> {
    match accepted {
        Ok(stream) => Some(open(stream)),
        Err(error) => {
            assert!(is_nothing(&error), "{error}");
            None
        }
    }
}

fn whole_lines(bytes: &mut Vec<u8>, take: Take<'_>) {
    // Those of one packet stay together: a zero comes right before what is below it.
    if let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') {
        take(&bytes[..=end]);
        bytes.drain(..=end);
    }
}

fn whole_packets(bytes: &mut Vec<u8>, take: Take<'_>) {
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let Some(packet) = rest.get(..length) else { break };
        take(packet);
        bytes.drain(..4 + length);
    }
}

/// A connection whose peer never reads.
pub(crate) fn silent_peer() -> (TcpListener, Address) {
    let listener = listen(0);
    let port = listener.local_addr().unwrap().port();
    (listener, Address::Tcp("127.0.0.1".to_owned(), port))
}

/// Takes a connection and reads nothing of it.
pub(crate) fn take_connection(listener: &TcpListener) -> TcpStream {
    listener.accept().unwrap().0
}

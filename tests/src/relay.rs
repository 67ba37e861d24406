//! A way to a server, which goes and comes back.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::ports;

/// Passes connections on to a server, on a port that it has again when it comes back.
pub struct Relay {
    address: SocketAddr,
    next: SocketAddr,
    way: Option<Way>,
}

/// The way while it is there.
struct Way {
    is_over: Arc<AtomicBool>,
    /// Both ends of all connections.
    ends: Arc<Mutex<Vec<TcpStream>>>,
    accepting: JoinHandle<()>,
}

impl Relay {
    /// A way to a server, which is not there yet.
    #[must_use]
    pub fn new(next: SocketAddr) -> Self {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        Self { address: SocketAddr::new(ip, ports::free(ip)), next, way: None }
    }

    /// Where it takes connections.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Comes, again perhaps.
    ///
    /// # Panics
    ///
    /// When somebody else has its port.
    pub fn restart(&mut self) {
        self.kill();
        let listener = TcpListener::bind(self.address).expect("its port is free");
        let (is_over, ends) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (next, over, all) = (self.next, Arc::clone(&is_over), Arc::clone(&ends));
        let accepting = thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Relaxed) {
                    return;
                }
                let _ = stream.and_then(|stream| pass_on(stream, next, &all));
            }
        });
        self.way = Some(Way { is_over, ends, accepting });
    }

    /// Goes, with all connections.
    pub fn kill(&mut self) {
        let Some(Way { is_over, ends, accepting }) = self.way.take() else { return };
        is_over.store(true, Relaxed);
        // It waits for connections, and this is one.
        let _ = TcpStream::connect(self.address);
        let _ = accepting.join();
        for end in ends.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

/// Passes on what comes from either end until one is closed.
fn pass_on(stream: TcpStream, next: SocketAddr, ends: &Mutex<Vec<TcpStream>>) -> io::Result<()> {
    let server = TcpStream::connect(next)?;
    let kept = [stream.try_clone()?, server.try_clone()?];
    ends.lock().unwrap_or_else(PoisonError::into_inner).extend(kept);
    for (mut from, mut to) in [(stream.try_clone()?, server.try_clone()?), (server, stream)] {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.kill();
    }
}

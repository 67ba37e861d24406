//! Ports that stay with a test.

use std::net::{IpAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

/// Below the ports that systems give to whoever wants any: those would be taken while a daemon is down, and a
/// client that connects to one of them on its own machine may reach itself.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// A port that is free for UDP and TCP, another one each time, and in each process of a test.
pub(crate) fn free(ip: IpAddr) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % u32::from(COUNT)) as u16;
    let candidates = (0..COUNT).map(|_| {
        // Processes that follow each other are far from each other.
        let number = start.wrapping_mul(37).wrapping_add(NEXT.fetch_add(1, Relaxed));
        FIRST + number % COUNT
    });
    let mut free = candidates
        .filter(|port| UdpSocket::bind((ip, *port)).is_ok() && TcpListener::bind((ip, *port)).is_ok());
    free.next().expect("a port is free")
}

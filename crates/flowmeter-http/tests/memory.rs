//! How much clients can have the server keep. Alone in its process, since all of its memory is counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::alloc::System;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use common::{connect, options, start};
use flowmeter_http::{Request, Responder, Response};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn in_use() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Sends something again and again, as long as it is taken. Returns whether it was cut off.
fn flood(stream: &mut TcpStream, bytes: &[u8], most: usize) -> bool {
    let mut sent = 0;
    while sent < most {
        match stream.write(bytes) {
            Ok(written) => sent += written,
            Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }
    false
}

#[test]
fn clients_cannot_fill_the_memory() {
    const CLIENTS: usize = 32;
    const MOST: usize = 64 << 20;
    let mut options = options();
    options.client_patience = Duration::from_secs(3600);
    options.request_patience = Duration::from_secs(3600);
    let body = bytes::Bytes::from(vec![b'x'; 1 << 20]);
    let server = start(&options, move |_: Request, responder: Responder| {
        responder.send(Response::chunks("text/plain", vec![body.clone()]));
    });
    let before = in_use();
    let mut clients: Vec<_> = (0..CLIENTS).map(|_| connect(&server)).collect();
    let requests = "GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(1_000).into_bytes();
    for (number, stream) in clients.iter_mut().enumerate() {
        match number % 4 {
            // A head without end.
            0 => {
                stream.write_all(b"GET / HTTP/1.1\r\nX: ").unwrap();
                assert!(flood(stream, &[b'x'; 1 << 16], MOST));
            }
            // Headers without end.
            1 => {
                stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
                assert!(flood(stream, "X: y\r\n".repeat(1_000).as_bytes(), MOST));
            }
            // A body without end, that nobody asked for.
            2 => {
                stream.write_all(b"GET / HTTP/1.1\r\nContent-Length: 1000000000000\r\n\r\n").unwrap();
                assert!(flood(stream, &[b'x'; 1 << 16], MOST));
            }
            // Requests without end, and none of the answers is taken.
            _ => {
                stream.set_nonblocking(true).unwrap();
                assert!(!flood(stream, &requests, MOST));
            }
        }
    }
    // They go on asking for a while, in case not all was read.
    let end = Instant::now() + Duration::from_millis(500);
    while Instant::now() < end {
        for stream in clients.iter_mut().skip(3).step_by(4) {
            let _ = stream.write(&requests);
        }
    }
    let used = in_use().saturating_sub(before);
    assert!(used < CLIENTS * (1 << 18), "{used} bytes for {CLIENTS} clients");
}

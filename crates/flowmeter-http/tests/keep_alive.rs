//! Clients that keep their connection for further requests.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::{PATIENCE, ask, assert_serves, connect, echo, exchange, get, options, read_all, receive, start};
use flowmeter_http::{Request, Responder, Response, Server};

const HOUR: Duration = Duration::from_secs(3600);

/// A client that has got an answer and stays.
fn idle(server: &Server) -> TcpStream {
    let mut stream = connect(server);
    ask(&mut stream, "/first").unwrap();
    stream
}

/// Whether the server neither closes the connection nor says anything for a while.
fn stays(stream: &mut TcpStream, time: Duration) -> bool {
    stream.set_read_timeout(Some(time)).unwrap();
    let read = stream.read(&mut [0]);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    read.is_err_and(|error| [io::ErrorKind::WouldBlock, io::ErrorKind::TimedOut].contains(&error.kind()))
}

#[test]
fn a_connection_stays_for_longer_than_a_request_may_take() {
    let patience = Duration::from_millis(500);
    let server = start(&options().with_request_patience(patience).with_idle_patience(HOUR), echo);
    let mut stream = idle(&server);
    for path in ["/second", "/third"] {
        assert!(stays(&mut stream, patience * 2), "it was closed before {path}");
        ask(&mut stream, path).unwrap();
    }
}

#[test]
fn a_further_request_that_is_not_finished_is_given_up() {
    let server =
        start(&options().with_request_patience(Duration::from_millis(300)).with_idle_patience(HOUR), echo);
    for bytes in ["G", "\r\n", "GET / HTTP/1.1\r\nHost: h\r\nX-Slow"] {
        let mut stream = idle(&server);
        stream.write_all(bytes.as_bytes()).unwrap();
        let answer = read_all(&mut stream);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    // Of this one the server has read the begin together with the request before.
    let mut stream = connect(&server);
    stream.write_all(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nX-Sl").unwrap();
    receive(&mut stream, "/1").unwrap();
    let answer = read_all(&mut stream);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
}

#[test]
fn a_further_request_that_comes_bit_by_bit_is_given_up() {
    let server =
        start(&options().with_request_patience(Duration::from_millis(300)).with_idle_patience(HOUR), echo);
    let mut slow = idle(&server);
    let deadline = Instant::now() + PATIENCE;
    slow.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").unwrap();
    while slow.write_all(b"x").is_ok() {
        assert_serves(&server);
        assert!(Instant::now() < deadline, "it may go on for ever");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_connection_that_is_not_used_is_closed() {
    let server =
        start(&options().with_request_patience(HOUR).with_idle_patience(Duration::from_millis(100)), echo);
    let mut stream = idle(&server);
    assert_eq!(read_all(&mut stream), "");
}

#[test]
fn who_is_idle_for_longest_makes_room() {
    let server = start(&options().with_connections(2).with_idle_patience(HOUR), echo);
    let mut clients = [idle(&server), idle(&server)];
    ask(&mut clients[0], "/second").unwrap();
    // Now it is the other one.
    assert_serves(&server);
    assert_eq!(read_all(&mut clients[1]), "");
    ask(&mut clients[0], "/third").unwrap();
}

/// A request after which the connection may stay.
const KEPT: &str = "GET /later HTTP/1.1\r\nHost: h\r\n\r\n";

#[test]
fn nobody_whose_answer_is_under_way_makes_room() {
    let (asked, asks) = mpsc::channel();
    let server = start(
        &options().with_connections(2).with_idle_patience(HOUR),
        move |request: Request, responder: Responder| match request.path() {
            "/later" => asked.send(responder).unwrap(),
            _ => echo(request, responder),
        },
    );
    let mut waiting = idle(&server);
    waiting.write_all(KEPT.as_bytes()).unwrap();
    let responder = asks.recv_timeout(PATIENCE).unwrap();
    let mut idle = idle(&server);
    for _ in 0..3 {
        assert_serves(&server);
    }
    assert_eq!(read_all(&mut idle), "");
    // There are two again, and the next one has to wait until the answer under way has left.
    let mut next = [connect(&server), connect(&server)];
    for stream in &mut next {
        stream.write_all(KEPT.as_bytes()).unwrap();
    }
    let second = asks.recv_timeout(PATIENCE).unwrap();
    responder.send(Response::text("/later None"));
    receive(&mut waiting, "/later").unwrap();
    let third = asks.recv_timeout(PATIENCE).unwrap();
    assert_eq!(read_all(&mut waiting), "");
    for responder in [second, third] {
        responder.send(Response::text("/later None"));
    }
    for stream in &mut next {
        receive(stream, "/later").unwrap();
    }
}

#[test]
fn many_who_keep_their_connection_take_turns() {
    let server = start(&options().with_connections(2).with_idle_patience(HOUR), echo);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let deadline = Instant::now() + PATIENCE;
                let mut stream = connect(&server);
                for _ in 0..20 {
                    // A request may cross with the end of its connection: it is sent again then.
                    while ask(&mut stream, "/x").is_err() {
                        assert!(Instant::now() < deadline, "it does not get its turn");
                        stream = connect(&server);
                    }
                }
            });
        }
    });
    assert!(exchange(&server, get("/")).ends_with("/ None"));
}

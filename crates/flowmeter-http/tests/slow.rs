//! Clients that take their time, and everybody else's if they are let.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use common::{LARGE, PATIENCE, assert_serves, connect, echo, exchange, get, large, options, read_all, start};
use flowmeter_http::{Request, Responder, Response};

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let mut options = options();
    // Long for a client that reads, on a busy machine too.
    options.client_patience = Duration::from_secs(1);
    options.connections = 1;
    let (server, told) = large(&options);
    let mut stuck = connect(&server);
    stuck.write_all(get("/").as_bytes()).unwrap();
    // The only connection is free again for another client, who takes all.
    let answer = exchange(&server, get("/"));
    assert!(answer.len() > LARGE);
    told.recv_timeout(PATIENCE).unwrap();
    assert!(told.try_recv().is_err(), "only one was served");
}

#[test]
fn a_client_that_does_not_finish_its_request_is_given_up() {
    let mut options = options();
    options.request_patience = Duration::from_millis(100);
    let server = start(&options, echo);
    for bytes in ["", "GET / HTT", "GET / HTTP/1.1\r\nHost: h\r\nX-Slow"] {
        let mut stream = connect(&server);
        stream.write_all(bytes.as_bytes()).unwrap();
        let answer = read_all(&mut stream);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
}

#[test]
fn a_client_that_sends_its_request_bit_by_bit_is_given_up() {
    let mut options = options();
    options.request_patience = Duration::from_millis(300);
    let server = start(&options, echo);
    let deadline = Instant::now() + PATIENCE;
    let mut slow = connect(&server);
    slow.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").unwrap();
    while slow.write_all(b"x").is_ok() {
        assert_serves(&server);
        assert!(Instant::now() < deadline, "it may go on for ever");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn slow_requests_do_not_keep_others_out() {
    let mut options = options();
    options.request_patience = Duration::from_millis(300);
    options.connections = 4;
    let server = start(&options, echo);
    let begun = |_| {
        let mut stream = connect(&server);
        stream.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").unwrap();
        stream
    };
    let slow: Vec<_> = (0..40).map(begun).collect();
    // All of them are before it.
    assert_serves(&server);
    drop(slow);
}

#[test]
fn a_client_whose_answer_is_long_in_the_making_is_not_given_up() {
    let mut options = options();
    options.client_patience = Duration::from_millis(100);
    let server = start(&options, |_: Request, responder: Responder| {
        let (response, body) = Response::stream("text/plain");
        responder.send(response);
        thread::spawn(move || {
            for _ in 0..10 {
                body.write("x".into());
                thread::sleep(Duration::from_millis(50));
            }
            body.finish();
        });
    });
    let answer = exchange(&server, get("/"));
    assert!(answer.ends_with("\r\n0\r\n\r\n"), "{answer}");
}

#[test]
fn more_clients_than_connections_take_turns() {
    let mut options = options();
    options.connections = 2;
    options.request_patience = Duration::from_millis(200);
    let server = start(&options, echo);
    // Two say nothing; the others wait until they are given up.
    let silent = [connect(&server), connect(&server)];
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| assert!(exchange(&server, get("/")).ends_with("/ None")));
        }
    });
    drop(silent);
}

#[test]
fn a_client_that_trickles_along_is_given_up() {
    let mut options = options();
    options.client_patience = Duration::from_millis(200);
    options.least_rate = 1 << 30;
    options.connections = 1;
    let (server, _told) = large(&options);
    let mut trickling = connect(&server);
    trickling.write_all(get("/").as_bytes()).unwrap();
    // It takes something all the time, but so little that the answer would take minutes.
    let mut taken = 0;
    let mut some = [0; 16 * 1024];
    let deadline = Instant::now() + PATIENCE;
    while let Ok(read @ 1..) = trickling.read(&mut some) {
        taken += read;
        assert!(Instant::now() < deadline, "{taken} bytes and no end");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(taken < LARGE, "it was not given all");
}

//! Requests with bodies, for a handler that takes them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use common::{connect, exchange, get, options, read_all, start};
use flowmeter_http::{Handler, Request, Responder, Response, Secret, Server, ServerOptions};

/// Answers with the body, of eight bytes at most.
struct Bodies;

impl Handler for Bodies {
    fn handle(&self, request: Request, responder: Responder) {
        let body = request.body().map(|body| String::from_utf8_lossy(body).into_owned());
        responder.send(Response::text(format!("{body:?} {}", request.is_options())));
    }

    fn most_body(&self) -> Option<usize> {
        Some(8)
    }
}

fn post(body: &str) -> String {
    let length = body.len();
    format!("POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn answer(server: &Server, request: &str) -> (String, String) {
    let answer = exchange(server, request);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (answer.split(' ').nth(1).unwrap_or_default().to_owned(), body.to_owned())
}

fn bodies(options: &ServerOptions) -> Server {
    start(options, Bodies)
}

#[test]
fn bodies_reach_the_handler() {
    let server = bodies(&options());
    for (request, expected) in [
        (post("12345678"), r#"Some("12345678") false"#),
        (post(""), r#"Some("") false"#),
        (get("/"), "None false"),
        (get("/").replace("GET", "OPTIONS"), "None true"),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
                .to_owned(),
            r#"Some("abcde") false"#,
        ),
    ] {
        assert_eq!(answer(&server, &request), ("200".to_owned(), expected.to_owned()), "{request}");
    }
    assert_eq!(answer(&server, &get("/").replace("GET", "PUT")).0, "405");
}

#[test]
fn bodies_that_are_too_large_are_refused() {
    let server = bodies(&options());
    assert_eq!(answer(&server, &post("123456789")).0, "413");
    // Before it comes.
    let announced = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000000\r\n\r\n";
    assert_eq!(answer(&server, announced).0, "413");
    let chunked =
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n5\r\nabcde\r\n";
    assert_eq!(answer(&server, chunked).0, "413");
    let endless = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n";
    assert_eq!(answer(&server, endless).0, "400");
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for_for_long() {
    let server = bodies(&options().with_request_patience(Duration::from_millis(200)));
    let begun = Instant::now();
    let (status, _) = answer(&server, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nabc");
    assert_eq!(status, "408");
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[test]
fn a_client_that_has_posted_may_stay_for_its_next_request() {
    let server = bodies(&options().with_request_patience(Duration::from_millis(200)));
    let mut stream = connect(&server);
    let request = post("abc").replace("Connection: close\r\n", "");
    for _ in 0..2 {
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = [0; 4096];
        let read = stream.read(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer[..read]));
        // Longer than the patience with a request that has begun.
        std::thread::sleep(Duration::from_millis(500));
    }
    // One that has begun is given up.
    stream.write_all(b"POST").unwrap();
    assert_eq!(read_all(&mut stream), "");
}

#[test]
fn only_what_browsers_ask_ahead_needs_no_credentials() {
    let auth = options().auth.with_basic("x", Secret::new("y"));
    let server = bodies(&options().with_auth(auth));
    assert_eq!(answer(&server, &post("abc")).0, "401");
    assert_eq!(answer(&server, &get("/").replace("GET", "OPTIONS")).0, "200");
    let admitted = post("abc").replace("Host: h", "Authorization: Basic eDp5");
    assert_eq!(answer(&server, &admitted).0, "200");
}

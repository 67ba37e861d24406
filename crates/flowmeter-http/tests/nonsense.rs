//! What no good client sends.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use common::{PATIENCE, assert_serves, connect, echo, exchange, get, options, read_all, start};
use flowmeter_http::Server;
use proptest::prelude::*;
use proptest::test_runner::Config as ProptestConfig;

/// The status of the answer to some bytes, which is given while the client still writes or waits.
fn status(server: &Server, bytes: &[u8]) -> String {
    let mut stream = connect(server);
    let _ = stream.write_all(bytes);
    assert_serves(server);
    let answer = read_all(&mut stream);
    answer.split(' ').nth(1).unwrap_or_default().to_owned()
}

#[test]
fn requests_that_make_no_sense_are_refused() {
    let server = start(&options(), echo);
    for request in [
        "\0\u{1}\u{2}\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1 \r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\n: no name\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        "G\u{e9}T / HTTP/1.1\r\n\r\n",
    ] {
        assert_eq!(status(&server, request.as_bytes()), "400", "{request:?}");
    }
    // Not even HTTP/1, as the greeting of HTTP/2 and of TLS.
    for bytes in [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"] {
        assert!(["", "400"].contains(&status(&server, bytes).as_str()), "{bytes:?}");
    }
}

#[test]
fn heads_that_are_too_large_are_refused() {
    let server = start(&options(), echo);
    let long = "x".repeat(100_000);
    let many: String = (0..1_000).map(|i| format!("X-{i}: 1\r\n")).collect();
    for (request, expected) in [
        (format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n"), ["414", "431"]),
        (format!("GET / HTTP/1.1\r\nX-Long: {long}\r\n\r\n"), ["431", "431"]),
        (format!("GET / HTTP/1.1\r\n{long}: x\r\n\r\n"), ["431", "431"]),
        (format!("GET / HTTP/1.1\r\n{many}\r\n"), ["431", "431"]),
    ] {
        let status = status(&server, request.as_bytes());
        assert!(expected.contains(&status.as_str()), "{status} for {}", &request[..30]);
    }
}

#[test]
fn other_methods_are_refused_whatever_they_bring() {
    let server = start(&options(), echo);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "get", "X"] {
        let answer = exchange(&server, get("/").replace("GET", method));
        assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: GET, HEAD\r\n"), "{answer}");
    }
    // A body that is announced, and does not come.
    assert_eq!(status(&server, b"POST / HTTP/1.1\r\nContent-Length: 1000000000000\r\n\r\n"), "405");
    assert_eq!(status(&server, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"), "405");
}

#[test]
fn bodies_are_not_waited_for() {
    let server = start(&options(), echo);
    for body in ["Content-Length: 1000000000000", "Transfer-Encoding: chunked"] {
        let request = format!("GET /x HTTP/1.1\r\nHost: h\r\n{body}\r\n\r\nabc");
        assert_eq!(status(&server, request.as_bytes()), "200", "{body}");
    }
}

#[test]
fn a_body_without_end_is_cut_off() {
    let server = start(&options(), echo);
    let mut stream = connect(&server);
    stream.write_all(b"GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000000000\r\n\r\n").unwrap();
    let deadline = Instant::now() + PATIENCE;
    while stream.write_all(&[b'x'; 1 << 16]).is_ok() {
        assert!(Instant::now() < deadline, "it is taken for ever");
    }
    assert_serves(&server);
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_request_is_let_go() {
    let mut options = options();
    options.connections = 1;
    options.request_patience = Duration::from_secs(3600);
    let server = start(&options, echo);
    for bytes in ["", "GET / HTTP/1.1\r\nHost", "GET / HTTP/1.1\r\nHost: h\r\n\r\nGET"] {
        let mut stream = connect(&server);
        stream.write_all(bytes.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        read_all(&mut stream);
        assert_serves(&server);
    }
}

#[test]
fn many_requests_ahead_are_answered_in_order() {
    let server = start(&options(), echo);
    let mut stream = connect(&server);
    let requests: String = (0..1_000).map(|i| format!("GET /{i} HTTP/1.1\r\nHost: h\r\n\r\n")).collect();
    stream.write_all(requests.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let answer = read_all(&mut stream);
    let paths: Vec<_> = answer.lines().filter(|line| line.starts_with('/')).collect();
    assert_eq!(paths.len(), 1_000);
    // A body has no end of a line, so the next answer's head is on its line.
    for (i, path) in paths.iter().enumerate() {
        assert!(path.starts_with(&format!("/{i} None")), "{path}");
    }
}

/// A request with some of its bytes changed, or bytes that never were one.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(any::<u8>(), 0..2_000);
    let request = format!(
        "GET /x?a=%20&b[]=+ HTTP/1.1\r\nHost: h\r\nAuthorization: Basic eDp5\r\nContent-Length: 3\r\nX: y\r\n\r\nabc{}",
        get("/")
    );
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8);
    let changed = changes.prop_map(move |changes| {
        let mut bytes = request.clone().into_bytes();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    });
    prop_oneof![noise, changed]
}

#[test]
fn no_bytes_stop_the_server() {
    let mut options = options();
    options.connections = 2;
    options.auth = options.auth.with_basic("x", flowmeter_http::Secret::new("y"));
    let guarded = start(&options, echo);
    let server = start(&common::options(), echo);
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(bytes in bytes())| {
        for server in [&server, &guarded] {
            let mut stream = connect(server);
            let _ = stream.write_all(&bytes);
            let _ = stream.shutdown(Shutdown::Write);
            if let Err(error) = stream.read_to_end(&mut Vec::new()) {
                prop_assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            }
        }
        assert_serves(&server);
        let answer = exchange(&guarded, get("/").replace("Host: h", "Authorization: Basic eDp5"));
        prop_assert!(answer.starts_with("HTTP/1.1 200"), "{}", answer);
    });
}

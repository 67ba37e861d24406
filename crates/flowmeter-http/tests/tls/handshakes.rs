//! Clients that do not get as far as a request.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use flowmeter_http::Server;
use proptest::prelude::*;
use proptest::test_runner::Config as ProptestConfig;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::certificates::{Authority, Client, Files};
use crate::common::{connect, echo, get, options, start};

fn assert_serves(server: &Server, client: &Client) {
    let answer = client.exchange(server, &get("/good")).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("/good None"), "{answer}");
}

/// What comes until the server closes, or resets.
fn raw(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut stream = connect(server);
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn what_is_no_handshake_is_cut_off() {
    let authority = Authority::new();
    let files = Files::new(&authority.issue(1));
    let server = start(&options().with_tls(files.options()), echo);
    let huge = [&b"\x16\x03\x01\xff\xff"[..], &[1; 70_000]].concat();
    for bytes in [get("/").as_bytes(), b"\0\0\0\0\0\0\0\0\0\0", b"\x16\x03\x01\0\x04\x01\xff\xff\xff", &huge]
    {
        let answer = raw(&server, bytes);
        assert!(answer.len() < 100 && !answer.starts_with(b"HTTP"), "{answer:?}");
        assert_serves(&server, &Client::new(&authority));
    }
}

#[test]
fn clients_that_say_nothing_are_cut_off() {
    let authority = Authority::new();
    let files = Files::new(&authority.issue(1));
    let mut options = options().with_tls(files.options());
    options.request_patience = Duration::from_millis(500);
    options.connections = 1;
    let server = start(&options, echo);
    let silent = [&b""[..], b"\x16\x03\x01"].map(|bytes| {
        let mut stream = connect(&server);
        stream.write_all(bytes).unwrap();
        stream
    });
    // They are before it, and hold the only connection.
    assert_serves(&server, &Client::new(&authority));
    for mut stream in silent {
        assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)));
    }
}

#[test]
fn stopping_does_not_wait_for_handshakes() {
    let authority = Authority::new();
    let files = Files::new(&authority.issue(1));
    let mut options = options().with_tls(files.options());
    options.request_patience = Duration::from_secs(3600);
    let server = start(&options, echo);
    let mut silent = connect(&server);
    silent.write_all(b"\x16").unwrap();
    // Accepted before this one, which is served.
    assert_serves(&server, &Client::new(&authority));
    server.stop();
    assert!(matches!(silent.read(&mut [0; 1]), Ok(0) | Err(_)));
}

#[test]
fn only_clients_of_the_right_authority_are_served() {
    let (authority, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let files = Files::new(&authority.issue(1));
    let tls = files.options().with_client_ca(files.write("clients.pem", &clients.pem()));
    let server = start(&options().with_tls(tls), echo);
    for version in [&TLS12, &TLS13] {
        let client = |identity| Client::with(&authority, identity, &[version]);
        let right = clients.issue(2);
        for wrong in [None, Some(&strangers.issue(2)), Some(&authority.issue(2))] {
            let error = client(wrong).exchange(&server, &get("/")).unwrap_err();
            assert_ne!(error.kind(), std::io::ErrorKind::TimedOut, "{error}");
            assert_serves(&server, &client(Some(&right)));
        }
    }
}

#[test]
fn no_bytes_stop_the_server() {
    let authority = Authority::new();
    let files = Files::new(&authority.issue(1));
    let mut options = options().with_tls(files.options());
    options.connections = 2;
    let server = start(&options, echo);
    let client = Client::new(&authority);
    let noise = || prop::collection::vec(any::<u8>(), 0..500);
    let record = noise().prop_map(|noise| {
        let length = u16::try_from(noise.len()).unwrap().to_be_bytes();
        [&[0x16, 3, 1][..], &length, &noise].concat()
    });
    let config = ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(bytes in prop_oneof![noise(), record])| {
        let mut stream = connect(&server);
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
        assert_serves(&server, &client);
    });
}

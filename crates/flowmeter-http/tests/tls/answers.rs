//! What a good client of HTTPS gets, and a slow one does not.

use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

use flowmeter_http::{AuthOptions, Secret};
use tokio_rustls::rustls::{ProtocolVersion, version};

use crate::certificates::{Authority, Client, Files};
use crate::common::{LARGE, PATIENCE, ask, echo, get, large, options, read_all, start};

#[test]
fn requests_are_answered_in_both_versions() {
    let authority = Authority::new();
    let files = Files::new(&authority.issue(1));
    let server = start(&options().with_tls(files.options()), echo);
    assert_eq!(server.url(), format!("https://127.0.0.1:{}", server.address().port()));
    for (supported, expected) in
        [(&version::TLS12, ProtocolVersion::TLSv1_2), (&version::TLS13, ProtocolVersion::TLSv1_3)]
    {
        let mut stream = Client::with(&authority, None, &[supported]).connect(&server);
        stream.write_all(get("/x?q=1").as_bytes()).unwrap();
        let answer = read_all(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("/x Some(\"1\")"), "{answer}");
        assert_eq!(stream.conn.protocol_version(), Some(expected));
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    }
}

#[test]
fn credentials_are_looked_at() {
    let authority = Authority::new();
    let files = Files::new(&authority.issue(1));
    let auth = AuthOptions::default().with_bearer_token(Secret::new("token"));
    let server = start(&options().with_tls(files.options()).with_auth(auth), echo);
    let client = Client::new(&authority);
    assert!(client.exchange(&server, &get("/")).unwrap().starts_with("HTTP/1.1 401"));
    let right = get("/").replace("Host: h", "Authorization: Bearer token");
    assert!(client.exchange(&server, &right).unwrap().starts_with("HTTP/1.1 200"));
}

#[test]
fn a_client_that_closes_its_side_gets_its_answer() {
    let authority = Authority::new();
    let files = Files::new(&authority.issue(1));
    let server = start(&options().with_tls(files.options()), echo);
    let mut stream = Client::new(&authority).connect(&server);
    stream.write_all(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    stream.conn.send_close_notify();
    stream.flush().unwrap();
    assert!(read_all(&mut stream).ends_with("/x None"));
}

#[test]
fn sent_is_told_when_all_was_taken() {
    let authority = Authority::new();
    let files = Files::new(&authority.issue(1));
    let (server, told) = large(&options().with_tls(files.options()));
    let mut stream = Client::new(&authority).connect(&server);
    stream.write_all(get("/").as_bytes()).unwrap();
    stream.read_exact(&mut [0; 1]).unwrap();
    assert!(told.recv_timeout(Duration::from_millis(100)).is_err(), "most of it is still to be taken");
    assert!(read_all(&mut stream).len() > LARGE);
    told.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn a_client_that_takes_nothing_is_given_up() {
    let authority = Authority::new();
    let files = Files::new(&authority.issue(1));
    let mut options = options().with_tls(files.options());
    // Long for a client that reads, on a busy machine too.
    options.client_patience = Duration::from_secs(3);
    options.connections = 1;
    let (server, told) = large(&options);
    let client = Client::new(&authority);
    let mut stuck = client.connect(&server);
    stuck.write_all(get("/").as_bytes()).unwrap();
    // The only connection is free again for another client, who takes all.
    assert!(client.exchange(&server, &get("/")).unwrap().len() > LARGE);
    told.recv_timeout(PATIENCE).unwrap();
    assert!(told.try_recv().is_err(), "only one was served");
}

#[test]
fn a_client_that_trickles_along_is_given_up() {
    let authority = Authority::new();
    let files = Files::new(&authority.issue(1));
    let mut options = options().with_tls(files.options());
    options.client_patience = Duration::from_millis(200);
    options.least_rate = 1 << 30;
    let (server, told) = large(&options);
    let mut trickling = Client::new(&authority).connect(&server);
    trickling.write_all(get("/").as_bytes()).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut taken = 0;
    let mut some = [0; 16 * 1024];
    while let Ok(read @ 1..) = trickling.read(&mut some) {
        taken += read;
        assert!(Instant::now() < deadline, "{taken} bytes and no end");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(taken < LARGE && told.try_recv().is_err(), "it was not given all");
}

#[test]
fn a_connection_is_kept_until_another_client_needs_it() {
    let authority = Authority::new();
    let files = Files::new(&authority.issue(1));
    let patience = Duration::from_millis(500);
    let options = options().with_connections(1).with_request_patience(patience);
    let server =
        start(&options.with_idle_patience(Duration::from_secs(3600)).with_tls(files.options()), echo);
    let client = Client::new(&authority);
    let mut stream = client.connect(&server);
    ask(&mut stream, "/1").unwrap();
    thread::sleep(patience * 2);
    ask(&mut stream, "/2").unwrap();
    assert!(client.exchange(&server, &get("/3")).unwrap().ends_with("/3 None"));
    assert_eq!(read_all(&mut stream), "", "it has ended as it should");
}

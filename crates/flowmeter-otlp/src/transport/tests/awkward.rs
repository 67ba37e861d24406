//! Peers that are no receivers, and threads that are not ours.

use std::io::{self, Read as _, Write};
use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use flowmeter_testkit::otlp::OtlpReceiver;

use super::{ALL, assert_refused, assert_unknown, body, client, options, send, send_until, taken};
use crate::Protocol;
use crate::request::Delivery;
use crate::transport::Client;

/// Has every connection answered with this, over and over, until it is closed.
fn peer(begin: &'static [u8], rest: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream?;
            std::thread::spawn(move || {
                // What was sent is there when it is answered.
                let _request = stream.read(&mut [0; 4096])?;
                stream.write_all(begin)?;
                while !rest.is_empty() {
                    stream.write_all(rest)?;
                }
                io::Result::Ok(())
            });
        }
        io::Result::Ok(())
    });
    address
}

fn sent_to(protocol: Protocol, address: SocketAddr) -> Delivery {
    let mut client = Client::new(&options(protocol, &format!("http://{address}"))).unwrap();
    send_until(&mut client, body(protocol), Instant::now() + Duration::from_millis(300))
}

#[test]
fn a_peer_that_speaks_something_else_is_one_that_may_have_it() {
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson] {
        assert_unknown(&sent_to(protocol, peer(b"220 mail.example ESMTP\r\n", b"")), "");
        assert_unknown(&sent_to(protocol, peer(b"", b"\0\xff")), "");
    }
    // It is not sent before the peer has spoken HTTP/2, or it may be: neither is taken.
    for (begin, rest) in [(&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &b""[..]), (b"", b"\0\xff")] {
        assert!(!matches!(sent_to(Protocol::Grpc, peer(begin, rest)), Delivery::Taken { .. }));
    }
}

#[test]
fn an_answer_without_end_is_not_read_to_it() {
    let endless_head = sent_to(Protocol::HttpProtobuf, peer(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"));
    assert_unknown(&endless_head, "");
    let endless_body = sent_to(Protocol::HttpProtobuf, peer(b"HTTP/1.1 200 OK\r\n\r\n", &[b'x'; 4096]));
    assert_unknown(&endless_body, "too long");
    let endless_error = sent_to(Protocol::HttpProtobuf, peer(b"HTTP/1.1 400 Bad\r\n\r\n", &[b'x'; 4096]));
    assert_refused(&endless_error, "it answered 400 Bad Request");
    let endless_wait = sent_to(Protocol::HttpProtobuf, peer(b"", b"HTTP/1.1 100 Continue\r\n\r\n"));
    assert_unknown(&endless_wait, "");
}

#[test]
fn ports_that_are_mixed_up_are_found_out() {
    let receiver = OtlpReceiver::start();
    for (protocol, url) in
        [(Protocol::Grpc, receiver.http_url()), (Protocol::HttpProtobuf, receiver.grpc_url())]
    {
        let mut client = Client::new(&options(protocol, &url)).unwrap();
        let delivery = send_until(&mut client, body(protocol), Instant::now() + Duration::from_millis(300));
        assert!(!matches!(delivery, Delivery::Taken { .. }), "{delivery:?}");
    }
    assert_eq!(receiver.received().taken(), 0);
}

#[test]
fn a_thread_of_another_runtime_is_not_blocked() {
    let receiver = OtlpReceiver::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for protocol in ALL {
        let mut client = client(&receiver, protocol);
        assert_eq!(send(&mut client, body(protocol)), taken());
        runtime.block_on(async {
            assert_refused(&send(&mut client, body(protocol)), "a thread of an asynchronous runtime");
            drop(client);
            drop(self::client(&receiver, protocol));
        });
    }
}

#[test]
fn a_client_can_be_moved_to_the_thread_that_sends() {
    fn assert_send<T: Send>() {}
    assert_send::<Client>();
}

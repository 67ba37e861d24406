//! What surely was not taken, and what nobody knows.

use bytes::Bytes;
use flowmeter_testkit::otlp::{Answer, OtlpReceiver};
use prost::Message as _;

use super::{ALL, POINTS, assert_refused, assert_unknown, body, client, options, request, send, taken};
use super::{send_until, taken_perhaps_twice};
use crate::Protocol;
use crate::request::Delivery;
use crate::transport::Client;
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// More than a connection takes that nobody reads from.
const VERY_LONG: usize = 48 * 1024 * 1024;

fn very_long(protocol: Protocol) -> Bytes {
    match protocol {
        Protocol::HttpJson => vec![b' '; VERY_LONG].into(),
        Protocol::Grpc | Protocol::HttpProtobuf => request(VERY_LONG).encode_to_vec().into(),
    }
}

#[test]
fn a_part_may_be_rejected() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        let mut client = client(&receiver, protocol);
        for (said, expected) in [(0, 0), (2, 2), (-1, 0), (1 << 40, POINTS)] {
            receiver.script([Answer::Partial { rejected: said, message: "too old".to_owned() }]);
            let partly =
                Delivery::Taken { rejected: expected, message: "too old".to_owned(), ambiguous: false };
            assert_eq!(send(&mut client, body(protocol)), partly);
        }
        assert_eq!(receiver.received().requests.len(), 4, "what is taken in part is not sent again");
    }
}

#[test]
fn where_nobody_listens_nothing_is_taken() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for protocol in ALL {
        let mut client =
            Client::new(&options(protocol, &format!("http://me:hunter2@{unused}/?t=hunter2"))).unwrap();
        let delivery = send_until(&mut client, body(protocol), Instant::now() + Duration::from_millis(100));
        assert_refused(&delivery, "see whether a receiver listens there");
        assert_refused(&delivery, "refused");
        assert!(!format!("{delivery:?}").contains("hunter2"), "{delivery:?}");
    }
}

#[test]
fn a_host_that_there_is_not_is_said_to_be() {
    let mut client = Client::new(&options(Protocol::HttpProtobuf, "http://flowmeter.invalid:4318")).unwrap();
    let deadline = Instant::now() + Duration::from_millis(500);
    let delivery = send_until(&mut client, body(Protocol::HttpProtobuf), deadline);
    assert_refused(&delivery, "http://flowmeter.invalid:4318: ");
}

#[test]
fn what_was_read_and_not_answered_may_be_there() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        let mut client = client(&receiver, protocol);
        receiver.script([Answer::Lost, Answer::Ok]);
        assert_eq!(send(&mut client, body(protocol)), taken_perhaps_twice());
        assert_eq!(receiver.received().taken(), 2);
        receiver.script([Answer::Close, Answer::Ok]);
        assert_eq!(send(&mut client, body(protocol)), taken_perhaps_twice());
        receiver.script([Answer::Close, Answer::status(400)]);
        assert_unknown(
            &send(&mut client, body(protocol)),
            "400 Bad Request; an attempt before that was not answered",
        );
        receiver.script([Answer::status(503), Answer::Ok]);
        assert_eq!(send(&mut client, body(protocol)), taken(), "what was before is forgotten");
    }
}

#[test]
fn what_was_not_sent_to_its_end_is_not_there() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        receiver.script(std::iter::repeat_n(Answer::CloseUnread, 10_000));
        let body = very_long(protocol);
        let deadline = Instant::now() + Duration::from_millis(500);
        let delivery = send_until(&mut client(&receiver, protocol), body, deadline);
        assert!(matches!(delivery, Delivery::Refused { .. }), "{protocol:?} {delivery:?}");
        assert!(receiver.received().connections > 0);
    }
}

#[test]
fn what_is_answered_with_nonsense_may_be_there_and_is_not_sent_again() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        let mut client = client(&receiver, protocol);
        receiver.script([Answer::Garbage]);
        assert_unknown(&send(&mut client, body(protocol)), "a message that cannot be read");
        receiver.script([Answer::Oversized(1 << 20)]);
        assert_unknown(&send(&mut client, body(protocol)), "too long");
        assert_eq!(receiver.received().requests.len(), 2);
        assert_eq!(send(&mut client, body(protocol)), taken());
    }
}

#[test]
fn a_connection_that_was_closed_meanwhile_is_not_used() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        let mut client = client(&receiver, protocol);
        for connections in 1..20 {
            assert_eq!(send(&mut client, body(protocol)), taken());
            assert_eq!(receiver.received().connections, connections);
            receiver.close_connections();
        }
    }
}

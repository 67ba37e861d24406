//! When requests are sent again.

use std::cell::Cell;
use std::time::{Duration, Instant};

use flowmeter_testkit::PATIENCE;
use flowmeter_testkit::otlp::{Answer, OtlpReceiver};

use super::taken_perhaps_twice;
use super::{
    ALL, POINTS, assert_refused, assert_unknown, body, client, options, send, send_until, taken, url,
};
use crate::transport::{Client, Signal};
use crate::{Compression, Protocol, RetryOptions};

/// Longer than any test that is right takes, and shorter than its patience.
const LONG: Duration = Duration::from_secs(15);

#[test]
fn the_same_bytes_are_sent_until_they_are_taken() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        receiver.script([
            Answer::status(503),
            Answer::status(429),
            Answer::retry_after(503, "0"),
            Answer::Ok,
        ]);
        let options = options(protocol, &url(&receiver, protocol)).with_compression(Compression::Gzip);
        assert_eq!(send(&mut Client::new(&options).unwrap(), body(protocol)), taken());
        let requests = receiver.received().requests;
        assert_eq!(requests.len(), 4);
        assert!(requests.iter().all(|request| request.wire == requests[0].wire));
    }
}

#[test]
fn grpc_has_codes_of_its_own() {
    let receiver = OtlpReceiver::start();
    let mut client = client(&receiver, Protocol::Grpc);
    let refusals = [10, 11, 15].map(|code| Answer::grpc(code, ""));
    receiver
        .script(refusals.into_iter().chain([Answer::grpc_retry(8, Duration::from_millis(1)), Answer::Ok]));
    assert_eq!(send(&mut client, body(Protocol::Grpc)), taken());
    for code in [1, 4, 14] {
        receiver.script([Answer::grpc(code, ""), Answer::Ok]);
        assert_eq!(send(&mut client, body(Protocol::Grpc)), taken_perhaps_twice(), "{code}");
    }
    for (code, said) in
        [(3, "InvalidArgument: no unit"), (8, "lower `request-size`: no unit"), (16, "`headers`")]
    {
        receiver.script([Answer::grpc(code, "no%20unit")]);
        assert_refused(&send(&mut client, body(Protocol::Grpc)), said);
    }
    assert_eq!(receiver.received().requests.len(), 5 + 6 + 3);
}

#[test]
fn what_is_refused_for_good_is_not_sent_again() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        let mut client = client(&receiver, protocol);
        for (status, said) in [
            (400, "it answered 400 Bad Request: no \\u{1b} unit"),
            (401, "so look at `headers`"),
            (404, "so look at the path of `endpoint`"),
            (413, "so lower `request-size`"),
            (500, "it answered 500 Internal Server Error"),
        ] {
            let headers = vec![("content-type", "text/plain".to_owned())];
            receiver.script([Answer::Status { status, headers, body: b"no \x1b unit\n".to_vec() }]);
            let refused = send(&mut client, body(protocol));
            assert_refused(&refused, said);
            assert_refused(&refused, &format!("{}: it answered", url(&receiver, protocol)));
        }
        assert_eq!(receiver.received().requests.len(), 5);
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let (receiver, elsewhere) = (OtlpReceiver::start(), OtlpReceiver::start());
    let headers = vec![("location", format!("{}/v1/metrics", elsewhere.http_url()))];
    receiver.script([Answer::Status { status: 307, headers, body: Vec::new() }]);
    let refused = send(&mut client(&receiver, Protocol::HttpProtobuf), body(Protocol::HttpProtobuf));
    assert_refused(&refused, "is not followed: give the address that it leads to");
    assert_eq!(elsewhere.received().connections, 0);
}

#[test]
fn a_receiver_that_asks_for_time_gets_it() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        let mut client = client(&receiver, protocol);
        receiver.script([match protocol {
            Protocol::Grpc => Answer::grpc_retry(14, Duration::from_secs(1)),
            _ => Answer::retry_after(429, "1"),
        }]);
        let begun = Instant::now();
        assert_eq!(send(&mut client, body(protocol)), taken());
        assert!(begun.elapsed() >= Duration::from_secs(1));
    }
}

#[test]
fn a_receiver_that_asks_for_more_than_there_is_is_left_alone() {
    let receiver = OtlpReceiver::start();
    let mut client = client(&receiver, Protocol::HttpProtobuf);
    receiver.script([Answer::retry_after(503, "99999999999"), Answer::Ok]);
    let begun = Instant::now();
    assert_refused(&send(&mut client, body(Protocol::HttpProtobuf)), "503 Service Unavailable");
    assert_refused(&send(&mut client, body(Protocol::HttpProtobuf)), "it asked not to be sent anything");
    assert!(begun.elapsed() < LONG);
    assert_eq!(receiver.received().requests.len(), 1);
    // At the end there is no later.
    let last = client.send(
        Signal::Metrics,
        body(Protocol::HttpProtobuf),
        POINTS,
        Instant::now() + PATIENCE,
        &|| true,
    );
    assert_eq!(last, taken());
}

#[test]
fn retries_end_at_the_deadline() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        receiver.script(std::iter::repeat_n(Answer::status(503), 10_000));
        let begun = Instant::now();
        let deadline = begun + Duration::from_millis(200);
        assert_refused(&send_until(&mut client(&receiver, protocol), body(protocol), deadline), "503");
        assert!(begun.elapsed() < LONG);
        assert!(receiver.received().requests.len() > 5);
    }
}

#[test]
fn nothing_is_begun_shortly_before_the_deadline() {
    let receiver = OtlpReceiver::start();
    receiver.script([Answer::status(503), Answer::Hang]);
    let url = url(&receiver, Protocol::HttpProtobuf);
    let backoff = Duration::from_millis(950);
    let retry = RetryOptions::default().with_backoff(backoff, backoff).with_jitter(0.0);
    let mut client = Client::new(&options(Protocol::HttpProtobuf, &url).with_retry(retry)).unwrap();
    let deadline = Instant::now() + Duration::from_secs(1);
    assert_refused(&send_until(&mut client, body(Protocol::HttpProtobuf), deadline), "503");
}

#[test]
fn a_receiver_that_hangs_is_waited_for_as_long_as_there_is() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        receiver.script([Answer::Hang]);
        let begun = Instant::now();
        let deadline = begun + Duration::from_millis(200);
        assert_unknown(
            &send_until(&mut client(&receiver, protocol), body(protocol), deadline),
            "did not answer within",
        );
        assert!((Duration::from_millis(200)..LONG).contains(&begun.elapsed()));
        // Each attempt has its own time.
        receiver.script([Answer::Hang]);
        let options = options(protocol, &url(&receiver, protocol)).with_timeout(Duration::from_millis(500));
        assert_eq!(send(&mut Client::new(&options).unwrap(), body(protocol)), taken_perhaps_twice());
        let received = receiver.wait_for(|received| received.requests.len() == 3);
        assert_eq!(received.connections, 3, "one that hangs is not used again");
    }
}

#[test]
fn at_the_end_there_is_one_more_attempt() {
    for protocol in ALL {
        // While it waits for long.
        let receiver = OtlpReceiver::start();
        receiver.script(std::iter::repeat_n(Answer::status(503), 10));
        let url = url(&receiver, protocol);
        let retry = RetryOptions::default().with_backoff(LONG, LONG);
        let mut client = Client::new(&options(protocol, &url).with_retry(retry)).unwrap();
        let begun = Instant::now();
        let deadline = begun + PATIENCE + LONG;
        let asked = Cell::new(0);
        let is_stopping = || asked.replace(asked.get() + 1) >= 3;
        assert_refused(&client.send(Signal::Metrics, body(protocol), POINTS, deadline, &is_stopping), "503");
        assert!(begun.elapsed() < LONG);
        assert_eq!(receiver.received().requests.len(), 2);
        // From the beginning.
        assert_refused(&client.send(Signal::Metrics, body(protocol), POINTS, deadline, &|| true), "503");
        assert_eq!(receiver.received().requests.len(), 4);
        receiver.script([Answer::Ok]);
        assert!(begun.elapsed() < LONG);
    }
}

#[test]
fn nothing_is_begun_after_the_deadline() {
    let receiver = OtlpReceiver::start();
    let begun = Instant::now();
    let delivery =
        send_until(&mut client(&receiver, Protocol::HttpProtobuf), body(Protocol::HttpProtobuf), begun);
    assert!(begun.elapsed() < LONG);
    assert_refused(&delivery, "there is no time left");
    assert_eq!(receiver.received().requests.len(), 0);
}

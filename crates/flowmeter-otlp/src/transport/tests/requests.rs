//! What requests look like.

use std::time::Instant;

use bytes::Bytes;
use flowmeter_testkit::PATIENCE;
use flowmeter_testkit::otlp::{Message, OtlpReceiver};

use super::{ALL, POINTS, body, client, options, request, send, taken, url};
use crate::transport::{Client, Signal};
use crate::{Compression, Endpoint, Error, OtlpOptions, Protocol};

const COMPRESSIONS: &[Compression] = &[
    Compression::None,
    Compression::Gzip,
    #[cfg(feature = "zstd")]
    Compression::Zstd,
];

#[test]
fn what_is_sent_arrives_in_each_form() {
    for protocol in ALL {
        for &compression in COMPRESSIONS {
            let receiver = OtlpReceiver::start();
            let options = options(protocol, &url(&receiver, protocol)).with_compression(compression);
            let mut client = Client::new(&options).unwrap();
            for _ in 0..2 {
                assert_eq!(send(&mut client, body(protocol)), taken(), "{protocol:?} {compression:?}");
            }
            let received = receiver.received();
            assert_eq!((received.requests.len(), received.connections), (2, 1));
            let first = &received.requests[0];
            assert_eq!(first.message, Ok(Message::Metrics(request(7))));
            let header = |name: &str| first.headers.get(name).map(|value| value.to_str().unwrap());
            let (content_type, path, encoding) = match protocol {
                Protocol::Grpc => (
                    "application/grpc",
                    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
                    "grpc-encoding",
                ),
                Protocol::HttpProtobuf => ("application/x-protobuf", "/v1/metrics", "content-encoding"),
                Protocol::HttpJson => ("application/json", "/v1/metrics", "content-encoding"),
            };
            assert_eq!((header("content-type"), &*first.path), (Some(content_type), path));
            assert_eq!(header(encoding), super::super::compress::name(compression));
            assert!(header("user-agent").unwrap().starts_with("OTel-OTLP-Exporter-flowmeter/"));
            assert_eq!(header("te"), (protocol == Protocol::Grpc).then_some("trailers"));
            assert_eq!(header("grpc-timeout").is_some(), protocol == Protocol::Grpc);
        }
    }
}

#[test]
fn each_signal_has_its_path() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        let mut client = client(&receiver, protocol);
        let empty = if protocol == Protocol::HttpJson { "{}" } else { "" };
        for signal in [Signal::Metrics, Signal::Traces, Signal::Logs] {
            let deadline = Instant::now() + PATIENCE;
            assert_eq!(
                client.send(signal, Bytes::from_static(empty.as_bytes()), POINTS, deadline, &|| None),
                taken()
            );
        }
        let messages: Vec<_> =
            receiver.received().requests.into_iter().map(|request| request.message.unwrap()).collect();
        assert!(
            matches!(messages[..], [Message::Metrics(_), Message::Traces(_), Message::Logs(_)]),
            "{messages:?}"
        );
    }
}

#[test]
fn a_complete_endpoint_is_used_as_it_is() {
    let receiver = OtlpReceiver::start();
    let complete = Endpoint::complete(&format!("{}/other/metrics", receiver.http_url())).unwrap();
    let base: Endpoint = format!("{}/base/?k=v", receiver.http_url()).parse().unwrap();
    for endpoint in [complete, base] {
        let mut client = Client::new(&OtlpOptions::default().with_endpoint(endpoint)).unwrap();
        assert_eq!(send(&mut client, body(Protocol::HttpProtobuf)), taken());
    }
    let paths: Vec<_> = receiver.received().requests.into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/other/metrics", "/base/v1/metrics"]);
}

#[test]
fn headers_and_credentials_go_along() {
    for protocol in ALL {
        let receiver = OtlpReceiver::start();
        let with_user = url(&receiver, protocol).replace("://", "://me:hunter%3A2@");
        let options =
            options(protocol, &with_user).with_header("X-Tenant", "a").with_header("user-agent", "mine");
        let mut client = Client::new(&options).unwrap();
        assert_eq!(send(&mut client, body(protocol)), taken());
        let headers = &receiver.received().requests[0].headers;
        assert_eq!(headers["x-tenant"], "a");
        assert_eq!(headers["user-agent"], "mine");
        assert_eq!(headers["authorization"], "Basic bWU6aHVudGVyOjI=");
        assert!(!client.endpoint().to_string().contains("hunter"));
        let token = options.with_header("authorization", "Bearer t");
        assert_eq!(send(&mut Client::new(&token).unwrap(), body(protocol)), taken());
        assert_eq!(receiver.received().requests[1].headers["authorization"], "Bearer t");
    }
}

#[test]
fn a_host_alone_is_for_grpc_and_may_be_insecure() {
    let receiver = OtlpReceiver::start();
    let address = receiver.grpc_url().replace("http://", "");
    let insecure = options(Protocol::Grpc, &address).with_insecure(true);
    assert_eq!(send(&mut Client::new(&insecure).unwrap(), body(Protocol::Grpc)), taken());
    let error = Client::new(&options(Protocol::HttpProtobuf, &address)).err().unwrap();
    assert!(error.to_string().contains("a URL that begins with `http://` or `https://`"), "{error}");
}

#[cfg(not(feature = "tls"))]
#[test]
fn without_tls_nothing_secure_is_begun() {
    for (protocol, url) in
        [(Protocol::Grpc, "localhost:1"), (Protocol::Grpc, "https://h"), (Protocol::HttpJson, "https://h")]
    {
        let error = Client::new(&options(protocol, url)).err().unwrap();
        assert!(error.to_string().contains("enable its feature `tls`"), "{error}");
    }
}

#[test]
fn headers_that_cannot_be_are_named_and_their_values_are_not() {
    for (name, value, reason) in [
        ("a b", "hunter2", "it is no name of a header"),
        ("", "hunter2", "it is no name of a header"),
        ("authorization", "hunter2\n", "its value has characters that headers cannot have"),
        ("Content-Type", "hunter2", "the reporter gives it its value"),
        ("grpc-timeout", "hunter2", "the reporter gives it its value"),
        ("te", "hunter2", "the reporter gives it its value"),
    ] {
        let error = Client::new(&OtlpOptions::default().with_header(name, value)).err().unwrap();
        assert!(matches!(error, Error::Header { .. }), "{error:?}");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(reason) && !shown.contains("hunter2"), "{shown}");
    }
}

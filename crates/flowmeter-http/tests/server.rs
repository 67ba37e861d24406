//! The server as clients meet it that do as they should.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::{LARGE, PATIENCE, connect, echo, exchange, get, large, options, read_all, start};
use flowmeter_http::{BodyWriter, Error, Ports, Request, Responder, Response, Server};

#[test]
fn requests_are_answered() {
    let server = start(&options(), echo);
    assert!(server.address().ip().is_loopback());
    let answer = exchange(&server, get("/x?a=b&q=7&c"));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("content-length: 12\r\n") && answer.ends_with("\r\n\r\n/x Some(\"7\")"),
        "{answer}"
    );
    assert!(exchange(&server, get("/?q")).ends_with("/ Some(\"\")"));
    assert!(exchange(&server, get("/")).ends_with("/ None"));
}

#[test]
fn head_has_the_same_headers_and_no_body() {
    let server = start(&options(), |request: Request, responder: Responder| match request.path() {
        "/stream" => {
            let (response, body) = Response::stream("text/csv");
            responder.send(response.with_header("Vary", "Accept"));
            body.write("a,b\n".into());
            body.finish();
        }
        "/empty" => responder.send(Response::chunks("text/csv", Vec::new())),
        "/none" => responder.send(Response::not_found()),
        _ => responder.send(Response::text(if request.is_head() { "123456" } else { "abcdef" })),
    });
    for path in ["/", "/stream", "/empty", "/none"] {
        let answers = [get(path), get(path).replace("GET", "HEAD")].map(|request| exchange(&server, request));
        let [(headers, body), (head_headers, head_body)] = answers.each_ref().map(|answer| {
            let (head, body) = answer.split_once("\r\n\r\n").unwrap();
            // How a body is sent is nothing to say where there is none.
            let varies = |line: &&str| line.starts_with("date: ") || line.starts_with("transfer-encoding: ");
            let headers = head.lines().filter(|line| !varies(line));
            (headers.collect::<BTreeSet<_>>(), body)
        });
        assert_eq!(headers, head_headers, "{path}");
        assert_eq!((body.is_empty(), head_body), (path == "/empty", ""), "{path}");
    }
}

#[test]
fn an_answer_says_what_it_is() {
    let server = start(&options(), |request: Request, responder: Responder| {
        responder.send(match request.path() {
            "/page" => Response::html("<p>"),
            "/bad" => Response::bad_request("no\n"),
            "/format" => Response::not_acceptable("no\n"),
            "/later" => Response::unavailable("no\n").with_header("Retry-After", 5.to_string()),
            _ => Response::chunks(format!("text/{}", &request.path()[1..]), vec!["x".into()])
                .with_header("Content-Encoding", "gzip")
                .with_header("bad header", "x")
                .with_header("X-Bad", "a\r\nX-Worse: b"),
        });
    });
    for (path, status, headers) in [
        ("/page", "200 OK", "content-type: text/html; charset=utf-8\r\n"),
        ("/bad", "400 Bad Request", "content-type: text/plain; charset=utf-8\r\n"),
        ("/format", "406 Not Acceptable", "content-length: 3\r\n"),
        ("/later", "503 Service Unavailable", "retry-after: 5\r\n"),
        ("/csv", "200 OK", "content-type: text/csv\r\ncontent-encoding: gzip\r\n"),
    ] {
        let answer = exchange(&server, get(path));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
        assert!(
            answer.contains(headers) && answer.contains("x-content-type-options: nosniff\r\n"),
            "{answer}"
        );
        assert!(!answer.to_lowercase().contains("bad header") && !answer.contains("x-bad"), "{answer}");
    }
}

#[test]
fn urls_are_what_clients_are_given() {
    let server = start(&options(), echo);
    assert_eq!(server.url(), format!("http://127.0.0.1:{}", server.address().port()));
    // Not every host has it.
    if let Ok(server) = Server::start("test", &options().with_address("::1".parse().unwrap()), echo) {
        assert_eq!(server.url(), format!("http://[::1]:{}", server.address().port()));
    }
}

#[test]
fn an_answer_is_waited_for_as_long_as_the_client_says_it_waits() {
    let (sender, kept) = mpsc::channel();
    let server = start(&options(), move |_: Request, responder: Responder| sender.send(responder).unwrap());
    let hurried = get("/").replace("Host: h", "X-Prometheus-Scrape-Timeout-Seconds: 0.1");
    let answer = exchange(&server, hurried);
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.ends_with("the answer did not come in time\n"),
        "{answer}"
    );
    drop(kept);
}

#[test]
fn a_client_that_waits_longer_gets_no_more_patience() {
    let mut options = options();
    options.answer_patience = Duration::from_millis(100);
    let (sender, kept) = mpsc::channel();
    let server = start(&options, move |_: Request, responder: Responder| sender.send(responder).unwrap());
    let patient = get("/").replace("Host: h", "X-Prometheus-Scrape-Timeout-Seconds: 3600");
    assert!(exchange(&server, patient).starts_with("HTTP/1.1 503"));
    drop(kept);
}

#[test]
fn other_methods_are_refused() {
    let server = start(&options(), echo);
    let answer =
        exchange(&server, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc");
    assert!(answer.starts_with("HTTP/1.1 405") && answer.contains("allow: GET, HEAD\r\n"), "{answer}");
}

#[test]
fn one_connection_serves_several_requests() {
    let server = start(&options(), echo);
    let both = format!("GET /1 HTTP/1.1\r\nHost: h\r\n\r\n{}", get("/2"));
    let answer = exchange(&server, &both);
    assert!(answer.contains("/1 None") && answer.ends_with("/2 None"), "{answer}");
}

#[test]
fn an_answer_can_come_later_from_another_thread_or_not_at_all() {
    let mut options = options();
    options.answer_patience = Duration::from_millis(100);
    let (sender, kept) = mpsc::channel();
    let server = start(&options, move |request: Request, responder: Responder| match request.path() {
        "/later" => drop(thread::spawn(move || responder.send(Response::text("later")))),
        "/never" => sender.send(responder).unwrap(),
        _ => drop(responder),
    });
    assert!(exchange(&server, get("/later")).ends_with("later"));
    let answer = exchange(&server, get("/dropped"));
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.ends_with("the answer could not be made\n"),
        "{answer}"
    );
    let answer = exchange(&server, get("/never"));
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.ends_with("the answer did not come in time\n"),
        "{answer}"
    );
    drop(kept);
}

#[test]
fn sent_is_told_when_all_was_taken() {
    let (server, told) = large(&options());
    let mut stream = connect(&server);
    stream.write_all(get("/").as_bytes()).unwrap();
    let mut first = [0; 1];
    stream.read_exact(&mut first).unwrap();
    assert!(told.recv_timeout(Duration::from_millis(100)).is_err(), "most of it is still to be taken");
    let rest = read_all(&mut stream);
    assert!(rest.len() > LARGE);
    told.recv_timeout(PATIENCE).unwrap();
}

#[test]
fn sent_is_not_told_to_a_client_that_left_or_asked_for_the_head_only() {
    let (server, told) = large(&options());
    let mut stream = connect(&server);
    stream.write_all(get("/").as_bytes()).unwrap();
    stream.read_exact(&mut [0; 1000]).unwrap();
    drop(stream);
    exchange(&server, "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    // The server is done with both when it has stopped.
    drop(server);
    assert!(told.try_recv().is_err());
}

#[test]
fn a_client_that_closes_its_side_gets_its_answers() {
    let (asked, asks) = mpsc::channel();
    let server = start(&options(), move |request: Request, responder: Responder| match request.path() {
        "/later" => asked.send(responder).unwrap(),
        path => responder.send(Response::text(path.to_owned())),
    });
    let mut stream = connect(&server);
    stream.write_all(b"GET /later HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let responder = asks.recv_timeout(PATIENCE).unwrap();
    // By the time that another client was served, the server has seen that.
    assert!(exchange(&server, get("/now")).ends_with("/now"));
    responder.send(Response::text("later"));
    let answer = read_all(&mut stream);
    assert!(answer.ends_with("later"), "{answer}");
}

#[test]
fn sent_is_not_told_to_a_client_that_may_be_gone() {
    let (asked, asks) = mpsc::channel();
    let (sent, told) = mpsc::channel();
    let server = start(&options(), move |request: Request, responder: Responder| match request.path() {
        "/later" => asked.send(responder).unwrap(),
        _ => responder.send(Response::text("now")),
    });
    let mut stream = connect(&server);
    stream.write_all(get("/later").as_bytes()).unwrap();
    let responder = asks.recv_timeout(PATIENCE).unwrap();
    drop(stream);
    // By the time that another client was served, the server has seen that.
    assert!(exchange(&server, get("/")).ends_with("now"));
    responder.send(Response::text("later").on_sent(move || sent.send(()).unwrap()));
    drop(server);
    assert!(told.try_recv().is_err());
}

#[test]
fn a_taken_port_is_passed_over_and_a_taken_range_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = Server::start("test", &options().with_ports(Ports::one(port)), echo).unwrap_err();
    assert!(matches!(error, Error::PortsTaken { .. }));
    let expected =
        format!("every port of `{port}` on 127.0.0.1 is taken: set `port` to a free port or a wider range");
    assert_eq!(error.to_string(), expected);
    let range = options().with_ports(Ports::range(port, port.saturating_add(200)));
    let server = Server::start("test", &range, echo).unwrap();
    assert!(server.address().port() > port);
    let elsewhere = options().with_address("192.0.2.1".parse().unwrap());
    let error = Server::start("test", &elsewhere, echo).unwrap_err();
    assert!(error.to_string().starts_with("cannot listen on 192.0.2.1, port 0: "), "{error}");
}

#[test]
fn stopping_lets_answers_under_way_finish_and_frees_the_port() {
    let (asked, asks) = mpsc::channel();
    let server = start(&options(), move |_: Request, responder: Responder| asked.send(responder).unwrap());
    let (address, mut stream) = (server.address(), connect(&server));
    stream.write_all(get("/").as_bytes()).unwrap();
    let responder = asks.recv_timeout(PATIENCE).unwrap();
    let stopping = thread::spawn(move || server.stop());
    responder.send(Response::text("last"));
    assert!(read_all(&mut stream).ends_with("last"));
    stopping.join().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn stopping_does_not_wait_for_clients_that_hang() {
    // Nothing else ends it.
    let (server, _told) = large(&options().with_client_patience(Duration::from_secs(3600)));
    let mut stuck = connect(&server);
    stuck.write_all(get("/").as_bytes()).unwrap();
    stuck.read_exact(&mut [0; 1]).unwrap();
    let (stopped, is_stopped) = mpsc::channel();
    thread::spawn(move || {
        server.stop();
        stopped.send(()).unwrap();
    });
    is_stopped.recv_timeout(PATIENCE).unwrap();
}

/// Answers with a stream: `/whole` is finished, `/broken` is not.
fn streaming(request: Request, responder: Responder) {
    let (response, body) = Response::stream("text/plain");
    responder.send(response);
    thread::spawn(move || {
        for i in 0..1_000 {
            body.write(format!("{i:099}\n").into());
        }
        if request.path() == "/whole" {
            return body.finish();
        }
        // What is not taken yet is not sent any more.
        let deadline = Instant::now() + PATIENCE;
        while body.backlog() > 0 {
            assert!(Instant::now() < deadline, "it is not taken");
            thread::yield_now();
        }
    });
}

#[test]
fn a_body_is_sent_while_it_is_written() {
    let server = start(&options(), streaming);
    // A client of HTTP/1.0 knows no chunks: for it the body ends with the connection.
    let answer = exchange(&server, "GET /whole HTTP/1.0\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200 OK") && !head.contains("content-length"), "{head}");
    let expected: String = (0..1_000).map(|i| format!("{i:099}\n")).collect();
    assert!(body == expected);
    let answer = exchange(&server, get("/whole"));
    assert!(answer.contains("transfer-encoding: chunked") && answer.ends_with("\r\n0\r\n\r\n"));
    let head = exchange(&server, "HEAD /whole HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(head.ends_with("\r\n\r\n") && !head.contains("0000"), "{head}");
}

#[test]
fn a_body_that_breaks_off_is_not_taken_for_whole() {
    let server = start(&options(), streaming);
    let answer = exchange(&server, get("/broken"));
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "it began well");
    assert!(!answer.ends_with("\r\n0\r\n\r\n"), "but the last chunk is missing");
}

#[test]
fn a_body_hears_that_its_client_is_gone_or_wants_none() {
    let (written, bodies) = mpsc::channel();
    let server = start(&options(), move |_: Request, responder: Responder| {
        let (response, body) = Response::stream("text/plain");
        responder.send(response);
        written.send(body).unwrap();
    });
    let hears = |body: BodyWriter| {
        let deadline = Instant::now() + PATIENCE;
        while !body.is_gone() {
            body.write("x".into());
            assert!(Instant::now() < deadline, "{body:?}");
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(body.backlog(), 0);
    };
    let mut stream = connect(&server);
    stream.write_all(get("/").as_bytes()).unwrap();
    let body = bodies.recv_timeout(PATIENCE).unwrap();
    body.write("x".into());
    stream.read_exact(&mut [0; 1]).unwrap();
    assert!(!body.is_gone());
    drop(stream);
    hears(body);
    exchange(&server, get("/").replace("GET", "HEAD"));
    hears(bodies.recv_timeout(PATIENCE).unwrap());
}

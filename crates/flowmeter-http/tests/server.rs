//! The server as clients meet it, the rude ones too.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use flowmeter_http::{Error, Handler, Ports, Request, Responder, Response, Server, ServerOptions};

const PATIENCE: Duration = Duration::from_secs(20);

fn options() -> ServerOptions {
    ServerOptions::default().with_ports(Ports::any())
}

fn start(options: &ServerOptions, handler: impl Handler) -> Server {
    Server::start("test", options, handler).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "a handler")]
fn echo(request: Request, responder: Responder) {
    responder.send(Response::text(format!("{} {:?}", request.path(), request.query("q"))));
}

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends bytes and reads until the server closes.
fn exchange(server: &Server, bytes: &str) -> String {
    let mut stream = connect(server);
    stream.write_all(bytes.as_bytes()).unwrap();
    read_all(&mut stream)
}

fn read_all(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        // A server that closes on what it has not read resets the connection.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}"),
    }
    String::from_utf8(answer).unwrap()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
}

#[test]
fn requests_are_answered() {
    let server = start(&options(), echo);
    assert!(server.address().ip().is_loopback());
    let answer = exchange(&server, &get("/x?a=b&q=7&c"));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.contains("content-length: 12\r\n") && answer.ends_with("\r\n\r\n/x Some(\"7\")"),
        "{answer}"
    );
    assert!(exchange(&server, &get("/?q")).ends_with("/ Some(\"\")"));
    assert!(exchange(&server, &get("/")).ends_with("/ None"));
}

#[test]
fn head_has_the_length_and_no_body() {
    let server = start(&options(), echo);
    let answer = exchange(&server, "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(answer.contains("content-length: 6\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
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
    assert!(exchange(&server, &get("/later")).ends_with("later"));
    let answer = exchange(&server, &get("/dropped"));
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.ends_with("the answer could not be made\n"),
        "{answer}"
    );
    let answer = exchange(&server, &get("/never"));
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.ends_with("the answer did not come in time\n"),
        "{answer}"
    );
    drop(kept);
}

/// A server whose answer is larger than any socket buffer, and what it tells when one has left.
fn large(options: &ServerOptions) -> (Server, mpsc::Receiver<()>) {
    let (sent, told) = mpsc::channel();
    let body: Vec<_> = (0..64).map(|_| vec![b'x'; 1 << 20].into()).collect();
    let server = start(options, move |_: Request, responder: Responder| {
        let sent = sent.clone();
        let response = Response::chunks("text/plain", body.clone());
        responder.send(response.on_sent(move || sent.send(()).unwrap()));
    });
    (server, told)
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
    assert!(rest.len() > 64 << 20);
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
fn a_client_that_takes_nothing_is_given_up() {
    let mut options = options();
    // Long for a client that reads, on a busy machine too.
    options.client_patience = Duration::from_secs(1);
    options.connections = 1;
    let (server, told) = large(&options);
    let mut stuck = connect(&server);
    stuck.write_all(get("/").as_bytes()).unwrap();
    // The only connection is free again for another client, who takes all.
    let answer = exchange(&server, &get("/"));
    assert!(answer.len() > 64 << 20);
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
fn nonsense_and_excess_are_refused_and_the_server_goes_on() {
    let server = start(&options(), echo);
    let long = "x".repeat(100_000);
    let many: String = (0..1_000).map(|i| format!("X-{i}: 1\r\n")).collect();
    for bytes in [
        "\0\u{1}\u{2}\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nX-Long: {long}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\n{many}\r\n"),
    ] {
        let mut stream = connect(&server);
        // The server may close before it has read all.
        let _ = stream.write_all(bytes.as_bytes());
        let _ = stream.shutdown(Shutdown::Write);
        let answer = read_all(&mut stream);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4"),
            "{}",
            &answer[..answer.len().min(200)]
        );
    }
    assert!(exchange(&server, &get("/")).ends_with("/ None"));
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
            scope.spawn(|| assert!(exchange(&server, &get("/")).ends_with("/ None")));
        }
    });
    drop(silent);
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
    let (server, _told) = large(&options());
    let mut stuck = connect(&server);
    stuck.write_all(get("/").as_bytes()).unwrap();
    stuck.read_exact(&mut [0; 1]).unwrap();
    let start = Instant::now();
    server.stop();
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn a_client_that_trickles_along_is_given_up() {
    let mut options = options();
    options.client_patience = Duration::from_millis(200);
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
    assert!(taken < 64 << 20, "it was not given all");
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
            body.finish();
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
    let answer = exchange(&server, &get("/whole"));
    assert!(answer.contains("transfer-encoding: chunked") && answer.ends_with("\r\n0\r\n\r\n"));
    let head = exchange(&server, "HEAD /whole HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert!(head.ends_with("\r\n\r\n") && !head.contains("0000"), "{head}");
}

#[test]
fn a_body_that_breaks_off_is_not_taken_for_whole() {
    let server = start(&options(), streaming);
    let answer = exchange(&server, &get("/broken"));
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "it began well");
    assert!(!answer.ends_with("\r\n0\r\n\r\n"), "but the last chunk is missing");
}

//! Clients, and servers for them.

#![allow(dead_code, reason = "no test uses all of it")]

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::Duration;

use flowmeter_http::{Handler, Ports, Request, Responder, Response, Server, ServerOptions};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn options() -> ServerOptions {
    ServerOptions::default().with_ports(Ports::any())
}

pub(crate) fn start(options: &ServerOptions, handler: impl Handler) -> Server {
    Server::start("test", options, handler).unwrap()
}

/// Answers with what was asked.
#[expect(clippy::needless_pass_by_value, reason = "a handler")]
pub(crate) fn echo(request: Request, responder: Responder) {
    responder.send(Response::text(format!("{} {:?}", request.path(), request.query("q"))));
}

/// How large the answers of [`large`] are: larger than any socket buffer.
pub(crate) const LARGE: usize = 32 << 20;

/// A server of large answers, and what it tells when one has left.
pub(crate) fn large(options: &ServerOptions) -> (Server, mpsc::Receiver<()>) {
    let (sent, told) = mpsc::channel();
    let body: Vec<_> = (0..32).map(|_| vec![b'x'; LARGE / 32].into()).collect();
    let server = start(options, move |_: Request, responder: Responder| {
        let sent = sent.clone();
        let response = Response::chunks("text/plain", body.clone());
        responder.send(response.on_sent(move || sent.send(()).unwrap()));
    });
    (server, told)
}

pub(crate) fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
}

/// Sends bytes and reads until the server closes.
pub(crate) fn exchange(server: &Server, bytes: impl AsRef<[u8]>) -> String {
    let mut stream = connect(server);
    // A server that refuses what it reads may close before it has read all.
    let _ = stream.write_all(bytes.as_ref());
    read_all(&mut stream)
}

pub(crate) fn read_all(stream: &mut impl Read) -> String {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        // A server that closes on what it has not read resets the connection.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}"),
    }
    String::from_utf8(answer).unwrap()
}

/// Asks a server of [`echo`] on a connection that stays.
pub(crate) fn ask(stream: &mut (impl Read + Write), path: &str) -> io::Result<()> {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes())?;
    receive(stream, path)
}

/// Reads an answer of [`echo`], and no further.
pub(crate) fn receive(stream: &mut impl Read, path: &str) -> io::Result<()> {
    let (end, mut answer) = (format!("\r\n\r\n{path} None"), Vec::new());
    while !answer.ends_with(end.as_bytes()) {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        answer.push(byte[0]);
    }
    Ok(())
}

/// Looks whether a server of [`echo`] serves a good client, whatever others do.
pub(crate) fn assert_serves(server: &Server) {
    let answer = exchange(server, get("/good"));
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n/good None"), "{answer}");
}

//! An HTTP client of a few lines, so that what it reads is what was sent.

use std::io::{Read, Write};
use std::net::TcpStream;

use flowmeter_core::ReporterHandle;
use flowmeter_testkit::PATIENCE;

/// Head and body of an answer that is text.
pub(crate) fn get(handle: &ReporterHandle, path: &str) -> (String, String) {
    let (head, body) = request(handle, &format!("GET {path}"), &[]);
    (head, String::from_utf8(body).unwrap())
}

/// Head and body of the answer to a request with headers.
pub(crate) fn request(handle: &ReporterHandle, line: &str, headers: &[(&str, &str)]) -> (String, Vec<u8>) {
    receive(send(handle, line, headers), line.starts_with("HEAD"))
}

/// Sends a request.
pub(crate) fn send(handle: &ReporterHandle, line: &str, headers: &[(&str, &str)]) -> TcpStream {
    let endpoint = handle.endpoint().unwrap();
    let address = endpoint.strip_prefix("http://").unwrap().strip_suffix("/metrics").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    write!(stream, "{line} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n").unwrap();
    stream
}

/// Head and body of the answer that comes.
pub(crate) fn receive(mut stream: TcpStream, is_head: bool) -> (String, Vec<u8>) {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let body = &answer[end + 4..];
    let is_chunked = head.contains("transfer-encoding: chunked") && !is_head;
    (head, if is_chunked { unchunked(body) } else { body.to_vec() })
}

/// The content of a body in HTTP's chunks, of which none may be missing.
fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n").unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&body[..end]).unwrap(), 16).unwrap();
        let (chunk, rest) = body[end + 2..].split_at(length);
        content.extend_from_slice(chunk);
        body = rest.strip_prefix(b"\r\n").unwrap();
        if length == 0 {
            assert_eq!(body, b"");
            return content;
        }
    }
}

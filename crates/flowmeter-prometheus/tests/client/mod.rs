//! An HTTP client of a few lines, so that what it reads is what was sent.

use std::io::{Read, Write};
use std::net::TcpStream;

use flowmeter_core::ReporterHandle;
use flowmeter_testkit::PATIENCE;

/// Head and body of an answer.
pub(crate) fn get(handle: &ReporterHandle, path: &str) -> (String, String) {
    let endpoint = handle.endpoint().unwrap();
    let address = endpoint.strip_prefix("http://").unwrap().strip_suffix("/metrics").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let is_chunked = head.contains("transfer-encoding: chunked");
    (head.to_owned(), if is_chunked { unchunked(body) } else { body.to_owned() })
}

/// The content of a body in HTTP's chunks, of which none may be missing.
fn unchunked(mut body: &str) -> String {
    let mut content = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n").unwrap();
        let length = usize::from_str_radix(length, 16).unwrap();
        let (chunk, rest) = rest.split_at(length);
        content.push_str(chunk);
        body = rest.strip_prefix("\r\n").unwrap();
        if length == 0 {
            assert_eq!(body, "");
            return content;
        }
    }
}

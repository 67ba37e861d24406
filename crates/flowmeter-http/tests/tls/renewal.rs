//! Certificates that are renewed while the server runs.

use std::io::{self, Write};
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use flowmeter_http::Server;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use crate::certificates::{Authority, Client, Files, Identity};
use crate::common::{PATIENCE, echo, get, options, read_all, start};

static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How often something of a server with these files was logged.
fn logged(text: &str, files: &Files) -> usize {
    let log = LOG.lock().unwrap_or_else(PoisonError::into_inner);
    let path = files.path("").display().to_string();
    String::from_utf8_lossy(&log).lines().filter(|line| line.contains(text) && line.contains(&path)).count()
}

fn watch_log() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(|| Log);
        log.try_init().unwrap();
    });
}

/// The certificate that a server has.
fn shown(server: &Server, client: &Client) -> CertificateDer<'static> {
    let mut stream = client.connect(server);
    stream.write_all(get("/").as_bytes()).unwrap();
    assert!(read_all(&mut stream).starts_with("HTTP/1.1 200"));
    stream.conn.peer_certificates().unwrap()[0].clone().into_owned()
}

fn certificate(identity: &Identity) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()
}

/// Connects again and again until something has come to pass.
fn connect_until(server: &Server, client: &Client, mut holds: impl FnMut(CertificateDer<'static>) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds(shown(server, client)) {
        assert!(Instant::now() < deadline, "it has not come to pass");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_renewed_certificate_is_taken() {
    watch_log();
    let authority = Authority::new();
    let (old, new, newer) = (authority.issue(1), authority.issue(2), authority.issue(3));
    let files = Files::new(&old);
    let server = start(&options().with_tls(files.options()), echo);
    let client = Client::new(&authority);
    assert!(shown(&server, &client) == certificate(&old));

    // A connection that is open goes on.
    let mut open = client.connect(&server);
    open.write_all(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    files.write("key.pem", &new.key);
    files.write("certificate.pem", &new.certificate);
    connect_until(&server, &client, |shown| shown == certificate(&new));
    open.write_all(get("/2").as_bytes()).unwrap();
    let answer = read_all(&mut open);
    assert!(answer.contains("/1 None") && answer.ends_with("/2 None"), "{answer}");

    // Half of a pair cannot be used. That is said once, and what was there goes on.
    files.write("certificate.pem", &newer.certificate);
    connect_until(&server, &client, |shown| {
        assert!(shown == certificate(&new));
        logged("cannot be used", &files) > 0
    });
    // Long enough for the files to be looked at once more.
    let looked = Instant::now();
    while looked.elapsed() < Duration::from_secs(3) {
        assert!(shown(&server, &client) == certificate(&new));
    }
    assert_eq!(logged("cannot be used", &files), 1);
    files.write("key.pem", &newer.key);
    connect_until(&server, &client, |shown| shown == certificate(&newer));
    assert_eq!(logged("are in use", &files), 2);
}

#[test]
fn renewed_authorities_are_taken() {
    let (authority, before, after) = (Authority::new(), Authority::new(), Authority::new());
    let files = Files::new(&authority.issue(1));
    let tls = files.options().with_client_ca(files.write("clients.pem", &before.pem()));
    let server = start(&options().with_tls(tls), echo);
    let client = |of: &Authority| {
        let versions = [&tokio_rustls::rustls::version::TLS13];
        Client::with(&authority, Some(&of.issue(2)), &versions)
    };
    let (old, new) = (client(&before), client(&after));
    assert!(old.exchange(&server, &get("/")).is_ok());
    files.write("clients.pem", &after.pem());
    let deadline = Instant::now() + PATIENCE;
    while new.exchange(&server, &get("/")).is_err() {
        assert!(Instant::now() < deadline, "it is not taken");
        thread::sleep(Duration::from_millis(50));
    }
    // Not even if it resumes what was agreed before.
    assert!(old.exchange(&server, &get("/")).is_err());
}

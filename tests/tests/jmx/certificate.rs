//! Certificates for servers on this host.

use std::fs;
use std::path::Path;

/// The file names of a certificate and its key, for a server on this host.
pub(crate) fn certificate(folder: &Path) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()]);
    let made = made.expect("a certificate can be made");
    let path = |name: &str| folder.join(name).to_str().expect("its path is a text").to_owned();
    let (certificate, key) = (path("server.crt"), path("server.key"));
    fs::write(&certificate, made.cert.pem()).expect("the folder can be written");
    fs::write(&key, made.signing_key.serialize_pem()).expect("the folder can be written");
    (certificate, key)
}

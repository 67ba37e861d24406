//! TLS.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowmeter_testkit::otlp::OtlpReceiver;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::{ALL, assert_refused, body, options, send, send_until, taken, url};
use crate::transport::Client;
use crate::{OtlpOptions, Protocol, TlsOptions};

/// An authority, and a directory for files.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: TempDir,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        Self { issuer, directory: TempDir::new().unwrap() }
    }

    /// A certificate of 127.0.0.1 and its key, in PEM.
    fn issue(&self) -> (String, String) {
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn trusted(&self) -> TlsOptions {
        TlsOptions::default().with_authorities(self.file("authority.pem", &self.issuer.pem()))
    }

    fn receiver(&self, asks_for_clients: bool) -> OtlpReceiver {
        let (certificate, key) = self.issue();
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if asks_for_clients {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(self.issuer.pem().as_bytes()).unwrap()).unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        OtlpReceiver::start_secure(&builder.with_single_cert(chain, key).unwrap())
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(300)
}

#[test]
fn a_receiver_that_is_trusted_gets_it() {
    let authority = Authority::new();
    let receiver = authority.receiver(false);
    for protocol in ALL {
        let options = options(protocol, &url(&receiver, protocol)).with_tls(authority.trusted());
        let mut client = Client::new(&options).unwrap();
        for _ in 0..2 {
            assert_eq!(send(&mut client, body(protocol)), taken());
        }
    }
    assert_eq!(receiver.received().connections, 3);
    // A host alone is spoken to by TLS.
    let address = receiver.grpc_url().replace("https://", "");
    let options = options(Protocol::Grpc, &address).with_tls(authority.trusted());
    assert_eq!(send(&mut Client::new(&options).unwrap(), body(Protocol::Grpc)), taken());
}

#[test]
fn an_authority_that_cannot_be_understood_is_passed_over() {
    let authority = Authority::new();
    let receiver = authority.receiver(false);
    let strange = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let bundle = authority.file("bundle.pem", &format!("{strange}{}{strange}", authority.issuer.pem()));
    let options = options(Protocol::HttpProtobuf, &receiver.http_url());
    let trusting = |path| options.clone().with_tls(TlsOptions::default().with_authorities(path));
    let mut client = Client::new(&trusting(bundle)).unwrap();
    assert_eq!(send(&mut client, body(Protocol::HttpProtobuf)), taken());
    let error = Client::new(&trusting(authority.file("strange.pem", strange))).err().unwrap();
    assert!(error.to_string().contains("no certificate in it can be used"), "{error}");
}

#[test]
fn one_that_is_not_gets_nothing() {
    let (authority, other) = (Authority::new(), Authority::new());
    let receiver = authority.receiver(false);
    for protocol in ALL {
        let options = options(protocol, &url(&receiver, protocol)).with_tls(other.trusted());
        let delivery = send_until(&mut Client::new(&options).unwrap(), body(protocol), soon());
        assert_refused(
            &delivery,
            "so see `tls.authorities` and the host in `endpoint`: invalid peer certificate",
        );
    }
    assert!(receiver.received().requests.is_empty());
}

#[test]
fn one_that_asks_for_a_certificate_is_shown_one() {
    let authority = Authority::new();
    let receiver = authority.receiver(true);
    let (certificate, key) = authority.issue();
    let (certificate, key) = (authority.file("c.pem", &certificate), authority.file("k.pem", &key));
    for protocol in ALL {
        let options = options(protocol, &url(&receiver, protocol)).with_tls(authority.trusted());
        let without = send_until(&mut Client::new(&options).unwrap(), body(protocol), soon());
        assert_ne!(without, taken());
        let options = options.with_tls(authority.trusted().with_client(&certificate, &key));
        assert_eq!(send(&mut Client::new(&options).unwrap(), body(protocol)), taken());
    }
}

#[test]
fn what_speaks_no_tls_is_not_spoken_to() {
    let (receiver, authority) = (OtlpReceiver::start(), Authority::new());
    for protocol in ALL {
        let url = url(&receiver, protocol).replace("http://", "https://");
        let options = options(protocol, &url).with_tls(authority.trusted());
        let delivery = send_until(&mut Client::new(&options).unwrap(), body(protocol), soon());
        assert_refused(&delivery, "so see whether it speaks TLS at that port");
    }
    assert!(receiver.received().requests.is_empty());
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue();
    let (certificate, key) = (authority.file("c.pem", &certificate), authority.file("k.pem", &key));
    let other = authority.file("other.pem", &authority.issue().1);
    let (empty, garbled) = (
        authority.file("empty.pem", ""),
        authority.file("garbled.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----"),
    );
    let missing = authority.directory.path().join("missing.pem");
    let trusting = |path: &PathBuf| TlsOptions::default().with_authorities(path);
    let showing = |certificate: &PathBuf, key: &PathBuf| authority.trusted().with_client(certificate, key);
    for (tls, file, said) in [
        (trusting(&missing), "missing.pem", "give a PEM file with the certificates of the authorities"),
        (trusting(&empty), "empty.pem", "there is no certificate in it"),
        (trusting(&garbled), "garbled.pem", "it is not PEM"),
        (showing(&empty, &key), "empty.pem", "give a PEM file with the client's certificate"),
        (showing(&certificate, &empty), "empty.pem", "there is no private key in it"),
        (showing(&certificate, &certificate), "c.pem", "there is no private key in it"),
        (showing(&certificate, &other), "other.pem", "give a PEM file with the private key"),
    ] {
        let error = Client::new(&options(Protocol::Grpc, "https://h").with_tls(tls)).err().unwrap();
        let error = error.to_string();
        assert!(error.contains(file) && error.contains(said), "{error}");
    }
    let mut half = authority.trusted();
    half.client_key = Some(key);
    let error =
        Client::new(&OtlpOptions::default().with_endpoint("https://h".parse().unwrap()).with_tls(half));
    assert_eq!(
        error.err().unwrap().to_string(),
        "a client's certificate and its key go together: give both or neither"
    );
}

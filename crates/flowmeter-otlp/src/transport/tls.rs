//! TLS, by rustls.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, version};

use crate::{Error, TlsOptions};

const AUTHORITIES: &str = "a PEM file with the certificates of the authorities that are trusted";
const CERTIFICATE: &str = "a PEM file with the client's certificate, and after it those of its chain";
const KEY: &str = "a PEM file with the private key of the client's certificate, which is not encrypted";

/// How connections are secured. The files are read once.
pub(super) fn config(options: &TlsOptions, protocol: &[u8]) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|error| Error::Tls(error.to_string()))?;
    let builder = match &options.authorities {
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in certificates(path, AUTHORITIES)? {
                roots.add(certificate).map_err(|error| unusable(path, error.to_string(), AUTHORITIES))?;
            }
            builder.with_root_certificates(roots)
        }
        None => builder.with_native_roots().map_err(|error| {
            Error::Tls(format!("no authorities of the system can be read, so give a file of some: {error}"))
        })?,
    };
    let mut config = match (&options.client_certificate, &options.client_key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate, CERTIFICATE)?;
            let why = |error: pem::Error| match error {
                pem::Error::NoItemsFound => "there is no private key in it, or an encrypted one".to_owned(),
                error => format!("it is not PEM: {error}"),
            };
            let der = PrivateKeyDer::from_pem_slice(&read(key, KEY)?)
                .map_err(|error| unusable(key, why(error), KEY))?;
            builder
                .with_client_auth_cert(chain, der)
                .map_err(|error| unusable(key, error.to_string(), KEY))?
        }
        _ => return Err(Error::HalfAClient),
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(config)
}

fn read(path: &Path, expected: &'static str) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| unusable(path, error.to_string(), expected))
}

/// The certificates of a file, of which there is at least one.
fn certificates(path: &Path, expected: &'static str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read = read(path, expected)?;
    match CertificateDer::pem_slice_iter(&read).collect::<Result<Vec<_>, _>>() {
        Ok(certificates) if certificates.is_empty() => {
            Err(unusable(path, "there is no certificate in it".to_owned(), expected))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unusable(path, format!("it is not PEM: {error}"), expected)),
    }
}

fn unusable(path: &Path, reason: String, expected: &'static str) -> Error {
    Error::File { path: path.to_owned(), reason, expected }
}

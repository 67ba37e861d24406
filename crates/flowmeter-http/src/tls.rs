//! HTTPS, by rustls.

use std::error::Error as StdError;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ServerConfig, WebPkiClientVerifier};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::{self, InconsistentKeys, RootCertStore};
use tracing::{info, warn};

use crate::Error;
use crate::config::tls::{CERTIFICATE, CLIENT_CA, KEY};

/// The files of a server that speaks TLS 1.2 or 1.3, all in PEM.
///
/// They may be renewed while it runs: connections that begin a few seconds later use the new ones. If those cannot be
/// used, which is logged, the old ones stay in use.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsOptions {
    /// The server's certificate, and after it those that lead from there to one that clients know.
    pub certificate: PathBuf,
    /// The private key of the certificate, which must not be encrypted.
    pub key: PathBuf,
    /// The certificates of authorities. With these only clients are served that have a certificate of one of them.
    pub client_ca: Option<PathBuf>,
}

/// What a file is for: the key that names it in a configuration, and what has to be in it.
struct Role {
    key: &'static str,
    expected: &'static str,
}

impl Role {
    const CERTIFICATE: Self = Self {
        key: CERTIFICATE.info().name(),
        expected: "a PEM file with the server's certificate, and after it those of its chain",
    };
    const KEY: Self = Self {
        key: KEY.info().name(),
        expected: "a PEM file with the private key of the certificate, which is not encrypted",
    };
    const CLIENT_CA: Self = Self {
        key: CLIENT_CA.info().name(),
        expected: "a PEM file with the certificates of the authorities that certify clients",
    };
}

impl TlsOptions {
    /// The files of the certificate and its key.
    #[must_use]
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        Self { certificate: certificate.into(), key: key.into(), client_ca: None }
    }

    /// Has only clients served that have a certificate of an authority in this file.
    #[must_use]
    pub fn with_client_ca(mut self, client_ca: impl Into<PathBuf>) -> Self {
        self.client_ca = Some(client_ca.into());
        self
    }

    fn paths(&self) -> impl Iterator<Item = &Path> {
        [&self.certificate, &self.key].into_iter().chain(&self.client_ca).map(PathBuf::as_path)
    }

    fn load(&self) -> Result<TlsAcceptor, Error> {
        let provider = Arc::new(ring::default_provider());
        let certified = self.certified(&provider)?;
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|error| unusable(&Role::CERTIFICATE, &self.certificate, error))?;
        let config = match &self.client_ca {
            None => config.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(&Role::CLIENT_CA, path)? {
                    roots.add(certificate).map_err(|error| unusable(&Role::CLIENT_CA, path, error))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = verifier.build().map_err(|error| unusable(&Role::CLIENT_CA, path, error))?;
                config.with_client_cert_verifier(verifier)
            }
        };
        let mut config = config.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// The certificates and the key that belongs to them.
    fn certified(&self, provider: &CryptoProvider) -> Result<CertifiedKey, Error> {
        let chain = certificates(&Role::CERTIFICATE, &self.certificate)?;
        let key =
            PrivateKeyDer::from_pem_slice(&read(&Role::KEY, &self.key)?).map_err(|error| match error {
                pem::Error::NoItemsFound => {
                    unusable(&Role::KEY, &self.key, "there is no private key in it, or an encrypted one")
                }
                error => unusable(&Role::KEY, &self.key, format!("it is not PEM: {error}")),
            })?;
        let key = provider.key_provider.load_private_key(key).map_err(|error| {
            unusable(
                &Role::KEY,
                &self.key,
                format!("it is neither an RSA, ECDSA nor Ed25519 key to sign with: {error}"),
            )
        })?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(certified),
            Err(rustls::Error::InconsistentKeys(_)) => {
                let whose =
                    format!("it is not the key of the certificate in `{}`", self.certificate.display());
                Err(unusable(&Role::KEY, &self.key, whose))
            }
            Err(error) => Err(unusable(&Role::CERTIFICATE, &self.certificate, error)),
        }
    }
}

fn read(role: &Role, path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| unusable(role, path, error))
}

/// The certificates of a file, of which there is at least one.
fn certificates(role: &Role, path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read = read(role, path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(unusable(role, path, "there is no certificate in it"))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(unusable(role, path, format!("it is not PEM: {error}"))),
    }
}

fn unusable(role: &Role, path: &Path, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Error {
    let Role { key, expected } = *role;
    Error::Tls { key, path: path.to_owned(), source: source.into(), expected }
}

/// How often the files are looked at, at most.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// The files that are in use.
pub(crate) struct Tls {
    options: TlsOptions,
    acceptor: TlsAcceptor,
    /// What the files looked like when they were read.
    seen: Vec<Option<Look>>,
    looked: Instant,
}

/// When a file was written, and its length.
#[derive(PartialEq)]
struct Look(SystemTime, u64);

impl Tls {
    pub(crate) fn load(options: TlsOptions) -> Result<Self, Error> {
        // Looked at before they are read, so that a change in between is not overlooked.
        let seen = look(&options);
        let acceptor = options.load()?;
        Ok(Self { options, acceptor, seen, looked: Instant::now() })
    }

    /// What takes the next connection.
    pub(crate) fn acceptor(&mut self) -> TlsAcceptor {
        if self.looked.elapsed() >= LOOK_INTERVAL {
            self.renew();
            self.looked = Instant::now();
        }
        self.acceptor.clone()
    }

    fn renew(&mut self) {
        let seen = look(&self.options);
        if seen == self.seen {
            return;
        }
        // Also if they cannot be used: that is logged once, and they are read again when they have changed again.
        self.seen = seen;
        match self.options.load() {
            Ok(acceptor) => {
                self.acceptor = acceptor;
                info!(certificate = %self.options.certificate.display(), "new TLS files are in use");
            }
            Err(error) => warn!(%error, "new TLS files cannot be used, so the old ones stay in use"),
        }
    }
}

fn look(options: &TlsOptions) -> Vec<Option<Look>> {
    let look = |path| {
        let metadata = fs::metadata(path).ok()?;
        Some(Look(metadata.modified().ok()?, metadata.len()))
    };
    options.paths().map(look).collect()
}

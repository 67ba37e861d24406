//! Authorities, what they certify, and clients that trust them.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;

use flowmeter_http::{Server, TlsOptions};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SerialNumber};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion, version,
};

use crate::common::{connect, read_all};

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority");
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Certifies a host, or a client, of 127.0.0.1.
    pub(crate) fn issue(&self, serial: u64) -> Identity {
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.serial_number = Some(SerialNumber::from(serial));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

/// The files of a server.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new(identity: &Identity) -> Self {
        let files = Self(TempDir::new().unwrap());
        files.write("certificate.pem", &identity.certificate);
        files.write("key.pem", &identity.key);
        files
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn options(&self) -> TlsOptions {
        TlsOptions::new(self.path("certificate.pem"), self.path("key.pem"))
    }
}

pub(crate) type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A client that trusts an authority.
pub(crate) struct Client(Arc<ClientConfig>);

impl Client {
    pub(crate) fn new(trusted: &Authority) -> Self {
        Self::with(trusted, None, &[&version::TLS13, &version::TLS12])
    }

    pub(crate) fn with(
        trusted: &Authority,
        identity: Option<&Identity>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(trusted.pem().as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match identity {
            None => config.with_no_client_auth(),
            Some(identity) => {
                let certificate = CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap();
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
                config.with_client_auth_cert(vec![certificate], key).unwrap()
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self(Arc::new(config))
    }

    pub(crate) fn connect(&self, server: &Server) -> Stream {
        let name = "127.0.0.1".try_into().unwrap();
        StreamOwned::new(ClientConnection::new(Arc::clone(&self.0), name).unwrap(), connect(server))
    }

    /// Sends a request and reads until the server closes.
    pub(crate) fn exchange(&self, server: &Server, request: &str) -> std::io::Result<String> {
        let mut stream = self.connect(server);
        stream.write_all(request.as_bytes())?;
        // Whatever is wrong with a client certificate is told by TLS 1.3 only here.
        let mut first = [0];
        stream.read_exact(&mut first)?;
        Ok(format!("{}{}", char::from(first[0]), read_all(&mut stream)))
    }
}

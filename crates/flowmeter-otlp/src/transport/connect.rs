//! Connections.

use std::error::Error as StdError;

use http::Request;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::{TokioExecutor, TokioTimer};

use super::body::Outgoing;
use crate::{Error, OtlpOptions, Protocol};

#[cfg(feature = "tls")]
type Connector = hyper_rustls::HttpsConnector<HttpConnector>;
#[cfg(not(feature = "tls"))]
type Connector = HttpConnector;

/// Connections to one receiver, opened when they are needed. Its name is resolved again for each.
pub(super) struct Connections {
    connector: Connector,
    protocol: Protocol,
    client: Client<Connector, Outgoing>,
}

impl Connections {
    pub(super) fn new(options: &OtlpOptions, is_secure: bool) -> Result<Self, Error> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(options.timeout));
        // A connection to a host that is gone is given up by the system as well, and not kept for as long as it likes.
        #[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
        http.set_tcp_user_timeout(Some(options.timeout));
        let connector = connector(http, options, is_secure)?;
        let client = client(connector.clone(), options.protocol);
        Ok(Self { connector, protocol: options.protocol, client })
    }

    pub(super) fn request(
        &self,
        request: Request<Outgoing>,
    ) -> impl Future<Output = Result<http::Response<Incoming>, legacy::Error>> + use<> {
        self.client.request(request)
    }

    /// Has the next request go over a new connection: one on which an answer is waited for in vain may be dead.
    pub(super) fn renew(&mut self) {
        self.client = client(self.connector.clone(), self.protocol);
    }
}

#[cfg(feature = "tls")]
fn connector(http: HttpConnector, options: &OtlpOptions, is_secure: bool) -> Result<Connector, Error> {
    use std::sync::Arc;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::ring};

    if is_secure {
        let protocol: &[u8] = if options.protocol == Protocol::Grpc { b"h2" } else { b"http/1.1" };
        return Ok((http, super::tls::config(&options.tls, protocol)?).into());
    }
    // Trusts nobody, and is not asked.
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Tls(error.to_string()))?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    Ok((http, config).into())
}

#[cfg(not(feature = "tls"))]
fn connector(http: HttpConnector, options: &OtlpOptions, is_secure: bool) -> Result<Connector, Error> {
    if is_secure {
        return Err(Error::NoTls { endpoint: options.endpoint() });
    }
    Ok(http)
}

fn client(connector: Connector, protocol: Protocol) -> Client<Connector, Outgoing> {
    Client::builder(TokioExecutor::new())
        .http2_only(protocol == Protocol::Grpc)
        .pool_max_idle_per_host(1)
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .build(connector)
}

/// All that is said by an error and by those behind it.
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !said.contains(&more) {
            said.push_str(": ");
            said.push_str(&more);
        }
        source = error.source();
    }
    said
}

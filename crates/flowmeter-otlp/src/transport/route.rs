//! Where requests go, and what they look like.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName,
    HeaderValue, TE, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use http::uri::{PathAndQuery, Scheme, Uri};
use http::{Method, Request, Version};
use percent_encoding::percent_decode_str;

use super::answer::legible;
use super::body::{Gone, Outgoing};
use super::{Signal, compress, grpc};
use crate::{Compression, Endpoint, Error, OtlpOptions, Protocol};

const AGENT: &str = concat!("OTel-OTLP-Exporter-flowmeter/", env!("CARGO_PKG_VERSION"), " (Rust)");

/// Where requests go, and what they all have.
pub(super) struct Route {
    pub(super) endpoint: Endpoint,
    pub(super) scheme: Scheme,
    pub(super) protocol: Protocol,
    compression: Compression,
    headers: HeaderMap,
}

impl Route {
    pub(super) fn new(options: &OtlpOptions) -> Result<Self, Error> {
        let endpoint = options.endpoint();
        let is_secure = match (endpoint.is_secure(), options.protocol) {
            (Some(is_secure), _) => is_secure,
            (None, Protocol::Grpc) => !options.insecure,
            (None, Protocol::HttpProtobuf | Protocol::HttpJson) => return Err(Error::NoScheme { endpoint }),
        };
        Ok(Self {
            scheme: if is_secure { Scheme::HTTPS } else { Scheme::HTTP },
            protocol: options.protocol,
            compression: options.compression,
            headers: headers(options, &endpoint)?,
            endpoint,
        })
    }

    pub(super) fn is_grpc(&self) -> bool {
        self.protocol == Protocol::Grpc
    }

    /// The same bytes go out in each attempt.
    pub(super) fn prepare(&self, signal: Signal, body: Bytes) -> Result<Prepared, String> {
        let body = compress::compress(self.compression, body)
            .map_err(|error| format!("it cannot be compressed: {error}"))?;
        let (path, prefix) = if self.is_grpc() {
            let prefix = grpc::prefix(&body, self.compression != Compression::None)?;
            (signal.grpc_path().to_owned(), prefix)
        } else {
            let (path, query) = self.endpoint.path(signal.http_path());
            let query = query.map(|query| format!("?{}", query.reveal())).unwrap_or_default();
            (path + &query, Bytes::new())
        };
        let uri = PathAndQuery::try_from(path).map_err(http::Error::from).and_then(|path| {
            Uri::builder()
                .scheme(self.scheme.clone())
                .authority(self.endpoint.authority().clone())
                .path_and_query(path)
                .build()
        });
        let uri = uri.map_err(|_| "its path cannot be asked for".to_owned())?;
        Ok(Prepared { uri, parts: [prefix, body] })
    }

    pub(super) fn request(&self, prepared: &Prepared, time: Duration) -> (Request<Outgoing>, Gone) {
        let (body, gone) = Outgoing::new(prepared.parts.clone());
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = prepared.uri.clone();
        *request.headers_mut() = self.headers.clone();
        if self.is_grpc() {
            *request.version_mut() = Version::HTTP_2;
            if let Ok(time) = HeaderValue::try_from(grpc::timeout(time)) {
                request.headers_mut().insert("grpc-timeout", time);
            }
        }
        (request, gone)
    }
}

/// What all requests have in their heads.
fn headers(options: &OtlpOptions, endpoint: &Endpoint) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(match options.protocol {
            Protocol::Grpc => "application/grpc",
            Protocol::HttpProtobuf => "application/x-protobuf",
            Protocol::HttpJson => "application/json",
        }),
    );
    if options.protocol == Protocol::Grpc {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if let Some(encoding) = compress::name(options.compression) {
        let is_grpc = options.protocol == Protocol::Grpc;
        let name = if is_grpc { HeaderName::from_static("grpc-encoding") } else { CONTENT_ENCODING };
        headers.insert(name, HeaderValue::from_static(encoding));
    }
    if let Some(user) = endpoint.user() {
        let user: Vec<u8> = percent_decode_str(user.reveal()).collect();
        let basic = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(user)));
        let basic = basic
            .map_err(|_| header("authorization", "its value has characters that headers cannot have"))?;
        headers.insert(AUTHORIZATION, hidden(basic));
    }
    for (name, value) in &options.headers {
        let (name, value) = checked_header(name, value.reveal())?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// A header that a user gives.
pub(crate) fn checked_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let parsed = HeaderName::try_from(name).map_err(|_| header(name, "it is no name of a header"))?;
    let is_ours =
        [CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, TE, TRANSFER_ENCODING, UPGRADE]
            .contains(&parsed);
    if is_ours || parsed.as_str().starts_with("grpc-") {
        return Err(header(name, "the reporter gives it its value"));
    }
    let value = HeaderValue::try_from(value)
        .map_err(|_| header(name, "its value has characters that headers cannot have"))?;
    Ok((parsed, hidden(value)))
}

fn header(name: &str, reason: &'static str) -> Error {
    Error::Header { name: legible(name), reason }
}

fn hidden(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

/// A request, for all attempts to send it.
pub(super) struct Prepared {
    uri: Uri,
    pub(super) parts: [Bytes; 2],
}

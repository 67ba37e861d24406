//! The way to a receiver, and what becomes of what is sent on it.

mod answer;
mod body;
mod compress;
mod connect;
mod grpc;
mod http;
mod retry;
mod rpc;
#[cfg(feature = "tls")]
mod tls;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use ::http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName,
    HeaderValue, TE, TRANSFER_ENCODING, UPGRADE, USER_AGENT,
};
use ::http::uri::{PathAndQuery, Scheme, Uri};
use ::http::{Method, Request, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
#[cfg(feature = "tracing")]
use opentelemetry::Context;
use percent_encoding::percent_decode_str;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::timeout_at;

pub(crate) use self::answer::legible;
use self::answer::{Failure, Verdict};
use self::body::{Gone, Outgoing};
use self::connect::{Connections, chain};
use self::retry::{Backoff, Retry, Waited, wait};
use crate::request::Delivery;
use crate::{Compression, Endpoint, Error, OtlpOptions, Protocol, RetryOptions};

const AGENT: &str = concat!("OTel-OTLP-Exporter-flowmeter/", env!("CARGO_PKG_VERSION"), " (Rust)");

/// How many threads resolve names at most: one may hang.
const RESOLVERS: usize = 2;

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// An `ExportMetricsServiceRequest`.
    Metrics,
    /// An `ExportTraceServiceRequest`.
    Traces,
    /// An `ExportLogsServiceRequest`.
    Logs,
}

impl Signal {
    fn http_path(self) -> &'static str {
        match self {
            Self::Metrics => "/v1/metrics",
            Self::Traces => "/v1/traces",
            Self::Logs => "/v1/logs",
        }
    }

    fn grpc_path(self) -> &'static str {
        match self {
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }
}

/// Sends requests to one receiver, each again until it is taken, refused for good, or its time is over.
///
/// It has a runtime of its own, on the thread that sends.
pub(crate) struct Client {
    /// There is always one until it is dropped.
    runtime: Option<Runtime>,
    sender: Sender,
}

impl Client {
    /// A client that connects when something is sent.
    ///
    /// # Errors
    ///
    /// When the endpoint, a header or a file of TLS cannot be used.
    pub(crate) fn new(options: &OtlpOptions) -> Result<Self, Error> {
        let sender = Sender::new(&options.clone().corrected())?;
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(RESOLVERS)
            .thread_name("flowmeter-otlp-resolver")
            .build()
            .map_err(Error::Runtime)?;
        Ok(Self { runtime: Some(runtime), sender })
    }

    /// Where requests go, without what is secret in it.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.sender.route.endpoint
    }

    /// How many bytes of bodies have gone out since it was asked last, in all attempts.
    pub(crate) fn take_sent(&mut self) -> u64 {
        std::mem::take(&mut self.sender.sent)
    }

    /// Sends a request, and waits until it is known what became of it; not beyond the deadline. `points` are in it.
    ///
    /// Once the program is to end, it is sent once more at most.
    pub(crate) fn send(
        &mut self,
        signal: Signal,
        body: Bytes,
        points: u64,
        deadline: Instant,
        is_stopping: &dyn Fn() -> bool,
    ) -> Delivery {
        if Handle::try_current().is_ok() {
            return Delivery::refused(
                "requests are not sent from a thread of an asynchronous runtime".to_owned(),
            );
        }
        // What is traced of it would be sent as well, and be the cause of another request.
        #[cfg(feature = "tracing")]
        let _untraced = Context::enter_telemetry_suppressed_scope();
        match &self.runtime {
            Some(runtime) => {
                runtime.block_on(self.sender.deliver(signal, body, points, deadline, is_stopping))
            }
            None => Delivery::refused("the client is closed".to_owned()),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The connections that end with it have something to tell too.
        #[cfg(feature = "tracing")]
        let _untraced = Context::enter_telemetry_suppressed_scope();
        // Waits for no resolver that hangs, and may happen on a thread of another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Where requests go, and what they all have.
struct Route {
    endpoint: Endpoint,
    scheme: Scheme,
    protocol: Protocol,
    compression: Compression,
    headers: HeaderMap,
}

impl Route {
    fn new(options: &OtlpOptions) -> Result<Self, Error> {
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

    fn is_grpc(&self) -> bool {
        self.protocol == Protocol::Grpc
    }

    /// The same bytes go out in each attempt.
    fn prepare(&self, signal: Signal, body: Bytes) -> Result<Prepared, String> {
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
        let uri = PathAndQuery::try_from(path).map_err(::http::Error::from).and_then(|path| {
            Uri::builder()
                .scheme(self.scheme.clone())
                .authority(self.endpoint.authority().clone())
                .path_and_query(path)
                .build()
        });
        let uri = uri.map_err(|_| "its path cannot be asked for".to_owned())?;
        Ok(Prepared { uri, parts: [prefix, body] })
    }

    fn request(&self, prepared: &Prepared, time: Duration) -> (Request<Outgoing>, Gone) {
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
struct Prepared {
    uri: Uri,
    parts: [Bytes; 2],
}

struct Sender {
    route: Route,
    connections: Connections,
    timeout: Duration,
    retry: RetryOptions,
    /// Until when the receiver asked to be left alone.
    rest_until: Option<Instant>,
    /// How many bytes of bodies have gone out.
    sent: u64,
}

impl Sender {
    fn new(options: &OtlpOptions) -> Result<Self, Error> {
        let route = Route::new(options)?;
        let connections = Connections::new(options, route.scheme == Scheme::HTTPS)?;
        Ok(Self {
            route,
            connections,
            timeout: options.timeout,
            retry: options.retry,
            rest_until: None,
            sent: 0,
        })
    }

    async fn deliver(
        &mut self,
        signal: Signal,
        body: Bytes,
        points: u64,
        deadline: Instant,
        is_stopping: &dyn Fn() -> bool,
    ) -> Delivery {
        let said = |message: &str| format!("{}: {message}", self.route.endpoint);
        let prepared = match self.route.prepare(signal, body) {
            Ok(prepared) => prepared,
            Err(message) => return Delivery::refused(said(&message)),
        };
        if let Some(until) = self.rest_until
            && wait(until, deadline, is_stopping).await == Waited::NoTime
        {
            return Delivery::refused(said(
                "it asked not to be sent anything for a time that is not over yet",
            ));
        }
        // Nothing moved while nothing was sent. Closed connections are to be found out before one of them is used.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        // What begins shortly before the end is cut short by it, and then nobody knows whether it was taken.
        let now = Instant::now();
        let last_begin = deadline - deadline.saturating_duration_since(now) / 10;
        let mut backoff = Backoff::new(self.retry);
        let mut is_ambiguous = false;
        let mut is_last = false;
        loop {
            let failure = match self.attempt(&prepared, deadline).await {
                Verdict::Taken { rejected, message } => {
                    self.rest_until = None;
                    // A receiver may say anything.
                    return Delivery::Taken {
                        rejected: rejected.min(points),
                        message,
                        ambiguous: is_ambiguous,
                    };
                }
                Verdict::Failed(failure) => failure,
            };
            is_ambiguous |= failure.may_be_there;
            let asked = match failure.retry {
                Retry::After(asked) => Some(asked),
                Retry::Backoff | Retry::Never => None,
            };
            let until = Instant::now() + backoff.next(asked);
            self.rest_until = asked.map(|_| until);
            let waited = match failure.retry {
                Retry::Never => Waited::NoTime,
                _ if is_last => Waited::NoTime,
                _ => wait(until, last_begin, is_stopping).await,
            };
            match waited {
                Waited::Out => {}
                Waited::Stopping => is_last = true,
                Waited::NoTime => return self.failed(&failure, is_ambiguous),
            }
        }
    }

    fn failed(&self, failure: &Failure, is_ambiguous: bool) -> Delivery {
        let message = format!("{}: {}", self.route.endpoint, failure.message);
        match is_ambiguous {
            true if failure.may_be_there => Delivery::Unknown(message),
            true => Delivery::Unknown(format!("{message}; an attempt before that was not answered")),
            false => Delivery::Refused { message, for_good: failure.retry == Retry::Never },
        }
    }

    async fn attempt(&mut self, prepared: &Prepared, deadline: Instant) -> Verdict {
        let now = Instant::now();
        if now >= deadline {
            return Verdict::refused("there is no time left for it", Retry::Backoff);
        }
        let end = deadline.min(now + self.timeout);
        let (request, gone) = self.route.request(prepared, end - now);
        let verdict = self.exchange(request, &gone, end).await;
        if gone.get() {
            self.sent += prepared.parts.iter().map(|part| part.len() as u64).sum::<u64>();
        }
        verdict
    }

    /// Sends a request and reads what the receiver answers, until a time.
    async fn exchange(&mut self, request: Request<Outgoing>, gone: &Gone, end: Instant) -> Verdict {
        let begun = Instant::now();
        let response = match timeout_at(end.into(), self.connections.request(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if error.is_connect() => {
                return Verdict::refused(
                    format!(
                        "it cannot be connected to, so see whether a receiver listens there: {}",
                        cause(&error)
                    ),
                    Retry::Backoff,
                );
            }
            Ok(Err(error)) => {
                let what = if gone.get() {
                    "the connection ended before an answer came"
                } else {
                    "the connection ended"
                };
                return lost(gone, format!("{what}: {}", cause(&error)));
            }
            Err(_) => {
                self.connections.renew();
                return lost(gone, format!("it did not answer within {:.1?}", end - begun));
            }
        };
        let (head, incoming) = response.into_parts();
        let rest = timeout_at(end.into(), body::read(incoming)).await.ok();
        if rest.is_none() {
            self.connections.renew();
        }
        let judge = if self.route.is_grpc() { grpc::judge } else { http::judge };
        judge(head.status, &head.headers, rest)
    }
}

/// What becomes of a request that nobody answered.
fn lost(gone: &Gone, message: String) -> Verdict {
    match gone.get() {
        true => Verdict::unknown(message, Retry::Backoff),
        false => Verdict::refused(message, Retry::Backoff),
    }
}

/// What is behind an error of the client, which itself says little.
fn cause(error: &hyper_util::client::legacy::Error) -> String {
    let source = std::error::Error::source(error);
    legible(&source.map_or_else(|| error.to_string(), chain))
}

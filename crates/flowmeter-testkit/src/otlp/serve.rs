//! Connections of the receiver.

use std::convert::Infallible;
use std::future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::{Answer, Protocol, Request, Shared, decode};

type Answered = Result<Response<UnsyncBoxBody<Bytes, Infallible>>, Closed>;

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("closed")]
struct Closed;

/// Both listeners.
pub(super) struct Serving {
    runtime: Runtime,
    listeners: [Listener; 2],
}

struct Listener {
    listener: TcpListener,
    is_grpc: bool,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
}

impl Serving {
    pub(super) fn open(
        shared: &Arc<Shared>,
        [http, grpc]: [u16; 2],
        tls: Option<&ServerConfig>,
    ) -> io::Result<(Self, SocketAddr, SocketAddr)> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let listen = |is_grpc: bool, port: u16| {
            let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, port)))?;
            let tls = tls.cloned().map(|mut config| {
                let protocol: &[u8] = if is_grpc { b"h2" } else { b"http/1.1" };
                config.alpn_protocols = vec![protocol.to_vec()];
                TlsAcceptor::from(Arc::new(config))
            });
            let address = listener.local_addr()?;
            io::Result::Ok((Listener { listener, is_grpc, tls, shared: Arc::clone(shared) }, address))
        };
        let ((http, http_address), (grpc, grpc_address)) = (listen(false, http)?, listen(true, grpc)?);
        Ok((Self { runtime, listeners: [http, grpc] }, http_address, grpc_address))
    }

    pub(super) fn run(self, stopped: oneshot::Receiver<()>) {
        for listener in self.listeners {
            self.runtime.spawn(listener.accept());
        }
        // The sender says so by being dropped.
        let _stopped = self.runtime.block_on(stopped);
    }
}

impl Listener {
    async fn accept(self) {
        while let Ok((stream, _)) = self.listener.accept().await {
            self.shared.change(|received| {
                received.connections += 1;
                received.open += 1;
            });
            let (shared, tls, is_grpc) = (Arc::clone(&self.shared), self.tls.clone(), self.is_grpc);
            tokio::spawn(async move {
                match tls {
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(Arc::clone(&shared), is_grpc, stream).await;
                        }
                    }
                    None => serve(Arc::clone(&shared), is_grpc, stream).await,
                }
                shared.change(|received| received.open -= 1);
            });
        }
    }
}

/// Serves a connection until its peer closes it, or it is to be closed.
async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    shared: Arc<Shared>,
    is_grpc: bool,
    stream: S,
) {
    let close = Arc::new(Notify::new());
    let service = {
        let (shared, close) = (Arc::clone(&shared), Arc::clone(&close));
        service_fn(move |request| {
            let (shared, close) = (Arc::clone(&shared), Arc::clone(&close));
            async move { answer(&shared, is_grpc, request, &close).await }
        })
    };
    let stream = TokioIo::new(stream);
    let serving = async move {
        if is_grpc {
            let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            builder.serve_connection(stream, service).await
        } else {
            hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await
        }
    };
    tokio::select! {
        _result = serving => {}
        () = close.notified() => {}
        () = shared.close_all.notified() => {}
    }
}

async fn answer(
    shared: &Shared,
    is_grpc: bool,
    request: http::Request<Incoming>,
    close: &Notify,
) -> Answered {
    let answer = {
        let mut state = shared.lock();
        state.script.pop_front().unwrap_or_else(|| state.otherwise.clone())
    };
    if let Answer::CloseUnread = answer {
        close.notify_one();
        return future::pending().await;
    }
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Err(Closed) };
    let body = body.to_bytes();
    let path = head.uri.path().to_owned();
    let text = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
    let (protocol, encoding) = match text(CONTENT_TYPE) {
        _ if is_grpc => (Protocol::Grpc, text(HeaderName::from_static("grpc-encoding"))),
        Some("application/json") => (Protocol::HttpJson, text(CONTENT_ENCODING)),
        _ => (Protocol::HttpProtobuf, text(CONTENT_ENCODING)),
    };
    let (wire, encoding) = match is_grpc.then(|| decode::unframed(&body)) {
        None => (body, Ok(encoding)),
        Some(Ok((wire, is_compressed))) => (wire, Ok(encoding.filter(|_| is_compressed))),
        Some(Err(error)) => (body, Err(error)),
    };
    let message = encoding
        .and_then(|encoding| decode::decompress(encoding, &wire))
        .and_then(|plain| decode::message(protocol, &path, &plain));
    let answer = match &message {
        Err(error) if answer.takes() => unreadable(error),
        _ => answer,
    };
    let is_taken = answer.takes();
    if let Answer::Slow(time) = answer {
        tokio::time::sleep(time).await;
    }
    let request = Request { protocol, path: path.clone(), headers: head.headers, wire, message, is_taken };
    shared.change(|received| received.requests.push(request));
    match answer {
        Answer::Ok | Answer::Slow(_) => Ok(success(protocol, decode::success(protocol, &path, None))),
        Answer::Partial { rejected, message } => {
            Ok(success(protocol, decode::success(protocol, &path, Some((rejected, message)))))
        }
        Answer::Garbage => Ok(success(protocol, vec![0xff; 7])),
        Answer::Oversized(bytes) => Ok(success(protocol, vec![b' '; bytes])),
        Answer::Status { status, headers, body } => Ok(error(status, headers, body)),
        Answer::Grpc { code, message, details } if is_grpc => Ok(status(code, &message, details)),
        Answer::Grpc { .. } => Ok(error(500, Vec::new(), Vec::new())),
        Answer::Hang => future::pending().await,
        Answer::Close | Answer::Lost | Answer::CloseUnread => {
            close.notify_one();
            future::pending().await
        }
    }
}

/// What is no message is not taken, whatever was to be answered.
fn unreadable(error: &str) -> Answer {
    Answer::Status {
        status: 400,
        headers: vec![("content-type", "text/plain".to_owned())],
        body: error.as_bytes().to_vec(),
    }
}

fn success(protocol: Protocol, message: Vec<u8>) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let content_type = match protocol {
        Protocol::Grpc => {
            let trailers = fields([("grpc-status", "0")]);
            let body = Full::new(decode::framed(&message)).with_trailers(future::ready(Some(Ok(trailers))));
            return response(200, fields([("content-type", "application/grpc")]), body);
        }
        Protocol::HttpProtobuf => "application/x-protobuf",
        Protocol::HttpJson => "application/json",
    };
    response(200, fields([("content-type", content_type)]), Full::new(message.into()))
}

fn error(
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    response(status, fields(headers), Full::new(body.into()))
}

/// An answer without a message has its status in the head.
fn status(code: i32, message: &str, details: Option<String>) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let mut headers = fields([
        ("content-type", "application/grpc"),
        ("grpc-status", &code.to_string()),
        ("grpc-message", message),
    ]);
    if let Some(details) = details {
        headers.extend(fields([("grpc-status-details-bin", details)]));
    }
    response(200, headers, Full::default())
}

fn response(
    status: u16,
    headers: HeaderMap,
    body: impl hyper::body::Body<Data = Bytes, Error = Infallible> + Send + 'static,
) -> Response<UnsyncBoxBody<Bytes, Infallible>> {
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = headers;
    response
}

/// Headers of a test, which leaves out what cannot be sent.
fn fields<V: AsRef<str>>(pairs: impl IntoIterator<Item = (&'static str, V)>) -> HeaderMap {
    let field = |(name, value): (&'static str, V)| {
        Some((HeaderName::from_static(name), HeaderValue::try_from(value.as_ref()).ok()?))
    };
    pairs.into_iter().filter_map(field).collect()
}

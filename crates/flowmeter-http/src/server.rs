//! The server and its thread.

use std::convert::Infallible;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use http::{HeaderValue, Method, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tracing::debug;

use crate::body::{AnswerBody, Sent};
use crate::connection::Connection;
use crate::{Error, Handler, Ports, Request, Responder, Response};

/// Where a server listens and what it puts up with. The defaults are safe.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ServerOptions {
    /// The address: 127.0.0.1, which only this host reaches.
    pub address: IpAddr,
    /// The ports to try: any free one.
    pub ports: Ports,
    /// Connections at a time; more of them wait: 64.
    pub connections: usize,
    /// The most headers of a request: 64. Their size together is limited to 16 KiB.
    pub headers: usize,
    /// How long a client may take to send a request, and may stay without sending one: 10 s.
    pub request_patience: Duration,
    /// How long an answer may take to be made: 30 s. After that the client gets a 503.
    pub answer_patience: Duration,
    /// How long a client may take nothing of its answer: 10 s.
    pub client_patience: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: Ports::any(),
            connections: 64,
            headers: 64,
            request_patience: Duration::from_secs(10),
            answer_patience: Duration::from_secs(30),
            client_patience: Duration::from_secs(10),
        }
    }
}

impl ServerOptions {
    /// Sets the address to listen on. Anything but loopback lets other hosts in.
    #[must_use]
    pub fn with_address(mut self, address: IpAddr) -> Self {
        self.address = address;
        self
    }

    /// With nothing in it that a server could not take.
    fn within_limits(self) -> Self {
        Self {
            connections: self.connections.clamp(1, MOST_CONNECTIONS),
            headers: self.headers.clamp(1, MOST_HEADERS),
            request_patience: self.request_patience.min(LONGEST_PATIENCE),
            answer_patience: self.answer_patience.min(LONGEST_PATIENCE),
            client_patience: self.client_patience.min(LONGEST_PATIENCE),
            ..self
        }
    }

    /// Sets the ports to try.
    #[must_use]
    pub fn with_ports(mut self, ports: Ports) -> Self {
        self.ports = ports;
        self
    }
}

/// What options can ask for at most; more of it is taken for so much.
pub(crate) const MOST_CONNECTIONS: usize = 65_536;
pub(crate) const MOST_HEADERS: usize = 1_024;
pub(crate) const LONGEST_PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// The most bytes of a request's head.
const HEAD_LIMIT: usize = 16 * 1024;
/// How long answers that are under way may take when the server stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// A running server. Dropping it stops it.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds the first free port and starts to answer.
    ///
    /// # Errors
    ///
    /// When no port can be bound, or the system has no thread to give.
    pub fn start(name: &str, options: &ServerOptions, handler: impl Handler) -> Result<Self, Error> {
        let listener = bind(options)?;
        let address = listener.local_addr().map_err(Error::Thread)?;
        let runtime =
            Builder::new_current_thread().enable_io().enable_time().build().map_err(Error::Thread)?;
        let (stop, stopped) = watch::channel(false);
        let (handler, options) = (Arc::new(handler), options.within_limits());
        let thread = thread::Builder::new()
            .name(format!("{name}-http"))
            .spawn(move || serve(&runtime, listener, &options, &handler, &stopped))
            .map_err(Error::Thread)?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops: no new connections, and a second for the answers that are under way.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

fn bind(options: &ServerOptions) -> Result<TcpListener, Error> {
    let address = options.address;
    for port in options.ports.iter() {
        match TcpListener::bind((address, port)) {
            Ok(listener) => {
                listener.set_nonblocking(true).map_err(|source| Error::Bind { address, port, source })?;
                return Ok(listener);
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(source) => return Err(Error::Bind { address, port, source }),
        }
    }
    Err(Error::PortsTaken { address, ports: options.ports })
}

fn serve(
    runtime: &Runtime,
    listener: TcpListener,
    options: &ServerOptions,
    handler: &Arc<impl Handler>,
    stopped: &watch::Receiver<bool>,
) {
    runtime.block_on(async {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return debug!(%error, "cannot listen"),
        };
        let open = Arc::new(Semaphore::new(options.connections));
        let mut ending = stopped.clone();
        let stop = ending.wait_for(|stopped| *stopped);
        let accept = async {
            loop {
                let Ok(permit) = Arc::clone(&open).acquire_owned().await else { return };
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let connection = converse(stream, *options, Arc::clone(handler), stopped.clone());
                        tokio::spawn(async move {
                            connection.await;
                            drop(permit);
                        });
                    }
                    Err(error) => {
                        // Out of file descriptors, most likely: others will be closed.
                        debug!(%error, "cannot accept a connection");
                        sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        };
        first_of(stop, accept).await;
        drop(listener);
        let all = u32::try_from(options.connections).unwrap_or(u32::MAX);
        let _ = timeout(FAREWELL, open.acquire_many(all)).await;
    });
}

/// Which of two futures ended first.
#[derive(PartialEq)]
enum First {
    Left,
    Right,
}

async fn first_of(left: impl Future, right: impl Future) -> First {
    let (mut left, mut right) = (pin!(left), pin!(right));
    poll_fn(|cx| {
        if left.as_mut().poll(cx).is_ready() {
            Poll::Ready(First::Left)
        } else {
            right.as_mut().poll(cx).map(|_| First::Right)
        }
    })
    .await
}

/// Serves one connection until it ends, or the server does and no answer is under way.
async fn converse(
    stream: TcpStream,
    options: ServerOptions,
    handler: Arc<impl Handler>,
    mut stopped: watch::Receiver<bool>,
) {
    let sent = Sent::default();
    let io = TokioIo::new(Connection::new(stream, sent.clone(), options.client_patience));
    let service = service_fn(|request: http::Request<Incoming>| {
        let (handler, sent) = (Arc::clone(&handler), sent.clone());
        async move { Ok::<_, Infallible>(answer(request, &*handler, sent, options.answer_patience).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(options.request_patience)
        .max_headers(options.headers)
        .max_buf_size(HEAD_LIMIT)
        .serve_connection(io, service);
    let mut connection = pin!(connection);
    if first_of(stopped.wait_for(|stopped| *stopped), connection.as_mut()).await == First::Left {
        connection.as_mut().graceful_shutdown();
        if let Err(error) = connection.await {
            debug!(%error, "a connection ended");
        }
    }
}

async fn answer(
    request: http::Request<Incoming>,
    handler: &impl Handler,
    sent: Sent,
    patience: Duration,
) -> http::Response<AnswerBody> {
    let head = request.method() == Method::HEAD;
    let response = if head || request.method() == Method::GET {
        let (parts, _) = request.into_parts();
        let (responder, answered) = Responder::new();
        handler.handle(Request::new(parts.uri, parts.headers), responder);
        match timeout(patience, answered).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => Response::error(StatusCode::SERVICE_UNAVAILABLE, "the answer could not be made\n"),
            Err(_) => Response::error(StatusCode::SERVICE_UNAVAILABLE, "the answer did not come in time\n"),
        }
    } else {
        Response::error(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served\n")
    };
    let Response { status, content_type, content, on_sent } = response;
    let length = content.length();
    let body = if head { AnswerBody::none(sent) } else { AnswerBody::new(content, on_sent, sent) };
    let mut answer = http::Response::new(body);
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    answer
}

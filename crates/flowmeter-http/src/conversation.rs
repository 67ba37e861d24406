//! What is said on one connection.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;
use tracing::debug;

use crate::body::AnswerBody;
use crate::connection::Connection;
use crate::first::{First, first_of};
use crate::receive::receive;
use crate::under_way::UnderWay;
use crate::{Handler, Request, Responder, Response, ServerOptions};

/// The most bytes of a request's head.
const HEAD_LIMIT: usize = 16 * 1024;

/// The server's side of conversations.
pub(crate) struct Conversation<H> {
    handler: Arc<H>,
    options: Arc<ServerOptions>,
    stopped: watch::Receiver<bool>,
    room: Arc<Notify>,
}

impl<H> Clone for Conversation<H> {
    fn clone(&self) -> Self {
        Self {
            handler: Arc::clone(&self.handler),
            options: Arc::clone(&self.options),
            stopped: self.stopped.clone(),
            room: Arc::clone(&self.room),
        }
    }
}

impl<H: Handler> Conversation<H> {
    pub(crate) fn new(handler: H, options: ServerOptions, stopped: watch::Receiver<bool>) -> Self {
        Self { handler: Arc::new(handler), options: Arc::new(options), stopped, room: Arc::default() }
    }

    pub(crate) fn options(&self) -> &ServerOptions {
        &self.options
    }

    /// Where to tell that somebody waits for a connection, so that an idle one ends.
    pub(crate) fn room(&self) -> &Notify {
        &self.room
    }

    /// Waits until the server stops.
    pub(crate) async fn stopped(&self) {
        let _ = self.stopped.clone().wait_for(|stopped| *stopped).await;
    }

    /// Waits for what comes before the first request, as long as for a request. Nothing if it fails.
    #[cfg(feature = "tls")]
    pub(crate) async fn begins<T>(&self, handshake: impl Future<Output = std::io::Result<T>>) -> Option<T> {
        match timeout(self.options.request_patience, handshake).await {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                debug!(%error, "a handshake failed");
                None
            }
            Err(_) => {
                debug!("a handshake took too long");
                None
            }
        }
    }

    /// Serves one connection until it ends, or the server does and no answer is under way.
    pub(crate) async fn hold(&self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let under_way = UnderWay::default();
        let room = Arc::clone(&self.room);
        let io = TokioIo::new(Connection::new(stream, under_way.clone(), &self.options, room));
        let service = service_fn(|request: http::Request<Incoming>| {
            // At once, since HTTP looks for the end of the connection before it polls the answer.
            under_way.asked();
            let under_way = under_way.clone();
            async move { Ok::<_, Infallible>(self.answer(request, under_way).await) }
        });
        let connection = http1::Builder::new()
            // The connection has clocks of its own, which tell an idle client from one that asks slowly.
            .header_read_timeout(None)
            .max_headers(self.options.headers)
            .max_buf_size(HEAD_LIMIT)
            .serve_connection(io, service);
        let mut connection = pin!(connection);
        let ended = match first_of(self.stopped(), connection.as_mut()).await {
            First::Left(()) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            First::Right(ended) => ended,
        };
        if let Err(error) = ended {
            debug!(%error, "a connection ended");
        }
    }

    async fn answer(
        &self,
        request: http::Request<Incoming>,
        under_way: UnderWay,
    ) -> http::Response<AnswerBody> {
        let is_head = request.method() == Method::HEAD;
        let Response { status, headers, content, on_sent } = self.response(request, &under_way).await;
        let length = content.length();
        let body =
            if is_head { AnswerBody::none(under_way) } else { AnswerBody::new(content, on_sent, under_way) };
        let mut answer = http::Response::new(body);
        *answer.status_mut() = status;
        *answer.headers_mut() = headers;
        if let Some(length) = length {
            answer.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        answer
    }

    async fn response(&self, request: http::Request<Incoming>, under_way: &UnderWay) -> Response {
        let auth = &self.options.auth;
        let most_body = self.handler.most_body();
        let is_preflight = request.method() == Method::OPTIONS && most_body.is_some();
        if !is_preflight && !auth.admits(request.headers()) {
            let mut response = Response::error(StatusCode::UNAUTHORIZED, "credentials are needed\n");
            for challenge in auth.challenges() {
                response.headers.append(header::WWW_AUTHENTICATE, challenge);
            }
            return response;
        }
        let (head, incoming) = request.into_parts();
        let body = match (&head.method, most_body) {
            (&Method::GET | &Method::HEAD, _) | (&Method::OPTIONS, Some(_)) => Bytes::new(),
            (&Method::POST, Some(most)) => {
                let received = receive(incoming, most);
                match timeout(self.options.request_patience, received).await {
                    Ok(Ok(body)) => body,
                    Ok(Err(refusal)) => return refusal,
                    Err(_) => return Response::error(StatusCode::REQUEST_TIMEOUT, "the body did not come\n"),
                }
            }
            (_, None) => {
                return Response::error(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served\n")
                    .with_header("allow", "GET, HEAD");
            }
            (_, Some(_)) => {
                let text = "only GET, HEAD, POST and OPTIONS are served\n";
                return Response::error(StatusCode::METHOD_NOT_ALLOWED, text)
                    .with_header("allow", "GET, HEAD, POST, OPTIONS");
            }
        };
        if head.method == Method::POST {
            under_way.received();
        }
        let request = Request::new(head, body);
        let patience = self.options.answer_patience;
        let patience = request.timeout().map_or(patience, |timeout| timeout.min(patience));
        let (responder, answered) = Responder::new();
        self.handler.handle(request, responder);
        match timeout(patience, answered).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => Response::unavailable("the answer could not be made\n"),
            Err(_) => Response::unavailable("the answer did not come in time\n"),
        }
    }
}

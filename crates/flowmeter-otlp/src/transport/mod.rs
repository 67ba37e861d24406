//! The way to a receiver, and what becomes of what is sent on it.

mod answer;
mod body;
mod compress;
mod connect;
mod grpc;
mod http;
mod retry;
mod route;
mod rpc;
#[cfg(feature = "tls")]
mod tls;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use ::http::Request;
use ::http::uri::Scheme;
use bytes::Bytes;
#[cfg(feature = "tracing")]
use opentelemetry::Context;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::timeout_at;

pub(crate) use self::answer::legible;
use self::answer::{Failure, Verdict};
use self::body::{Gone, Outgoing};
use self::connect::{Connections, chain};
use self::retry::{Backoff, Retry, Waited, wait};
pub(crate) use self::route::checked_header;
use self::route::{Prepared, Route};
use crate::request::Delivery;
use crate::{Endpoint, Error, OtlpOptions, Protocol, RetryOptions};

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

    /// How requests travel.
    pub(crate) fn protocol(&self) -> Protocol {
        self.sender.route.protocol
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
        let for_good = failure.retry == Retry::Never;
        match is_ambiguous {
            true if failure.may_be_there => Delivery::Unknown { message, for_good },
            true => {
                let message = format!("{message}; an attempt before that was not answered");
                Delivery::Unknown { message, for_good }
            }
            false => Delivery::Refused { message, for_good },
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

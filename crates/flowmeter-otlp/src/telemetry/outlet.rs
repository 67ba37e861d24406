//! The client of HTTP that `opentelemetry-otlp` is given, which has the transport send what it gets.

use std::fmt;
use std::io::{self, Read as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderValue, Request, Response};
use opentelemetry_http::{HttpClient, HttpError};
use tracing::{info, warn};

use super::counts::Shared;
use super::split::parts;
use crate::request::Delivery;
use crate::transport::{Client, Signal};
use crate::{Error, OtlpOptions, Protocol, json};

/// Sends requests of one signal. It gets them in protobuf; where they go, and their headers, are the transport's own.
pub(super) struct Outlet {
    signal: Signal,
    protocol: Protocol,
    request_size: usize,
    /// How long all of what it is given at once may take.
    time: Duration,
    sending: Mutex<Sending>,
    shared: Arc<Shared>,
}

struct Sending {
    client: Client,
    /// Whether the receiver has not taken all of the last request.
    is_failing: bool,
}

impl Outlet {
    pub(super) fn new(signal: Signal, options: &OtlpOptions, shared: Arc<Shared>) -> Result<Self, Error> {
        Ok(Self {
            signal,
            protocol: options.protocol,
            request_size: options.request_size,
            time: options.report_timeout,
            sending: Mutex::new(Sending { client: Client::new(options)?, is_failing: false }),
            shared,
        })
    }

    /// Sends a request. Returns what is wrong if not all of it was taken.
    fn deliver(&self, request: Bytes) -> Result<(), String> {
        let mut sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = Instant::now() + self.time;
        let mut result = Ok(());
        for (body, count) in parts(request, self.request_size) {
            if let Err(message) = self.deliver_part(&mut sending.client, body, count, deadline) {
                result = result.and(Err(message));
            }
        }
        self.note(&mut sending.is_failing, &result);
        result
    }

    fn deliver_part(
        &self,
        client: &mut Client,
        body: Bytes,
        count: u64,
        deadline: Instant,
    ) -> Result<(), String> {
        let tally = self.shared.tally(self.signal);
        let body = match self.protocol {
            Protocol::Grpc | Protocol::HttpProtobuf => body,
            Protocol::HttpJson => json::from_protobuf(self.signal.into(), &body).into(),
        };
        let deadline = self.shared.end().map_or(deadline, |end| end.min(deadline));
        tally.on_the_way.store(count, Ordering::Release);
        let delivery = client.send(self.signal, body, count, deadline, &|| self.shared.end().is_some());
        tally.on_the_way.store(0, Ordering::Release);
        let add = |number: &AtomicU64, count| {
            number.fetch_add(count, Ordering::Release);
        };
        match delivery {
            Delivery::Taken { rejected, message, .. } => {
                add(&tally.sent, count - rejected);
                add(&tally.dropped, rejected);
                if rejected == 0 {
                    Ok(())
                } else {
                    Err(format!("it rejected {rejected} of {count}: {message}"))
                }
            }
            Delivery::Refused { message, .. } => {
                add(&tally.dropped, count);
                Err(message)
            }
            Delivery::Unknown { message, .. } => {
                add(&tally.uncertain, count);
                Err(message)
            }
        }
    }

    /// Tells when it begins to go wrong, and when that is over: in between there may be thousands.
    fn note(&self, is_failing: &mut bool, result: &Result<(), String>) {
        let what = if self.signal == Signal::Traces { "spans" } else { "log records" };
        match result {
            Err(message) if !*is_failing => {
                warn!(message, "{what} are dropped, until the receiver takes some again");
            }
            Ok(()) if *is_failing => info!("the receiver takes {what} again"),
            Ok(()) | Err(_) => {}
        }
        *is_failing = result.is_err();
    }
}

#[async_trait]
impl HttpClient for Outlet {
    /// It waits for the receiver on the thread itself: the SDK has threads for this, and no others call it.
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        self.deliver(plain(&head.headers, body)?)?;
        // What the receiver said is known already.
        Ok(Response::new(Bytes::new()))
    }
}

impl fmt::Debug for Outlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outlet").field("signal", &self.signal).finish_non_exhaustive()
    }
}

/// A request as it is without compression. The exporter asks the environment whether to compress, and only that; but how is for
/// the transport to say.
fn plain(headers: &HeaderMap, body: Bytes) -> io::Result<Bytes> {
    match headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        None => Ok(body),
        Some(b"gzip") => {
            let mut plain = Vec::new();
            GzDecoder::new(&*body).read_to_end(&mut plain)?;
            Ok(plain.into())
        }
        #[cfg(feature = "zstd")]
        Some(b"zstd") => zstd::decode_all(&*body).map(Bytes::from),
        Some(_) => Err(io::Error::other(
            "the environment variable OTEL_EXPORTER_OTLP_COMPRESSION asks for what only the feature `zstd` of \
             `flowmeter-otlp` can undo",
        )),
    }
}

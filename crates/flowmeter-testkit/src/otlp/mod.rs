//! A receiver of OTLP for tests, on this host: gRPC, and HTTP with protobuf and JSON.
//!
//! It reads by other code than what it tests: `opentelemetry-proto` and hyper. What it answers can be [told](OtlpReceiver::script)
//! beforehand, and [`Received::totals`] sums up what it took, strictly.
//!
//! ```
//! use flowmeter_testkit::otlp::{Answer, OtlpReceiver};
//!
//! let receiver = OtlpReceiver::start();
//! receiver.script([Answer::status(503), Answer::Ok]);
//! assert!(receiver.http_url().starts_with("http://127.0.0.1:"));
//! assert!(receiver.received().requests.is_empty());
//! ```

mod answer;
mod decode;
mod serve;
mod totals;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderMap;
use tokio::sync::{Notify, oneshot};
use tokio_rustls::rustls::ServerConfig;

pub use answer::Answer;
pub use decode::Message;
pub use totals::{Series, Total};

use crate::PATIENCE;

/// What a request came by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC.
    Grpc,
    /// HTTP with protobuf.
    HttpProtobuf,
    /// HTTP with JSON.
    HttpJson,
}

/// A request that was read.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it came by.
    pub protocol: Protocol,
    /// The path that it asked for.
    pub path: String,
    /// Its headers, or metadata.
    pub headers: HeaderMap,
    /// The body as it came, compressed if it was; without gRPC's prefix.
    pub wire: Bytes,
    /// What it says, or why that cannot be read.
    pub message: Result<Message, String>,
    /// Whether the receiver has taken it, even if its answer was an error or none.
    pub is_taken: bool,
}

/// All that came.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// The requests that were read, in their order.
    pub requests: Vec<Request>,
    /// How many connections there were.
    pub connections: usize,
    /// How many of them are open.
    pub open: usize,
}

impl Received {
    /// How many requests were taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.requests.iter().filter(|request| request.is_taken).count()
    }
}

/// The receiver. Dropping it closes all its connections.
#[derive(Debug)]
pub struct OtlpReceiver {
    shared: Arc<Shared>,
    http: SocketAddr,
    grpc: SocketAddr,
    is_secure: bool,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// Where a receiver was.
#[derive(Clone, Copy, Debug)]
pub struct Stopped {
    ports: [u16; 2],
}

impl Stopped {
    /// Starts one there, which has nothing yet, as after a restart.
    ///
    /// # Panics
    ///
    /// When somebody else has a port by now.
    #[must_use]
    pub fn start(self) -> OtlpReceiver {
        OtlpReceiver::listen(self.ports, None)
    }
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    close_all: Notify,
}

#[derive(Debug, Default)]
struct State {
    received: Received,
    script: VecDeque<Answer>,
    /// What is answered when the script is at its end.
    otherwise: Answer,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Received)) {
        change(&mut self.lock().received);
        self.changed.notify_all();
    }
}

impl OtlpReceiver {
    /// Listens on two free ports of this host.
    ///
    /// # Panics
    ///
    /// When there are none.
    #[must_use]
    pub fn start() -> Self {
        Self::listen([0, 0], None)
    }

    /// The same, by TLS. The protocols of the configuration are set here.
    ///
    /// # Panics
    ///
    /// When there are no free ports.
    #[must_use]
    pub fn start_secure(config: &ServerConfig) -> Self {
        Self::listen([0, 0], Some(config))
    }

    fn listen(ports: [u16; 2], tls: Option<&ServerConfig>) -> Self {
        let shared = Arc::<Shared>::default();
        let is_secure = tls.is_some();
        let serving = serve::Serving::open(&shared, ports, tls);
        let (serving, http, grpc) = serving.unwrap_or_else(|error| panic!("no receiver: {error}"));
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || serving.run(stopped));
        Self { shared, http, grpc, is_secure, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it takes HTTP.
    #[must_use]
    pub fn http_url(&self) -> String {
        self.url(self.http)
    }

    /// Where it takes gRPC.
    #[must_use]
    pub fn grpc_url(&self) -> String {
        self.url(self.grpc)
    }

    fn url(&self, address: SocketAddr) -> String {
        format!("{}://{address}", if self.is_secure { "https" } else { "http" })
    }

    /// Tells it what to answer to the next requests, after what it was told before. To all others it answers
    /// [`Answer::Ok`], or what it is told [`always`](Self::always) to.
    pub fn script(&self, answers: impl IntoIterator<Item = Answer>) {
        self.shared.lock().script.extend(answers);
    }

    /// Tells it what to answer to all requests from now on, whatever it was told before.
    pub fn always(&self, answer: Answer) {
        let mut state = self.shared.lock();
        state.script.clear();
        state.otherwise = answer;
    }

    /// Ends it, and says where it was.
    #[must_use]
    pub fn stop(self) -> Stopped {
        Stopped { ports: [self.http.port(), self.grpc.port()] }
    }

    /// Closes all connections, as a receiver does that is restarted, and waits until they are.
    ///
    /// # Panics
    ///
    /// When they are not closed within [`PATIENCE`].
    pub fn close_connections(&self) {
        self.shared.close_all.notify_waiters();
        self.wait_for(|received| received.open == 0);
    }

    /// All that has come until now.
    #[must_use]
    pub fn received(&self) -> Received {
        self.shared.lock().received.clone()
    }

    /// Waits until what has come is as it must be, and returns it.
    ///
    /// # Panics
    ///
    /// When that is not so for [`PATIENCE`].
    pub fn wait_for(&self, is_so: impl Fn(&Received) -> bool) -> Received {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.lock();
        while !is_so(&state.received) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "what was waited for did not come: {:?}", state.received);
            state = match self.shared.changed.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(error) => error.into_inner().0,
            };
        }
        state.received.clone()
    }
}

impl Drop for OtlpReceiver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

//! One small HTTP/1.1 server for the reporters that serve.
//!
//! A [`Server`] has a thread of its own, with a private single-threaded runtime, and answers `GET` and `HEAD`, and `POST` for a
//! handler that [takes bodies](Handler::most_body). It
//! binds the loopback address unless told otherwise, and everything that comes from outside has a limit: connections,
//! header and body sizes, the time to send a request, the time to stay without one, and the time to take an answer, with the
//! rate at which it is taken. [`ServerOptions`] has them all. A client may keep its connection for further requests
//! as long as nobody else waits for it.
//!
//! A [`Handler`] is called on the server's thread and must return at once; it answers through a [`Responder`], now or
//! later and from any thread, so that what is slow is done elsewhere.
//!
//! ```
//! use flowmeter_http::{Ports, Request, Responder, Response, Server, ServerOptions};
//!
//! let options = ServerOptions::default().with_ports(Ports::any());
//! let server = Server::start("example", &options, |request: Request, responder: Responder| {
//!     responder.send(Response::text(format!("you asked for {}\n", request.path())));
//! })?;
//! assert!(server.address().ip().is_loopback());
//! # Ok::<(), flowmeter_http::Error>(())
//! ```
//!
//! # HTTPS
//!
//! With the feature `tls`, a server that is given a certificate and its key speaks TLS 1.2 and 1.3 and nothing else.
//! With the certificates of authorities as well, it serves only clients that have a certificate of one of them. All
//! files are PEM, and the key must not be encrypted. They can be renewed while the server runs: a few seconds later
//! new connections use them. A file that cannot be used is an error at the start; later it is logged, and what was
//! there stays in use.
//!
//! ```no_run
//! # #[cfg(feature = "tls")] {
//! use flowmeter_http::{ServerOptions, TlsOptions};
//!
//! let tls = TlsOptions::new("/etc/flowmeter/tls.crt", "/etc/flowmeter/tls.key")
//!     .with_client_ca("/etc/flowmeter/clients.crt");
//! let options = ServerOptions::default().with_address("0.0.0.0".parse()?).with_tls(tls);
//! # }
//! # Ok::<(), std::net::AddrParseError>(())
//! ```
//!
//! # Credentials
//!
//! A server can ask for a user name and its password, for a bearer token, or for either of them. Without the right
//! ones every path answers 401, and the handler is not called. They are sent as plain text, so for clients on other
//! hosts they belong into HTTPS; a server that does without is told so in the log when it starts.
//!
//! ```
//! use flowmeter_http::{AuthOptions, Secret, ServerOptions};
//!
//! let auth = AuthOptions::default().with_basic("prometheus", Secret::new("correct horse battery staple"));
//! let options = ServerOptions::default().with_auth(auth);
//! assert!(!format!("{options:?}").contains("horse"));
//! ```
//!
//! # Configuration
//!
//! [`ServerOptions::from_section`] reads all of it from a section of a configuration, here of the Prometheus
//! reporter:
//!
//! ```toml
//! address = "0.0.0.0"
//! port = "9249-9260"
//! tls.certificate = "/etc/flowmeter/tls.crt"
//! tls.key = "/etc/flowmeter/tls.key"
//! auth.username = "prometheus"
//! auth.password-file = "/etc/flowmeter/password"
//! ```

#![forbid(unsafe_code)]

mod asking;
mod auth;
mod body;
mod config;
mod connection;
mod conversation;
mod first;
mod handler;
mod options;
mod ports;
mod queue;
mod receive;
mod request;
mod response;
mod secret;
mod server;
#[cfg(feature = "tls")]
mod tls;
mod transport;
mod under_way;

pub use auth::AuthOptions;
pub use handler::{Handler, Responder};
pub use options::ServerOptions;
pub use ports::{ParsePortsError, Ports};
pub use queue::BodyWriter;
pub use request::Request;
pub use response::Response;
pub use secret::Secret;
pub use server::{Server, bind};
#[cfg(feature = "tls")]
pub use tls::TlsOptions;
pub use transport::{Connection, Transport};

use std::io;
use std::net::IpAddr;

/// Why a server could not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No port of the range is free.
    #[error("every port of `{ports}` on {address} is taken: set `port` to a free port or a wider range")]
    PortsTaken {
        /// The address.
        address: IpAddr,
        /// The ports.
        ports: Ports,
    },

    /// The address or port cannot be used at all.
    #[error("cannot listen on {address}, port {port}: {source}")]
    Bind {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },

    /// The server's thread or runtime could not be made.
    #[error("cannot start the server's thread: {0}")]
    Thread(#[source] io::Error),

    /// A file of the TLS options cannot be used.
    #[cfg(feature = "tls")]
    #[error("`{key}` cannot be `{}`, {source}: give {expected}", path.display())]
    Tls {
        /// The key that names the file in a configuration.
        key: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
        /// What it has to be, as the end of a sentence that begins with "give".
        expected: &'static str,
    },
}

/// The example of the README, which is tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

//! The server and its thread.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::conversation::Conversation;
use crate::first::first_of;
use crate::transport::Transport;
use crate::{Error, Handler, ServerOptions};

/// How long answers that are under way may take when the server stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// A running server. Dropping it stops it.
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds the first free port and starts to answer.
    ///
    /// # Errors
    ///
    /// When no port can be bound, a file of the TLS options cannot be used, or the system has no thread to give.
    pub fn start(name: &str, options: &ServerOptions, handler: impl Handler) -> Result<Self, Error> {
        let transport = Transport::new(options)?;
        let listener = bind(options)?;
        let address = listener.local_addr().map_err(Error::Thread)?;
        if options.shows_credentials() {
            warn!(
                server = name,
                %address,
                "the credentials of clients cross the network as plain text: set `tls.certificate` and `tls.key`, or \
                 listen on a loopback address"
            );
        }
        let runtime =
            Builder::new_current_thread().enable_io().enable_time().build().map_err(Error::Thread)?;
        let (stop, stopped) = watch::channel(false);
        let conversation = Conversation::new(handler, options.clone().within_limits(), stopped);
        let thread = thread::Builder::new()
            .name(format!("{name}-http"))
            .spawn(move || serve(&runtime, listener, transport, &conversation))
            .map_err(Error::Thread)?;
        let scheme = if options.is_encrypted() { "https" } else { "http" };
        Ok(Self { address, scheme, stop, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as what clients are given: `http://127.0.0.1:9249`, `https://[::1]:9249`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
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
        f.debug_struct("Server").field("url", &self.url()).finish_non_exhaustive()
    }
}

/// Binds the first port that is free. The listener does not block. For reporters that serve another protocol than HTTP with the same
/// options.
///
/// # Errors
///
/// When no port can be bound.
pub fn bind(options: &ServerOptions) -> Result<TcpListener, Error> {
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
    mut transport: Transport,
    conversation: &Conversation<impl Handler>,
) {
    runtime.block_on(async {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return debug!(%error, "cannot listen"),
        };
        let connections = conversation.options().connections;
        let open = Arc::new(Semaphore::new(connections));
        let accept = async {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let Some(permit) = permit(&open, conversation.room()).await else { return };
                        let connection = transport.carry(stream, conversation.clone());
                        tokio::spawn(async move {
                            connection.await;
                            drop(permit);
                        });
                    }
                    Err(error) => {
                        // Out of file descriptors, most likely: others will be closed.
                        debug!(%error, "cannot accept a connection");
                        conversation.room().notify_one();
                        sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        };
        first_of(conversation.stopped(), accept).await;
        drop(listener);
        let all = u32::try_from(connections).unwrap_or(u32::MAX);
        let _ = timeout(FAREWELL, open.acquire_many(all)).await;
    });
}

/// Waits until there may be one more connection, and has an idle one end for it if need be.
async fn permit(open: &Arc<Semaphore>, room: &Notify) -> Option<OwnedSemaphorePermit> {
    if let Ok(permit) = Arc::clone(open).try_acquire_owned() {
        return Some(permit);
    }
    room.notify_one();
    let permit = Arc::clone(open).acquire_owned().await.ok();
    // If none was idle and another one has ended, nobody needs to make room any more.
    pin!(room.notified()).enable();
    permit
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Waker};

    use super::*;

    #[test]
    fn nobody_makes_room_that_is_no_longer_needed() {
        let (open, room) = (Arc::new(Semaphore::new(1)), Notify::new());
        let is_ready = |future: std::pin::Pin<&mut dyn Future<Output = ()>>| {
            future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
        };
        let runtime = Builder::new_current_thread().build().unwrap();
        let busy = runtime.block_on(permit(&open, &room)).unwrap();
        let mut next = pin!(async { drop(permit(&open, &room).await) });
        assert!(!is_ready(next.as_mut()), "there is one already");
        drop(busy);
        assert!(is_ready(next.as_mut()));
        assert!(!is_ready(pin!(room.notified())), "who is idle now may stay");
    }
}

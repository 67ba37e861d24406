//! The server and its thread.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use flowmeter_http::{Error, Transport, bind};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::connection::Conversation;
use super::desk::{Desk, Ends};
use super::race::first_of;
use crate::JmxOptions;
use crate::model::MBeanServer;

/// How long answers that are under way may take when the server stops.
const FAREWELL: Duration = Duration::from_secs(1);

/// A running server: the registry, the objects that clients find there, and their leases, all on one port.
///
/// It has one thread with a private runtime. A client holds a call open for as long as it waits for notifications, so with a thread for
/// each there would be many that do nothing; and all that an answer takes is a look at a table, so one thread is enough.
pub(crate) struct RmiServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl RmiServer {
    /// Binds the first free port and starts to answer.
    pub(crate) fn start(name: &str, options: &JmxOptions, beans: MBeanServer) -> Result<Self, Error> {
        let options = JmxOptions { server: options.server.clone().within_limits(), ..options.clone() };
        let transport = Transport::new(&options.server)?;
        let listener = bind(&options.server)?;
        let address = listener.local_addr().map_err(Error::Thread)?;
        if options.server.shows_credentials() {
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
        let desk = Arc::new(Desk::new(beans, options));
        let thread = thread::Builder::new()
            .name(format!("{name}-jmx"))
            .spawn(move || serve(&runtime, listener, transport, &desk, &stopped))
            .map_err(Error::Thread)?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where it listens, as what clients are given.
    pub(crate) fn url(&self) -> String {
        format!("service:jmx:rmi:///jndi/rmi://{}/jmxrmi", self.address)
    }
}

impl Drop for RmiServer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for RmiServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RmiServer").field("url", &self.url()).finish_non_exhaustive()
    }
}

fn serve(
    runtime: &Runtime,
    listener: TcpListener,
    transport: Transport,
    desk: &Arc<Desk>,
    stopped: &watch::Receiver<bool>,
) {
    runtime.block_on(async {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return debug!(%error, "cannot listen"),
        };
        let sockets = desk.options.server.connections;
        let open = Arc::new(Semaphore::new(sockets));
        let mut stop = stopped.clone();
        let stop = async { drop(stop.wait_for(|stopped| *stopped).await) };
        let work = first_of(accept(&listener, transport, desk, &open, stopped), reap(desk));
        first_of(stop, work).await;
        drop(listener);
        let all = u32::try_from(sockets).unwrap_or(u32::MAX);
        let _ = timeout(FAREWELL, open.acquire_many(all)).await;
    });
}

async fn accept(
    listener: &tokio::net::TcpListener,
    mut transport: Transport,
    desk: &Arc<Desk>,
    open: &Arc<Semaphore>,
    stopped: &watch::Receiver<bool>,
) {
    let room = Arc::new(Notify::new());
    loop {
        let (stream, client) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, most likely: others will be closed.
                debug!(%error, "cannot accept a connection");
                room.notify_one();
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let permit = match Arc::clone(open).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_) => {
                // One that is idle ends, now or when it becomes idle.
                room.notify_one();
                let Ok(permit) = Arc::clone(open).acquire_owned().await else { return };
                // If another one has ended, nobody needs to make room any more.
                pin!(room.notified()).enable();
                permit
            }
        };
        let ends = (|| {
            stream.set_nodelay(true)?;
            Ok::<_, io::Error>(Ends { client: client.ip(), server: stream.local_addr()? })
        })();
        let Ok(ends) = ends else { continue };
        let accepted = transport.accept(stream);
        let (desk, room, stopped) = (Arc::clone(desk), Arc::clone(&room), stopped.clone());
        tokio::spawn(async move {
            if let Ok(Ok(stream)) = timeout(desk.options.server.request_patience, accepted).await {
                let conversation = Conversation {
                    desk: &desk,
                    stream,
                    ends,
                    client_port: client.port(),
                    room: &room,
                    stopped,
                    received: Vec::with_capacity(4096),
                };
                conversation.hold().await;
            }
            drop(permit);
        });
    }
}

/// Closes what was opened by clients that are not heard of any more.
async fn reap(desk: &Desk) {
    let lease = desk.lease();
    loop {
        sleep(lease / 4).await;
        desk.exports.close_silent(Instant::now(), lease);
    }
}

//! The remote objects: the server that clients find in the registry, and a connection for each of them.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::identity::{Identities, ObjId, Uid};
use super::listeners::Listeners;

/// How many connections there can be. Most clients do not close theirs, so these stay for the time of a lease.
const MOST_CONNECTIONS: usize = 1024;

pub(crate) struct Exports {
    server: ObjId,
    state: Mutex<State>,
}

struct State {
    identities: Identities,
    connections: HashMap<ObjId, Arc<RmiConnection>>,
    opened: u64,
}

/// What is kept for a client, whatever sockets it comes by.
pub(crate) struct RmiConnection {
    pub(crate) object: ObjId,
    pub(crate) id: String,
    pub(crate) listeners: Mutex<Listeners>,
    used: Mutex<Instant>,
    closed: watch::Sender<bool>,
}

impl RmiConnection {
    /// Becomes true when the connection is closed.
    pub(crate) fn closed(&self) -> watch::Receiver<bool> {
        self.closed.subscribe()
    }

    pub(crate) fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_use(&self, now: Instant) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    fn used(&self) -> Instant {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Exports {
    pub(crate) fn new() -> Self {
        let mut identities = Identities::new();
        let server = identities.object();
        Self { server, state: Mutex::new(State { identities, connections: HashMap::new(), opened: 0 }) }
    }

    /// The object that clients find in the registry.
    pub(crate) fn server(&self) -> ObjId {
        self.server
    }

    /// An identity for an answer.
    pub(crate) fn uid(&self) -> Uid {
        self.lock().identities.uid()
    }

    /// Opens a connection. Where there are too many, the one that was silent for longest is closed.
    pub(crate) fn open(&self, client: IpAddr, user: &str, now: Instant) -> Arc<RmiConnection> {
        let mut state = self.lock();
        if state.connections.len() >= MOST_CONNECTIONS
            && let Some(oldest) = state.connections.values().min_by_key(|connection| connection.used())
        {
            let oldest = oldest.object;
            state.close(oldest);
        }
        state.opened += 1;
        let number = state.opened;
        let id = match client {
            IpAddr::V4(client) => format!("rmi://{client} {user} {number}"),
            IpAddr::V6(client) => format!("rmi://[{client}] {user} {number}"),
        };
        let connection = Arc::new(RmiConnection {
            object: state.identities.object(),
            id,
            listeners: Mutex::default(),
            used: Mutex::new(now),
            closed: watch::Sender::new(false),
        });
        state.connections.insert(connection.object, Arc::clone(&connection));
        connection
    }

    /// The connection that an object is.
    pub(crate) fn connection(&self, object: ObjId, now: Instant) -> Option<Arc<RmiConnection>> {
        let connection = self.lock().connections.get(&object).cloned()?;
        connection.note_use(now);
        Some(connection)
    }

    /// Closes the connection that an object is, if it is one.
    pub(crate) fn close(&self, object: ObjId) {
        self.lock().close(object);
    }

    /// Closes the connections whose clients were silent for the time of a lease.
    pub(crate) fn close_silent(&self, now: Instant, lease: Duration) {
        let mut state = self.lock();
        let is_silent =
            |connection: &Arc<RmiConnection>| now.saturating_duration_since(connection.used()) > lease;
        let silent: Vec<_> = state.connections.values().filter(|all| is_silent(all)).cloned().collect();
        silent.iter().for_each(|connection| state.close(connection.object));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn close(&mut self, object: ObjId) {
        if let Some(connection) = self.connections.remove(&object) {
            connection.closed.send_replace(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn silent_clients_are_let_go() {
        let (exports, begin, lease) = (Exports::new(), Instant::now(), Duration::from_secs(600));
        let silent = exports.open(CLIENT, "", begin);
        let lively = exports.open(CLIENT, "me", begin);
        assert_eq!((&*silent.id, &*lively.id), ("rmi://127.0.0.1  1", "rmi://127.0.0.1 me 2"));
        let closed = silent.closed();
        assert!(exports.connection(lively.object, begin + lease / 2).is_some());
        exports.close_silent(begin + lease, lease);
        assert!(!*closed.borrow());
        exports.close_silent(begin + lease + Duration::from_secs(1), lease);
        assert!(*closed.borrow());
        assert!(exports.connection(silent.object, begin).is_none());
        assert!(exports.connection(lively.object, begin).is_some());
    }

    #[test]
    fn there_are_never_too_many() {
        let (exports, begin) = (Exports::new(), Instant::now());
        let first = exports.open(CLIENT, "", begin);
        for number in 1..MOST_CONNECTIONS as u64 {
            exports.open(CLIENT, "", begin + Duration::from_millis(number));
        }
        assert!(!*first.closed().borrow());
        exports.open(CLIENT, "", begin + Duration::from_secs(60));
        assert!(*first.closed().borrow());
        assert_eq!(exports.lock().connections.len(), MOST_CONNECTIONS);
    }

    #[test]
    fn another_objects_number_is_no_connection() {
        let (exports, now) = (Exports::new(), Instant::now());
        let mut object = exports.open(CLIENT, "", now).object;
        assert!(exports.connection(exports.server(), now).is_none());
        object.space.count = object.space.count.wrapping_add(1);
        assert!(exports.connection(object, now).is_none());
    }
}

//! What a JobManager and its TaskManagers say to each other: JSON, one message a line, over a loopback connection.
//!
//! A connection that ends tells each side that the other is gone.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::marker::PhantomData;
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::job::{JobSpec, Truth};
use crate::otlp::OtlpUrl;
use crate::serving::{Endpoints, ServingPorts};

/// The most bytes of a message: the list of the splits of a very large folder has that many.
const MESSAGE_LIMIT: u64 = 256 << 20;

/// The variable of a TaskManager's environment with which it proves that its JobManager started it.
pub const TOKEN_VARIABLE: &str = "FLOWMETER_DEMO_TOKEN";

/// From a TaskManager.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum FromTaskManager {
    /// It is there.
    Hello {
        /// Its number.
        index: usize,
        /// What it was started with.
        token: String,
        /// Where it waits for other TaskManagers.
        mesh: SocketAddr,
    },
    /// Its reporters run.
    Started {
        /// Where its metrics are; nowhere if it is not measured.
        endpoints: Endpoints,
    },
    /// How far its sources are.
    Progress {
        /// Records that they have produced.
        source_records: u64,
    },
    /// Lines of the result.
    Output(Vec<String>),
    /// Its part of the job is done.
    Finished {
        /// What it counted.
        truth: Truth,
    },
    /// It cannot go on.
    Failed {
        /// Why, in one line.
        message: String,
    },
}

/// To a TaskManager.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum ToTaskManager {
    /// What to do.
    Setup(Box<Setup>),
    /// Where all TaskManagers wait for each other, by number.
    Mesh(Vec<SocketAddr>),
    /// The sources are to end.
    Stop,
    /// Stay up until the final values were scraped, but not longer than this; then end.
    Linger(Duration),
}

/// What a TaskManager is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setup {
    /// The job.
    pub job: JobSpec,
    /// The id of this run of it.
    pub job_id: String,
    /// The ports for its endpoints; nothing if the job is not to be measured.
    pub ports: Option<ServingPorts>,
    /// The address of a StatsD daemon to report to as well.
    pub statsd: Option<String>,
    /// A receiver of OTLP to report to as well.
    pub otlp: Option<OtlpUrl>,
    /// A file with other reporters.
    pub config: Option<PathBuf>,
}

/// The end of a connection on which messages of one type are sent.
#[derive(Debug)]
pub struct Sender<M>(Arc<Mutex<TcpStream>>, PhantomData<fn(M)>);

impl<M> Clone for Sender<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0), PhantomData)
    }
}

/// The end of a connection on which messages of one type come in.
#[derive(Debug)]
pub struct Receiver<M>(BufReader<TcpStream>, PhantomData<fn() -> M>);

/// Both ends of this side of a connection.
///
/// # Errors
///
/// When the system cannot duplicate the connection.
pub fn ends<S, R>(stream: TcpStream) -> io::Result<(Sender<S>, Receiver<R>)> {
    stream.set_nodelay(true)?;
    let receiver = Receiver(BufReader::new(stream.try_clone()?), PhantomData);
    Ok((Sender(Arc::new(Mutex::new(stream)), PhantomData), receiver))
}

impl<M: Serialize> Sender<M> {
    /// Sends a message.
    ///
    /// # Errors
    ///
    /// When the other side is gone.
    pub fn send(&self, message: &M) -> io::Result<()> {
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
    }
}

impl<M: DeserializeOwned> Receiver<M> {
    /// Waits for a message; nothing when the other side is gone.
    ///
    /// # Errors
    ///
    /// When the connection breaks, or what comes in is no message.
    pub fn receive(&mut self) -> io::Result<Option<M>> {
        let mut line = Vec::new();
        self.0.by_ref().take(MESSAGE_LIMIT).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        serde_json::from_slice(&line).map(Some).map_err(Into::into)
    }

    /// Sets how long to wait for a message; for ever if nothing is given.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn set_patience(&self, patience: Option<Duration>) -> io::Result<()> {
        self.0.get_ref().set_read_timeout(patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn messages_arrive_as_they_were_sent_and_the_end_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (sender, near) = ends::<FromTaskManager, ToTaskManager>(near).unwrap();
        let (_, mut receiver) = ends::<ToTaskManager, FromTaskManager>(listener.accept().unwrap().0).unwrap();
        let output = vec!["tab\tand \"quote\"".to_owned(), "line\nbreak é".to_owned()];
        sender.send(&FromTaskManager::Output(output.clone())).unwrap();
        sender.send(&FromTaskManager::Progress { source_records: u64::MAX }).unwrap();
        assert!(
            matches!(receiver.receive().unwrap(), Some(FromTaskManager::Output(lines)) if lines == output)
        );
        let progress = receiver.receive().unwrap();
        assert!(matches!(progress, Some(FromTaskManager::Progress { source_records: u64::MAX })));
        drop((sender, near));
        assert!(receiver.receive().unwrap().is_none());
    }

    #[test]
    fn nonsense_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (_, mut receiver) = ends::<ToTaskManager, FromTaskManager>(listener.accept().unwrap().0).unwrap();
        near.write_all(b"{}\n").unwrap();
        assert!(receiver.receive().is_err());
    }
}

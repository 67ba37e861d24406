//! Etsy's StatsD, with a backend that keeps what it flushes.

mod state;

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

pub use state::{Flush, State, Timer};

use crate::backends::{installed, program};
use crate::{Folder, PATIENCE, ports, wait_for};

/// How often a daemon flushes: seldom enough for a packet or two to be in one flush, and often enough for a
/// test.
const FLUSH_INTERVAL: Duration = Duration::from_millis(300);

/// The file that it flushes to.
const FLUSHED: &str = "flushed";

/// What daemons of a test are started with.
#[derive(Clone, Copy, Debug)]
pub struct StatsdConfig {
    ip: IpAddr,
    forgets: bool,
}

impl Default for StatsdConfig {
    /// Listens on IPv4, and keeps what it has heard of.
    fn default() -> Self {
        Self { ip: Ipv4Addr::LOCALHOST.into(), forgets: false }
    }
}

impl StatsdConfig {
    /// Listens on IPv6; nothing if the machine has none, in which case the test is to return.
    #[must_use]
    pub fn on_ipv6(mut self) -> Option<Self> {
        self.ip = Ipv6Addr::LOCALHOST.into();
        UdpSocket::bind((self.ip, 0)).ok().map(|_| self)
    }

    /// Forgets what it heard nothing of between two flushes.
    #[must_use]
    pub const fn forgetting(mut self) -> Self {
        self.forgets = true;
        self
    }
}

/// A daemon that takes UDP and TCP on one port, which it has again when it is started again.
pub struct Statsd {
    node: PathBuf,
    stats: PathBuf,
    config: StatsdConfig,
    /// While it runs.
    child: Option<Child>,
    port: u16,
    management: SocketAddr,
    starts: usize,
    folder: Folder,
}

impl Statsd {
    /// Starts a daemon and waits until it listens; nothing if it is not installed, in which case the test is
    /// to return.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start(test: &str, config: StatsdConfig) -> Option<Self> {
        let node = program(test, "node")?;
        let stats = installed(test, "node/node_modules/statsd/stats.js")?;
        let stats = fs::canonicalize(stats).expect("it is there");
        let folder = Folder::new("statsd");
        let management = SocketAddr::new(config.ip, 0);
        let mut statsd = Self { node, stats, config, child: None, port: 0, management, starts: 0, folder };
        // Between looking for a port and its use somebody else may take it.
        wait_for("StatsD", || {
            statsd.port = ports::free(config.ip);
            statsd.management.set_port(ports::free(config.ip));
            statsd.launch().then_some(())
        });
        Some(statsd)
    }

    /// Where it takes UDP and TCP, as in a URL.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.config.ip, self.port)
    }

    /// Kills it. What it has not flushed is gone.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("it is ours");
        child.wait().expect("it was not waited for before");
    }

    /// Has it read and flush nothing until it [goes on](Self::go_on).
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Has it go on.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("it runs");
        kill_process(Pid::from_child(child), signal).expect("it is ours");
    }

    /// Starts it again on the same port, and waits until it listens.
    ///
    /// # Panics
    ///
    /// When it runs, or does not start.
    pub fn start_again(&mut self) {
        assert!(self.child.is_none(), "it runs");
        wait_for("StatsD", || self.launch().then_some(()));
    }

    /// What it has flushed so far.
    ///
    /// # Panics
    ///
    /// When it has flushed something else.
    #[must_use]
    pub fn state(&self) -> State {
        State::read(&self.flushed())
    }

    /// Waits until the state is as somebody wants it, and gives that.
    ///
    /// # Panics
    ///
    /// When that does not come within [`PATIENCE`].
    pub fn wait_for(&self, what: &str, mut wanted: impl FnMut(&State) -> bool) -> State {
        wait_for(what, || Some(self.state()).filter(&mut wanted))
    }

    /// Waits until it has flushed all that it was sent, and gives that: there was nothing between the last
    /// flushes.
    ///
    /// # Panics
    ///
    /// When it is sent something all the time.
    pub fn settled(&self) -> State {
        let before = self.state().flushes.len();
        self.wait_for("a flush without metrics", |state| {
            let new = state.flushes.get(before..).unwrap_or_default();
            new.len() > 2 && new.iter().rev().take(2).all(|flush| flush.metrics_received == 0.0)
        })
    }

    /// Whether it says on its management port that it is up.
    fn is_up(&self) -> std::io::Result<bool> {
        let mut stream = TcpStream::connect(self.management)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // It answers to packets rather than lines.
        stream.write_all(b"health")?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        Ok(answer == "health: up\n")
    }

    fn flushed(&self) -> PathBuf {
        self.folder.path().join(FLUSHED)
    }

    /// Starts it, and says whether it listens.
    fn launch(&mut self) -> bool {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/statsd");
        let config_path = self.folder.path().join("config.json");
        fs::write(&config_path, self.config_text(&sources)).expect("the folder can be written");
        let log = File::options().create(true).append(true).open(self.folder.path().join("log"));
        let log = log.expect("the folder can be written");
        let child = Command::new(&self.node)
            .arg(sources.join("launch.js"))
            .args([&config_path, &self.stats])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file has as many handles as one likes"))
            .stderr(log)
            .spawn()
            .expect("Node is installed");
        let child = self.child.insert(child);
        self.starts += 1;
        let flushed = self.folder.path().join(FLUSHED);
        let ended = wait_for("StatsD's servers", || {
            let listens = State::read(&flushed).starts == self.starts;
            if listens { Some(false) } else { child.try_wait().ok().flatten().map(|_| true) }
        });
        if ended {
            self.child = None;
            self.starts -= 1;
            return false;
        }
        wait_for("StatsD's health", || self.is_up().ok().filter(|is_up| *is_up));
        true
    }

    fn config_text(&self, sources: &Path) -> String {
        let (ip, port) = (self.config.ip, self.port);
        let address = ip.to_string();
        let servers = ["./servers/udp", "./servers/tcp"];
        let servers = servers.map(|server| {
            json!({ "server": server, "address": address, "address_ipv6": ip.is_ipv6(), "port": port })
        });
        let config = json!({
            "servers": servers,
            "mgmt_address": address,
            "mgmt_port": self.management.port(),
            "flushInterval": FLUSH_INTERVAL.as_millis(),
            "deleteIdleStats": self.config.forgets,
            "automaticConfigReload": false,
            "backends": [sources.join("backend.js")],
            "recorder": { "file": self.flushed(), "servers": self.stats.with_file_name("") },
        });
        config.to_string()
    }
}

impl Drop for Statsd {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

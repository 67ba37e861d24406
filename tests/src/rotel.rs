//! The OpenTelemetry collector Rotel.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::backends::installed;
use crate::{Folder, ports, wait_for};

/// A collector that takes OTLP by gRPC and HTTP, on ports which it has again when it is started again, and passes on all
/// that it gets.
pub struct Rotel {
    program: PathBuf,
    /// Where what it gets goes, by OTLP over HTTP.
    next: String,
    grpc: SocketAddr,
    http: SocketAddr,
    child: Option<Child>,
    folder: Folder,
}

impl Rotel {
    /// Starts a collector that passes on what it gets to an OTLP endpoint; nothing if it is not installed, in which case the
    /// test is to return.
    ///
    /// # Panics
    ///
    /// When it does not start, or is not installed but required.
    #[must_use]
    pub fn start(test: &str, next: &str) -> Option<Self> {
        let mut rotel = Self::new(test, next)?;
        rotel.restart();
        Some(rotel)
    }

    /// The same, not started yet.
    ///
    /// # Panics
    ///
    /// When it is not installed but required.
    #[must_use]
    pub fn new(test: &str, next: &str) -> Option<Self> {
        let program = installed(test, "python/rotel/rotel-agent")?;
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let free = || SocketAddr::new(ip, ports::free(ip));
        let folder = Folder::new("rotel");
        Some(Self { program, next: next.to_owned(), grpc: free(), http: free(), child: None, folder })
    }

    /// Where it takes gRPC, as a URL.
    #[must_use]
    pub fn grpc(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// Where it takes HTTP, as a URL without the path of a signal.
    #[must_use]
    pub fn http(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Starts it, again perhaps, and waits until it listens.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub fn restart(&mut self) {
        self.kill();
        let path = |name: &str| self.folder.path().join(name);
        let log = File::options().create(true).append(true).open(path("log"));
        let log = log.and_then(|log| Ok((log.try_clone()?, log)));
        let (stdout, stderr) = log.expect("the folder can be written");
        let mut command = Command::new(&self.program);
        command
            .arg("start")
            .arg("--pid-file")
            .arg(path("pid"))
            .args(["--otlp-grpc-endpoint", &self.grpc.to_string()])
            .args(["--otlp-http-endpoint", &self.http.to_string()])
            .args(["--exporter", "otlp", "--otlp-exporter-protocol", "http"])
            .args(["--otlp-exporter-endpoint", &self.next])
            .args(["--batch-timeout", "100ms"])
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr);
        self.child = Some(command.spawn().expect("Rotel is installed"));
        for address in [self.grpc, self.http] {
            wait_for("Rotel", || TcpStream::connect(address).ok());
        }
    }

    /// Kills it: what it has not passed on is lost.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Rotel {
    fn drop(&mut self) {
        self.kill();
    }
}

//! OpenTelemetry collectors.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::backends::installed;
use crate::{Folder, ports, wait_for};

/// Programs that pass on OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectorKind {
    /// OpenTelemetry's own. What it has taken, it has passed on.
    Official,
    /// Rotel, which has been written anew. What it has taken, it passes on soon.
    Rotel,
}

impl CollectorKind {
    /// Where it is installed.
    fn path(self) -> &'static str {
        match self {
            Self::Official => "collector/otelcol",
            Self::Rotel => "python/rotel/rotel-agent",
        }
    }
}

/// A collector that takes OTLP by gRPC and HTTP, on ports which it has again when it is started again, and passes on all
/// that it gets.
pub struct Collector {
    kind: CollectorKind,
    program: PathBuf,
    /// Where what it gets goes, by OTLP over HTTP.
    next: String,
    grpc: SocketAddr,
    http: SocketAddr,
    child: Option<Child>,
    folder: Folder,
}

impl Collector {
    /// Starts a collector that passes on what it gets to an OTLP endpoint; nothing if it is not installed, in which case the
    /// test is to return.
    ///
    /// # Panics
    ///
    /// When it does not start, or is not installed but required.
    #[must_use]
    pub fn start(kind: CollectorKind, test: &str, next: &str) -> Option<Self> {
        let mut collector = Self::new(kind, test, next)?;
        collector.restart();
        Some(collector)
    }

    /// The same, not started yet.
    ///
    /// # Panics
    ///
    /// When it is not installed but required.
    #[must_use]
    pub fn new(kind: CollectorKind, test: &str, next: &str) -> Option<Self> {
        let program = installed(test, kind.path())?;
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let free = || SocketAddr::new(ip, ports::free(ip));
        let folder = Folder::new("collector");
        Some(Self { kind, program, next: next.to_owned(), grpc: free(), http: free(), child: None, folder })
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
        let log = File::options().create(true).append(true).open(self.folder.path().join("log"));
        let log = log.and_then(|log| Ok((log.try_clone()?, log)));
        let (stdout, stderr) = log.expect("the folder can be written");
        let mut command = match self.kind {
            CollectorKind::Official => self.official(),
            CollectorKind::Rotel => self.rotel(),
        };
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        self.child = Some(command.spawn().expect("it is installed"));
        for address in [self.grpc, self.http] {
            wait_for(self.kind.path(), || TcpStream::connect(address).ok());
        }
    }

    fn official(&self) -> Command {
        // It answers when what it has got is passed on, as without a queue there is nowhere else for that to be.
        let configuration = format!(
            "\
receivers:
  otlp:
    protocols:
      grpc: {{ endpoint: {grpc} }}
      http: {{ endpoint: {http} }}
exporters:
  otlp_http:
    endpoint: {next}
    sending_queue: {{ enabled: false }}
    retry_on_failure: {{ enabled: false }}
service:
  telemetry: {{ metrics: {{ level: none }} }}
  pipelines:
    metrics: {{ receivers: [otlp], exporters: [otlp_http] }}
    traces: {{ receivers: [otlp], exporters: [otlp_http] }}
    logs: {{ receivers: [otlp], exporters: [otlp_http] }}
",
            grpc = self.grpc,
            http = self.http,
            next = self.next,
        );
        let path = self.folder.path().join("otelcol.yaml");
        fs::write(&path, configuration).expect("the folder can be written");
        let mut command = Command::new(&self.program);
        command.arg("--config").arg(path);
        command
    }

    fn rotel(&self) -> Command {
        let mut command = Command::new(&self.program);
        command
            .arg("start")
            .arg("--pid-file")
            .arg(self.folder.path().join("pid"))
            .args(["--otlp-grpc-endpoint", &self.grpc.to_string()])
            .args(["--otlp-http-endpoint", &self.http.to_string()])
            .args(["--exporter", "otlp", "--otlp-exporter-protocol", "http"])
            .args(["--otlp-exporter-endpoint", &self.next])
            .args(["--batch-timeout", "100ms"]);
        command
    }

    /// Kills it: what it has not passed on is lost.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.kill();
    }
}

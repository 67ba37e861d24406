//! Datadog's Python client, and the other end of the sockets that Datadog's Agent has.

mod agent;

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

pub use agent::{Agent, SocketKind};

use crate::backends::{installed, program};
use crate::filter::{Filtered, filter};

/// The client, installed.
pub struct DatadogClient {
    python: PathBuf,
    packages: PathBuf,
}

impl DatadogClient {
    /// Finds it; nothing if it is not installed, in which case the test is to return.
    #[must_use]
    pub fn find(test: &str) -> Option<Self> {
        let packages = installed(test, "python/datadog")?;
        let packages = packages.parent().expect("it is in a folder").to_owned();
        Some(Self { python: program(test, "python3")?, packages })
    }

    /// Has it send metrics: each is the name of a method of the client, `method`, and the arguments of that.
    ///
    /// # Panics
    ///
    /// When the client fails.
    pub fn send(&self, url: &str, calls: &[Value]) {
        let mut command = Command::new(&self.python);
        command.args(["-c", include_str!("send.py"), url]);
        command.env("PYTHONPATH", &self.packages).env("PYTHONDONTWRITEBYTECODE", "1");
        // The client has options and tags from there too.
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DD_") || name.to_string_lossy().starts_with("DATADOG_") {
                command.env_remove(name);
            }
        }
        let lines: String = calls.iter().map(|call| format!("{call}\n")).collect();
        let Filtered { success, said, .. } = filter(&mut command, lines.as_bytes());
        assert!(success && said.is_empty(), "{said}");
    }
}

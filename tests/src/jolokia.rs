//! Clients of Jolokia.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::backends::{installed, program};
use crate::filter::{Filtered, filter};

/// A client of Jolokia, installed, with a program that reads the same by each of them.
pub struct JolokiaClient {
    kind: Kind,
    /// The file of a certificate that it trusts.
    trusted: Option<String>,
}

enum Kind {
    Python { python: PathBuf, packages: PathBuf },
    JavaScript { node: PathBuf, folder: PathBuf },
}

impl JolokiaClient {
    /// Finds the one for Python; nothing if it is not installed, in which case the test is to return.
    #[must_use]
    pub fn python(test: &str) -> Option<Self> {
        let python = program(test, "python3")?;
        installed(test, "python/jolokia")?;
        Some(Self { kind: Kind::Python { python, packages: installed(test, "python")? }, trusted: None })
    }

    /// Finds the one that consoles in browsers use; nothing if it is not installed, in which case the test is to return.
    #[must_use]
    pub fn javascript(test: &str) -> Option<Self> {
        let node = program(test, "node")?;
        installed(test, "node/node_modules/@jolokia.js/simple")?;
        Some(Self { kind: Kind::JavaScript { node, folder: installed(test, "node")? }, trusted: None })
    }

    /// The same, trusting a server whose certificate is in a file.
    #[must_use]
    pub fn trusting(mut self, certificate: &str) -> Self {
        self.trusted = Some(certificate.to_owned());
        self
    }

    /// What the program reads of a server: an object with the answers to what it asks for, given a bean with the attributes `Count` and
    /// `Mean`, a pattern, and credentials if the server wants them.
    ///
    /// # Panics
    ///
    /// When the client cannot be run, or fails.
    #[must_use]
    pub fn read(&self, url: &str, bean: &str, pattern: &str, login: Option<(&str, &str)>) -> Value {
        let (mut command, script) = match &self.kind {
            Kind::Python { python, packages } => {
                let mut command = Command::new(python);
                command.arg("-").env("PYTHONPATH", packages).env("PYTHONDONTWRITEBYTECODE", "1");
                (command, include_str!("read_jolokia.py"))
            }
            Kind::JavaScript { node, folder } => {
                let mut command = Command::new(node);
                // Modules are looked for from there.
                command.args(["--input-type=module", "-"]).current_dir(folder);
                (command, include_str!("read_jolokia.mjs"))
            }
        };
        let (user, password) = login.unwrap_or_default();
        command.args([url, bean, pattern, user, password]);
        if let Some(trusted) = &self.trusted {
            // Each of them looks at one of these.
            command.env("REQUESTS_CA_BUNDLE", trusted).env("NODE_EXTRA_CA_CERTS", trusted);
        }
        let Filtered { success, output, said } = filter(&mut command, script.as_bytes());
        assert!(success, "{said}");
        serde_json::from_slice(&output).expect("it writes JSON")
    }
}

//! A client of JMX for Python, with a Java program of its own.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::backends::{installed, program};

/// The client, installed.
pub struct JmxQuery {
    python: PathBuf,
    packages: PathBuf,
}

/// A value as the client has read it.
#[derive(Clone, Debug, PartialEq)]
pub struct JmxValue {
    /// The name of the bean.
    pub bean: String,
    /// The attribute.
    pub attribute: String,
    /// What type it has there.
    pub kind: String,
    /// The value.
    pub value: Value,
}

impl JmxQuery {
    /// Finds it; nothing if it is not installed, in which case the test is to return.
    #[must_use]
    pub fn find(test: &str) -> Option<Self> {
        program(test, "java")?;
        let python = program(test, "python3")?;
        installed(test, "python/jmxquery")?;
        Some(Self { python, packages: installed(test, "python")? })
    }

    /// The values that queries find, such as `domain:*` or `domain:key=value/attribute`.
    ///
    /// # Panics
    ///
    /// When the client cannot be run, or fails.
    #[must_use]
    pub fn query(&self, url: &str, queries: &[&str]) -> Vec<JmxValue> {
        let mut command = Command::new(&self.python);
        command.args(["-c", include_str!("read_jmx.py"), url]).args(queries);
        command.env("PYTHONPATH", &self.packages).env("PYTHONDONTWRITEBYTECODE", "1");
        let output = command.output().expect("python runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let output = String::from_utf8(output.stdout).expect("JSON is UTF-8");
        output.lines().map(value).collect()
    }
}

fn value(line: &str) -> JmxValue {
    let line: Value = serde_json::from_str(line).expect("lines are JSON");
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    JmxValue {
        bean: text("mbean"),
        attribute: text("attribute"),
        kind: text("type"),
        value: line["value"].clone(),
    }
}

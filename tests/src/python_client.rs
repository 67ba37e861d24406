//! The parsers of the official Python client.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::Protocol;
use crate::backends::{installed, program};
use crate::exemplar::{Exemplar, labels_of};
use crate::filter::{Filtered, filter};

/// The client, installed.
pub struct PythonClient {
    python: PathBuf,
    packages: PathBuf,
}

/// A sample as the client has read it.
#[derive(Clone, Debug, PartialEq)]
pub struct ParsedSample {
    /// The name of its family.
    pub family: String,
    /// The type of its family.
    pub kind: String,
    /// The help of its family.
    pub help: String,
    /// The unit of its family; empty without.
    pub unit: String,
    /// Its own name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
    /// Its time, in seconds since the Unix epoch.
    pub timestamp: Option<f64>,
    /// Its exemplar.
    pub exemplar: Option<Exemplar>,
}

impl PythonClient {
    /// Finds it; nothing if it is not installed, in which case the test is to return.
    #[must_use]
    pub fn find(test: &str) -> Option<Self> {
        Some(Self { python: program(test, "python3")?, packages: installed(test, "python")? })
    }

    /// Reads all samples of a text.
    ///
    /// # Errors
    ///
    /// What the parser says against it.
    ///
    /// # Panics
    ///
    /// When the client cannot be run, or has no parser for the format.
    pub fn read(&self, protocol: Protocol, text: &str) -> Result<Vec<ParsedSample>, String> {
        let format = match protocol {
            Protocol::Text => "text",
            Protocol::OpenMetrics => "openmetrics",
            Protocol::Protobuf => panic!("the Python client reads no protobuf"),
        };
        let mut command = Command::new(&self.python);
        command.args(["-c", include_str!("read_exposition.py"), format]);
        command.env("PYTHONPATH", &self.packages).env("PYTHONDONTWRITEBYTECODE", "1");
        let Filtered { success, output, said } = filter(&mut command, text.as_bytes());
        if !success {
            return Err(said);
        }
        let output = String::from_utf8(output).expect("JSON is UTF-8");
        Ok(output.lines().map(|line| sample(&serde_json::from_str(line).expect("lines are JSON"))).collect())
    }
}

fn sample(line: &Value) -> ParsedSample {
    let text = |key: &str| line[key].as_str().expect("a text").to_owned();
    let exemplar = &line["exemplar"];
    ParsedSample {
        family: text("family"),
        kind: text("type"),
        help: text("help"),
        unit: text("unit"),
        name: text("name"),
        labels: labels_of(&line["labels"]),
        value: number(&line["value"]).expect("each sample has a value"),
        timestamp: number(&line["timestamp"]),
        exemplar: exemplar.is_object().then(|| Exemplar {
            labels: labels_of(&exemplar["labels"]),
            value: number(&exemplar["value"]).expect("each exemplar has a value"),
            timestamp: number(&exemplar["timestamp"]),
        }),
    }
}

fn number(value: &Value) -> Option<f64> {
    value.as_str().map(|number| number.parse().expect("a number, as Python writes it"))
}

//! A VictoriaMetrics server.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::{Folder, wait_for};

/// A running server.
pub struct VictoriaMetrics {
    child: Child,
    address: String,
    _folder: Folder,
}

impl VictoriaMetrics {
    /// Starts a server and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start(program: &Path) -> Self {
        let folder = Folder::new("victoria-metrics");
        let log_path = folder.path().join("log");
        let log = File::create(&log_path).expect("the folder can be written");
        let child = Command::new(program)
            .arg(format!("-storageDataPath={}", folder.path().join("data").display()))
            // Any free port, which the log names.
            .arg("-httpListenAddr=127.0.0.1:0")
            .args(["-retentionPeriod=1d", "-search.latencyOffset=0s"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("VictoriaMetrics is installed");
        let mut server = Self { child, address: String::new(), _folder: folder };
        server.address = wait_for("VictoriaMetrics' address", || {
            let log = fs::read_to_string(&log_path).ok()?;
            let (_, rest) = log.split_once("started server at http://")?;
            Some(rest.split_once('/')?.0.to_owned())
        });
        wait_for("VictoriaMetrics", || ureq::get(format!("http://{}/health", server.address)).call().ok());
        server
    }

    /// Where it takes metrics by OTLP over HTTP.
    #[must_use]
    pub fn otlp(&self) -> String {
        format!("http://{}/opentelemetry/v1/metrics", self.address)
    }

    /// The latest values of a selector, summed by one label.
    ///
    /// # Panics
    ///
    /// When the server does not answer, or not with an instant vector.
    #[must_use]
    pub fn sums(&self, selector: &str, label: &str) -> BTreeMap<String, f64> {
        // What it got is found at once.
        let flush = format!("http://{}/internal/force_flush", self.address);
        ureq::get(flush).call().expect("the server answers");
        let query = format!("sum by ({label}) (last_over_time({selector}[1h]))");
        let url = format!("http://{}/api/v1/query", self.address);
        let mut response = ureq::get(url).query("query", &query).call().expect("the server answers");
        let text = response.body_mut().read_to_string().expect("answers are text");
        let answer: Value = serde_json::from_str(&text).expect("answers are JSON");
        let series = answer["data"]["result"].as_array().expect("an instant vector");
        let value = |series: &Value| series["value"][1].as_str().and_then(|value| value.parse().ok());
        let sum = |series| {
            let name: &Value = series;
            (name["metric"][label].as_str().unwrap_or_default().to_owned(), value(name).expect("a number"))
        };
        series.iter().map(sum).collect()
    }
}

impl Drop for VictoriaMetrics {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

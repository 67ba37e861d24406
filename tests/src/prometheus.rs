//! A Prometheus server, and promtool.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::{Folder, wait_for};

/// A server that scrapes some endpoints every two seconds: it gives a scrape up after as long, and what it gives up was sent.
pub struct Prometheus {
    child: Child,
    address: String,
    _folder: Folder,
}

impl Prometheus {
    /// Starts a server and waits until it answers.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start(program: &Path, endpoints: &[String]) -> Self {
        let folder = Folder::new("prometheus");
        let target = |endpoint: &String| {
            let target = endpoint.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/metrics"));
            format!("'{}'", target.expect("endpoints are at /metrics"))
        };
        let targets: Vec<_> = endpoints.iter().map(target).collect();
        let mut config = "global: { scrape_interval: 2s, scrape_timeout: 2s }\n".to_owned();
        let _ = writeln!(
            config,
            "scrape_configs: [ {{ job_name: demo, static_configs: [ {{ targets: [{}] }} ] }} ]",
            targets.join(", ")
        );
        let (config_path, log_path) = (folder.path().join("prometheus.yml"), folder.path().join("log"));
        fs::write(&config_path, config).expect("the folder can be written");
        let log = File::create(&log_path).expect("the folder can be written");
        let child = Command::new(program)
            .arg(format!("--config.file={}", config_path.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            // Any free port, which the log names.
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("Prometheus is installed");
        let mut server = Self { child, address: String::new(), _folder: folder };
        server.address = wait_for("Prometheus' address", || {
            let log = fs::read_to_string(&log_path).ok()?;
            let line = log.lines().find(|line| line.contains("Listening on"))?;
            let address = line.split("address=").nth(1)?.split_whitespace().next()?;
            Some(address.trim_matches('"').to_owned())
        });
        wait_for("Prometheus", || ureq::get(format!("http://{}/-/ready", server.address)).call().ok());
        server
    }

    /// The result of an instant query: values by the value of one label.
    ///
    /// # Panics
    ///
    /// When the server does not answer, or not with a vector.
    #[must_use]
    pub fn query(&self, query: &str, label: &str) -> BTreeMap<String, String> {
        let url = format!("http://{}/api/v1/query", self.address);
        let mut response = ureq::get(url).query("query", query).call().expect("Prometheus answers");
        let text = response.body_mut().read_to_string().expect("answers are text");
        let answer: Value = serde_json::from_str(&text).expect("answers are JSON");
        let series = answer["data"]["result"].as_array().expect("an instant vector");
        let pair = |series: &Value| {
            let name = series["metric"][label].as_str().unwrap_or_default().to_owned();
            (name, series["value"][1].as_str().expect("a value").to_owned())
        };
        series.iter().map(pair).collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Has promtool check a text; an error is what it has to say.
///
/// # Errors
///
/// When it has anything to say.
///
/// # Panics
///
/// When it cannot be run.
pub fn check_metrics(promtool: &Path, text: &str) -> Result<(), String> {
    let mut child = Command::new(promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(text.as_bytes()).expect("promtool reads");
    drop(stdin);
    let output = child.wait_with_output().expect("promtool ends");
    let said = [output.stdout, output.stderr].concat();
    if output.status.success() && said.is_empty() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&said).into_owned())
    }
}

//! A Prometheus server, and promtool.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::exemplar::{Exemplar, labels_of};
use crate::filter::{Filtered, filter};
use crate::scrape::get;
use crate::{Folder, wait_for};

/// A format in which Prometheus asks for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Text, version 0.0.4.
    Text,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
    /// Delimited protobuf, which alone has native histograms.
    Protobuf,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Text, Self::OpenMetrics, Self::Protobuf];

    /// As Prometheus' configuration has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "PrometheusText0.0.4",
            Self::OpenMetrics => "OpenMetricsText1.0.0",
            Self::Protobuf => "PrometheusProto",
        }
    }

    /// What asks an endpoint for it.
    #[must_use]
    pub const fn accept(self) -> &'static str {
        match self {
            Self::Text => "text/plain;version=0.0.4",
            Self::OpenMetrics => "application/openmetrics-text;version=1.0.0",
            Self::Protobuf => {
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
            }
        }
    }

    /// What its content type begins with.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain",
            Self::OpenMetrics => "application/openmetrics-text",
            Self::Protobuf => "application/vnd.google.protobuf",
        }
    }
}

/// Some endpoints that a server scrapes.
#[derive(Clone, Copy, Debug)]
pub struct ScrapeJob<'a> {
    /// The label `job` of all its series.
    name: &'a str,
    protocol: Protocol,
    escaping: &'a str,
    interval: Duration,
    endpoints: &'a [String],
    login: Option<Login<'a>>,
}

/// How a server proves who it is to an endpoint, and the endpoint to it.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    /// The file of certificates that it trusts.
    pub ca: &'a Path,
    /// The name.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
}

impl<'a> ScrapeJob<'a> {
    /// Scrapes in this format, and in no other, as often as that. The server gives a scrape up after as long, and what it
    /// gives up was sent. The name of the job is the protocol's.
    #[must_use]
    pub const fn new(protocol: Protocol, interval: Duration, endpoints: &'a [String]) -> Self {
        Self { name: protocol.name(), protocol, escaping: "allow-utf-8", interval, endpoints, login: None }
    }

    /// Asks for names in one of Prometheus' escaping schemes, rather than as they are. The name of the job is another.
    #[must_use]
    pub const fn with_escaping(mut self, name: &'a str, escaping: &'a str) -> Self {
        (self.name, self.escaping) = (name, escaping);
        self
    }

    /// Logs in. The name of the job is another.
    #[must_use]
    pub const fn with_login(mut self, name: &'a str, login: Login<'a>) -> Self {
        (self.name, self.login) = (name, Some(login));
        self
    }

    fn config(&self) -> Value {
        let target = |endpoint: &String| {
            let target = endpoint.split_once("://").and_then(|(_, rest)| rest.strip_suffix("/metrics"));
            target.expect("endpoints are at /metrics").to_owned()
        };
        let targets: Vec<_> = self.endpoints.iter().map(target).collect();
        let interval = format!("{}ms", self.interval.as_millis());
        let mut config = json!({
            "job_name": self.name,
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "scrape_protocols": [self.protocol.name()],
            "metric_name_escaping_scheme": self.escaping,
            // Beside native ones, which it takes alone otherwise.
            "always_scrape_classic_histograms": true,
            "static_configs": [{ "targets": targets }],
        });
        if let Some(Login { ca, username, password }) = self.login {
            config["scheme"] = "https".into();
            config["tls_config"] = json!({ "ca_file": ca });
            config["basic_auth"] = json!({ "username": username, "password": password });
        }
        config
    }
}

/// A running server.
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
    pub fn start(program: &Path, jobs: &[ScrapeJob<'_>]) -> Self {
        let folder = Folder::new("prometheus");
        // YAML, since JSON is.
        let config = json!({ "scrape_configs": jobs.iter().map(ScrapeJob::config).collect::<Vec<_>>() });
        let (config_path, log_path) = (folder.path().join("prometheus.yml"), folder.path().join("log"));
        fs::write(&config_path, config.to_string()).expect("the folder can be written");
        let log = File::create(&log_path).expect("the folder can be written");
        let child = Command::new(program)
            .arg(format!("--config.file={}", config_path.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg("--enable-feature=native-histograms,exemplar-storage")
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
    /// When the server does not answer, not with a vector, or with two values for one value of the label.
    #[must_use]
    pub fn query(&self, query: &str, label: &str) -> BTreeMap<String, String> {
        let data = self.ask("query", &[("query", query)]);
        let series = data["result"].as_array().expect("an instant vector");
        let mut values = BTreeMap::new();
        for series in series {
            let name = series["metric"][label].as_str().unwrap_or_default().to_owned();
            let value = series["value"][1].as_str().expect("a value, and no histogram").to_owned();
            assert!(values.insert(name, value).is_none(), "{query} has one value by {label}: {data}");
        }
        values
    }

    /// All series of a selector, with all of their labels.
    ///
    /// # Panics
    ///
    /// When the server does not answer, not with a vector, or with histograms.
    #[must_use]
    pub fn series(&self, selector: &str) -> Vec<(BTreeMap<String, String>, f64)> {
        let data = self.ask("query", &[("query", selector)]);
        let series = data["result"].as_array().expect("an instant vector");
        let value = |series: &Value| series["value"][1].as_str()?.parse().ok();
        series.iter().map(|series| (labels_of(&series["metric"]), value(series).expect("a number"))).collect()
    }

    /// The value of an instant query that has one number; nothing if it has none.
    ///
    /// # Panics
    ///
    /// When the server does not answer, or not with one number at most.
    #[must_use]
    pub fn number(&self, query: &str) -> Option<f64> {
        let data = self.ask("query", &[("query", query)]);
        let series = data["result"].as_array().expect("an instant vector");
        assert!(series.len() <= 1, "{query} has one value: {data}");
        let value = series.first()?["value"][1].as_str().expect("a value, and no histogram");
        Some(value.parse().expect("a number"))
    }

    /// The exemplars of the series that a selector has, by value.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    #[must_use]
    pub fn exemplars(&self, selector: &str) -> Vec<Exemplar> {
        // Of all times: there is no default.
        let range = [("start", "0"), ("end", "9999999999")];
        let data = self.ask("query_exemplars", &[&[("query", selector)], &range[..]].concat());
        let series = data.as_array().expect("series with exemplars").iter();
        let exemplars = series.flat_map(|series| series["exemplars"].as_array().into_iter().flatten());
        let exemplar = |exemplar: &Value| Exemplar {
            labels: labels_of(&exemplar["labels"]),
            value: exemplar["value"].as_str().and_then(|value| value.parse().ok()).expect("a number"),
            timestamp: exemplar["timestamp"].as_f64(),
        };
        let mut exemplars: Vec<_> = exemplars.map(exemplar).collect();
        exemplars.sort_by(|a, b| a.value.total_cmp(&b.value));
        exemplars
    }

    /// The sum of a metric of the server's own over all its labels; 0 if there is none.
    ///
    /// # Panics
    ///
    /// When the server does not answer.
    #[must_use]
    pub fn own(&self, metric: &str) -> f64 {
        let answer = get(&format!("http://{}/metrics", self.address), &[]);
        let values = answer.text().lines().filter_map(|line| {
            let (series, value) = line.rsplit_once(' ')?;
            let name = series.split('{').next()?;
            (name == metric).then(|| value.parse::<f64>().expect("a number"))
        });
        values.sum()
    }

    /// What the server answers to parameters of a part of its API.
    fn ask(&self, api: &str, parameters: &[(&str, &str)]) -> Value {
        let url = format!("http://{}/api/v1/{api}", self.address);
        let response = ureq::get(url).query_pairs(parameters.iter().copied()).call();
        let mut response = response.unwrap_or_else(|error| panic!("{parameters:?}: {error}"));
        let text = response.body_mut().read_to_string().expect("answers are text");
        let mut answer: Value = serde_json::from_str(&text).expect("answers are JSON");
        answer["data"].take()
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
    let mut command = Command::new(promtool);
    command.args(["check", "metrics"]);
    let Filtered { success, output, said } = filter(&mut command, text.as_bytes());
    let all = String::from_utf8_lossy(&output).into_owned() + &said;
    if success && all.is_empty() { Ok(()) } else { Err(all) }
}

//! Reporters from files and environment variables.

#![cfg(all(feature = "config", feature = "otlp", feature = "prometheus", feature = "statsd"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use flowmeter::config::{CheckpointSpanDetail, Config, EngineSettings, LatencyGranularity};
use flowmeter::{
    ConfigError, ConfigKey, ConfigSection, Error, Flowmeter, KeyInfo, Report, ReportError, Reporter,
    ReporterFactory,
};

const NOTHING: [(&str, &str); 0] = [];

fn start(config: Config) -> Flowmeter {
    Flowmeter::builder().with_config(config).start().unwrap()
}

fn names(flowmeter: &Flowmeter) -> Vec<String> {
    flowmeter.reporters().iter().map(|reporter| reporter.name().to_owned()).collect()
}

/// What is served at an endpoint.
fn scrape(flowmeter: &Flowmeter, name: &str) -> String {
    use std::io::{Read, Write};
    let endpoint = flowmeter.reporter(name).unwrap().endpoint().unwrap();
    let address = endpoint.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_file_of_toml_starts_reporters() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flowmeter.toml");
    fs::write(
        &path,
        "
        [reporters.prometheus]
        port = 0

        [reporters.second]
        type = 'prometheus'
        port = '0'
        naming = 'flink'
        'filter.excludes' = ['*:secret*']
        [reporters.second.scope.variables]
        additional = { region = 'eu' }
        ",
    )
    .unwrap();
    let flowmeter = Flowmeter::builder().with_config(Config::from_file(&path).unwrap()).start().unwrap();
    assert_eq!(names(&flowmeter), ["prometheus", "second"]);
    let tm = flowmeter.task_manager("h", "tm");
    let shown = tm.shared_counter("shown");
    let secret = tm.shared_counter("secretive");
    shown.inc();
    secret.inc();
    let page = scrape(&flowmeter, "second");
    assert!(page.contains("flink_taskmanager_shown{") && page.contains("region=\"eu\""), "{page}");
    assert!(!page.contains("secretive"), "{page}");
    assert!(scrape(&flowmeter, "prometheus").contains("secretive"));
}

#[test]
fn toml_and_yaml_have_one_space_of_keys() {
    let texts = [
        Config::from_toml(
            "
            metrics.reporters = ['prom', 'otel']
            metrics.scope.tm-job = '<job_name>'
            [metrics.reporter.prom]
            'factory.class' = 'x'
            port = '9250-9260'
            [metrics.reporter.otel.scope.variables.additional]
            region = 'eu'
            [reporters.own]
            type = 'statsd'
            rate.window = '1e3'
            ",
        ),
        Config::from_yaml(
            "
metrics.reporters: [prom, otel]
metrics.scope.tm-job: <job_name>
metrics.reporter.prom.factory.class: x
metrics.reporter.prom.port: 9250-9260
metrics.reporter.otel.scope.variables.additional.region: eu
reporters.own.type: statsd
reporters.own.rate.window: 1e3
",
        ),
        Config::from_yaml(
            "
metrics:
  reporters:
    - prom
    - otel
  scope.tm-job: <job_name>
  reporter:
    prom:
      factory: {class: x}
      port: 9250-9260
    otel.scope.variables: {additional: {region: eu}}
reporters:
  own: {type: statsd, rate.window: 1e3}
jobmanager: {rpc.address: localhost}
parallelism.default: 1
state.backend: rocksdb
",
        ),
    ];
    let [toml, flat, nested] = texts.map(Result::unwrap);
    assert!(toml == flat, "{toml:?} {flat:?}");
    assert!(flat == nested, "{flat:?} {nested:?}");
}

#[test]
fn texts_stay_as_they_are_written() {
    let text = "reporters.x: {type: y, a: 9250-9260, b: 0.10, c: 1e3, d: yes, e: 010, f: 'q', g: \"a\\tb\", h: 0x1F}";
    let yaml = Config::from_yaml(text).unwrap();
    let toml =
        "[reporters.x]\ntype='y'\na='9250-9260'\nb=0.10\nc=1e3\nd='yes'\ne='010'\nf='q'\ng=\"a\\tb\"\nh=0x1F";
    assert!(yaml == Config::from_toml(toml).unwrap());
    // But for what TOML has between digits.
    let between = Config::from_toml("reporters.x.a = 1_000").unwrap();
    assert!(between == Config::from_yaml("reporters.x.a: 1000").unwrap());
}

#[test]
fn lists_say_which_reporters_start() {
    let config = |list: &str| {
        Config::from_yaml(&format!(
            "{list}\nreporters: {{a: {{type: prometheus, port: 0}}, b: {{type: prometheus, port: 0}}}}"
        ))
        .unwrap()
    };
    assert_eq!(names(&start(config(""))), ["a", "b"]);
    assert_eq!(names(&start(config("metrics.reporters: b"))), ["b"]);
    assert_eq!(names(&start(config("metrics.reporters: 'b , a,'"))), ["a", "b"]);
    assert_eq!(names(&start(config("metrics.reporters: [b, statsd]"))), ["b", "statsd"]);
    let over = config("metrics.reporters: b").with_environment([("FLOWMETER_REPORTERS", "a")]).unwrap();
    assert_eq!(names(&start(over)), ["a"]);
}

#[test]
fn variables_are_enough() {
    let variables = [
        ("FLOWMETER_REPORTERS", "prometheus,second"),
        ("FLOWMETER_REPORTER_PROMETHEUS_PORT", "0"),
        ("FLOWMETER_REPORTER_SECOND_TYPE", "prometheus"),
        ("FLOWMETER_REPORTER_SECOND_PORT", "0"),
        ("FLOWMETER_REPORTER_SECOND_FILTER_INCLUDES", "*:only*"),
        ("FLOWMETER_REPORTER_SECOND_TARGET_INFO_REGION", "eu"),
        ("FLOWMETER_METRICS_LATENCY_INTERVAL", "500"),
        ("FLOWMETER_BACKENDS", "is for somebody else"),
        ("HOME", "/"),
    ];
    let flowmeter = start(Config::from_environment(variables).unwrap());
    assert_eq!(names(&flowmeter), ["prometheus", "second"]);
    assert_eq!(flowmeter.settings().latency_interval, Some(Duration::from_millis(500)));
    let page = scrape(&flowmeter, "second");
    assert!(page.contains("region=\"eu\"") && !page.contains("flowmeter_reporter"), "{page}");
}

#[test]
fn a_variable_names_the_file_and_others_come_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.yml");
    fs::write(
        &path,
        "reporters: {prom-a: {type: prometheus, port: 1, target-info: {a: b}}, prom-a-b: {type: statsd}}",
    )
    .unwrap();
    let variables = [
        ("FLOWMETER_CONFIG", path.to_str().unwrap()),
        ("FLOWMETER_REPORTER_PROM_A_PORT", "0"),
        ("FLOWMETER_REPORTER_PROM_A_TARGET_INFO", "c:d"),
        ("FLOWMETER_REPORTER_PROM_A_B_HOST", "127.0.0.1"),
    ];
    let flowmeter = start(Config::from_environment(variables).unwrap());
    assert_eq!(names(&flowmeter), ["prom-a", "prom-a-b"]);
    let page = scrape(&flowmeter, "prom-a");
    assert!(page.contains("c=\"d\"") && !page.contains("a=\"b\""), "{page}");
}

#[test]
fn of_two_reporters_that_could_have_a_variable_the_longer_name_has_it() {
    let text = "
reporters:
  a: {type: prometheus, port: 0}
  a-filter: {type: prometheus, port: 0}
  a-target-info: {type: prometheus, port: 0}
";
    let variables = [
        ("FLOWMETER_REPORTER_A_FILTER_PORT", "0"),
        // The longer one has no `includes`.
        ("FLOWMETER_REPORTER_A_FILTER_INCLUDES", "*:x"),
        // It could be the entry `naming` of `target-info`.
        ("FLOWMETER_REPORTER_A_TARGET_INFO_NAMING", "flink"),
    ];
    let config = Config::from_yaml(text).unwrap().with_environment(variables).unwrap();
    let flowmeter = start(config);
    let [short, filter, target_info] =
        ["a", "a-filter", "a-target-info"].map(|name| scrape(&flowmeter, name));
    assert!(!short.contains("flowmeter_reporter") && !short.contains("naming="), "{short}");
    assert!(filter.contains("flowmeter_reporter"), "{filter}");
    assert!(target_info.contains("flink_flowmeter_reporter"), "{target_info}");
}

#[test]
fn the_engine_finds_its_settings() {
    let config = Config::from_yaml(
        "
metrics:
  latency: {interval: 1 SECONDS, granularity: subtask, history-size: 64}
  system-resource: true
  system-resource-probing-interval: 1000
  job.status.enable: STATE;TOTAL_TIME
  fetcher.update-interval: 0
  internal.query-service.port: 50100-50200
traces.checkpoint.span-detail-level: CHILDREN_SPANS_PER_TASK
state:
  backend: {type: rocksdb}
  latency-track: {keyed-state-enabled: true, sample-interval: 10, history-size: 5, state-name-as-variable: false}
  size-track.keyed-state-enabled: true
",
    )
    .unwrap();
    let flowmeter = start(config);
    let settings = flowmeter.settings();
    assert_eq!(settings.latency_interval, Some(Duration::from_secs(1)));
    assert_eq!(settings.latency_granularity, LatencyGranularity::Subtask);
    assert_eq!(settings.latency_history_size, 64);
    assert!(settings.system_resource);
    assert_eq!(settings.system_resource_probing_interval, Duration::from_secs(1));
    let status = settings.job_status;
    assert_eq!((status.state, status.current_time, status.total_time), (true, false, true));
    assert_eq!(settings.checkpoint_spans, CheckpointSpanDetail::Tasks);
    let latency = settings.state_latency;
    assert_eq!((latency.is_enabled, latency.sample_interval), (true, NonZeroU32::new(10).unwrap()));
    assert_eq!((latency.history_size, latency.state_name_as_variable), (5, false));
    assert!(settings.state_size.is_enabled && settings.state_size.state_name_as_variable);

    assert_eq!(*start(Config::default()).settings(), EngineSettings::default());
}

#[test]
fn scope_formats_and_the_delimiter_are_those_of_flink() {
    let text = "
        metrics.scope = { tm = '<tm_id>', tm-job = '*.<job_name>', delimiter = '_' }
        [reporters.own]
        type = 'identifiers'
    ";
    let (sender, identifiers) = std::sync::mpsc::channel();
    let factory = Identifiers(sender);
    let flowmeter =
        Flowmeter::builder().with_config(Config::from_toml(text).unwrap()).with_reporter_type(factory);
    let flowmeter = flowmeter.without_self_metrics().start().unwrap();
    let tm = flowmeter.task_manager("h", "tm");
    let job = tm.job("1", "count");
    let counter = job.shared_counter("n");
    counter.inc();
    flowmeter.reporter("own").unwrap().report_now(Duration::from_secs(20)).unwrap();
    assert_eq!(identifiers.recv_timeout(Duration::from_secs(20)).unwrap(), ["tm_count"]);
}

/// Sends the identifiers of the groups of a report.
struct Identifiers(std::sync::mpsc::Sender<Vec<String>>);

const NOTE: ConfigKey<Option<String>> = ConfigKey::new("note", "Anything.");

impl ReporterFactory for Identifiers {
    fn reporter_type(&self) -> &str {
        "identifiers"
    }

    fn keys(&self) -> &[KeyInfo] {
        const { &[NOTE.info()] }
    }

    fn build(&self, section: &ConfigSection) -> Result<Box<dyn Reporter>, ConfigError> {
        if section.get(&NOTE)?.as_deref() == Some("bad") {
            return Err(section.invalid(&NOTE, "it is bad"));
        }
        Ok(Box::new(Self(self.0.clone())))
    }
}

impl Reporter for Identifiers {
    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let mut identifiers = Vec::new();
        for family in report.families() {
            family.for_each(|series| {
                identifiers.push(series.group().identifier().clone());
                Ok::<_, ReportError>(())
            })?;
        }
        Ok(self.0.send(identifiers)?)
    }
}

#[test]
fn a_factory_that_is_shared_is_a_type_too() {
    let factory: Arc<dyn ReporterFactory> = Arc::new(Identifiers(std::sync::mpsc::channel().0));
    let config = Config::from_toml("reporters.x = { type = 'identifiers', note = 'bad' }").unwrap();
    let error = Flowmeter::builder().with_reporter_type(factory).with_config(config).start().unwrap_err();
    assert!(matches!(error, Error::ConfigurationFile { .. }));
    assert_eq!(error.to_string(), "line 1: `reporters.x.note` cannot be `bad`, it is bad: give a text");
}

#[test]
fn nothing_shows_values() {
    let config = Config::from_toml("reporters.x = { type = 'y', token = 'hunter2' }").unwrap();
    let config = config.with_environment([("FLOWMETER_REPORTER_X_TOKEN", "hunter2")]).unwrap();
    let shown = format!("{config:?} {:?}", Flowmeter::builder().with_config(config.clone()));
    assert!(shown.contains("reporters.x.token") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn no_variables_are_no_configuration() {
    assert!(Config::from_environment(NOTHING).unwrap() == Config::default());
    assert!(names(&start(Config::default())).is_empty());
}

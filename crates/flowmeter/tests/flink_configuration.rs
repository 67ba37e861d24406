//! Flink's own configuration, as its documentation has it: the sections of `metric_reporters.md`, `trace_reporters.md` and
//! `event_reporters.md` below docs/content/docs/deployment in Flink's repository. Only ports that a test cannot have are others.

#![cfg(all(
    feature = "config",
    feature = "jmx",
    feature = "otlp",
    feature = "prometheus",
    feature = "statsd"
))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use flowmeter::Flowmeter;
use flowmeter::config::Config;

/// The names and sections of the reporters that a configuration starts.
fn started(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let config = Config::from_yaml(text).unwrap().with_environment(variables.iter().copied()).unwrap();
    let flowmeter = Flowmeter::builder().with_config(config).start().unwrap();
    flowmeter.reporters().iter().map(|reporter| reporter.name().to_owned()).collect()
}

fn refused(text: &str) -> String {
    let config = Config::from_yaml(text).unwrap();
    Flowmeter::builder().with_config(config).start().unwrap_err().to_string()
}

/// What a scrape of the only reporter has.
fn page(flowmeter: &Flowmeter) -> String {
    use std::io::{Read, Write};
    let endpoint = flowmeter.reporters()[0].endpoint().unwrap();
    let address = endpoint.strip_prefix("http://").unwrap().split('/').next().unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

#[test]
fn a_section_of_prometheus_starts_with_flinks_names() {
    let text = "
metrics.reporter.prom.factory.class: org.apache.flink.metrics.prometheus.PrometheusReporterFactory
metrics.reporter.prom.port: 0
metrics.reporter.prom.filterLabelValueCharacters: false
";
    let config = Config::from_yaml(text).unwrap();
    let flowmeter = Flowmeter::builder().with_config(config).start().unwrap();
    let task_manager = flowmeter.task_manager("a-b", "tm");
    let counter = task_manager.shared_counter("numBytesOut");
    counter.inc();
    let page = page(&flowmeter);
    assert!(page.contains("flink_taskmanager_numBytesOut{"), "{page}");
    assert!(page.contains("\"a-b\""), "values of labels are as they are: {page}");
}

#[test]
fn a_variable_comes_before_what_flink_calls_its_key() {
    let text = "
metrics.reporter.prom.factory.class: org.apache.flink.metrics.prometheus.PrometheusReporterFactory
metrics.reporter.prom.filterLabelValueCharacters: false
";
    let variables = [
        ("FLOWMETER_REPORTER_PROM_PORT", "0"),
        ("FLOWMETER_REPORTER_PROM_FILTER_LABEL_VALUE_CHARACTERS", "true"),
    ];
    let config = Config::from_yaml(text).unwrap().with_environment(variables).unwrap();
    let flowmeter = Flowmeter::builder().with_config(config).start().unwrap();
    let task_manager = flowmeter.task_manager("a-b", "tm");
    let counter = task_manager.shared_counter("numBytesOut");
    counter.inc();
    let page = page(&flowmeter);
    assert!(page.contains("host=\"a_b\""), "{page}");
}

#[test]
fn a_variable_comes_before_a_key_that_says_the_same() {
    let text = "
metrics.reporter.otel.factory.class: org.apache.flink.metrics.otel.OpenTelemetryMetricReporterFactory
metrics.reporter.otel.exporter.endpoint: this is no endpoint
metrics.reporter.otel.timeout: neither is this a time
";
    let variables = [
        ("FLOWMETER_REPORTER_OTEL_ENDPOINT", "http://127.0.0.1:9"),
        ("FLOWMETER_REPORTER_OTEL_EXPORTER_TIMEOUT", "1 s"),
    ];
    let config = Config::from_yaml(text).unwrap().with_environment(variables).unwrap();
    let flowmeter = Flowmeter::builder().with_config(config).start().unwrap();
    flowmeter.shutdown(std::time::Duration::from_millis(10));
}

#[test]
fn a_section_of_jmx_starts() {
    // Its ports are 8789 alone, and 9020-9040 with variables that are left out and added.
    let text = "
metrics.reporters: my_jmx_reporter
metrics.reporter.my_jmx_reporter.factory.class: org.apache.flink.metrics.jmx.JMXReporterFactory
metrics.reporter.my_jmx_reporter.port: 9020-9040
metrics.reporter.my_jmx_reporter.scope.variables.excludes: job_id;task_attempt_num
metrics.reporter.my_jmx_reporter.scope.variables.additional: cluster_name:my_test_cluster,tag_name:tag_value
metrics.reporter.my_other_reporter.factory.class: org.apache.flink.metrics.graphite.GraphiteReporterFactory
metrics.reporter.my_other_reporter.host: 192.168.1.1
metrics.reporter.my_other_reporter.port: 10000
";
    let free = [("FLOWMETER_REPORTER_MY_JMX_REPORTER_PORT", "0")];
    assert_eq!(started(text, &free), ["my_jmx_reporter"]);
    let text = "
metrics.reporter.jmx.factory.class: org.apache.flink.metrics.jmx.JMXReporterFactory
metrics.reporter.jmx.port: 8789
";
    assert_eq!(started(text, &[("FLOWMETER_REPORTER_JMX_PORT", "0")]), ["jmx"]);
}

#[test]
fn a_section_of_statsd_sends_as_flink_does() {
    let daemon = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    daemon.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let text = "
metrics.reporter.stsd.factory.class: org.apache.flink.metrics.statsd.StatsDReporterFactory
metrics.reporter.stsd.host: localhost
metrics.reporter.stsd.port: 8125
metrics.reporter.stsd.interval: 60 SECONDS
";
    let port = daemon.local_addr().unwrap().port().to_string();
    let here =
        [("FLOWMETER_REPORTER_STSD_PORT", port.as_str()), ("FLOWMETER_REPORTER_STSD_HOST", "127.0.0.1")];
    let config = Config::from_yaml(text).unwrap().with_environment(here).unwrap();
    let flowmeter = Flowmeter::builder().with_config(config).without_self_metrics().start().unwrap();
    let task_manager = flowmeter.task_manager("h", "tm");
    let counter = task_manager.shared_counter("numBytesOut");
    counter.inc();
    flowmeter.reporters()[0].report_now(std::time::Duration::from_secs(20)).unwrap();
    let mut buffer = [0; 9000];
    let packet = loop {
        let length = daemon.recv(&mut buffer).unwrap();
        let packet = String::from_utf8_lossy(&buffer[..length]).into_owned();
        // The first packet has no line: it finds out whether somebody listens.
        if !packet.trim().is_empty() {
            break packet;
        }
    };
    assert!(packet.contains("h.taskmanager.tm.numBytesOut:1|g"), "{packet}");
}

#[test]
fn sections_of_one_name_are_reporters_of_their_own() {
    let text = "
metrics.reporters: otel
metrics.reporter.otel.factory.class: org.apache.flink.metrics.otel.OpenTelemetryMetricReporterFactory
metrics.reporter.otel.exporter.endpoint: http://127.0.0.1:1337
metrics.reporter.otel.exporter.protocol: gRPC
metrics.reporter.otel.exporter.timeout: 10s
metrics.reporter.otel.exporter.compression: gzip
metrics.reporter.otel.service.name: flink
metrics.reporter.otel.service.version: 1.0
metrics.reporter.otel.batch.size: 100
metrics.reporter.otel.export-completion-timeout-millis: 300000
traces.reporters: otel,my_other_otel

traces.reporter.otel.factory.class: org.apache.flink.traces.otel.OpenTelemetryTraceReporterFactory
traces.reporter.otel.exporter.endpoint: http://127.0.0.1:1337
traces.reporter.otel.scope.variables.additional: region:eu-west-1,environment:local,flink_runtime:1.17.1

traces.reporter.my_other_otel.factory.class: org.apache.flink.common.traces.OpenTelemetryTraceReporterFactory
traces.reporter.my_other_otel.exporter.endpoint: http://196.168.0.1:31337
events.reporters: otel,my_other_otel

events.reporter.otel.factory.class: org.apache.flink.events.otel.OpenTelemetryEventReporterFactory
events.reporter.otel.exporter.endpoint: http://127.0.0.1:1337
events.reporter.otel.scope.variables.additional: region:eu-west-1,environment:local,flink_runtime:1.17.1

events.reporter.my_other_otel.factory.class: org.apache.flink.common.events.OpenTelemetryEventReporterFactory
events.reporter.my_other_otel.exporter.endpoint: http://196.168.0.1:31337
";
    let mut expected = ["my_other_otel.events", "my_other_otel.traces", "otel", "otel.events", "otel.traces"];
    expected.sort_unstable();
    // Nobody listens there, which reports find out, and the end of the program should not wait for.
    let config = Config::from_yaml(text).unwrap();
    let flowmeter = Flowmeter::builder().with_config(config).start().unwrap();
    let names: Vec<_> = flowmeter.reporters().iter().map(|reporter| reporter.name().to_owned()).collect();
    assert_eq!(names, expected);
    flowmeter.shutdown(std::time::Duration::from_millis(10));
}

#[test]
fn sections_of_slf4j_write_to_the_log() {
    let text = "
metrics.reporter.slf4j.factory.class: org.apache.flink.metrics.slf4j.Slf4jReporterFactory
metrics.reporter.slf4j.interval: 60 SECONDS
traces.reporter.slf4j.factory.class: org.apache.flink.traces.slf4j.Slf4jTraceReporterFactory
events.reporter.slf4j.factory.class: org.apache.flink.events.slf4j.Slf4jEventReporterFactory
";
    assert_eq!(started(text, &[]), ["slf4j", "slf4j.events", "slf4j.traces"]);
}

#[test]
fn a_protocol_is_taken_in_flinks_words() {
    for protocol in ["gRPC", "HTTP"] {
        let text = format!(
            "
traces.reporter.otel.factory.class: org.apache.flink.traces.otel.OpenTelemetryTraceReporterFactory
traces.reporter.otel.exporter.endpoint: http://127.0.0.1:9
traces.reporter.otel.exporter.protocol: {protocol}
"
        );
        assert_eq!(started(&text, &[]), ["otel.traces"]);
    }
}

#[test]
fn what_flowmeter_does_not_have_says_what_to_take() {
    let section = |class: &str| format!("metrics.reporter.x.factory.class: org.apache.flink.metrics.{class}");
    for (class, advice) in [
        (
            "prometheus.PrometheusPushGatewayReporterFactory",
            "flowmeter pushes to no gateway; have Prometheus scrape it, by the type `prometheus`",
        ),
        (
            "graphite.GraphiteReporterFactory",
            "flowmeter does not speak Graphite's protocol; take the type `statsd` with `dialect: graphite`",
        ),
        (
            "influxdb.InfluxdbReporterFactory",
            "flowmeter does not write to InfluxDB; take the type `otlp`, which Telegraf and InfluxDB 3 receive",
        ),
        (
            "datadog.DatadogHttpReporterFactory",
            "flowmeter does not call Datadog; take the type `statsd` with `dialect: dogstatsd` and Datadog's Agent",
        ),
    ] {
        assert_eq!(
            refused(&section(class)),
            format!(
                "line 1: `metrics.reporter.x.factory.class` cannot be `org.apache.flink.metrics.{class}`, {advice}"
            )
        );
    }
}

#[test]
fn the_whole_configuration_of_a_cluster_is_taken() {
    let text = "
env:
  java:
    opts:
      all: --add-exports=java.base/sun.net.util=ALL-UNNAMED
jobmanager:
  bind-host: localhost
  rpc: {address: localhost, port: 6123}
taskmanager: &tm
  host: localhost
  numberOfTaskSlots: 1
parallelism:
  default: 1
rest: {address: localhost, bind-address: localhost}
other: *tm
state:
  backend: {type: hashmap}
  checkpoints.dir: file:///checkpoints
metrics:
  internal.query-service.port: 0
  reporter:
    prom:
      factory.class: org.apache.flink.metrics.prometheus.PrometheusReporterFactory
      port: 0
      interval: 60
";
    assert_eq!(started(text, &[]), ["prom"]);
}

#[test]
fn keys_that_flink_has_renamed_are_taken_by_their_earlier_names() {
    let text = "
metrics.scope.tm: <host>.tm
metrics.scope.tm.job: <host>.<job_name>
state.backend.latency-track.keyed-state-enabled: true
state.backend.latency-track.sample-interval: 7
state.latency-track.sample-interval: 9
";
    let flowmeter = Flowmeter::builder().with_config(Config::from_yaml(text).unwrap()).start().unwrap();
    let task_manager = flowmeter.task_manager("a", "tm-1");
    let job = task_manager.job("1", "wordcount");
    assert_eq!(job.view().identifier(), "a.wordcount");
    let tracking = flowmeter.settings().state_latency;
    assert!(tracking.is_enabled);
    assert_eq!(tracking.sample_interval.get(), 9, "the new name comes first");
    assert!(Config::from_toml("metrics.scope.tm.job = '<host>'").is_err(), "this is Flink's alone");
}

//! Each kind of mistake in a configuration, and what is said of it.

#![cfg(all(
    feature = "config",
    feature = "jmx",
    feature = "log",
    feature = "otlp",
    feature = "prometheus",
    feature = "statsd",
    feature = "tls"
))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::ffi::OsString;
use std::fs;

use flowmeter::config::Config;
use flowmeter::{Error, Flowmeter};

type Read = fn(&str) -> Result<Config, flowmeter::config::ConfigFileError>;
const TOML: Read = Config::from_toml;
const YAML: Read = Config::from_yaml;

/// What is said of a text, when it is read or when it is started.
fn said(read: Read, text: &str, variables: &[(&str, &str)]) -> String {
    let started = || {
        let config = read(text)?.with_environment(variables.iter().copied())?;
        Flowmeter::builder().with_config(config).start()
    };
    let error: Error = started().unwrap_err();
    error.to_string()
}

fn check(read: Read, mistakes: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (text, expected) in mistakes {
        let said = said(read, text, &[]);
        if said != *expected {
            wrong.push(format!("{text}\n  is    {said}\n  not   {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn texts_that_are_none() {
    check(
        TOML,
        &[
            ("\na = = 1", "line 2: this is no TOML: extra `=`, expected nothing"),
            ("a = 1\na = 2", "line 2: this is no TOML: `a` is there twice"),
            ("[reporters.x]\ntype = 'a", "line 2: this is no TOML: invalid literal string, expected `'`"),
        ],
    );
    check(
        YAML,
        &[
            ("a: b: c", "line 1: this is no YAML: mapping values are not allowed in this context"),
            ("a: [", "line 2: this is no YAML: while parsing a node, did not find expected node content"),
            ("\n- a", "line 2: this is no YAML: the document is no table of keys"),
            ("text", "line 1: this is no YAML: the document is no table of keys"),
            ("a: 1\n---\nb: 2", "line 3: this is no YAML: there is more than one document"),
            ("[a]: 1", "line 1: this is no YAML: a key is no text"),
            (
                "a:\n\tb: 1",
                "line 2: this is no YAML: tabs disallowed within this context (block indentation): indent with spaces",
            ),
            (
                "a: 1\nb: *:*:counter",
                "line 2: this is no YAML: while parsing node, found unknown anchor: put a text that begins with `*` or `&` in quotes",
            ),
        ],
    );
    let deep = "{a: ".repeat(70) + "1" + &"}".repeat(70);
    assert_eq!(said(YAML, &deep, &[]), "line 1: this is no YAML: tables are too deep");
}

#[test]
fn keys_that_are_there_twice() {
    check(
        TOML,
        &[
            ("reporters.x.a.b = 1\n[reporters.x]\n'a.b' = 2", "line 2: this is no TOML: `x` is there twice"),
            (
                "reporters.x = {'a.b' = 1, a.b = 2}",
                "line 1: `reporters.x.a.b` is there already, at line 1: give it once",
            ),
        ],
    );
    check(
        YAML,
        &[
            (
                "metrics:\n  reporters: a\nmetrics:\n  scope.tm: b",
                "line 3: `metrics` is there already, at line 1: give it once",
            ),
            (
                "metrics.reporters: a\nmetrics: {reporters: b}",
                "line 2: `metrics.reporters` is there already, at line 1: give it once",
            ),
            ("rest.port: 1\nrest.port: 2", "line 2: `rest.port` is there already, at line 1: give it once"),
            (
                "reporters.x.type: a\nmetrics.reporter.x.type: b",
                "line 2: `metrics.reporter` cannot be `x`, there is `reporters.x` at line 1: give one of them another name",
            ),
        ],
    );
}

#[test]
fn keys_that_are_unknown() {
    check(
        TOML,
        &[
            (
                "[reporter.prom]\ntype = 'prometheus'",
                "line 2: unknown key `reporter.prom.type`: did you mean `reporters.prom.type`?",
            ),
            (
                "interval = '1s'",
                "line 1: unknown key `interval`: what can be set is below `reporters`, `metrics`, `traces`, `events` and `state`",
            ),
            (
                "jobmanager.rpc.port = 1",
                "line 1: unknown key `jobmanager.rpc.port`: what can be set is below `reporters`, `metrics`, `traces`, `events` and `state`",
            ),
            (
                "metrics.latency.intervall = '1s'",
                "line 1: unknown key `metrics.latency.intervall`: did you mean `metrics.latency.interval`?",
            ),
            (
                "metrics.repoter.prom.port = 1",
                "line 1: unknown key `metrics.repoter.prom.port`: did you mean `metrics.reporter.prom.port`?",
            ),
            ("reporters = 'prom'", "line 1: unknown key `reporters`: did you mean `metrics.reporters`?"),
            (
                "metrics.reporter = ['prom']",
                "line 1: unknown key `metrics.reporter`: did you mean `metrics.reporters`?",
            ),
            ("reporters.'' = 1", "line 1: `reporters` cannot be ``, a reporter has a name: put one below it"),
            (
                "[reporters.prom]\n\ntype = 'prometheus'\nprot = 1",
                "line 4: unknown key `reporters.prom.prot`: did you mean `port`? The keys are `address`, `auth.bearer-token`, `auth.bearer-token-file`, `auth.password`, `auth.password-file`, `auth.username`, `callback.patience`, `closed.grace`, `closed.keep-delivered`, `closed.keep-groups`, `closed.keep-undelivered`, `created`, `filter-label-value-characters`, `filter.excludes`, `filter.includes`, `filter.variables.excludes`, `filter.variables.includes`, `histograms`, `info`, `interval`, `memory-mib`, `milestones.queue`, `naming`, `port`, `rate.window`, `restart.backoff`, `scope.delimiter`, `scope.variables.additional`, `scope.variables.excludes`, `series.limit`, `server.answer-patience`, `server.client-patience`, `server.connections`, `server.headers`, `server.idle-patience`, `server.least-rate`, `server.request-patience`, `target-info`, `tls.certificate`, `tls.client-ca`, `tls.key`, `type`",
            ),
            (
                "[reporters.prom]\ntype = 'prometheus'\nfilter.inclu = 1",
                "line 3: unknown key `reporters.prom.filter.inclu`: did you mean `filter.includes`? The keys are `address`, `auth.bearer-token`, `auth.bearer-token-file`, `auth.password`, `auth.password-file`, `auth.username`, `callback.patience`, `closed.grace`, `closed.keep-delivered`, `closed.keep-groups`, `closed.keep-undelivered`, `created`, `filter-label-value-characters`, `filter.excludes`, `filter.includes`, `filter.variables.excludes`, `filter.variables.includes`, `histograms`, `info`, `interval`, `memory-mib`, `milestones.queue`, `naming`, `port`, `rate.window`, `restart.backoff`, `scope.delimiter`, `scope.variables.additional`, `scope.variables.excludes`, `series.limit`, `server.answer-patience`, `server.client-patience`, `server.connections`, `server.headers`, `server.idle-patience`, `server.least-rate`, `server.request-patience`, `target-info`, `tls.certificate`, `tls.client-ca`, `tls.key`, `type`",
            ),
        ],
    );
    check(
        YAML,
        &[
            (
                "metric.reporters: prom",
                "line 1: unknown key `metric.reporters`: did you mean `metrics.reporters`?",
            ),
            (
                "metrics.scopes.tm: x",
                "line 1: unknown key `metrics.scopes.tm`: did you mean `metrics.scope.tm`?",
            ),
            (
                "state.latency-track.enabled: true",
                "line 1: unknown key `state.latency-track.enabled`: did you mean `state.latency-track.keyed-state-enabled`?",
            ),
            (
                "metrics.reporter.prom.class: org.apache.flink.metrics.prometheus.PrometheusReporter",
                "line 1: `metrics.reporter.prom.class` cannot be `org.apache.flink.metrics.prometheus.PrometheusReporter`, Flink has no `class` any more: give `factory.class`, with the class `org.apache.flink.metrics.prometheus.PrometheusReporterFactory`",
            ),
        ],
    );
}

#[test]
fn values_that_no_key_takes() {
    check(
        TOML,
        &[
            (
                "reporters.prometheus.port = [[1]]",
                "line 1: `reporters.prometheus.port` cannot be a list with tables or lists in it: give a text, a list of texts, or a table with further keys",
            ),
            (
                "reporters.prometheus.port = [1, 2]",
                "line 1: `reporters.prometheus.port` cannot be `1;2`, it is a list: give a port such as `9249`, or a range such as `9249-9260` of which the first free one is taken",
            ),
            (
                "reporters.prom = 1",
                "line 1: `reporters.prom` is no table of keys: give what is below it, each by its key",
            ),
            (
                "reporters.x.type = ['a']",
                "line 1: `reporters.x.type` cannot be a list: give a text, a list of texts, or a table with further keys",
            ),
            (
                "metrics = [{a = 1}]",
                "line 1: `metrics` is no table of keys: give what is below it, each by its key",
            ),
        ],
    );
    check(
        YAML,
        &[
            (
                "a: &x 1\nreporters.prometheus.port: *x",
                "line 2: `reporters.prometheus.port` cannot be an alias; write its value out: give a text, a list of texts, or a table with further keys",
            ),
            (
                "a: &x 1\nreporters.prometheus.filter.includes: [*x]",
                "line 2: `reporters.prometheus.filter.includes` cannot be a list with an alias in it; write its value out: give a text, a list of texts, or a table with further keys",
            ),
            (
                "reporters.prometheus.port:",
                "line 1: `reporters.prometheus.port` cannot be ``: give a port such as `9249`, or a range such as `9249-9260` of which the first free one is taken",
            ),
        ],
    );
}

#[test]
fn values_that_are_not_what_their_key_takes() {
    check(
        TOML,
        &[
            (
                "[reporters.prometheus]\nport = '9260-9250'",
                "line 2: `reporters.prometheus.port` cannot be `9260-9250`: give a port such as `9249`, or a range such as `9249-9260` of which the first free one is taken",
            ),
            (
                "[reporters.prometheus]\nauth.password = 'hunter2'",
                "line 2: `reporters.prometheus.auth.username` is missing: give it, to go with the password",
            ),
            (
                "[reporters.prometheus]\ninterval = '10'",
                "line 2: `reporters.prometheus.interval` cannot be `10`, it has no unit: give a duration such as `500ms`, `10s` or `1min 30s`",
            ),
            (
                "[reporters.prometheus]\nfilter.includes = 'a:b:c'",
                "line 2: `reporters.prometheus.filter.includes` cannot be `a:b:c`, `c` in `a:b:c` is no type of metrics: give `counter`, `meter`, `gauge`, `histogram` or `*`: give a list, or texts with `;` between them",
            ),
            (
                "[reporters.prometheus.target-info]\na = ['b']",
                "line 2: `reporters.prometheus.target-info` cannot be `b`, at `target-info.a` it is a list: give a table, or pairs such as `key:value,other:value`",
            ),
            (
                "metrics.latency.interval = 'often'",
                "line 1: `metrics.latency.interval` cannot be `often`: give a duration such as `500ms` or `10s`; a number alone is one of milliseconds",
            ),
            (
                "metrics.latency.granularity = 'task'",
                "line 1: `metrics.latency.granularity` cannot be `task`: give `single`, `operator` or `subtask`",
            ),
            (
                "metrics.latency.history-size = -1",
                "line 1: `metrics.latency.history-size` cannot be `-1`: give a whole number, 0 or more",
            ),
            (
                "metrics.system-resource = 'yes'",
                "line 1: `metrics.system-resource` cannot be `yes`: give `true` or `false`",
            ),
            (
                "metrics.system-resource-probing-interval = 0",
                "line 1: `metrics.system-resource-probing-interval` cannot be `0`, no time would pass between two: give a duration such as `500ms` or `10s`; a number alone is one of milliseconds",
            ),
            (
                "metrics.job.status.enable = ['STATE', 'TIME']",
                "line 1: `metrics.job.status.enable` cannot be `STATE;TIME`, `TIME` is none of them: give a list of `STATE`, `CURRENT_TIME` and `TOTAL_TIME`, or these with `;` between them",
            ),
            (
                "metrics.scope.delimiter = '..'",
                "line 1: `metrics.scope.delimiter` cannot be `..`: give one character",
            ),
            (
                "metrics.scope.delimiter = ':'\nreporters.statsd = {}",
                "line 1: `reporters.statsd.scope.delimiter` cannot be `:`, daemons misread or remove it; take `.`, `_` or `-`: give one character",
            ),
            (
                "\nmetrics.scope.tm = '<tm>'",
                "line 2: `metrics.scope.tm` cannot be `<tm>`, `<tm>` in scope format `<tm>` is no variable of such a group: it has `<host>`, `<tm_id>`: give a text",
            ),
            (
                "metrics.reporters.a = 1",
                "line 1: unknown key `metrics.reporters.a`: did you mean `metrics.reporter.a`?",
            ),
            (
                "traces.checkpoint.span-detail-level = 'all'",
                "line 1: `traces.checkpoint.span-detail-level` cannot be `all`: give `SPAN_PER_CHECKPOINT`, `SPAN_PER_CHECKPOINT_WITH_TASKS`, `CHILDREN_SPANS_PER_TASK` or `CHILDREN_SPANS_PER_SUBTASK`",
            ),
            (
                "state.latency-track.sample-interval = 0",
                "line 1: `state.latency-track.sample-interval` cannot be `0`: give a whole number from 1 to 4294967295",
            ),
            (
                "[reporters.otlp]\n\nendpoint = 'ftp://me:hunter2@h'",
                "line 3: `reporters.otlp.endpoint` cannot be `ftp://(hidden)@h`, it begins with neither `http://` nor `https://`: give a URL such as `http://collector:4318`, or for gRPC a host and port",
            ),
            (
                "[metrics.reporter.otlp]\nendpoint = 'http://h'\nexporter.endpoint = 'http://i'",
                "line 3: `metrics.reporter.otlp.exporter.endpoint` cannot be `(given)`, `endpoint` says it as well; leave one of them out: give a URL such as `http://collector:4318`, or for gRPC a host and port",
            ),
            (
                "[metrics.reporter.prometheus]\nfilter-label-value-characters = true\nfilterLabelValueCharacters = true",
                "line 3: `metrics.reporter.prometheus.filterLabelValueCharacters` cannot be `(given)`, `filter-label-value-characters` says it as well: leave one of them out",
            ),
        ],
    );
}

#[test]
fn types_that_are_none() {
    check(
        TOML,
        &[
            (
                "[reporters.prom]\nport = 1",
                "line 2: `reporters.prom.type` is missing: give one of `jmx`, `log`, `otlp`, `prometheus`, `statsd`",
            ),
            (
                "[reporters.prom]\ntype = 'promethues'",
                "line 2: `reporters.prom.type` cannot be `promethues`, which is no type: did you mean `prometheus`? There are `jmx`, `log`, `otlp`, `prometheus`, `statsd`",
            ),
            (
                "[reporters.prom]\ntype = 'csv'",
                "line 2: `reporters.prom.type` cannot be `csv`, which is no type: give one of `jmx`, `log`, `otlp`, `prometheus`, `statsd`",
            ),
            (
                "[reporters.prom]\ntype = 'prometheus'\nfactory.class = 'x'",
                "line 3: `reporters.prom.factory.class` cannot be `x`, `type` says it as well: leave one of them out",
            ),
            (
                "[traces.reporter.prom]\ntype = 'prometheus'",
                "line 2: `traces.reporter.prom.type` cannot be `prometheus`, which reports metrics alone: give `log` or `otlp`, or put it below `metrics.reporter`",
            ),
        ],
    );
    check(
        YAML,
        &[
            (
                "metrics.reporter.prom.port: 1",
                "line 1: `metrics.reporter.prom.type` is missing: give `factory.class`, or for it one of `jmx`, `log`, `otlp`, `prometheus`, `statsd`",
            ),
            (
                "metrics.reporter.x.factory.class: com.example.MyReporterFactory",
                "line 1: `metrics.reporter.x.factory.class` cannot be `com.example.MyReporterFactory`, which is no class that flowmeter knows: give `type` in its place, one of `jmx`, `log`, `otlp`, `prometheus`, `statsd`",
            ),
            (
                "metrics.reporter.x.factory.class: org.apache.flink.metrics.prometheus.PrometheusReporter",
                "line 1: `metrics.reporter.x.factory.class` cannot be `org.apache.flink.metrics.prometheus.PrometheusReporter`, which is no class that flowmeter knows: did you mean Flink's `PrometheusReporterFactory`?",
            ),
            (
                "traces.reporter.x.factory.class: org.apache.flink.metrics.prometheus.PrometheusReporterFactory",
                "line 1: `traces.reporter.x.factory.class` cannot be `org.apache.flink.metrics.prometheus.PrometheusReporterFactory`, which belongs below `metrics.reporter`: put it there",
            ),
            (
                "metrics.reporter.x.factory.class: prom",
                "line 1: `metrics.reporter.x.factory.class` cannot be `prom`, which is no type: give one of `jmx`, `log`, `otlp`, `prometheus`, `statsd`",
            ),
        ],
    );
}

#[test]
fn reporters_that_lists_name_and_nobody_configured() {
    check(
        YAML,
        &[
            (
                "metrics.reporters: promm\nreporters.prom.type: prometheus",
                "line 1: `metrics.reporters` names `promm`, which is neither a reporter below `reporters` or `metrics.reporter` nor a type: did you mean `prom`?",
            ),
            (
                "metrics.reporters: x",
                "line 1: `metrics.reporters` names `x`, which is neither a reporter below `reporters` or `metrics.reporter` nor a type: no reporter is configured there",
            ),
            (
                "metrics.reporters: quite-another\nreporters: {a: , b: }",
                "line 1: `metrics.reporters` names `quite-another`, which is neither a reporter below `reporters` or `metrics.reporter` nor a type: there are `a`, `b`",
            ),
            (
                "traces.reporters: prom\nreporters.prom.type: prometheus",
                "line 1: `traces.reporters` names `prom`, which is neither a reporter below `traces.reporter` nor a type: no reporter is configured there",
            ),
        ],
    );
}

#[test]
fn variables_that_are_wrong() {
    let text =
        "reporters: {prom: {type: prometheus, port: 0}, a-b: {type: prometheus}, a_b: {type: prometheus}}";
    let mut wrong = Vec::new();
    for (name, value, expected) in [
        (
            "FLOWMETER_REPORTER_PROM_PROT",
            "1",
            "variable FLOWMETER_REPORTER_PROM_PROT is for nothing: did you mean FLOWMETER_REPORTER_PROM_PORT?",
        ),
        (
            "FLOWMETER_REPORTER_PRM_PORT",
            "1",
            "variable FLOWMETER_REPORTER_PRM_PORT is for nothing: did you mean FLOWMETER_REPORTER_PROM_PORT?",
        ),
        (
            "FLOWMETER_REPORTER_PROM_PORT",
            "x",
            "variable FLOWMETER_REPORTER_PROM_PORT: `reporters.prom.port` cannot be `x`: give a port such as `9249`, or a range such as `9249-9260` of which the first free one is taken",
        ),
        (
            "FLOWMETER_REPORTER_PROM_TYPE",
            "promm",
            "variable FLOWMETER_REPORTER_PROM_TYPE: `reporters.prom.type` cannot be `promm`, which is no type: give one of `jmx`, `log`, `otlp`, `prometheus`, `statsd`",
        ),
        (
            "FLOWMETER_REPORTER_A_B_PORT",
            "1",
            "variable FLOWMETER_REPORTER_A_B_PORT could be for `reporters.a-b`, `reporters.a_b`: rename one of them",
        ),
        (
            "FLOWMETER_REPORTER_PROM_AUTH_PASSWORD",
            "hunter2",
            "line 1: `reporters.prom.auth.username` is missing: give it, to go with the password",
        ),
        (
            "FLOWMETER_METRICS_LATENCY_INTERVALL",
            "1",
            "variable FLOWMETER_METRICS_LATENCY_INTERVALL is for nothing: did you mean FLOWMETER_METRICS_LATENCY_INTERVAL?",
        ),
        (
            "FLOWMETER_METRICS_LATENCY_INTERVAL",
            "x",
            "variable FLOWMETER_METRICS_LATENCY_INTERVAL: `metrics.latency.interval` cannot be `x`: give a duration such as `500ms` or `10s`; a number alone is one of milliseconds",
        ),
        (
            "FLOWMETER_METRICS_SCOPE_TM",
            "<tm>",
            "variable FLOWMETER_METRICS_SCOPE_TM: `metrics.scope.tm` cannot be `<tm>`, `<tm>` in scope format `<tm>` is no variable of such a group: it has `<host>`, `<tm_id>`: give a text",
        ),
        (
            "FLOWMETER_REPORTERS",
            "prom,x",
            "variable FLOWMETER_REPORTERS: `metrics.reporters` names `x`, which is neither a reporter below `reporters` or `metrics.reporter` nor a type: there are `a-b`, `a_b`, `prom`",
        ),
        (
            "FLOWMETER_REPORTERSX",
            "prom",
            "variable FLOWMETER_REPORTERSX is for nothing: did you mean FLOWMETER_REPORTERS?",
        ),
        (
            "FLOWMETER_TRACES_REPORTER_PROM_PORT",
            "1",
            "variable FLOWMETER_TRACES_REPORTER_PROM_PORT is for nothing: did you mean FLOWMETER_METRICS_REPORTER_PROM_PORT?",
        ),
    ] {
        let said = said(YAML, text, &[(name, value)]);
        assert!(!said.contains("hunter2"), "{said}");
        if said != expected {
            wrong.push(format!("{name}={value}\n  is    {said}\n  not   {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let twice = [("FLOWMETER_REPORTERS", "prom"), ("FLOWMETER_METRICS_REPORTERS", "prom")];
    assert_eq!(
        said(YAML, text, &twice),
        "variable FLOWMETER_REPORTERS: `metrics.reporters` is there already, at variable FLOWMETER_METRICS_REPORTERS: give it once"
    );
}

#[cfg(unix)]
#[test]
fn variables_that_are_no_text() {
    use std::os::unix::ffi::OsStringExt;
    let bytes = || OsString::from_vec(vec![b'a', 0xff]);
    let error = Config::default().with_environment([("FLOWMETER_REPORTERS", bytes())]).unwrap_err();
    assert_eq!(error.to_string(), "variable FLOWMETER_REPORTERS has bytes that are no UTF-8: give it a text");
    Config::default().with_environment([("PATH", bytes())]).unwrap();
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let said = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        if !bytes.is_empty() {
            fs::write(&path, bytes).unwrap();
        }
        let error = Config::from_file(&path).unwrap_err().to_string();
        error.replace(path.to_str().unwrap(), "FILE")
    };
    assert_eq!(said("a.toml", b"FILE cannot be read (No such file or directory (os error 2)): give the path of a file in TOML or YAML"), "FILE, line 1: this is no TOML: key with no value, expected `=`");
    assert_eq!(
        said("a.json", b"{}"),
        "FILE ends in none of `.toml`, `.yaml` and `.yml`: name it after what it is written in"
    );
    assert_eq!(
        said("a.yaml", b"a: 1\n\xff"),
        "FILE, line 2: there are bytes that are no UTF-8: save the file as UTF-8"
    );
    assert_eq!(
        said("b.toml", b"\n[reporters.prom]\nx"),
        "FILE, line 3: this is no TOML: key with no value, expected `=`"
    );
    assert_eq!(
        said("c.yml", b"metrics.x: 1"),
        "FILE, line 1: unknown key `metrics.x`: what can be set is below `reporters`, `metrics`, `traces`, `events` and `state`"
    );
}

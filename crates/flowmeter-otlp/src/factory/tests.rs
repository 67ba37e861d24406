//! Sections, and what comes of them.

use flowmeter_core::ReporterOptions;

use super::*;
use crate::{Compression, HistogramForm, NamingPolicy, RetryOptions, Temporality, TlsOptions};

const NOTHING: [(&str, &str); 0] = [];

fn section(pairs: &[(&str, &str)]) -> ConfigSection {
    pairs.iter().fold(ConfigSection::new("reporters.x"), |section, (key, value)| section.with(*key, *value))
}

fn ways(variables: &[(&str, &str)], pairs: &[(&str, &str)]) -> Ways {
    let section = section(pairs);
    section.check(OtlpFactory::default().keys().iter().chain(ReporterOptions::keys())).unwrap();
    OtlpFactory::with_environment(variables.iter().copied()).ways(&section).unwrap()
}

fn given(variables: &[(&str, &str)], pairs: &[(&str, &str)]) -> OtlpOptions {
    ways(variables, pairs).metrics
}

fn shown(variables: &[(&str, &str)], pairs: &[(&str, &str)]) -> String {
    format!("{:?}", given(variables, pairs))
}

fn error(pairs: &[(&str, &str)]) -> String {
    let section = section(pairs);
    let checked = section.check(OtlpFactory::default().keys().iter().chain(ReporterOptions::keys()));
    let error = checked.and_then(|()| OtlpFactory::with_environment(NOTHING).ways(&section).map(drop));
    error.unwrap_err().to_string()
}

#[test]
fn an_empty_section_is_the_defaults() {
    assert_eq!(shown(&[], &[]), format!("{:?}", OtlpOptions::default()));
}

#[test]
fn every_key_has_its_effect() {
    let pairs = [
        ("interval", "1h"),
        ("endpoint", "https://h:1/base"),
        ("protocol", "http/json"),
        ("insecure", "true"),
        ("headers.X-A", "1"),
        ("headers.b", "2"),
        ("tls.authorities", "a.pem"),
        ("tls.client-certificate", "c.pem"),
        ("tls.client-key", "k.pem"),
        ("compression", "gzip"),
        ("timeout", "3s"),
        ("report-timeout", "4s"),
        ("request-size", "5000"),
        ("temporality", "delta"),
        ("histograms", "explicit"),
        ("bucket-limit", "20"),
        ("naming", "flink"),
        ("milestones", "false"),
        ("resource.attributes", "k:v"),
        ("resource.variables", "host;tm_id"),
        ("service.name", "n"),
        ("service.version", "1"),
        ("retry.initial-backoff", "1s"),
        ("retry.max-backoff", "2s"),
        ("retry.jitter", "0.5"),
    ];
    let expected = OtlpOptions::default()
        .with_endpoint("https://h:1/base".parse().unwrap())
        .with_protocol(Protocol::HttpJson)
        .with_insecure(true)
        .with_header("X-A", "1")
        .with_header("b", "2")
        .with_tls(TlsOptions::default().with_authorities("a.pem").with_client("c.pem", "k.pem"))
        .with_compression(Compression::Gzip)
        .with_timeout(Duration::from_secs(3))
        .with_report_timeout(Duration::from_secs(4))
        .with_request_size(5000)
        .with_temporality(Temporality::Delta)
        .with_histograms(HistogramForm::Explicit)
        .with_bucket_limit(20)
        .with_naming(NamingPolicy::Flink)
        .with_milestones(false)
        .with_resource("k", "v")
        .with_resource("service.name", "n")
        .with_resource("service.version", "1")
        .with_resource_variable("host")
        .with_resource_variable("tm_id")
        .with_retry(
            RetryOptions::default()
                .with_backoff(Duration::from_secs(1), Duration::from_secs(2))
                .with_jitter(0.5),
        );
    assert_eq!(shown(&[], &pairs), format!("{expected:?}"));
    assert_eq!(given(&[], &pairs).headers, expected.headers);
    let complete = given(&[], &[("endpoint", "http://h"), ("metrics-endpoint", "http://i/p")]).endpoint;
    assert_eq!(complete, Some(Endpoint::complete("http://i/p").unwrap()));
}

#[test]
fn a_section_can_have_some_signals_alone() {
    let sent = |signals: &str| {
        let Ways { sends_metrics, spans, events, .. } =
            ways(&[], &[("signals", signals), ("endpoint", "http://h")]);
        (sends_metrics, spans.is_some(), events.is_some())
    };
    assert_eq!(sent("metrics"), (true, false, false));
    assert_eq!(sent("traces"), (false, true, false));
    assert_eq!(sent("logs; metrics"), (true, false, true));
    let said = error(&[("signals", "spans")]);
    assert!(
        said.starts_with("`reporters.x.signals` cannot be `spans`, `spans` is none of them: give a list"),
        "{said}"
    );
    let reporter = OtlpFactory::with_environment(NOTHING).build(&section(&[("signals", "traces")])).unwrap();
    assert!(reporter.milestones());
    let reporter = OtlpFactory::with_environment(NOTHING).build(&section(&[("signals", "metrics")])).unwrap();
    assert!(!reporter.milestones());
}

#[test]
fn flinks_words_are_taken_too() {
    let pairs = [
        ("exporter.endpoint", "http://h:1"),
        ("exporter.protocol", "gRPC"),
        ("exporter.timeout", "10 s"),
        ("exporter.compression", "gzip"),
        ("export-completion-timeout-millis", "5000"),
        ("batch.size", "100"),
        ("service.name", "n"),
    ];
    let expected = OtlpOptions::default()
        .with_endpoint("http://h:1".parse().unwrap())
        .with_protocol(Protocol::Grpc)
        .with_timeout(Duration::from_secs(10))
        .with_compression(Compression::Gzip)
        .with_report_timeout(Duration::from_secs(5))
        .with_resource("service.name", "n");
    assert_eq!(shown(&[], &pairs), format!("{expected:?}"));
    assert_eq!(given(&[], &[("exporter.protocol", "HTTP")]).protocol, Protocol::HttpProtobuf);
}

#[test]
fn what_a_section_says_comes_before_the_environment() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://env/path"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "token=env"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_INSECURE", "true"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "7"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "8"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=1,b=2"),
        ("OTEL_SERVICE_NAME", "env"),
    ];
    let of_environment = given(&variables, &[]);
    assert_eq!(of_environment.protocol, Protocol::Grpc);
    assert_eq!(of_environment.report_timeout, Duration::from_millis(8));
    let pairs = [
        ("endpoint", "http://h"),
        ("headers", "a:1"),
        ("protocol", "http/json"),
        ("insecure", "false"),
        ("timeout", "1s"),
        ("report-timeout", "2s"),
        ("resource.attributes", "b:3"),
        ("service.name", "n"),
    ];
    let expected = OtlpOptions::default()
        .with_endpoint("http://h".parse().unwrap())
        .with_header("a", "1")
        .with_protocol(Protocol::HttpJson)
        .with_timeout(Duration::from_secs(1))
        .with_report_timeout(Duration::from_secs(2))
        .with_resource("a", "1")
        .with_resource("b", "3")
        .with_resource("service.name", "n");
    assert_eq!(shown(&variables, &pairs), format!("{expected:?}"));
}

#[test]
fn the_environment_has_an_interval() {
    let defaults =
        |variables: &[(&str, &str)]| OtlpFactory::with_environment(variables.iter().copied()).defaults();
    assert_eq!(defaults(&[]), []);
    let given = defaults(&[("OTEL_METRIC_EXPORT_INTERVAL", "2500")]);
    assert_eq!(given, [("interval", ConfigValue::from("2s 500ms"))]);
    let section = given.into_iter().fold(section(&[]), |section, (key, value)| section.with(key, value));
    assert_eq!(ReporterOptions::from_section(&section).unwrap().interval, Duration::from_millis(2500));
}

const ALL: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://env");
const OF_METRICS: (&str, &str) = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://env/m");
const OF_SPANS: (&str, &str) = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://env/t");

/// Where each signal goes, whether a path is added to it or not.
fn places(variables: &[(&str, &str)], pairs: &[(&str, &str)]) -> [String; 3] {
    let place =
        |way: Option<OtlpOptions>| match way.map(|way| way.endpoint.map(|one| (one.is_complete(), one))) {
            None => "nowhere".to_owned(),
            Some(None) => "by default".to_owned(),
            Some(Some((true, endpoint))) => endpoint.to_string(),
            Some(Some((false, endpoint))) => format!("{endpoint}/v1/..."),
        };
    let Ways { metrics, spans, events, .. } = ways(variables, pairs);
    [place(Some(metrics)), place(spans), place(events)]
}

#[test]
fn each_signal_has_its_way_or_none() {
    let base = ("endpoint", "http://h");
    let [metrics, spans, events] = ["metrics", "traces", "logs"].map(|signal| match signal {
        "metrics" => ("metrics-endpoint", "http://h/m"),
        "traces" => ("traces-endpoint", "http://h/t"),
        _ => ("logs-endpoint", "http://h/l"),
    });
    for (variables, pairs, expected) in [
        (&[][..], &[][..], ["by default"; 3]),
        (&[], &[base], ["http://h/v1/..."; 3]),
        (&[], &[("exporter.endpoint", "http://h")], ["http://h/v1/..."; 3]),
        (&[], &[metrics], ["http://h/m", "nowhere", "nowhere"]),
        (&[], &[metrics, spans], ["http://h/m", "http://h/t", "nowhere"]),
        (&[], &[metrics, events], ["http://h/m", "nowhere", "http://h/l"]),
        (&[], &[metrics, base], ["http://h/m", "http://h/v1/...", "http://h/v1/..."]),
        (&[], &[spans], ["by default", "http://h/t", "by default"]),
        (&[], &[base, metrics, spans, events], ["http://h/m", "http://h/t", "http://h/l"]),
        (&[ALL], &[], ["http://env/v1/..."; 3]),
        (&[OF_METRICS], &[], ["http://env/m", "nowhere", "nowhere"]),
        (&[OF_METRICS, ALL], &[], ["http://env/m", "http://env/v1/...", "http://env/v1/..."]),
        (&[OF_METRICS, OF_SPANS], &[], ["http://env/m", "http://env/t", "nowhere"]),
        (&[OF_METRICS], &[events], ["http://env/m", "nowhere", "http://h/l"]),
        (&[OF_METRICS, OF_SPANS], &[base], ["http://h/v1/..."; 3]),
        (&[ALL], &[metrics], ["http://h/m", "http://env/v1/...", "http://env/v1/..."]),
        (&[OF_SPANS], &[metrics], ["http://h/m", "http://env/t", "nowhere"]),
    ] {
        assert_eq!(places(variables, pairs), expected, "{variables:?} {pairs:?}");
    }
}

#[test]
fn what_the_environment_switches_off_goes_nowhere_unless_the_section_says_where() {
    let spans = ("OTEL_TRACES_EXPORTER", "None");
    let events = ("OTEL_LOGS_EXPORTER", "none");
    let disabled = ("OTEL_SDK_DISABLED", "TRUE");
    let place = ("traces-endpoint", "http://h/t");
    for (variables, pairs, expected) in [
        (&[spans][..], &[][..], ["by default", "nowhere", "by default"]),
        (&[events, ALL], &[], ["http://env/v1/...", "http://env/v1/...", "nowhere"]),
        (&[events], &[("endpoint", "http://h")], ["http://h/v1/...", "http://h/v1/...", "nowhere"]),
        (&[spans, events], &[place], ["by default", "http://h/t", "nowhere"]),
        (&[("OTEL_TRACES_EXPORTER", "otlp"), ("OTEL_SDK_DISABLED", "1")], &[], ["by default"; 3]),
        (&[disabled], &[place], ["by default", "nowhere", "nowhere"]),
    ] {
        assert_eq!(places(variables, pairs), expected, "{variables:?} {pairs:?}");
    }
}

#[test]
fn headers_of_the_environment_go_nowhere_that_a_section_says() {
    let variables = [("OTEL_EXPORTER_OTLP_HEADERS", "token=env"), ALL];
    let env = [("token".to_owned(), Secret::new("env"))];
    assert_eq!(given(&variables, &[]).headers, env);
    for key in ["endpoint", "metrics-endpoint", "exporter.endpoint"] {
        assert_eq!(given(&variables, &[(key, "http://h")]).headers, [], "{key}");
    }
    let Ways { metrics, spans, .. } = ways(&variables, &[("traces-endpoint", "http://h/t")]);
    assert_eq!((&metrics.headers[..], &spans.unwrap().headers[..]), (&env[..], &[][..]));
}

#[test]
fn spans_and_events_are_left_out_if_a_section_says_so() {
    let is_wanted = |pairs: &[(&str, &str)]| {
        let factory = OtlpFactory::with_environment(NOTHING);
        factory.build(&section(pairs)).unwrap().milestones()
    };
    assert!(is_wanted(&[]));
    assert!(is_wanted(&[("metrics-endpoint", "http://h/m"), ("logs-endpoint", "http://h/l")]));
    assert!(!is_wanted(&[("metrics-endpoint", "http://h/m")]));
    assert!(!is_wanted(&[("milestones", "false")]));
    assert!(!is_wanted(&[("milestones", "false"), ("traces-endpoint", "http://h/t")]));
}

#[test]
fn the_ways_of_spans_and_events_are_as_the_section_and_their_variables_say() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "token=env"),
        ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "7"),
    ];
    let pairs = [("timeout", "3s"), ("retry.max-backoff", "9s"), ("compression", "gzip")];
    let Ways { spans, events, .. } = ways(&variables, &pairs);
    let (spans, events) = (spans.unwrap(), events.unwrap());
    assert_eq!(spans.headers, [("token".to_owned(), Secret::new("env"))]);
    assert_eq!((spans.protocol, events.protocol), (Protocol::default(), Protocol::Grpc));
    for way in [spans, events] {
        assert_eq!(way.timeout, Duration::from_secs(3));
        assert_eq!((way.compression, way.retry.max_backoff), (Compression::Gzip, Duration::from_secs(9)));
    }
}

#[test]
fn what_is_wrong_is_named() {
    for (pairs, key, said) in [
        (&[("endpoint", "ftp://h")][..], "endpoint", "it begins with neither `http://` nor `https://`"),
        (&[("endpoint", "http://")], "endpoint", "it has no host"),
        (&[("endpoint", "h:1")], "endpoint", "which is for gRPC alone"),
        (&[("metrics-endpoint", "h:1")], "metrics-endpoint", "which is for gRPC alone"),
        (&[("metrics-endpoint", "http://h:0")], "metrics-endpoint", "its port is not 1 to 65535"),
        (&[("traces-endpoint", "http://")], "traces-endpoint", "it has no host"),
        (&[("logs-endpoint", "ftp://h")], "logs-endpoint", "it begins with neither"),
        (&[("milestones", "some")], "milestones", "`true` or `false`"),
        (
            &[("endpoint", "http://h"), ("exporter.endpoint", "http://h")],
            "exporter.endpoint",
            "`endpoint` says it",
        ),
        (&[("protocol", "udp")], "protocol", "`grpc`, `http/protobuf` or `http/json`"),
        (&[("compression", "br")], "compression", "`none`"),
        (&[("timeout", "0s")], "timeout", "less than a millisecond"),
        (&[("exporter.timeout", "61min")], "exporter.timeout", "an hour at most"),
        (&[("exporter.endpoint", "http://")], "exporter.endpoint", "it has no host"),
        (&[("report-timeout", "2h")], "report-timeout", "an hour at most"),
        (
            &[("report-timeout", "2s"), ("export-completion-timeout-millis", "1")],
            "export-completion-timeout-millis",
            "`report-timeout` says it",
        ),
        (&[("request-size", "4095")], "request-size", "it can be 4096 and more"),
        (&[("temporality", "both")], "temporality", "`cumulative`, `delta` or `lowmemory`"),
        (&[("histograms", "summary")], "histograms", "`exponential` or `explicit`"),
        (&[("bucket-limit", "1")], "bucket-limit", "it can be 2 to 65536"),
        (&[("naming", "other")], "naming", "`native` or `flink`"),
        (&[("retry.initial-backoff", "0s")], "retry.initial-backoff", "less than a millisecond"),
        (&[("retry.max-backoff", "1ms")], "retry.max-backoff", "less than `retry.initial-backoff`"),
        (&[("retry.jitter", "2")], "retry.jitter", "it can be 0 to 1"),
        (&[("headers", "content-type:x")], "headers", "the reporter gives it its value"),
    ] {
        let error = error(pairs);
        assert!(error.starts_with(&format!("`reporters.x.{key}` cannot be")), "{error}");
        assert!(error.contains(said), "{error}");
    }
    let half = error(&[("tls.client-key", "k.pem")]);
    let expected = "`reporters.x.tls.client-certificate` is missing: give the file of the key's certificate";
    assert_eq!(half, expected);
    assert!(error(&[("batch.sizes", "1")]).starts_with("unknown key `reporters.x.batch.sizes`"));
}

#[test]
fn secrets_are_in_no_error() {
    for pairs in [
        &[("endpoint", "ftp://u:hunter2@h/?k=hunter2")][..],
        &[("metrics-endpoint", "http://u:hunter2@h:0")],
        &[("endpoint", "http://u:hunter2@h"), ("exporter.endpoint", "http://u:hunter2@h")],
        &[("endpoint", "u:hunter2@h:1")],
        &[("headers", "authorization:hunter2\n\u{1}x")],
        &[("headers", "hunter2")],
        &[("headers", "a:hunter2"), ("headers.b", "hunter2")],
    ] {
        let error = error(pairs);
        assert!(!error.contains("hunter2"), "{error}");
    }
    let factory = OtlpFactory::with_environment([("OTEL_EXPORTER_OTLP_HEADERS", "a=hunter2")]);
    assert!(!format!("{factory:?}").contains("hunter2"));
}

//! Environment variables beside a file, and those that are for others.

#![cfg(all(feature = "config", feature = "prometheus"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use flowmeter::config::Config;
use flowmeter::{Error, Flowmeter};

fn start(text: &str, variables: &[(&str, &str)]) -> Result<Flowmeter, Error> {
    let config = Config::from_toml(text)?.with_environment(variables.iter().copied())?;
    Flowmeter::builder().with_config(config).without_self_metrics().start()
}

const PROM: &str = "reporters.prom = { type = 'prometheus', port = 0 }";

#[test]
fn variables_that_kubernetes_gives_for_services_are_none_of_ours() {
    let of_services = [
        ("FLOWMETER_METRICS_SERVICE_HOST", "10.0.0.1"),
        ("FLOWMETER_METRICS_SERVICE_PORT", "9249"),
        ("FLOWMETER_METRICS_SERVICE_PORT_HTTP", "9249"),
        ("FLOWMETER_METRICS_PORT", "tcp://10.0.0.1:9249"),
        ("FLOWMETER_METRICS_PORT_9249_TCP", "tcp://10.0.0.1:9249"),
        ("FLOWMETER_METRICS_PORT_9249_TCP_ADDR", "10.0.0.1"),
        ("FLOWMETER_REPORTER_X_PORT_9249_UDP_PROTO", "udp"),
        ("FLOWMETER_REPORTER_X_SERVICE_HOST", "10.0.0.1"),
    ];
    start(PROM, &of_services).unwrap();
    for name in ["FLOWMETER_METRICS_PORT", "FLOWMETER_METRICS_PORT_TCP", "FLOWMETER_METRICS_SERVICE"] {
        let error = start(PROM, &[(name, "9249")]).unwrap_err().to_string();
        assert!(error.starts_with(&format!("variable {name} is for nothing: ")), "{error}");
    }
}

#[test]
fn names_of_reporters_have_no_control_characters() {
    let error = start("reporters.\"a\\nb\" = { type = 'prometheus' }", &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 1: `reporters` cannot be `a\\nb`, a name has no control characters: give another one"
    );
}

#[test]
fn a_file_that_is_no_configuration_by_its_size_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.toml");
    std::fs::write(&path, "#".repeat(4 * 1024 * 1024)).unwrap();
    Config::from_file(&path).unwrap();
    std::fs::write(&path, "#".repeat(4 * 1024 * 1024 + 1)).unwrap();
    let error = Config::from_file(&path).unwrap_err().to_string();
    let reason = "cannot be read (it has more than 4 MiB): give the path of a file in TOML or YAML";
    assert_eq!(error, format!("{} {reason}", path.display()));
}

//! A server that has to log in, over HTTPS.

use std::fs;
use std::time::Duration;

use flowmeter::ReporterOptions;
use flowmeter::prometheus::{AuthOptions, PrometheusOptions, Secret, ServerOptions, TlsOptions};
use flowmeter_e2e::{Folder, Login, Prometheus, Protocol, ScrapeJob, Served, program, wait_for};

#[test]
fn a_server_scrapes_over_https_with_its_password_and_not_with_another() {
    let Some(server) = program("login", "prometheus") else { return };
    let folder = Folder::new("login");
    let (certificate, key) = (folder.path().join("server.pem"), folder.path().join("server.key"));
    let signed = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    fs::write(&certificate, signed.cert.pem()).expect("the folder can be written");
    fs::write(&key, signed.signing_key.serialize_pem()).expect("the folder can be written");
    let options = ServerOptions::default()
        .with_tls(TlsOptions::new(&certificate, &key))
        .with_auth(AuthOptions::default().with_basic("prometheus", Secret::new("right")));
    let served = Served::new(PrometheusOptions::default().with_server(options), ReporterOptions::default());
    let counter = served.registry.add_group("g").counter("n");
    counter.inc_by(7);
    let job = |name, password| {
        let login = Login { ca: &certificate, username: "prometheus", password };
        ScrapeJob::new(Protocol::Protobuf, Duration::from_millis(500), &served.endpoints)
            .with_login(name, login)
    };
    let prometheus = Prometheus::start(&server, &[job("right", "right"), job("wrong", "wrong")]);
    let expected = |job: &str, value| {
        let query = format!("g_n_total{{job=\"{job}\"}} or up{{job=\"{job}\"}} * 0");
        assert_eq!(wait_for(&query, || prometheus.number(&query)), value, "{query}");
    };
    wait_for("a scrape", || prometheus.number("g_n_total"));
    expected("right", 7.0);
    expected("wrong", 0.0);
    assert_eq!(prometheus.number("up{job=\"wrong\"}"), Some(0.0), "it is refused");
}

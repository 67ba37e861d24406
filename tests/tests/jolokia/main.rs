//! What clients of Jolokia get of us.

#[path = "../jmx/certificate.rs"]
mod certificate;
mod demo;

use flowmeter::jmx::{
    AuthOptions, JmxOptions, JmxReporter, JolokiaOptions, JolokiaServer, Ports, Secret, ServerOptions,
    TlsOptions,
};
use flowmeter::{
    Histogram, Registry, ReporterOptions, TaskGroup, TaskInfo, TaskManagerGroup, TaskManagerJobGroup,
};
use flowmeter_e2e::{Folder, JolokiaClient};
use flowmeter_testkit::quiet_registry;
use serde_json::{Value, json};

/// With what has a meaning in names, in paths and in both.
const TASK: &str = "Source: a/b!, \"x\" = *";
const DOMAIN: &str = "flowmeter";

struct Served {
    _registry: Registry,
    _owners: (TaskManagerGroup, TaskManagerJobGroup, TaskGroup),
    _latency: Histogram<u64>,
    server: JolokiaServer,
    /// The name of the bean of the histogram, which has 3 values whose mean is 2.
    bean: String,
}

fn serve(server: ServerOptions) -> Served {
    let registry = quiet_registry();
    let reporter = JmxReporter::new(JmxOptions::default().with_ports(Ports::any()));
    let options = JolokiaOptions::default().with_ports(Ports::any());
    let options = options.with_server(server);
    let server = JolokiaServer::start("test", &options, reporter.beans()).expect("a port is free");
    let beans = reporter.beans();
    let handle = registry.add_reporter("jmx", Box::new(reporter), ReporterOptions::default());
    let handle = handle.expect("a port is free");
    let task_manager = registry.task_manager("localhost", "tm-1");
    let job = task_manager.job("00ff", "WordCount");
    let task = job.task(TaskInfo { id: "1", name: TASK, ..TaskInfo::default() });
    let latency = task.histogram::<u64>("latency");
    (1..=3).for_each(|value| latency.record(value));
    handle.report_now(flowmeter_testkit::PATIENCE).expect("it reports");
    let name = |bean: &flowmeter::jmx::model::MBean| bean.name().to_string();
    let bean = beans.latest().iter().map(name).find(|name| name.contains("latency")).expect("it has a bean");
    Served { _registry: registry, _owners: (task_manager, job, task), _latency: latency, server, bean }
}

/// What all clients read.
fn check(read: &Value, bean: &str) {
    assert_eq!(read["version"]["value"]["protocol"], "7.2", "{read}");
    assert_eq!((&read["one"]["value"], &read["one"]["request"]["mbean"]), (&json!(3), &json!(bean)));
    let several = read["several"].as_array().expect("a list").iter();
    let several: Vec<_> = several.map(|answer| answer["value"].as_f64()).collect();
    assert_eq!(several, [Some(3.0), Some(2.0)]);
    assert_eq!(read["missing"]["status"], 404);
    assert_eq!(read["missing"]["error_type"], "javax.management.InstanceNotFoundException");
    let found = read["search"]["value"].as_array().expect("a list");
    assert!(
        found.len() == 1 && found[0].as_str().is_some_and(|name| name.contains("name=latency")),
        "{found:?}"
    );
    assert_eq!(
        read["list"]["value"]["attr"]["Max"],
        json!({"rw": false, "type": "long", "desc": "Attribute exposed for management"})
    );
    assert!(matches!(read["exec"]["status"].as_u64(), Some(400 | 403)), "{read}");
}

const PATTERN: &str = "flowmeter:name=lat*,*";

#[test]
fn the_client_for_python_reads_all_that_it_can() {
    let Some(client) = JolokiaClient::python("the_client_for_python_reads_all_that_it_can") else { return };
    let served = serve(ServerOptions::default());
    assert!(served.bean.starts_with(DOMAIN) && served.bean.contains("Source: a/b!"), "{}", served.bean);
    // It does not escape paths, which is up to who uses it.
    let mut read = client.read(&served.server.url(), &served.bean, PATTERN, None);
    let escaped = served.bean.replace('!', "!!").replace('/', "!/");
    assert_eq!(read["list"]["status"], 400);
    read["list"] = client.read(&served.server.url(), &escaped, PATTERN, None)["list"].take();
    check(&read, &served.bean);
}

#[test]
fn the_client_of_consoles_reads_all_that_it_can() {
    let Some(client) = JolokiaClient::javascript("the_client_of_consoles_reads_all_that_it_can") else {
        return;
    };
    let served = serve(ServerOptions::default());
    let read = client.read(&served.server.url(), &served.bean, PATTERN, None);
    check(&read, &served.bean);
    assert_eq!(
        (&read["polled"][0]["value"], &read["polled"][1]),
        (&json!(3), &{
            let mut search = read["search"].clone();
            search["timestamp"] = read["polled"][1]["timestamp"].clone();
            search
        })
    );
    assert_eq!(read["all"]["value"][&served.bean]["Count"], 3, "{read}");
    assert_eq!(read["simple"], 2);
}

#[test]
fn clients_that_are_known_are_let_in() {
    let test = "clients_that_are_known_are_let_in";
    let (Some(python), Some(node)) = (JolokiaClient::python(test), JolokiaClient::javascript(test)) else {
        return;
    };
    let served = serve(ServerOptions::default().with_auth(known()));
    for client in [python, node] {
        let read = client.read(&served.server.url(), &served.bean, PATTERN, Some(("me", "p@ss: word")));
        assert_eq!((&read["one"]["value"], &read["exec"]["status"]), (&json!(3), &json!(403)), "{read}");
    }
}

/// Who is let in.
fn known() -> AuthOptions {
    AuthOptions::default().with_basic("me", Secret::new("p@ss: word"))
}

#[test]
fn clients_that_trust_its_certificate_read_over_tls() {
    let test = "clients_that_trust_its_certificate_read_over_tls";
    let (Some(python), Some(node)) = (JolokiaClient::python(test), JolokiaClient::javascript(test)) else {
        return;
    };
    let folder = Folder::new("jolokia-tls");
    let (certificate, key) = certificate::certificate(folder.path());
    let options = ServerOptions::default().with_tls(TlsOptions::new(&certificate, key)).with_auth(known());
    let served = serve(options);
    let url = served.server.url();
    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    for client in [python, node] {
        let client = client.trusting(&certificate);
        let read = client.read(&url, &served.bean, PATTERN, Some(("me", "p@ss: word")));
        assert_eq!((&read["one"]["value"], &read["exec"]["status"]), (&json!(3), &json!(403)), "{read}");
    }
    let plain = url.replace("https:", "http:");
    assert!(ureq::get(plain).call().is_err(), "there is nothing without TLS");
}

//! Who may ask, and over what.

use flowmeter::jmx::{AuthOptions, JmxOptions, Secret, ServerOptions, TlsOptions};
use flowmeter_e2e::{Folder, Jdk};

use super::Served;
use super::certificate::certificate;

const CLIENT: [&str; 1] = ["tests/jmx/Client.java"];
const STORE: &str = "a store";

#[test]
fn the_jdks_client_logs_in() {
    let Some(jdk) = Jdk::with_programs("the_jdks_client_logs_in", &CLIENT) else { return };
    let auth = AuthOptions::default().with_basic("me", Secret::new("correct horse"));
    let served = Served::new(JmxOptions::default().with_server(ServerOptions::default().with_auth(auth)));
    let task_manager = served.registry.task_manager("localhost", "tm-1");
    let counter = task_manager.counter("n");
    let url = &served.url();
    let failed = |arguments: &[&str]| {
        let said = jdk.run(&[], "Client", arguments);
        said.strip_prefix("## connect fails: java.lang.SecurityException: ")
            .map(str::to_owned)
            .unwrap_or(said)
    };
    assert_eq!(failed(&[url]), "Authentication failed! Credentials required\n");
    assert_eq!(failed(&[url, "me", "wrong"]), "Authentication failed! Invalid username or password\n");
    let said = jdk.run(&[], "Client", &[url, "me", "correct horse"]);
    assert!(said.contains("## id rmi://127.0.0.1 me 1\n") && said.ends_with("## closed\n"), "{said}");
    // Whoever has logged in may only read.
    let denied = "fails: java.lang.SecurityException: Access denied! Invalid access level for requested MBeanServer operation.";
    for refused in ["setAttribute", "setAttributes", "invoke"] {
        assert!(said.contains(&format!("## {refused} {denied}")), "{refused}: {said}");
    }
    drop(counter);
}

#[test]
fn the_jdks_client_speaks_tls_with_and_without_a_certificate() {
    let test = "the_jdks_client_speaks_tls_with_and_without_a_certificate";
    let Some(jdk) = Jdk::with_programs(test, &CLIENT) else { return };
    let folder = Folder::new("jmx-tls");
    let path = |name: &str| folder.path().join(name).to_str().expect("its path is a text").to_owned();
    let (certificate, key) = certificate(folder.path());
    let (trusted, own, client) = (path("trusted"), path("own"), path("client.crt"));
    jdk.keytool(
        STORE,
        &["-importcert", "-noprompt", "-alias", "server", "-file", &certificate, "-keystore", &trusted],
    );
    jdk.keytool(
        STORE,
        &["-genkeypair", "-alias", "client", "-keyalg", "EC", "-dname", "CN=client", "-keystore", &own],
    );
    jdk.keytool(STORE, &["-exportcert", "-rfc", "-alias", "client", "-file", &client, "-keystore", &own]);
    let store = |kind: &str, file: &str| {
        [
            format!("-Djavax.net.ssl.{kind}Store={file}"),
            format!("-Djavax.net.ssl.{kind}StorePassword={STORE}"),
            format!("-Djavax.net.ssl.{kind}StoreType=PKCS12"),
        ]
    };
    let (trusting, owning) = (store("trust", &trusted), store("key", &own));
    let trusting: Vec<_> = trusting.iter().map(String::as_str).collect();
    let both: Vec<_> = trusting.iter().copied().chain(owning.iter().map(String::as_str)).collect();

    let tls = TlsOptions::new(&certificate, &key);
    let open = Served::new(JmxOptions::default().with_server(ServerOptions::default().with_tls(tls.clone())));
    let said = jdk.run(&trusting, "Client", &[&open.url()]);
    assert!(said.contains("## id rmi://127.0.0.1  1\n") && said.ends_with("## closed\n"), "{said}");
    let said = jdk.run(&[], "Client", &[&open.url()]);
    assert!(said.contains("connect fails"), "without TLS there is nothing: {said}");

    let tls = tls.with_client_ca(&client);
    let closed = Served::new(JmxOptions::default().with_server(ServerOptions::default().with_tls(tls)));
    let said = jdk.run(&both, "Client", &[&closed.url()]);
    assert!(said.contains("## id rmi://127.0.0.1  1\n") && said.ends_with("## closed\n"), "{said}");
    let said = jdk.run(&trusting, "Client", &[&closed.url()]);
    assert!(said.contains("connect fails"), "without a certificate there is nothing: {said}");
}

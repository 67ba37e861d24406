//! Files that a server cannot start with.

use flowmeter_http::{Server, TlsOptions};

use crate::certificates::{Authority, Files};
use crate::common::{echo, options};

fn said(tls: TlsOptions) -> String {
    Server::start("test", &options().with_tls(tls), echo).unwrap_err().to_string()
}

#[test]
fn what_is_wrong_with_a_file_is_said() {
    let authority = Authority::new();
    let (mine, other) = (authority.issue(1), authority.issue(2));
    let files = Files::new(&mine);
    let (certificate, key) = (files.path("certificate.pem"), files.path("key.pem"));
    let at = |name: &str| files.path(name).display().to_string();

    let missing = said(TlsOptions::new(files.path("none.pem"), &key));
    assert!(
        missing.starts_with(&format!("`tls.certificate` cannot be `{}`, No such file", at("none.pem"))),
        "{missing}"
    );
    let missing = said(TlsOptions::new(&certificate, files.path("none.pem")));
    assert!(
        missing.starts_with(&format!("`tls.key` cannot be `{}`, No such file", at("none.pem"))),
        "{missing}"
    );
    assert_eq!(
        said(TlsOptions::new(&key, &key)),
        format!(
            "`tls.certificate` cannot be `{}`, there is no certificate in it: give a PEM file with the server's \
             certificate, and after it those of its chain",
            at("key.pem")
        )
    );
    assert_eq!(
        said(TlsOptions::new(&certificate, &certificate)),
        format!(
            "`tls.key` cannot be `{}`, there is no private key in it, or an encrypted one: give a PEM file \
             with the private key of the certificate, which is not encrypted",
            at("certificate.pem")
        )
    );
    let other = files.write("other.pem", &other.key);
    assert_eq!(
        said(TlsOptions::new(&certificate, other)),
        format!(
            "`tls.key` cannot be `{}`, it is not the key of the certificate in `{}`: give a PEM file with the \
             private key of the certificate, which is not encrypted",
            at("other.pem"),
            at("certificate.pem")
        )
    );
    let pem = |what: &str, body: &str| format!("-----BEGIN {what}-----\n{body}\n-----END {what}-----\n");
    let broken = files.write("broken.pem", &pem("CERTIFICATE", "AAAA"));
    let broken = said(TlsOptions::new(broken, &key));
    assert!(broken.starts_with(&format!("`tls.certificate` cannot be `{}`, ", at("broken.pem"))), "{broken}");
    let cut = files.write("cut.pem", &mine.certificate[..100]);
    let cut = said(TlsOptions::new(cut, &key));
    assert!(
        cut.starts_with(&format!("`tls.certificate` cannot be `{}`, it is not PEM: ", at("cut.pem"))),
        "{cut}"
    );
    let no_key = files.write("no-key.pem", &pem("PRIVATE KEY", "AAAA"));
    let no_key = said(TlsOptions::new(&certificate, no_key));
    assert!(
        no_key.starts_with(&format!(
            "`tls.key` cannot be `{}`, it is neither an RSA, ECDSA nor Ed25519 key",
            at("no-key.pem")
        )),
        "{no_key}"
    );
}

#[test]
fn authorities_must_be_certificates() {
    let files = Files::new(&Authority::new().issue(1));
    for (text, expected) in [
        ("", "there is no certificate in it: give a PEM file"),
        ("-----BEGIN CERTIFICATE-----\n", "it is not PEM: "),
    ] {
        let path = files.write("authorities.pem", text);
        let said = said(files.options().with_client_ca(&path));
        assert!(
            said.starts_with(&format!("`tls.client-ca` cannot be `{}`, {expected}", path.display())),
            "{said}"
        );
    }
}

#[test]
fn one_file_can_hold_both() {
    let identity = Authority::new().issue(1);
    let files = Files::new(&identity);
    let both = files.write("both.pem", &format!("{}{}", identity.key, identity.certificate));
    Server::start("test", &options().with_tls(TlsOptions::new(&both, &both)), echo).unwrap();
}

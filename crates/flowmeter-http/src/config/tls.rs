//! The keys of HTTPS.

use flowmeter_core::{ConfigError, ConfigSection};

use super::{FileKey, Given, missing};
use crate::TlsOptions;

pub(crate) const CERTIFICATE: FileKey = FileKey::new(
    "tls.certificate",
    "A PEM file with the server's certificate and its chain, to serve HTTPS.",
);
pub(crate) const KEY: FileKey =
    FileKey::new("tls.key", "A PEM file with the private key of the certificate.");
pub(crate) const CLIENT_CA: FileKey = FileKey::new(
    "tls.client-ca",
    "A PEM file with certificates of authorities, of which clients must have a certificate.",
);

pub(super) fn from_section(section: &ConfigSection) -> Result<Option<TlsOptions>, ConfigError> {
    let Given(client_ca) = section.get(&CLIENT_CA)?;
    match (section.get(&CERTIFICATE)?, section.get(&KEY)?) {
        (Given(Some(certificate)), Given(Some(key))) => Ok(Some(TlsOptions { certificate, key, client_ca })),
        (Given(Some(_)), Given(None)) => Err(missing(section, &KEY, "the file of the certificate's key")),
        (Given(None), Given(Some(_))) => {
            Err(missing(section, &CERTIFICATE, "the file of the key's certificate"))
        }
        (Given(None), Given(None)) if client_ca.is_some() => {
            Err(missing(section, &CERTIFICATE, "it and `tls.key`, to go with `tls.client-ca`"))
        }
        (Given(None), Given(None)) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> Result<Option<TlsOptions>, String> {
        let section =
            pairs.iter().fold(ConfigSection::new("x"), |section, (key, value)| section.with(*key, *value));
        from_section(&section).map_err(|error| error.to_string())
    }

    #[test]
    fn files_go_together() {
        assert!(options(&[]).unwrap().is_none());
        let all = [("tls.certificate", "c.pem"), ("tls.key", "k.pem"), ("tls.client-ca", "a.pem")];
        let given = options(&all).unwrap().unwrap();
        let expected = TlsOptions::new("c.pem", "k.pem").with_client_ca("a.pem");
        assert_eq!(format!("{given:?}"), format!("{expected:?}"));
        for (pairs, expected) in [
            (&all[..1], "`x.tls.key` is missing: give the file of the certificate's key"),
            (&all[1..2], "`x.tls.certificate` is missing: give the file of the key's certificate"),
            (&all[2..], "`x.tls.certificate` is missing: give it and `tls.key`, to go with `tls.client-ca`"),
        ] {
            assert_eq!(options(pairs).unwrap_err(), expected);
        }
        let empty = options(&[("tls.certificate", ""), ("tls.key", "")]).unwrap_err();
        assert_eq!(empty, "`x.tls.certificate` cannot be ``, it is empty: give the path of a file");
    }
}

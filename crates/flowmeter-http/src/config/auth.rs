//! The keys of credentials.

use std::fs;
use std::path::Path;

use flowmeter_core::{ConfigError, ConfigKey, ConfigSection};

use super::{FileKey, Given, full, missing};
use crate::{AuthOptions, Secret};

pub(super) const USERNAME: ConfigKey<Given<String>> =
    ConfigKey::new("auth.username", "The user name that clients must give, with its password.");
pub(super) const PASSWORD: ConfigKey<Given<Secret>> =
    ConfigKey::new("auth.password", "The password of the user name.").secret();
pub(super) const PASSWORD_FILE: FileKey =
    ConfigKey::new("auth.password-file", "A file with the password of the user name.");
pub(super) const BEARER_TOKEN: ConfigKey<Given<Secret>> =
    ConfigKey::new("auth.bearer-token", "The token that clients must give, or user name and password.")
        .secret();
pub(super) const BEARER_TOKEN_FILE: FileKey =
    ConfigKey::new("auth.bearer-token-file", "A file with the token.");

pub(super) fn from_section(section: &ConfigSection) -> Result<AuthOptions, ConfigError> {
    let Given(username) = section.get(&USERNAME)?;
    let password = secret(section, &PASSWORD, &PASSWORD_FILE, "`auth.password`, or this, but not both")?;
    let basic = match (username, password) {
        (Some(username), _) if username.contains(':') => {
            return Err(section.invalid(&USERNAME, "a `:` would end it"));
        }
        (Some(username), Some(password)) => Some((username, password)),
        (Some(_), None) => {
            return Err(missing(
                section,
                &PASSWORD,
                "it, or `auth.password-file`, to go with `auth.username`",
            ));
        }
        (None, Some(_)) => return Err(missing(section, &USERNAME, "it, to go with the password")),
        (None, None) => None,
    };
    let bearer_token =
        secret(section, &BEARER_TOKEN, &BEARER_TOKEN_FILE, "`auth.bearer-token`, or this, but not both")?;
    if bearer_token.as_ref().is_some_and(Secret::has_blanks) {
        return Err(match section.get(&BEARER_TOKEN_FILE)? {
            Given(Some(_)) => section.invalid(&BEARER_TOKEN_FILE, "there are blanks in the token"),
            Given(None) => ConfigError::InvalidValue {
                key: full(section, &BEARER_TOKEN),
                value: "(hidden)".to_owned(),
                expected: "a token without blanks",
                detail: String::new(),
            },
        });
    }
    Ok(AuthOptions { basic, bearer_token })
}

/// A secret, from the section or from a file that it names.
fn secret(
    section: &ConfigSection,
    key: &ConfigKey<Given<Secret>>,
    file_key: &FileKey,
    either: &'static str,
) -> Result<Option<Secret>, ConfigError> {
    match (section.get(key)?, section.get(file_key)?) {
        (Given(secret), Given(None)) => Ok(secret),
        (Given(None), Given(Some(path))) => {
            read(&path).map(Some).map_err(|detail| section.invalid(file_key, detail))
        }
        (Given(Some(_)), Given(Some(path))) => Err(ConfigError::InvalidValue {
            key: full(section, file_key),
            value: path.display().to_string(),
            expected: either,
            detail: String::new(),
        }),
    }
}

/// Files mostly end with the end of a line, which is not part of the secret.
fn read(path: &Path) -> Result<Secret, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("it cannot be read ({error})"))?;
    match text.trim_end_matches(['\r', '\n']) {
        secret if secret.trim().is_empty() => Err("it is empty".to_owned()),
        secret => Ok(Secret::new(secret)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tempfile::NamedTempFile;

    use super::*;

    fn section(pairs: &[(&str, &str)]) -> ConfigSection {
        pairs.iter().fold(ConfigSection::new("x"), |section, (key, value)| section.with(*key, *value))
    }

    fn said(pairs: &[(&str, &str)]) -> String {
        let error = from_section(&section(pairs)).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        error.to_string()
    }

    fn file(text: &str) -> NamedTempFile {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn holds(secret: &Secret, text: &str) -> bool {
        secret.is(text.as_bytes()).into()
    }

    #[test]
    fn secrets_are_given_or_in_files() {
        let none = from_section(&section(&[])).unwrap();
        assert!(none.basic.is_none() && none.bearer_token.is_none());

        let given = [("auth.username", "me"), ("auth.password", " a:b "), ("auth.bearer-token", "tok")];
        let auth = from_section(&section(&given)).unwrap();
        let (username, password) = auth.basic.unwrap();
        assert!(username == "me" && holds(&password, " a:b ") && holds(&auth.bearer_token.unwrap(), "tok"));

        let (password, token) = (file(" a\n"), file("tok\r\n"));
        let (password, token) = (password.path().to_str().unwrap(), token.path().to_str().unwrap());
        let files =
            [("auth.username", "me"), ("auth.password-file", password), ("auth.bearer-token-file", token)];
        let auth = from_section(&section(&files)).unwrap();
        assert!(holds(&auth.basic.unwrap().1, " a") && holds(&auth.bearer_token.unwrap(), "tok"));
    }

    #[test]
    fn what_would_leave_the_server_open_is_an_error() {
        for (key, shown) in [
            ("auth.username", ""),
            ("auth.password", "(hidden)"),
            ("auth.password-file", ""),
            ("auth.bearer-token", "(hidden)"),
            ("auth.bearer-token-file", ""),
        ] {
            let said = said(&[(key, "")]);
            assert!(said.starts_with(&format!("`x.{key}` cannot be `{shown}`")), "{said}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_said() {
        assert_eq!(
            said(&[("auth.username", "me")]),
            "`x.auth.password` is missing: give it, or `auth.password-file`, to go with `auth.username`"
        );
        assert_eq!(
            said(&[("auth.password", "hunter2")]),
            "`x.auth.username` is missing: give it, to go with the password"
        );
        assert_eq!(
            said(&[("auth.password", "hunter2"), ("auth.password-file", "/p")]),
            "`x.auth.password-file` cannot be `/p`: give `auth.password`, or this, but not both"
        );
        assert_eq!(
            said(&[("auth.username", "a:b"), ("auth.password", "hunter2")]),
            "`x.auth.username` cannot be `a:b`, a `:` would end it: give a text"
        );
        assert_eq!(
            said(&[("auth.bearer-token", "hunter2 hunter2")]),
            "`x.auth.bearer-token` cannot be `(hidden)`: give a token without blanks"
        );
    }

    #[test]
    fn files_that_hold_no_secret_are_said() {
        let none = said(&[("auth.username", "me"), ("auth.password-file", "/no/such")]);
        assert!(
            none.starts_with("`x.auth.password-file` cannot be `/no/such`, it cannot be read (No such"),
            "{none}"
        );
        for (text, expected) in
            [("\n", "it is empty"), ("hunter2 hunter2\n", "there are blanks in the token")]
        {
            let file = file(text);
            let path = file.path().to_str().unwrap();
            let expected =
                format!("`x.auth.bearer-token-file` cannot be `{path}`, {expected}: give the path of a file");
            assert_eq!(said(&[("auth.bearer-token-file", path)]), expected);
        }
    }
}

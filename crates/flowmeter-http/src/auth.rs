//! Who may ask.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, header};
use subtle::Choice;

use crate::Secret;

/// The credentials that a server wants with every request, whatever its path; with several kinds, either will do.
///
/// Without any, everybody who reaches the server is served.
///
/// ```
/// use flowmeter_http::{AuthOptions, Secret};
///
/// let auth = AuthOptions::default()
///     .with_basic("prometheus", Secret::new("a long password"))
///     .with_bearer_token(Secret::new("a-long-token"));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AuthOptions {
    /// The user name, in which no `:` can be, and the password of [basic
    /// authentication](https://www.rfc-editor.org/rfc/rfc7617).
    pub basic: Option<(String, Secret)>,
    /// The [bearer token](https://www.rfc-editor.org/rfc/rfc6750), in which no blanks can be.
    pub bearer_token: Option<Secret>,
}

impl AuthOptions {
    /// Takes a user name and its password.
    #[must_use]
    pub fn with_basic(mut self, username: impl Into<String>, password: Secret) -> Self {
        self.basic = Some((username.into(), password));
        self
    }

    /// Takes a bearer token.
    #[must_use]
    pub fn with_bearer_token(mut self, token: Secret) -> Self {
        self.bearer_token = Some(token);
        self
    }

    /// Whether credentials are wanted at all.
    pub(crate) fn is_wanted(&self) -> bool {
        self.basic.is_some() || self.bearer_token.is_some()
    }

    /// Whether a request with these headers may be answered.
    pub(crate) fn admits(&self, headers: &HeaderMap) -> bool {
        if !self.is_wanted() {
            return true;
        }
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        // With several it would not be clear whose request it is.
        let (Some(given), None) = (given.next(), given.next()) else { return false };
        let Some((scheme, credentials)) = split_once(given.as_bytes(), b' ') else { return false };
        let credentials = credentials.trim_ascii();
        match (&self.basic, &self.bearer_token) {
            (Some(basic), _) if scheme.eq_ignore_ascii_case(b"basic") => is_basic(basic, credentials).into(),
            (_, Some(token)) if scheme.eq_ignore_ascii_case(b"bearer") => token.is(credentials).into(),
            _ => false,
        }
    }

    /// What a client that was not admitted is told to send.
    pub(crate) fn challenges(&self) -> impl Iterator<Item = HeaderValue> {
        let basic = self.basic.as_ref().map(|_| r#"Basic realm="flowmeter", charset="UTF-8""#);
        let bearer = self.bearer_token.as_ref().map(|_| r#"Bearer realm="flowmeter""#);
        basic.into_iter().chain(bearer).map(HeaderValue::from_static)
    }
}

fn is_basic((username, password): &(String, Secret), credentials: &[u8]) -> Choice {
    let decoded = STANDARD.decode(credentials).unwrap_or_default();
    let (given_name, given_password) = split_once(&decoded, b':').unwrap_or_default();
    // Both are compared even if one is wrong, so that nobody learns which.
    Secret::new(username.as_str()).is(given_name) & password.is(given_password)
}

fn split_once(bytes: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|byte| *byte == separator)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn auth() -> AuthOptions {
        AuthOptions::default().with_basic("me", Secret::new("a:b c")).with_bearer_token(Secret::new("tok"))
    }

    fn with(auth: &AuthOptions, values: &[&[u8]]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        auth.admits(&headers)
    }

    fn basic(credentials: &str) -> Vec<u8> {
        format!("Basic {}", STANDARD.encode(credentials)).into_bytes()
    }

    #[test]
    fn either_kind_will_do() {
        for right in [&basic("me:a:b c")[..], b"Bearer tok", b"bEARER  tok "] {
            assert!(with(&auth(), &[right]));
        }
        let none: &[&[u8]] = &[];
        assert!(!with(&auth(), none));
        assert!(with(&AuthOptions::default(), none));
        assert!(with(&AuthOptions::default(), &[b"Bearer any"]));
    }

    #[test]
    fn what_is_not_exactly_right_is_refused() {
        for wrong in [
            &basic("me:a:b")[..],
            &basic("me:a:b c "),
            &basic("Me:a:b c"),
            &basic("me"),
            &basic(":a:b c"),
            &basic(""),
            b"Basic",
            b"Basic ",
            b"Basic !!!",
            b"Basic me:a:b c",
            b"Bearer",
            b"Bearer ",
            b"Bearer to",
            b"Bearer tokk",
            b"Bearertok",
            b"tok",
            b"Digest tok",
            b"\xff\xfe tok",
        ] {
            assert!(!with(&auth(), &[wrong]), "{}", String::from_utf8_lossy(wrong));
        }
        assert!(!with(&auth(), &[b"Bearer tok", b"Bearer tok"]), "two of them");
        let basic_only = AuthOptions::default().with_basic("me", Secret::new("p"));
        assert!(!with(&basic_only, &[b"Bearer p"]));
        let bearer_only = AuthOptions::default().with_bearer_token(Secret::new("p"));
        assert!(!with(&bearer_only, &[&basic("me:p")]));
        let empty = AuthOptions::default().with_basic("", Secret::new("")).with_bearer_token(Secret::new(""));
        assert!(!with(&empty, &[&basic(":")]) && !with(&empty, &[b"Bearer "]));
    }

    #[test]
    fn secrets_are_not_shown() {
        let shown = format!("{:?}", auth());
        assert!(shown.contains("me") && !shown.contains("a:b") && !shown.contains("tok\""), "{shown}");
    }

    proptest! {
        #[test]
        fn no_bytes_are_admitted_or_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
            prop_assert!(!auth().admits(&headers));
        }
    }
}

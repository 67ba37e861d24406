//! Where requests go.

use std::fmt;
use std::str::FromStr;

use http::uri::{Authority, PathAndQuery};
use thiserror::Error;

use crate::{Protocol, Secret};

/// Where requests go: a URL, to which HTTP adds the path of what is sent, such as `/v1/metrics`; or, for gRPC, also a host and port.
///
/// A user and a password in it are sent as basic authentication. They, and what is behind a `?`, are not shown.
///
/// ```
/// use flowmeter_otlp::Endpoint;
///
/// let endpoint: Endpoint = "https://me:hunter2@collector:4318/otlp".parse()?;
/// assert_eq!(endpoint.to_string(), "https://collector:4318/otlp");
/// # Ok::<(), flowmeter_otlp::ParseEndpointError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether it is `https://` or `http://`, if it says so.
    is_secure: Option<bool>,
    user: Option<Secret>,
    authority: Authority,
    path: String,
    query: Option<Secret>,
    is_complete: bool,
}

/// Why a text is no endpoint.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseEndpointError {
    /// Another protocol than HTTP.
    #[error("it begins with neither `http://` nor `https://`")]
    Scheme,
    /// No host, or one that cannot be.
    #[error("it has no host that can be")]
    Host,
    /// No port.
    #[error("its port is not 1 to 65535")]
    Port,
    /// A path or query with characters that must be percent-encoded.
    #[error("its path has characters that must be percent-encoded")]
    Path,
}

impl Endpoint {
    /// A URL that is used as it is, without a path added.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn complete(url: &str) -> Result<Self, ParseEndpointError> {
        Ok(Self { is_complete: true, ..url.parse()? })
    }

    /// The one for where nothing is said: a receiver on this host.
    pub(crate) fn default_of(protocol: Protocol) -> Self {
        let authority = match protocol {
            Protocol::Grpc => "localhost:4317",
            Protocol::HttpProtobuf | Protocol::HttpJson => "localhost:4318",
        };
        Self {
            is_secure: Some(false),
            user: None,
            authority: Authority::from_static(authority),
            path: String::new(),
            query: None,
            is_complete: false,
        }
    }

    /// Whether it says that it is `https://` or `http://`.
    pub(crate) fn is_secure(&self) -> Option<bool> {
        self.is_secure
    }

    /// Whether no path is added to it.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// The host and the port.
    pub(crate) fn authority(&self) -> &Authority {
        &self.authority
    }

    /// A user and a password, with a colon between them, in percent-encoding.
    pub(crate) fn user(&self) -> Option<&Secret> {
        self.user.as_ref()
    }

    /// The path of requests for a signal, and the query.
    pub(crate) fn path(&self, signal_path: &str) -> (String, Option<&Secret>) {
        let path = match self.is_complete {
            true if self.path.is_empty() => "/".to_owned(),
            true => self.path.clone(),
            false => format!("{}{signal_path}", self.path.trim_end_matches('/')),
        };
        (path, self.query.as_ref())
    }
}

/// A text that should have been an endpoint, without what may be secret in it.
pub(crate) fn redacted(text: &str) -> String {
    let begin = text.find("://").map_or(0, |at| at + 3);
    // What comes before the last at sign, even if there is a slash or question mark in it: the password may have one.
    let (hidden, rest) = match text.rfind('@') {
        Some(at) if at >= begin => ("(hidden)@", &text[at + 1..]),
        _ => ("", &text[begin..]),
    };
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, "?(hidden)"));
    format!("{}{hidden}{rest}{query}", &text[..begin])
}

impl FromStr for Endpoint {
    type Err = ParseEndpointError;

    fn from_str(text: &str) -> Result<Self, ParseEndpointError> {
        let text = text.trim();
        let (is_secure, rest) = match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Some(false), rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Some(true), rest),
            Some(_) => return Err(ParseEndpointError::Scheme),
            None => (None, text),
        };
        let rest = rest.split_once('#').map_or(rest, |(rest, _)| rest);
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        // A host and port alone have no more.
        if is_secure.is_none() && !path.is_empty() {
            return Err(ParseEndpointError::Scheme);
        }
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(Secret::new(user)), host),
            None => (None, authority),
        };
        let authority = Authority::from_str(host).map_err(|_| ParseEndpointError::Host)?;
        let bare = authority.host();
        let is_bracketed = bare.starts_with('[') && bare.ends_with(']');
        if bare.is_empty() || (bare.contains(['[', ']', ':']) && !is_bracketed) {
            return Err(ParseEndpointError::Host);
        }
        match host[bare.len()..].strip_prefix(':') {
            None if host.len() == bare.len() => {}
            Some(port) if port.parse::<u16>().is_ok_and(|port| port > 0) => {}
            _ => return Err(ParseEndpointError::Port),
        }
        if !path.is_empty() {
            PathAndQuery::from_str(path).map_err(|_| ParseEndpointError::Path)?;
        }
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(Secret::new(query))),
            None => (path, None),
        };
        Ok(Self { is_secure, user, authority, path: path.to_owned(), query, is_complete: false })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.is_secure {
            Some(true) => "https://",
            Some(false) => "http://",
            None => "",
        })?;
        write!(f, "{}{}", self.authority, self.path)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("url", &self.to_string())
            .field("is_complete", &self.is_complete)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(endpoint: &Endpoint) -> String {
        endpoint.path("/v1/metrics").0
    }

    #[test]
    fn paths_are_added_to_a_base_and_to_nothing_else() {
        for (base, expected) in [
            ("http://h:1", "/v1/metrics"),
            ("http://h:1/", "/v1/metrics"),
            ("HTTP://h/a/b//", "/a/b/v1/metrics"),
            ("https://h/v1/metrics", "/v1/metrics/v1/metrics"),
        ] {
            assert_eq!(path(&base.parse().unwrap()), expected, "{base}");
        }
        for (url, expected) in [("http://h:1", "/"), ("http://h/a/", "/a/")] {
            assert_eq!(path(&Endpoint::complete(url).unwrap()), expected, "{url}");
        }
        let with_query: Endpoint = "http://h/a?k=v#f".parse().unwrap();
        let (path, query) = with_query.path("/v1/logs");
        assert_eq!((path.as_str(), query.map(Secret::reveal)), ("/a/v1/logs", Some("k=v")));
    }

    #[test]
    fn each_protocol_has_its_port() {
        for (protocol, url) in [
            (Protocol::Grpc, "http://localhost:4317"),
            (Protocol::HttpProtobuf, "http://localhost:4318"),
            (Protocol::HttpJson, "http://localhost:4318"),
        ] {
            assert_eq!(Endpoint::default_of(protocol), url.parse().unwrap());
        }
    }

    #[test]
    fn hosts_and_ports_alone_are_for_grpc() {
        for text in ["collector:4317", "collector", "127.0.0.1:1", "[::1]:4317", "me:pw@host:1"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().is_secure(), None, "{text}");
        }
    }

    #[test]
    fn what_is_none_is_said_to_be() {
        use ParseEndpointError::{Host, Path, Port, Scheme};
        for (text, error) in [
            ("", Host),
            ("http://", Host),
            ("http:///v1", Host),
            ("http://:4318", Host),
            ("ftp://h", Scheme),
            ("unix:///socket", Scheme),
            ("h:1/v1/metrics", Scheme),
            ("http://h:0", Port),
            ("http://h:", Port),
            ("http://h:65536", Port),
            ("http://a b", Host),
            ("http://[::1", Host),
            ("http://::1", Host),
            ("http://h/a b", Path),
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_password_is_hidden_wherever_it_is() {
        for (text, shown) in [
            ("http://u:p@h", "http://(hidden)@h"),
            ("u:p@h", "(hidden)@h"),
            ("ftp://u:p/?@@h/a?token=p", "ftp://(hidden)@h/a?(hidden)"),
            ("http://h/a", "http://h/a"),
        ] {
            assert_eq!(redacted(text), shown);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_one_or_not(text in any::<String>()) {
            let _either = text.parse::<Endpoint>();
            let _shown = redacted(&text);
        }

        #[test]
        fn what_is_one_has_a_path(text in "http://[a-z@:/?#.\\[\\]0-9]{1,12}") {
            if let Ok(endpoint) = text.parse::<Endpoint>() {
                prop_assert!(path(&endpoint).starts_with('/'));
            }
        }
    }
}

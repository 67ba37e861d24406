//! What a client asks for.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, Uri};

/// A `GET` or `HEAD` request, and for a handler that takes bodies a `POST` or `OPTIONS` request.
pub struct Request {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Request {
    pub(crate) fn new(head: Parts, body: Bytes) -> Self {
        Self { method: head.method, uri: head.uri, headers: head.headers, body }
    }

    /// The path, such as `/metrics`, as it was sent.
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// Whether only the head of the answer is wanted. A body is left out anyway; this is to not make it.
    #[must_use]
    pub fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Whether it is an `OPTIONS` request, by which a browser asks whether a page may ask.
    #[must_use]
    pub fn is_options(&self) -> bool {
        self.method == Method::OPTIONS
    }

    /// The body of a `POST` request.
    #[must_use]
    pub fn body(&self) -> Option<&[u8]> {
        (self.method == Method::POST).then_some(&*self.body)
    }

    /// The host, with the port if it is not the usual one, that the client has asked: from the `Host` header, or from the URI that
    /// stands in its place.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.uri.authority().map(http::uri::Authority::as_str).or_else(|| self.header("host"))
    }

    /// The value of a query parameter, decoded, the first if it was sent several times; empty if it came without one.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<Cow<'_, str>> {
        self.pairs().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// All query parameters with their values, decoded, in the order in which they were sent.
    pub fn pairs(&self) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
        form_urlencoded::parse(self.uri.query().unwrap_or_default().as_bytes())
    }

    /// The values of a query parameter, decoded, in the order in which they were sent: `a` and `b` of
    /// `?name[]=a&name%5B%5D=b` for `name[]`.
    pub fn queries(&self, name: &str) -> impl Iterator<Item = Cow<'_, str>> {
        self.pairs().filter(move |(key, _)| key == name).map(|(_, value)| value)
    }

    /// The value of a header, if it is text; the first if it was sent several times.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The values of a header that are text, in the order in which they were sent.
    pub fn header_values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    /// How long the client waits, if it says so as [Prometheus
    /// does](https://prometheus.io/docs/instrumenting/writing_exporters/#scheduling): in seconds, in the header
    /// `X-Prometheus-Scrape-Timeout-Seconds`.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        let seconds = self.header("x-prometheus-scrape-timeout-seconds")?.trim().parse().ok()?;
        Duration::try_from_secs_f64(seconds).ok().filter(|timeout| !timeout.is_zero())
    }
}

impl fmt::Debug for Request {
    /// Without values: some may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<_> = self.headers.keys().collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path())
            .field("headers", &headers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn without_body(request: http::request::Builder) -> Request {
        Request::new(request.body(()).unwrap().into_parts().0, Bytes::new())
    }

    fn request(uri: &str) -> Request {
        without_body(http::Request::get(uri))
    }

    fn waiting(seconds: &str) -> Request {
        let request = http::Request::get("/").header("X-Prometheus-Scrape-Timeout-Seconds", seconds);
        without_body(request)
    }

    #[test]
    fn queries_are_decoded() {
        let sent = request("/m?name[]=a&x&name%5B%5D=b+%C3%A9%26&y=1=2&x=z&%zz=%zz");
        assert_eq!(sent.queries("name[]").collect::<Vec<_>>(), ["a", "b é&"]);
        assert_eq!(sent.query("name[]").as_deref(), Some("a"));
        assert_eq!(sent.query("x").as_deref(), Some(""));
        assert_eq!(sent.query("y").as_deref(), Some("1=2"));
        assert_eq!(sent.query("%zz").as_deref(), Some("%zz"));
        assert_eq!(sent.query("name"), None);
        assert_eq!(request("/m").queries("x").count(), 0);
    }

    #[test]
    fn headers_may_come_several_times() {
        let request = http::Request::head("/")
            .header("Accept", "a")
            .header("accept", &b"\xff"[..])
            .header("ACCEPT", "b, c");
        let request = without_body(request);
        assert!(request.is_head());
        assert_eq!(request.header_values("Accept").collect::<Vec<_>>(), ["a", "b, c"]);
        assert_eq!(request.header("accept"), Some("a"));
        assert_eq!(request.header_values("none").count(), 0);
        assert_eq!(request.header("not a name\n"), None);
    }

    #[test]
    fn only_what_was_posted_has_a_body() {
        let with_body = |method: &str| {
            let request =
                http::Request::builder().method(method).uri("http://a.example:1/x").body(()).unwrap();
            Request::new(request.into_parts().0, Bytes::from("b"))
        };
        assert_eq!(with_body("POST").body(), Some(&b"b"[..]));
        assert_eq!(with_body("GET").body(), None);
        assert!(with_body("OPTIONS").is_options());
        assert_eq!(with_body("GET").host(), Some("a.example:1"));
        assert_eq!(without_body(http::Request::get("/").header("Host", "b")).host(), Some("b"));
        assert_eq!(request("/").host(), None);
    }

    #[test]
    fn a_timeout_is_a_finite_positive_number_of_seconds() {
        for (seconds, expected) in [("10", 10_000), ("0.5", 500), (" 1e1 ", 10_000)] {
            assert_eq!(waiting(seconds).timeout(), Some(Duration::from_millis(expected)), "{seconds}");
        }
        for none in ["", "0", "-1", "inf", "NaN", "1e300", "1e-300", "10s", "1,5"] {
            assert_eq!(waiting(none).timeout(), None, "{none}");
        }
        assert_eq!(request("/").timeout(), None);
    }

    #[test]
    fn values_are_not_shown() {
        let request = http::Request::get("/p?key=hunter2").header("authorization", "Bearer hunter2");
        let shown = format!("{:?}", without_body(request));
        assert!(
            shown.contains("/p") && shown.contains("authorization") && !shown.contains("hunter2"),
            "{shown}"
        );
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(name in "\\PC*", values in prop::collection::vec("\\PC*", 1..4)) {
            let mut query = form_urlencoded::Serializer::for_suffix("/?".to_owned(), 2);
            for value in &values {
                query.append_pair(&name, value);
            }
            let request = request(&query.finish());
            prop_assert_eq!(request.queries(&name).collect::<Vec<_>>(), values);
        }
    }
}

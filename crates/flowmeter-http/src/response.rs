//! What a client gets.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::BodyWriter;
use crate::body::Content;
use crate::under_way::OnSent;

/// An answer.
pub struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) content: Content,
    pub(crate) on_sent: Option<OnSent>,
}

impl Response {
    /// A body of chunks, which many answers can share. A content type that no header can have is left out.
    #[must_use]
    pub fn chunks(content_type: impl Into<Cow<'static, str>>, chunks: Vec<Bytes>) -> Self {
        Self::of(content_type.into(), Content::Whole(chunks.into()))
    }

    /// A body that is written while it is sent, and where to write it. A content type that no header can have is left
    /// out.
    #[must_use]
    pub fn stream(content_type: impl Into<Cow<'static, str>>) -> (Self, BodyWriter) {
        let (writer, reader) = BodyWriter::new();
        (Self::of(content_type.into(), Content::Stream(reader)), writer)
    }

    fn of(content_type: Cow<'static, str>, content: Content) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        Self { status: StatusCode::OK, headers, content, on_sent: None }
            .with_header("content-type", content_type)
    }

    /// Plain text.
    #[must_use]
    pub fn text(text: impl Into<Bytes>) -> Self {
        Self::chunks("text/plain; charset=utf-8", vec![text.into()])
    }

    /// A page.
    #[must_use]
    pub fn html(html: impl Into<Bytes>) -> Self {
        Self::chunks("text/html; charset=utf-8", vec![html.into()])
    }

    /// Nothing is there: 404.
    #[must_use]
    pub fn not_found() -> Self {
        Self::error(StatusCode::NOT_FOUND, "there is nothing here\n")
    }

    /// The request makes no sense: 400, with a plain text that says why.
    #[must_use]
    pub fn bad_request(text: impl Into<Bytes>) -> Self {
        Self::error(StatusCode::BAD_REQUEST, text)
    }

    /// The client takes no format that there is: 406, with a plain text that says which there are.
    #[must_use]
    pub fn not_acceptable(text: impl Into<Bytes>) -> Self {
        Self::error(StatusCode::NOT_ACCEPTABLE, text)
    }

    /// There is no answer now, but there may be one later: 503, with a plain text that says why.
    #[must_use]
    pub fn unavailable(text: impl Into<Bytes>) -> Self {
        Self::error(StatusCode::SERVICE_UNAVAILABLE, text)
    }

    pub(crate) fn error(status: StatusCode, text: impl Into<Bytes>) -> Self {
        Self { status, ..Self::text(text) }
    }

    /// Sets a header, such as `Content-Encoding` or `Vary`, in the place of another of that name.
    ///
    /// Without effect are what is no header, and `Content-Length` and `Transfer-Encoding`, which follow from the
    /// body.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        let value = match value.into() {
            Cow::Borrowed(value) => HeaderValue::from_str(value),
            Cow::Owned(value) => HeaderValue::try_from(value),
        };
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), value)
            && name != header::CONTENT_LENGTH
            && name != header::TRANSFER_ENCODING
        {
            self.headers.insert(name, value);
        }
        self
    }

    /// Calls `sent` once the whole answer was handed to the network without an error.
    ///
    /// It is not called for a `HEAD` request, which gets no body, nor when the client has closed its side meanwhile:
    /// it may still read, but most likely it is gone.
    #[must_use]
    pub fn on_sent(mut self, sent: impl FnOnce() + Send + 'static) -> Self {
        self.on_sent = Some(Box::new(sent));
        self
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .field("length", &self.content.length())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
        response.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[test]
    fn headers_replace_each_other() {
        let response = Response::text("x")
            .with_header("Vary", "Accept")
            .with_header("vary", String::from("Accept-Encoding"))
            .with_header("Content-Type", "text/csv");
        assert_eq!(header(&response, "vary"), Some("Accept-Encoding"));
        assert_eq!(header(&response, "content-type"), Some("text/csv"));
        assert_eq!(response.headers.len(), 3);
    }

    #[test]
    fn what_is_no_header_is_left_out() {
        let response = Response::text("x")
            .with_header("not a name", "x")
            .with_header("", "x")
            .with_header("x-lines", "a\r\nSet-Cookie: b")
            .with_header("Content-Length", "1000")
            .with_header("Transfer-Encoding", "gzip");
        assert_eq!(response.headers.len(), 2, "{response:?}");
        let (response, _body) = Response::stream("a\nb");
        assert_eq!(header(&response, "content-type"), None);
    }
}

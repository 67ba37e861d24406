//! What an endpoint answers, byte by byte.

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The content type.
    pub content_type: String,
    /// How the body is compressed; empty if it is not.
    pub encoding: String,
    /// The body, as it came.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as a text.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is a text")
    }
}

/// Asks an endpoint, with some headers of the request.
///
/// # Panics
///
/// When it does not answer, or with an error.
#[must_use]
pub fn get(url: &str, headers: &[(&str, &str)]) -> Answer {
    let request = ureq::get(url);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let mut response = request.call().expect("the endpoint is up");
    let header = |name: &str| {
        let value = response.headers().get(name).map(|value| value.to_str().expect("headers are ASCII"));
        value.unwrap_or_default().to_owned()
    };
    let (content_type, encoding) = (header("content-type"), header("content-encoding"));
    let body = response.body_mut().with_config().limit(1 << 30).read_to_vec().expect("a whole body");
    Answer { content_type, encoding, body }
}

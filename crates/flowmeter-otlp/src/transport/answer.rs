//! What receivers answer.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message as _;
use serde_json::Value;

use super::retry::Retry;
use super::rpc::Status;

/// The most characters of a receiver's message that are shown.
const LONGEST_MESSAGE: usize = 300;

/// What became of one attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The receiver has it, but for a number of points that it rejected.
    Taken { rejected: u64, message: String },
    /// It has not, or nobody knows.
    Failed(Failure),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) message: String,
    /// Whether the receiver may have it all the same.
    pub(super) may_be_there: bool,
    pub(super) retry: Retry,
}

impl Verdict {
    /// The receiver surely has none of it.
    pub(super) fn refused(message: impl Into<String>, retry: Retry) -> Self {
        Self::Failed(Failure { message: message.into(), may_be_there: false, retry })
    }

    /// It may have it or not.
    pub(super) fn unknown(message: impl Into<String>, retry: Retry) -> Self {
        Self::Failed(Failure { message: message.into(), may_be_there: true, retry })
    }
}

/// The form in which an answer is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Protobuf,
    Json,
    Other,
}

impl Form {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let essence = text.split(';').next().unwrap_or_default().trim();
        if essence.eq_ignore_ascii_case("application/x-protobuf") {
            Self::Protobuf
        } else if essence.eq_ignore_ascii_case("application/json") {
            Self::Json
        } else {
            Self::Other
        }
    }
}

/// What the message of a success says. One in no form of OTLP says nothing: some receivers answer with a text or nothing.
pub(super) fn taken(form: Form, body: Bytes) -> Verdict {
    let partial = match form {
        // An empty object may be no bytes as well.
        _ if body.is_empty() => Some((0, String::new())),
        Form::Protobuf => protobuf_partial(body),
        Form::Json => json_partial(&body),
        Form::Other => Some((0, String::new())),
    };
    match partial {
        Some((rejected, message)) => {
            Verdict::Taken { rejected: u64::try_from(rejected).unwrap_or(0), message: legible(&message) }
        }
        None => {
            Verdict::unknown("it answered with success, but with a message that cannot be read", Retry::Never)
        }
    }
}

/// The answers for spans and log records are of the same shape as that for metrics.
fn protobuf_partial(body: Bytes) -> Option<(i64, String)> {
    let response = ExportMetricsServiceResponse::decode(body).ok()?;
    Some(
        response
            .partial_success
            .map_or_else(Default::default, |partial| (partial.rejected_data_points, partial.error_message)),
    )
}

fn json_partial(body: &[u8]) -> Option<(i64, String)> {
    let Value::Object(response) = serde_json::from_slice(body).ok()? else { return None };
    let partial = match response.get("partialSuccess").or_else(|| response.get("partial_success")) {
        None | Some(Value::Null) => return Some((0, String::new())),
        Some(Value::Object(partial)) => partial,
        Some(_) => return None,
    };
    let field =
        |names: &[&str]| names.iter().find_map(|name| partial.get(*name)).filter(|value| !value.is_null());
    let rejected = match field(&[
        "rejectedDataPoints",
        "rejected_data_points",
        "rejectedSpans",
        "rejected_spans",
        "rejectedLogRecords",
        "rejected_log_records",
    ]) {
        None => 0,
        // The mapping of protobuf to JSON has 64 bits as a text.
        Some(Value::String(text)) => text.parse().ok()?,
        Some(value) => value.as_i64()?,
    };
    let message = match field(&["errorMessage", "error_message"]) {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(_) => return None,
    };
    Some((rejected, message))
}

/// What the body of an error says: a `google.rpc.Status`, or a text.
pub(super) fn error_message(form: Form, body: Bytes) -> String {
    let message = match form {
        Form::Protobuf => Status::decode(body).map(|status| status.message).unwrap_or_default(),
        Form::Json => serde_json::from_slice::<Value>(&body)
            .ok()
            .and_then(|status| status.get("message")?.as_str().map(str::to_owned))
            .unwrap_or_default(),
        Form::Other => std::str::from_utf8(&body).map(str::to_owned).unwrap_or_default(),
    };
    legible(message.trim())
}

/// A text from elsewhere for a line of a log: short, and without what a terminal would obey.
pub(crate) fn legible(text: &str) -> String {
    let mut shown = String::new();
    let mut characters = text.chars();
    for c in characters.by_ref().take(LONGEST_MESSAGE) {
        match c {
            c if c.is_whitespace() => shown.push(' '),
            c if c.is_alphanumeric() || c.is_ascii_graphic() => shown.push(c),
            c => shown.extend(c.escape_debug()),
        }
    }
    if characters.next().is_some() {
        shown.push_str("...");
    }
    shown
}

/// What can be done about a status, in words that go behind it.
pub(super) fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ", so look at `headers`",
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => ", so look at the path of `endpoint`",
        StatusCode::PAYLOAD_TOO_LARGE => ", so lower `request-size`",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ", so give another `protocol` or `compression`",
        status if status.is_redirection() => ", and is not followed: give the address that it leads to",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsPartialSuccess;
    use proptest::prelude::*;

    use super::*;

    fn json(text: &str) -> Verdict {
        taken(Form::Json, Bytes::copy_from_slice(text.as_bytes()))
    }

    fn partly(rejected: u64, message: &str) -> Verdict {
        Verdict::Taken { rejected, message: message.to_owned() }
    }

    fn is_unknown(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Failed(Failure { may_be_there: true, retry: Retry::Never, .. }))
    }

    #[test]
    fn json_has_numbers_or_texts() {
        for (text, expected) in [
            ("{}", partly(0, "")),
            (r#"{"partialSuccess":null}"#, partly(0, "")),
            (r#"{"partialSuccess":{}}"#, partly(0, "")),
            (r#"{"partialSuccess":{"rejectedDataPoints":"7","errorMessage":"old"}}"#, partly(7, "old")),
            (r#"{"partialSuccess":{"rejectedSpans":7}}"#, partly(7, "")),
            (r#"{"partial_success":{"rejected_log_records":7}}"#, partly(7, "")),
            (r#"{"partialSuccess":{"rejectedDataPoints":"-7","errorMessage":"mind"}}"#, partly(0, "mind")),
            (r#"{"more":[1]}"#, partly(0, "")),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
        for text in ["[", "[]", r#"{"partialSuccess":3}"#, r#"{"partialSuccess":{"rejectedSpans":"x"}}"#] {
            assert!(is_unknown(&json(text)), "{text}");
        }
    }

    #[test]
    fn protobuf_has_the_same() {
        let response = ExportMetricsServiceResponse {
            partial_success: Some(ExportMetricsPartialSuccess {
                rejected_data_points: 3,
                error_message: "a\nb\u{1b}[31m".to_owned(),
            }),
        };
        assert_eq!(taken(Form::Protobuf, response.encode_to_vec().into()), partly(3, "a b\\u{1b}[31m"));
        assert_eq!(taken(Form::Protobuf, Bytes::new()), partly(0, ""));
        assert!(is_unknown(&taken(Form::Protobuf, Bytes::from_static(b"\xff\xff"))));
        assert_eq!(taken(Form::Other, Bytes::from_static(b"ok")), partly(0, ""));
    }

    #[test]
    fn errors_are_read_in_each_form() {
        let status = tonic_types::Status { code: 3, message: "no unit".to_owned(), details: Vec::new() };
        assert_eq!(error_message(Form::Protobuf, status.encode_to_vec().into()), "no unit");
        assert_eq!(error_message(Form::Json, Bytes::from_static(br#"{"message":"no unit"}"#)), "no unit");
        assert_eq!(error_message(Form::Other, Bytes::from_static(b"no unit\r\n")), "no unit");
        assert_eq!(error_message(Form::Other, Bytes::from_static(b"\xff")), "");
        let long = error_message(Form::Other, Bytes::from(vec![b'x'; 5000]));
        assert_eq!(long.len(), LONGEST_MESSAGE + 3);
    }

    proptest! {
        #[test]
        fn any_answer_has_a_verdict(body in prop::collection::vec(any::<u8>(), 0..200)) {
            for form in [Form::Protobuf, Form::Json, Form::Other] {
                let _verdict = taken(form, body.clone().into());
                let message = error_message(form, body.clone().into());
                prop_assert!(!message.contains(char::is_control));
            }
        }
    }
}

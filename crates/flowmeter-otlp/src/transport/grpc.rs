//! OTLP over gRPC: calls of one message and one answer, as in [gRPC over HTTP/2].
//!
//! They are put together here because what goes out is bytes already, compressed once for all attempts, and because a client that
//! takes whatever a receiver sends must not panic at a status that is not base64, as that of a general client may.
//!
//! [gRPC over HTTP/2]: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md

use std::time::Duration;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::{Buf as _, Bytes};
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode;
use prost::Message as _;

use super::answer::{Form, Verdict, legible, taken};
use super::body::{Rest, Unread};
use super::http as over_http;
use super::retry::Retry;
use super::rpc::{Code, Status};

const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
const DETAILS: &str = "grpc-status-details-bin";

/// With or without padding: peers may leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What stands before a message: whether it is compressed, and its length.
pub(super) fn prefix(message: &[u8], is_compressed: bool) -> Result<Bytes, String> {
    let length = u32::try_from(message.len()).map_err(|_| "it is longer than gRPC can have it".to_owned())?;
    let mut prefix = Vec::with_capacity(5);
    prefix.push(u8::from(is_compressed));
    prefix.extend_from_slice(&length.to_be_bytes());
    Ok(prefix.into())
}

/// How long the receiver may take, as a header: 8 digits at most.
pub(super) fn timeout(time: Duration) -> String {
    format!("{}m", time.as_millis().clamp(1, 99_999_999))
}

/// What an answer means.
pub(super) fn judge(status: StatusCode, headers: &HeaderMap, rest: Option<Result<Rest, Unread>>) -> Verdict {
    // An error of whatever is in between, which knows nothing of gRPC.
    if status != StatusCode::OK {
        return over_http::judge(status, headers, rest);
    }
    // An answer without a message has its status in the head.
    if headers.contains_key(STATUS) {
        return of_status(headers, Bytes::new());
    }
    match rest {
        Some(Ok(rest)) if rest.trailers.contains_key(STATUS) => of_status(&rest.trailers, rest.body),
        Some(Ok(_)) => {
            Verdict::unknown("it answered without a status, so it may not speak gRPC", Retry::Never)
        }
        Some(Err(Unread::TooLong)) => Verdict::unknown("its answer is too long", Retry::Never),
        Some(Err(Unread::Broken(error))) => {
            Verdict::unknown(format!("its answer broke off: {error}"), Retry::Backoff)
        }
        None => Verdict::unknown("its answer broke off", Retry::Backoff),
    }
}

fn of_status(fields: &HeaderMap, body: Bytes) -> Verdict {
    let code = Code::of(fields.get(STATUS).map_or(b"", |value| value.as_bytes()));
    if code == Code::Ok {
        return match message(body) {
            Ok(message) => taken(Form::Protobuf, message),
            Err(reason) => Verdict::unknown(reason, Retry::Never),
        };
    }
    let message = fields.get(MESSAGE).map_or(b"".as_slice(), |value| value.as_bytes());
    let message = legible(&percent_decode(message).decode_utf8_lossy());
    let details = fields.get(DETAILS).and_then(|value| BASE64.decode(value.as_bytes()).ok());
    let details = details.and_then(|details| Status::decode(details.as_slice()).ok());
    let asked = details.and_then(|details| details.retry_delay());
    let advice = match code {
        Code::Unauthenticated | Code::PermissionDenied => ", so look at `headers`",
        Code::Unimplemented => {
            ", so it may not be a receiver of OTLP, or not of this or of this `compression`"
        }
        Code::ResourceExhausted if asked.is_none() => ", so lower `request-size`",
        _ => "",
    };
    let said = if message.is_empty() { String::new() } else { format!(": {message}") };
    let message = format!("it answered {code:?}{advice}{said}");
    let retry = match asked {
        Some(delay) if !delay.is_zero() => Retry::After(delay),
        _ => Retry::Backoff,
    };
    match code {
        // The work on it was cut short, wherever it was.
        Code::Cancelled | Code::DeadlineExceeded => Verdict::unknown(message, retry),
        // Who says when to come again has not taken it. Without that it may be the word of a proxy that lost its connection.
        Code::Unavailable if asked.is_none() => Verdict::unknown(message, retry),
        Code::Unavailable | Code::Aborted | Code::OutOfRange | Code::DataLoss => {
            Verdict::refused(message, retry)
        }
        Code::ResourceExhausted if asked.is_some() => Verdict::refused(message, retry),
        _ => Verdict::refused(message, Retry::Never),
    }
}

/// The only message of an answer. None is asked for in compression.
fn message(mut body: Bytes) -> Result<Bytes, &'static str> {
    const GARBLED: &str = "it answered with success, but with a message that cannot be read";
    if body.len() < 5 || body.get_u8() != 0 {
        return Err(GARBLED);
    }
    let length = body.get_u32() as usize;
    if body.len() == length { Ok(body) } else { Err(GARBLED) }
}

#[cfg(test)]
mod tests {
    use super::super::answer::Failure;
    use super::*;
    use opentelemetry_proto::tonic::collector::metrics::v1::{
        ExportMetricsPartialSuccess, ExportMetricsServiceResponse,
    };
    use proptest::prelude::*;
    use tonic_types::{ErrorDetails, StatusExt as _};

    fn fields(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn answered(body: &[u8], trailers: &[(&'static str, &str)]) -> Verdict {
        let rest = Rest { body: Bytes::copy_from_slice(body), trailers: fields(trailers) };
        judge(StatusCode::OK, &HeaderMap::new(), Some(Ok(rest)))
    }

    fn failure(verdict: Verdict) -> Failure {
        match verdict {
            Verdict::Failed(failure) => failure,
            verdict @ Verdict::Taken { .. } => panic!("{verdict:?}"),
        }
    }

    fn details(delay: Option<Duration>) -> String {
        let details = ErrorDetails::with_retry_info(delay);
        let status = tonic::Status::with_error_details(tonic::Code::ResourceExhausted, "", details);
        BASE64.encode(status.details())
    }

    #[test]
    fn codes_are_taken_as_the_specification_has_them() {
        for code in 1..18 {
            for trailers_only in [false, true] {
                let pairs = [(STATUS, &*code.to_string()), (MESSAGE, "no%20room%0A")];
                let verdict = match trailers_only {
                    true => judge(StatusCode::OK, &fields(&pairs), None),
                    false => answered(b"", &pairs),
                };
                let Failure { message, may_be_there, retry } = failure(verdict);
                assert!(message.ends_with(": no room "), "{message}");
                let is_retried = matches!(code, 1 | 4 | 10 | 11 | 14 | 15);
                assert_eq!(retry, if is_retried { Retry::Backoff } else { Retry::Never }, "{code}");
                assert_eq!(may_be_there, matches!(code, 1 | 4 | 14), "{code}");
            }
        }
    }

    #[test]
    fn a_receiver_that_says_when_to_come_again_has_not_taken_it() {
        for code in ["8", "14"] {
            let given = |delay| {
                let failure = failure(answered(b"", &[(STATUS, code), (DETAILS, &details(delay))]));
                assert!(!failure.may_be_there, "{code}");
                failure.retry
            };
            assert_eq!(given(Some(Duration::from_millis(3500))), Retry::After(Duration::from_millis(3500)));
            assert_eq!(given(None), Retry::Backoff);
        }
        let invalid =
            failure(answered(b"", &[(STATUS, "3"), (DETAILS, &details(Some(Duration::from_secs(3))))]));
        assert_eq!(invalid.retry, Retry::Never);
    }

    #[test]
    fn what_is_no_status_is_not_relied_on() {
        let failure = failure(answered(b"", &[(STATUS, "8"), (DETAILS, "not base64!")]));
        assert_eq!(failure.retry, Retry::Never);
        for (body, trailers) in [
            (&b""[..], &[][..]),
            (b"", &[(STATUS, "0")]),
            (b"\0\0\0\0\x01", &[(STATUS, "0")]),
            (b"\x01\0\0\0\0", &[(STATUS, "0")]),
            (b"\0\0\0\0\x01\xff", &[(STATUS, "0")]),
        ] {
            let failure = self::failure(answered(body, trailers));
            assert!(failure.may_be_there && failure.retry == Retry::Never, "{body:?}");
        }
    }

    #[test]
    fn a_success_may_be_partial() {
        let partial_success =
            Some(ExportMetricsPartialSuccess { rejected_data_points: 2, error_message: "old".to_owned() });
        let response = ExportMetricsServiceResponse { partial_success }.encode_to_vec();
        let body = [&*prefix(&response, false).unwrap(), &*response].concat();
        let taken = |rejected, message: &str| Verdict::Taken { rejected, message: message.to_owned() };
        assert_eq!(answered(&body, &[(STATUS, "0")]), taken(2, "old"));
        assert_eq!(answered(b"\0\0\0\0\0", &[(STATUS, "0")]), taken(0, ""));
    }

    #[test]
    fn times_have_eight_digits_at_most() {
        assert_eq!(timeout(Duration::ZERO), "1m");
        assert_eq!(timeout(Duration::from_secs(10)), "10000m");
        assert_eq!(timeout(Duration::MAX), "99999999m");
    }

    proptest! {
        #[test]
        fn any_answer_has_a_verdict(
            body in prop::collection::vec(any::<u8>(), 0..40),
            status in "[ -~]{0,4}",
            details in "[ -~]{0,40}",
        ) {
            let _verdict = answered(&body, &[(STATUS, &status), (MESSAGE, &details), (DETAILS, &details)]);
            let encoded = BASE64.encode(&body);
            let _verdict = answered(&body, &[(STATUS, "8"), (DETAILS, &encoded)]);
        }
    }
}

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

use super::answer::{self, Failure, Form, Verdict, legible, taken};
use super::body::{LONGEST_ANSWER, Rest, Unread};
use super::compress::expand;
use super::http as over_http;
use super::retry::Retry;
use super::rpc::{Code, Status};

const ENCODING: &str = "grpc-encoding";
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

/// What an answer means. A status of gRPC comes before that of HTTP, wherever it stands.
pub(super) fn judge(status: StatusCode, headers: &HeaderMap, rest: Option<Result<Rest, Unread>>) -> Verdict {
    // An answer without a message has its status in the head.
    if headers.contains_key(STATUS) {
        return of_status(headers, Err(answer::GARBLED));
    }
    match rest {
        Some(Ok(rest)) if rest.trailers.contains_key(STATUS) => {
            of_status(&rest.trailers, message(headers, rest.body))
        }
        Some(Err(Unread::TooLong(trailers))) if trailers.contains_key(STATUS) => {
            of_status(&trailers, Err(answer::TOO_LONG))
        }
        // An error of whatever is in between, which knows nothing of gRPC.
        rest if !status.is_success() => match over_http::judge(status, headers, rest) {
            Verdict::Failed(failure) => Verdict::Failed(Failure {
                message: format!(
                    "{}; that is no answer of gRPC, so see whether it speaks that at that port, and look at `protocol`",
                    failure.message
                ),
                ..failure
            }),
            taken @ Verdict::Taken { .. } => taken,
        },
        // To gRPC that is no success, whatever it is to HTTP.
        Some(Ok(_)) => {
            Verdict::unknown("it answered without a status, so it may not speak gRPC", Retry::Never)
        }
        Some(Err(Unread::TooLong(_))) => Verdict::unknown("its answer is too long", Retry::Never),
        Some(Err(Unread::Broken(error))) => {
            Verdict::unknown(format!("its answer broke off: {error}"), Retry::Backoff)
        }
        None => Verdict::unknown("its answer broke off", Retry::Backoff),
    }
}

/// What a status means, and what is said with it if that can be read.
fn of_status(fields: &HeaderMap, answer: Result<Bytes, &'static str>) -> Verdict {
    let code = Code::of(fields.get(STATUS).map_or(b"", |value| value.as_bytes()));
    if code == Code::Ok {
        return match answer {
            Ok(message) => taken(Form::Protobuf, message),
            Err(reason) => Verdict::taken_with(reason),
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
        // Who passes it on to several others says so when one of them fails, and the rest may have it.
        Code::DataLoss => Verdict::unknown(message, retry),
        Code::Unknown | Code::Internal => Verdict::unknown(message, Retry::Never),
        // Who says when to come again has not taken it. Without that it may be the word of a proxy that lost its connection.
        Code::Unavailable if asked.is_none() => Verdict::unknown(message, retry),
        Code::Unavailable | Code::Aborted | Code::OutOfRange => Verdict::refused(message, retry),
        Code::ResourceExhausted if asked.is_some() => Verdict::refused(message, retry),
        _ => Verdict::refused(message, Retry::Never),
    }
}

/// The only message of an answer. None is asked for in compression, but servers in Go, and so OpenTelemetry's Collector, answer in
/// that of the request.
fn message(headers: &HeaderMap, mut body: Bytes) -> Result<Bytes, &'static str> {
    if body.len() < 5 {
        return Err(answer::GARBLED);
    }
    let (is_compressed, length) = (body.get_u8(), body.get_u32() as usize);
    if body.len() != length {
        return Err(answer::GARBLED);
    }
    match is_compressed {
        0 => Ok(body),
        1 => {
            let encoding = headers.get(ENCODING).map_or(b"".as_slice(), |value| value.as_bytes());
            expand(encoding, &body, LONGEST_ANSWER).ok_or(answer::GARBLED)
        }
        _ => Err(answer::GARBLED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Compression;
    use crate::transport::compress::{compress, name};
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
                assert_eq!(may_be_there, matches!(code, 1 | 2 | 4 | 13 | 14 | 15 | 17), "{code}");
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
        for status in [200, 201, 204, 299] {
            let rest = Rest { body: Bytes::new(), trailers: HeaderMap::new() };
            let status = StatusCode::from_u16(status).unwrap();
            let failure = self::failure(judge(status, &HeaderMap::new(), Some(Ok(rest))));
            assert!(failure.may_be_there && failure.retry == Retry::Never, "{status}");
        }
    }

    #[test]
    fn a_status_of_grpc_comes_before_that_of_http() {
        for status in [200, 204, 404, 503] {
            let status = StatusCode::from_u16(status).unwrap();
            let invalid = fields(&[(STATUS, "3")]);
            let in_head = failure(judge(status, &invalid, None));
            let rest = Rest { body: Bytes::new(), trailers: invalid };
            let behind = failure(judge(status, &HeaderMap::new(), Some(Ok(rest))));
            for failure in [in_head, behind] {
                assert_eq!(failure.message, "it answered InvalidArgument", "{status}");
                assert_eq!((failure.may_be_there, failure.retry), (false, Retry::Never), "{status}");
            }
        }
    }

    #[test]
    fn a_success_is_one_whatever_its_message() {
        for body in [&b""[..], b"\0\0\0\0\x01", b"\x01\0\0\0\0", b"\0\0\0\0\x01\xff"] {
            let verdict = answered(body, &[(STATUS, "0")]);
            let Verdict::Taken { rejected: 0, message } = verdict else { panic!("{body:?}: {verdict:?}") };
            assert!(message.contains("cannot be read"), "{message}");
        }
        let in_head =
            judge(StatusCode::OK, &fields(&[(STATUS, "0")]), Some(Err(Unread::TooLong(HeaderMap::new()))));
        assert!(matches!(in_head, Verdict::Taken { rejected: 0, .. }), "{in_head:?}");
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
    fn a_success_may_be_compressed_as_the_request_was() {
        let response = |error_message: &str| {
            let partial_success = Some(ExportMetricsPartialSuccess {
                rejected_data_points: 2,
                error_message: error_message.to_owned(),
            });
            Bytes::from(ExportMetricsServiceResponse { partial_success }.encode_to_vec())
        };
        let answered = |compression, response: Bytes, encoding: &str| {
            let response = compress(compression, response).unwrap();
            let body = [prefix(&response, true).unwrap(), response].concat().into();
            let rest = Rest { body, trailers: fields(&[(STATUS, "0")]) };
            judge(StatusCode::OK, &fields(&[(ENCODING, encoding)]), Some(Ok(rest)))
        };
        let compressions = [
            Compression::Gzip,
            #[cfg(feature = "zstd")]
            Compression::Zstd,
        ];
        for compression in compressions {
            let encoding = name(compression).unwrap();
            let verdict = answered(compression, response("old"), encoding);
            assert_eq!(verdict, Verdict::Taken { rejected: 2, message: "old".to_owned() }, "{encoding}");
            let garbled = Verdict::taken_with(answer::GARBLED);
            let long = response(&"o".repeat(LONGEST_ANSWER));
            assert_eq!(answered(compression, long, encoding), garbled, "{encoding}");
            assert_eq!(answered(Compression::None, response("old"), encoding), garbled, "{encoding}");
            assert_eq!(answered(compression, response("old"), "snappy"), garbled, "{encoding}");
        }
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

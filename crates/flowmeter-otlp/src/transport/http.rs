//! OTLP over HTTP.

use std::time::SystemTime;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};

use super::answer::{Form, Verdict, advice, error_message, taken};
use super::body::{Rest, Unread};
use super::retry::{Retry, retry_after};

/// What an answer means.
pub(super) fn judge(status: StatusCode, headers: &HeaderMap, rest: Option<Result<Rest, Unread>>) -> Verdict {
    let form = Form::of(headers);
    if status.is_success() {
        return match rest {
            Some(Ok(rest)) => taken(form, rest.body),
            Some(Err(Unread::TooLong)) => Verdict::unknown(
                "it answered with success, but with a message that is too long",
                Retry::Never,
            ),
            Some(Err(Unread::Broken(_))) | None => {
                Verdict::unknown("it answered with success, but its message broke off", Retry::Never)
            }
        };
    }
    let message = match rest {
        Some(Ok(rest)) => error_message(form, rest.body),
        _ => String::new(),
    };
    let said = if message.is_empty() { String::new() } else { format!(": {message}") };
    let message = format!("it answered {status}{}{said}", advice(status));
    let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry = match asked.and_then(|text| retry_after(text, SystemTime::now())) {
        Some(asked) => Retry::After(asked),
        None => Retry::Backoff,
    };
    match status {
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Verdict::refused(message, retry),
        // These are a proxy's, which knows no more of what it passed on than that it got no answer.
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => Verdict::unknown(message, retry),
        _ => Verdict::refused(message, Retry::Never),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::super::answer::Failure;
    use super::*;

    fn judged(status: u16, headers: &[(&'static str, &'static str)]) -> Verdict {
        let rest = Rest { body: Bytes::new(), trailers: HeaderMap::new() };
        let headers =
            headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        judge(StatusCode::from_u16(status).unwrap(), &headers, Some(Ok(rest)))
    }

    #[test]
    fn statuses_are_taken_as_the_specification_has_them() {
        for status in 100..1000 {
            let verdict = judged(status, &[]);
            let (may_be_there, retry) = match verdict {
                Verdict::Taken { .. } => {
                    assert!((200..300).contains(&status), "{status}");
                    continue;
                }
                Verdict::Failed(Failure { may_be_there, retry, .. }) => (may_be_there, retry),
            };
            assert!(!(200..300).contains(&status), "{status}");
            let is_retried = matches!(status, 429 | 502 | 503 | 504);
            assert_eq!(retry, if is_retried { Retry::Backoff } else { Retry::Never }, "{status}");
            assert_eq!(may_be_there, matches!(status, 502 | 504), "{status}");
        }
    }

    #[test]
    fn only_what_is_sent_again_is_sent_later() {
        let retry = |status, after| match judged(status, &[("retry-after", after)]) {
            Verdict::Failed(failure) => failure.retry,
            verdict @ Verdict::Taken { .. } => panic!("{verdict:?}"),
        };
        assert_eq!(retry(429, "3"), Retry::After(Duration::from_secs(3)));
        assert_eq!(retry(503, "soon"), Retry::Backoff);
        assert_eq!(retry(400, "3"), Retry::Never);
    }

    #[test]
    fn redirects_are_not_followed() {
        let Verdict::Failed(failure) = judged(307, &[("location", "http://elsewhere/")]) else { panic!() };
        assert_eq!(
            failure.message,
            "it answered 307 Temporary Redirect, and is not followed: give the address that it leads to"
        );
    }

    #[test]
    fn an_answer_that_breaks_off_is_one_only_if_it_is_an_error() {
        let unread = |status| judge(status, &HeaderMap::new(), Some(Err(Unread::TooLong)));
        let Verdict::Failed(success) = unread(StatusCode::OK) else { panic!() };
        assert!(success.may_be_there && success.retry == Retry::Never);
        let Verdict::Failed(error) = unread(StatusCode::BAD_REQUEST) else { panic!() };
        assert!(!error.may_be_there);
    }
}

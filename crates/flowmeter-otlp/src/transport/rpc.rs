//! Statuses as gRPC and Google's APIs have them: the part of them that is read.
//!
//! Sources: [`google/rpc/status.proto`], [`google/rpc/error_details.proto`], and the [codes].
//!
//! [`google/rpc/status.proto`]: https://github.com/googleapis/googleapis/blob/master/google/rpc/status.proto
//! [`google/rpc/error_details.proto`]: https://github.com/googleapis/googleapis/blob/master/google/rpc/error_details.proto
//! [codes]: https://grpc.io/docs/guides/status-codes/

use std::time::Duration;

use prost::Message;

/// What a call ended with, in the order of the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Ok,
    Cancelled,
    Unknown,
    InvalidArgument,
    DeadlineExceeded,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Aborted,
    OutOfRange,
    Unimplemented,
    Internal,
    Unavailable,
    DataLoss,
    Unauthenticated,
}

impl Code {
    const ALL: [Self; 17] = [
        Self::Ok,
        Self::Cancelled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The one in a header, which is unknown if it is none.
    pub(super) fn of(header: &[u8]) -> Self {
        let known = Self::ALL.into_iter().find(|code| (*code as u8).to_string().as_bytes() == header);
        known.unwrap_or(Self::Unknown)
    }
}

/// A `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(string, tag = "2")]
    pub(super) message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

impl Status {
    /// How long the receiver wants to be left alone, if it says that it is to be asked again.
    pub(super) fn retry_delay(&self) -> Option<Duration> {
        let info = self.details.iter().find(|detail| detail.type_url.ends_with("/google.rpc.RetryInfo"))?;
        let delay = RetryInfo::decode(&*info.value).ok()?.retry_delay.unwrap_or_default();
        let delay = u64::try_from(delay.seconds).ok().zip(u32::try_from(delay.nanos).ok());
        Some(delay.map_or(Duration::ZERO, |(seconds, nanos)| Duration::new(seconds, nanos)))
    }
}

/// A `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// A `google.rpc.RetryInfo`.
#[derive(Clone, Copy, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, tag = "1")]
    retry_delay: Option<Delay>,
}

/// A `google.protobuf.Duration`.
#[derive(Clone, Copy, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;

    #[test]
    fn codes_are_those_of_tonic() {
        for header in (0..20).map(|code| code.to_string()).chain(["", "+1", "01", "x"].map(str::to_owned)) {
            let expected = tonic::Code::from_bytes(header.as_bytes());
            let code = Code::of(header.as_bytes());
            assert_eq!((code as i32, format!("{code:?}")), (expected as i32, format!("{expected:?}")));
        }
    }

    #[test]
    fn a_delay_that_cannot_be_is_none() {
        let delay = Delay { seconds: -1, nanos: 0 };
        let value = RetryInfo { retry_delay: Some(delay) }.encode_to_vec();
        let type_url = "type.googleapis.com/google.rpc.RetryInfo".to_owned();
        let status =
            |value| Status { details: vec![Any { type_url: type_url.clone(), value }], ..Status::default() };
        assert_eq!(status(value).retry_delay(), Some(Duration::ZERO));
        assert_eq!(status(b"\xff".to_vec()).retry_delay(), None);
        assert_eq!(Status::default().retry_delay(), None);
    }

    proptest! {
        #[test]
        fn delays_are_read_as_tonic_writes_them(seconds in 0..1_u64 << 33, nanos in 0..1_000_000_000_u32) {
            let delay = Duration::new(seconds, nanos);
            let mut details = ErrorDetails::new();
            details.set_request_info("id", "data").set_retry_info(Some(delay));
            let written = tonic::Status::with_error_details(tonic::Code::Unavailable, "busy", details);
            let status = Status::decode(written.details()).unwrap();
            prop_assert_eq!((&*status.message, status.retry_delay()), ("busy", Some(delay)));
        }
    }
}

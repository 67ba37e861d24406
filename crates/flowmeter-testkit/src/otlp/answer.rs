//! What a receiver can be told to answer.

use std::time::Duration;

/// What is answered to a request.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Answer {
    /// It is taken.
    #[default]
    Ok,
    /// It is taken, but for a part.
    Partial {
        /// How many points, spans or records are not taken.
        rejected: i64,
        /// Why.
        message: String,
    },
    /// It is taken after a while.
    Slow(Duration),
    /// It is not taken, with an HTTP status, also on the port of gRPC.
    Status {
        /// The status.
        status: u16,
        /// Headers of the answer.
        headers: Vec<(&'static str, String)>,
        /// Its body.
        body: Vec<u8>,
    },
    /// It is not taken, with a status of gRPC; on the port of HTTP it is a 500.
    Grpc {
        /// The code.
        code: i32,
        /// The message, as it stands in the header.
        message: String,
        /// `grpc-status-details-bin`, as it stands in the header.
        details: Option<String>,
    },
    /// It is not taken, and nothing is answered for as long as the connection lasts.
    Hang,
    /// It is not read, and the connection is closed.
    CloseUnread,
    /// It is read and not taken, and the connection is closed.
    Close,
    /// It is taken, and the connection is closed before that is answered.
    Lost,
    /// It is taken, and answered with success and bytes that are no message.
    Garbage,
    /// It is taken, and answered with success and this many bytes.
    Oversized(usize),
}

impl Answer {
    /// An HTTP status that says nothing else.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Status { status, headers: Vec::new(), body: Vec::new() }
    }

    /// An HTTP status and when to come again.
    #[must_use]
    pub fn retry_after(status: u16, after: impl Into<String>) -> Self {
        Self::Status { status, headers: vec![("retry-after", after.into())], body: Vec::new() }
    }

    /// A status of gRPC.
    #[must_use]
    pub fn grpc(code: i32, message: impl Into<String>) -> Self {
        Self::Grpc { code, message: message.into(), details: None }
    }

    /// A status of gRPC with a `RetryInfo`.
    #[must_use]
    pub fn grpc_retry(code: i32, delay: Duration) -> Self {
        Self::Grpc { code, message: String::new(), details: Some(super::decode::retry_info(code, delay)) }
    }

    /// Whether the receiver has what it answers so.
    pub(super) fn takes(&self) -> bool {
        match self {
            Self::Ok
            | Self::Partial { .. }
            | Self::Slow(_)
            | Self::Lost
            | Self::Garbage
            | Self::Oversized(_) => true,
            Self::Status { .. } | Self::Grpc { .. } | Self::Hang | Self::CloseUnread | Self::Close => false,
        }
    }
}

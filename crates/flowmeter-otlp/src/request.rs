//! What goes out.

use bytes::Bytes;
use flowmeter_core::ReportMark;

/// A part of a report that goes out as one request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// An `ExportMetricsServiceRequest` in protobuf.
    pub(crate) body: Bytes,
    /// How many points are in it.
    pub(crate) points: u64,
    /// The place in the report behind the last series in it, whose differences all requests up to this one hold.
    pub(crate) mark: ReportMark,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// It was taken, but for some of what was in it.
    Taken {
        /// How many points, spans or records the receiver refused.
        rejected: u64,
        /// What it said to that.
        message: String,
        /// Whether it may be there twice: an earlier attempt to send the same bytes went out and was not answered.
        ambiguous: bool,
    },
    /// The receiver surely has none of it.
    Refused {
        /// Why.
        message: String,
        /// Whether it has said that it will not take the same at another time either.
        for_good: bool,
    },
    /// The receiver may have it or not: nobody answered what had gone out, or not in a way that says.
    Unknown {
        /// What happened.
        message: String,
        /// Whether it would happen at another time as well.
        for_good: bool,
    },
}

impl Delivery {
    /// The receiver surely has none of it, and may take it at another time.
    pub(crate) fn refused(message: String) -> Self {
        Self::Refused { message, for_good: false }
    }
}

//! What requests say, and what is answered, in bytes.

use std::io::Read as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde::de::DeserializeOwned;

use super::Protocol;

/// The most that a request may have when it is not compressed.
const LONGEST: u64 = 64 * 1024 * 1024;

/// What a request says.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Metrics.
    Metrics(ExportMetricsServiceRequest),
    /// Spans.
    Traces(ExportTraceServiceRequest),
    /// Log records.
    Logs(ExportLogsServiceRequest),
}

/// What comes without compression.
pub(super) fn decompress(encoding: Option<&str>, body: &[u8]) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    let read = match encoding {
        None | Some("identity") => return Ok(body.to_vec()),
        Some("gzip") => flate2::read::GzDecoder::new(body).take(LONGEST).read_to_end(&mut plain),
        Some("zstd") => zstd::Decoder::new(body).and_then(|zstd| zstd.take(LONGEST).read_to_end(&mut plain)),
        Some(other) => return Err(format!("the encoding is {other}")),
    };
    read.map_err(|error| format!("not compressed as it says: {error}"))?;
    Ok(plain)
}

/// What a body says that was asked to be taken at this path.
pub(super) fn message(protocol: Protocol, path: &str, body: &[u8]) -> Result<Message, String> {
    match path.trim_end_matches("/Export").rsplit('/').next().unwrap_or_default() {
        "metrics" | "opentelemetry.proto.collector.metrics.v1.MetricsService" => {
            parse(protocol, body).map(Message::Metrics)
        }
        "traces" | "opentelemetry.proto.collector.trace.v1.TraceService" => {
            parse(protocol, body).map(Message::Traces)
        }
        "logs" | "opentelemetry.proto.collector.logs.v1.LogsService" => {
            parse(protocol, body).map(Message::Logs)
        }
        _ => Err(format!("nothing is taken at {path}")),
    }
}

fn parse<T: prost::Message + Default + DeserializeOwned>(
    protocol: Protocol,
    body: &[u8],
) -> Result<T, String> {
    match protocol {
        Protocol::HttpJson => serde_json::from_slice(body).map_err(|error| error.to_string()),
        Protocol::Grpc | Protocol::HttpProtobuf => T::decode(body).map_err(|error| error.to_string()),
    }
}

/// The message of a success. Those for spans and log records are of the same shape.
pub(super) fn success(protocol: Protocol, path: &str, partial: Option<(i64, String)>) -> Vec<u8> {
    match (protocol, partial) {
        (Protocol::HttpJson, None) => b"{}".to_vec(),
        (Protocol::HttpJson, Some((rejected, message))) => {
            let field = match path {
                path if path.ends_with("traces") => "rejectedSpans",
                path if path.ends_with("logs") => "rejectedLogRecords",
                _ => "rejectedDataPoints",
            };
            let partial = serde_json::json!({ field: rejected.to_string(), "errorMessage": message });
            serde_json::json!({ "partialSuccess": partial }).to_string().into_bytes()
        }
        (_, partial) => {
            let partial_success = partial.map(|(rejected_data_points, error_message)| {
                ExportMetricsPartialSuccess { rejected_data_points, error_message }
            });
            ExportMetricsServiceResponse { partial_success }.encode_to_vec()
        }
    }
}

/// A message of gRPC and what stands before it.
pub(super) fn framed(message: &[u8]) -> Bytes {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    [&[0], &length.to_be_bytes()[..], message].concat().into()
}

/// The message of a gRPC request, and whether it is compressed.
pub(super) fn unframed(body: &Bytes) -> Result<(Bytes, bool), String> {
    let Some((&[flag, a, b, c, d], message)) = body.split_first_chunk::<5>() else {
        return Err("a request without a prefix".to_owned());
    };
    if flag > 1 || message.len() as u64 != u64::from(u32::from_be_bytes([a, b, c, d])) {
        return Err(format!("a prefix that is wrong: {:?} before {} bytes", &body[..5], message.len()));
    }
    Ok((body.slice(5..), flag == 1))
}

/// A `google.rpc.Status` with a `google.rpc.RetryInfo`, as gRPC has it in a header.
pub(super) fn retry_info(code: i32, delay: Duration) -> String {
    #[derive(prost::Message)]
    struct Status {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(message, repeated, tag = "3")]
        details: Vec<prost_types::Any>,
    }
    #[derive(prost::Message)]
    struct RetryInfo {
        #[prost(message, optional, tag = "1")]
        retry_delay: Option<prost_types::Duration>,
    }
    let retry_delay = prost_types::Duration::try_from(delay).ok();
    let details = vec![prost_types::Any {
        type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
        value: RetryInfo { retry_delay }.encode_to_vec(),
    }];
    STANDARD_NO_PAD.encode(Status { code, details }.encode_to_vec())
}

//! Spans.
//!
//! Source: [`trace.proto`](https://github.com/open-telemetry/opentelemetry-proto/blob/v1.9.0/opentelemetry/proto/trace/v1/trace.proto).

use flowmeter_core::{Span, SpanStatus};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::trace::v1 as proto;

use super::identity::Identities;
use super::{nanoseconds, with_own};

/// Writes a span and all below it, each with its scope and with the variables of the group.
pub(super) fn write<'a>(
    span: &'a Span,
    milestone: u64,
    variables: Vec<KeyValue>,
    identities: &Identities,
) -> Vec<(&'a str, proto::Span)> {
    let mut tree = Tree { milestone, variables, identities, written: Vec::new() };
    tree.write(span, Vec::new());
    tree.written
}

struct Tree<'a, 'i> {
    milestone: u64,
    variables: Vec<KeyValue>,
    identities: &'i Identities,
    written: Vec<(&'a str, proto::Span)>,
}

impl<'a> Tree<'a, '_> {
    fn write(&mut self, span: &'a Span, parent_span_id: Vec<u8>) {
        let number = u32::try_from(self.written.len()).unwrap_or(u32::MAX);
        let span_id = self.identities.span(self.milestone, number);
        self.written.push((
            span.scope(),
            proto::Span {
                trace_id: self.identities.trace(self.milestone),
                span_id: span_id.clone(),
                parent_span_id,
                name: span.name().to_owned(),
                kind: proto::span::SpanKind::Internal.into(),
                start_time_unix_nano: nanoseconds(span.start()),
                end_time_unix_nano: nanoseconds(span.end()),
                attributes: with_own(self.variables.clone(), span.attributes()),
                dropped_attributes_count: span.dropped_attributes(),
                status: Some(status(span.status())),
                ..proto::Span::default()
            },
        ));
        for child in span.children() {
            self.write(child, span_id.clone());
        }
    }
}

fn status(status: &SpanStatus) -> proto::Status {
    let (code, message) = match status {
        SpanStatus::Unset => (proto::status::StatusCode::Unset, ""),
        SpanStatus::Ok => (proto::status::StatusCode::Ok, ""),
        SpanStatus::Error(message) => (proto::status::StatusCode::Error, &**message),
    };
    proto::Status { code: code.into(), message: message.to_owned() }
}

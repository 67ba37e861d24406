//! Requests that are too long, in parts.
//!
//! Those of spans and of log records have the same shape: resources, in which are scopes, in which are the records.

use bytes::Bytes;

use crate::encode::wire::{field_length, write_bytes};
use crate::json::{Fields, Raw};

/// The resources in a request.
const RESOURCES: u32 = 1;

/// The scopes in a resource, and the records in a scope. What else is in these is about all of them.
const BELOW: u32 = 2;

/// What the heads of a resource, a scope and a record take.
const ROOM: usize = 18;

/// A request as those that have so many bytes at most, each with how many records are in it. One record alone may have more.
pub(super) fn parts(request: Bytes, limit: usize) -> Vec<(Bytes, u64)> {
    if request.len() <= limit {
        let count = count(&request);
        return vec![(request, count)];
    }
    let (mut parts, mut out, mut count) = (Vec::new(), Vec::new(), 0);
    for resource in messages(&request, RESOURCES) {
        let of_resource = about_all(resource);
        for scope in messages(resource, BELOW) {
            let of_scope = about_all(scope);
            let mut records = Vec::new();
            let close = |records: &mut Vec<u8>, out: &mut Vec<u8>| {
                if !records.is_empty() {
                    let scope = [&*of_scope, records].concat();
                    let mut resource = of_resource.clone();
                    write_bytes(BELOW as u8, &scope, &mut resource);
                    write_bytes(RESOURCES as u8, &resource, out);
                    records.clear();
                }
            };
            let heads = of_resource.len() + of_scope.len() + ROOM;
            for record in messages(scope, BELOW) {
                if count > 0 && out.len() + heads + records.len() + field_length(record.len()) > limit {
                    close(&mut records, &mut out);
                    parts.push((Bytes::from(std::mem::take(&mut out)), std::mem::take(&mut count)));
                }
                write_bytes(BELOW as u8, record, &mut records);
                count += 1;
            }
            close(&mut records, &mut out);
        }
    }
    if count > 0 {
        parts.push((out.into(), count));
    }
    parts
}

/// How many records are in a request.
fn count(request: &[u8]) -> u64 {
    let scopes = messages(request, RESOURCES).flat_map(|resource| messages(resource, BELOW));
    scopes.map(|scope| messages(scope, BELOW).count() as u64).sum()
}

/// The messages in a field.
fn messages(message: &[u8], field: u32) -> impl Iterator<Item = &[u8]> {
    Fields::of(message).filter_map(move |(number, value)| match value {
        Raw::Bytes(bytes) if number == field => Some(bytes),
        Raw::Bytes(_) | Raw::Number(_) => None,
    })
}

/// The fields of a resource or a scope but for what is below it. All are texts or messages, with numbers below 16.
fn about_all(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, value) in Fields::of(message) {
        if let (1 | 3..16, Raw::Bytes(bytes)) = (number, value) {
            write_bytes(number as u8, bytes, &mut out);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::{InstrumentationScope, KeyValue};
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;

    /// Requests of resources and scopes that are all different, with spans of these lengths.
    fn request(lengths: &[Vec<Vec<usize>>]) -> ExportTraceServiceRequest {
        let span = |length: &usize| Span { name: "x".repeat(*length), ..Span::default() };
        let scope = |(number, lengths): (usize, &Vec<usize>)| ScopeSpans {
            scope: Some(InstrumentationScope { name: number.to_string(), ..InstrumentationScope::default() }),
            spans: lengths.iter().map(span).collect(),
            schema_url: "https://scope".to_owned(),
        };
        let resource = |(number, scopes): (usize, &Vec<Vec<usize>>)| ResourceSpans {
            resource: Some(Resource {
                attributes: vec![KeyValue { key: number.to_string(), ..KeyValue::default() }],
                ..Resource::default()
            }),
            scope_spans: scopes.iter().enumerate().map(scope).collect(),
            schema_url: "https://resource".to_owned(),
        };
        ExportTraceServiceRequest { resource_spans: lengths.iter().enumerate().map(resource).collect() }
    }

    /// Each span with all that is about it.
    fn spans(request: &ExportTraceServiceRequest) -> Vec<String> {
        let mut spans = Vec::new();
        for resource in &request.resource_spans {
            for scope in &resource.scope_spans {
                let about = (&resource.resource, &resource.schema_url, &scope.scope, &scope.schema_url);
                spans.extend(scope.spans.iter().map(|span| format!("{about:?} {span:?}")));
            }
        }
        spans
    }

    proptest! {
        #[test]
        fn parts_have_what_the_whole_had(
            lengths in prop::collection::vec(prop::collection::vec(prop::collection::vec(0..300_usize, 0..5), 0..4), 0..4),
            limit in 0..2000_usize,
        ) {
            let whole = request(&lengths);
            let parts = parts(whole.encode_to_vec().into(), limit);
            let mut found = Vec::new();
            for (bytes, count) in &parts {
                prop_assert!(bytes.len() <= limit || *count <= 1, "{} {count}", bytes.len());
                let part = spans(&ExportTraceServiceRequest::decode(bytes.clone()).unwrap());
                prop_assert_eq!(part.len() as u64, *count);
                found.extend(part);
            }
            prop_assert_eq!(found, spans(&whole));
        }

        #[test]
        fn any_bytes_have_parts(bytes in prop::collection::vec(any::<u8>(), 0..200), limit in 0..200_usize) {
            let _parts = parts(bytes.into(), limit);
        }
    }
}

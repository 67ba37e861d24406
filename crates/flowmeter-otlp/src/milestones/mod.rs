//! Spans and events: from milestones to requests.
//!
//! They are few, so their messages are built as a tree and encoded by `prost`.

mod event;
mod identity;
mod span;

use bytes::Bytes;
use flowmeter_core::{AttributeValue, Milestone, Milestones};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message;

use self::identity::Identities;
use crate::{OtlpOptions, naming, resource};

/// Writes milestones as `ExportTraceServiceRequest`s and `ExportLogsServiceRequest`s.
pub(crate) struct MilestoneEncoder {
    options: OtlpOptions,
    /// The attributes that all resources have.
    resource: Vec<(String, String)>,
    identities: Identities,
}

/// The first of a batch of milestones that fit into one request of each signal.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// How many there are.
    pub(crate) milestones: usize,
    /// The number of the last.
    pub(crate) last: u64,
    /// An `ExportTraceServiceRequest`, and how many spans are in it.
    pub(crate) spans: Option<(Bytes, u64)>,
    /// An `ExportLogsServiceRequest`, and how many records are in it.
    pub(crate) records: Option<(Bytes, u64)>,
}

impl MilestoneEncoder {
    pub(crate) fn new(options: &OtlpOptions) -> Self {
        Self {
            options: options.clone(),
            resource: resource::attributes(options),
            identities: Identities::default(),
        }
    }

    /// Writes what fits into a request of each signal, of what is behind the first so many: one at least, if there is any. Spans
    /// up to a number are left out.
    pub(crate) fn encode(&self, milestones: &Milestones<'_>, behind: usize, spans_taken: u64) -> Batch {
        let (mut spans, mut records) = (Grouped::default(), Grouped::default());
        let (mut taken, mut last, mut bytes) = (0, 0, 0);
        for view in milestones.iter().skip(behind) {
            let attributes = naming::attributes(&self.options, &self.resource, &view.group());
            let variables = key_values(attributes.of_points.iter().map(|(key, value)| (&**key, *value)));
            let of_resource: Vec<_> =
                attributes.of_resource.iter().map(|(key, value)| (&**key, *value)).collect();
            // The resource and the scope are counted for each, though those that share them have them once.
            bytes += of_resource.iter().map(|(key, value)| key.len() + value.len() + ROOM).sum::<usize>();
            match view.milestone() {
                Milestone::Span(_) if view.number() <= spans_taken => {}
                Milestone::Span(span) => {
                    let written = span::write(span, view.number(), variables, &self.identities);
                    bytes += written.iter().map(|(scope, span)| room(span, scope)).sum::<usize>();
                    if taken > 0 && bytes > self.options.request_size {
                        break;
                    }
                    written.into_iter().for_each(|(scope, span)| spans.put(&of_resource, scope, span));
                }
                Milestone::Event(event) => {
                    let record = event::write(event, variables, self.options.naming);
                    bytes += room(&record, event.scope());
                    if taken > 0 && bytes > self.options.request_size {
                        break;
                    }
                    records.put(&of_resource, event.scope(), record);
                }
            }
            (taken, last) = (taken + 1, view.number());
        }
        Batch { milestones: taken, last, spans: self.spans(spans), records: self.records(records) }
    }

    fn spans(&self, grouped: Grouped<Span>) -> Option<(Bytes, u64)> {
        let count = grouped.count;
        let resource_spans =
            grouped.resources.into_iter().map(|OfResource { variables, scopes }| ResourceSpans {
                resource: Some(self.resource(&variables)),
                scope_spans: scopes
                    .into_iter()
                    .map(|(scope, spans)| ScopeSpans {
                        scope: Some(named(scope)),
                        spans,
                        ..ScopeSpans::default()
                    })
                    .collect(),
                ..ResourceSpans::default()
            });
        let request = ExportTraceServiceRequest { resource_spans: resource_spans.collect() };
        (count > 0).then(|| (request.encode_to_vec().into(), count))
    }

    fn records(&self, grouped: Grouped<LogRecord>) -> Option<(Bytes, u64)> {
        let count = grouped.count;
        let resource_logs =
            grouped.resources.into_iter().map(|OfResource { variables, scopes }| ResourceLogs {
                resource: Some(self.resource(&variables)),
                scope_logs: scopes
                    .into_iter()
                    .map(|(scope, log_records)| ScopeLogs {
                        scope: Some(named(scope)),
                        log_records,
                        ..ScopeLogs::default()
                    })
                    .collect(),
                ..ResourceLogs::default()
            });
        let request = ExportLogsServiceRequest { resource_logs: resource_logs.collect() };
        (count > 0).then(|| (request.encode_to_vec().into(), count))
    }

    fn resource(&self, of_resource: &[(String, String)]) -> Resource {
        let attributes = self.resource.iter().chain(of_resource);
        Resource {
            attributes: key_values(attributes.map(|(key, value)| (&**key, &**value))),
            ..Resource::default()
        }
    }
}

/// What a message takes beside its own bytes, and an attribute.
const ROOM: usize = 16;

fn room(message: &impl Message, scope: &str) -> usize {
    message.encoded_len() + scope.len() + 2 * ROOM
}

/// What goes into a request, by the variables that its resource has and by its scope, in the order in which it came.
struct Grouped<T> {
    resources: Vec<OfResource<T>>,
    count: u64,
}

struct OfResource<T> {
    variables: Vec<(String, String)>,
    scopes: Vec<(String, Vec<T>)>,
}

impl<T> Default for Grouped<T> {
    fn default() -> Self {
        Self { resources: Vec::new(), count: 0 }
    }
}

impl<T> Grouped<T> {
    fn put(&mut self, of_resource: &[(&str, &str)], scope: &str, message: T) {
        self.count += 1;
        let is_same = |known: &[(String, String)]| {
            known.iter().map(|(key, value)| (&**key, &**value)).eq(of_resource.iter().copied())
        };
        let known = self.resources.iter().position(|known| is_same(&known.variables));
        let position = known.unwrap_or_else(|| {
            let variables =
                of_resource.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            self.resources.push(OfResource { variables, scopes: Vec::new() });
            self.resources.len() - 1
        });
        let scopes = &mut self.resources[position].scopes;
        match scopes.iter_mut().find(|(known, _)| known == scope) {
            Some((_, messages)) => messages.push(message),
            None => scopes.push((scope.to_owned(), vec![message])),
        }
    }
}

fn named(scope: String) -> InstrumentationScope {
    InstrumentationScope { name: scope, ..InstrumentationScope::default() }
}

fn key_values<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<KeyValue> {
    pairs.map(|(key, value)| key_value(key, any_value::Value::StringValue(value.to_owned()))).collect()
}

fn key_value(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

/// Adds the attributes of a milestone to those of its group. Where both have one, the milestone's own says more.
fn with_own<'a>(
    mut attributes: Vec<KeyValue>,
    own: impl Iterator<Item = (&'a str, &'a AttributeValue)>,
) -> Vec<KeyValue> {
    for (key, value) in own {
        let value = key_value(
            key,
            match value {
                AttributeValue::Text(text) => any_value::Value::StringValue(text.clone()),
                AttributeValue::I64(number) => any_value::Value::IntValue(*number),
                AttributeValue::F64(number) => any_value::Value::DoubleValue(*number),
                AttributeValue::Bool(value) => any_value::Value::BoolValue(*value),
            },
        );
        match attributes.iter_mut().find(|attribute| attribute.key == key) {
            Some(attribute) => *attribute = value,
            None => attributes.push(value),
        }
    }
    attributes
}

/// A time since the Unix epoch as OTLP has it.
fn nanoseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

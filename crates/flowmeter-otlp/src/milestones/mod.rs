//! Spans and events: from milestones to requests.
//!
//! They are few, so their messages are built as a tree and encoded by `prost`.

mod event;
mod identity;
mod span;

use std::collections::BTreeSet;

use bytes::Bytes;
use flowmeter_core::{AttributeValue, Milestone, MilestoneView, Milestones};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};
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

/// What fits into one request of a signal.
#[derive(Debug)]
pub(crate) struct Batch {
    /// An `ExportTraceServiceRequest` or an `ExportLogsServiceRequest`.
    pub(crate) body: Bytes,
    /// How many spans or records are in it.
    pub(crate) count: u64,
    /// The numbers of the milestones in it.
    pub(crate) numbers: Vec<u64>,
}

impl MilestoneEncoder {
    pub(crate) fn new(options: &OtlpOptions) -> Self {
        Self {
            options: options.clone(),
            resource: resource::attributes(options),
            identities: Identities::default(),
        }
    }

    /// Writes the first spans that were not taken yet, as many as fit into a request, and one at least: a span and all below it
    /// go out together. Nothing if there are none.
    pub(crate) fn spans<'m>(&self, milestones: &Milestones<'m>, taken: &BTreeSet<u64>) -> Option<Batch> {
        let written = |view: &MilestoneView<'m>, variables| match view.milestone() {
            Milestone::Span(span) => Some(span::write(span, view.number(), variables, &self.identities)),
            Milestone::Event(_) => None,
        };
        let Gathered { grouped, numbers } = self.gather(milestones, taken, written);
        let count = grouped.count;
        let of_resource = |OfResource { variables, scopes }| ResourceSpans {
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
        };
        let resource_spans = grouped.resources.into_iter().map(of_resource).collect();
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec().into();
        (count > 0).then_some(Batch { body, count, numbers })
    }

    /// The same of events.
    pub(crate) fn records<'m>(&self, milestones: &Milestones<'m>, taken: &BTreeSet<u64>) -> Option<Batch> {
        let written = |view: &MilestoneView<'m>, variables| match view.milestone() {
            Milestone::Event(event) => {
                Some(vec![(event.scope(), event::write(event, variables, self.options.naming))])
            }
            Milestone::Span(_) => None,
        };
        let Gathered { grouped, numbers } = self.gather(milestones, taken, written);
        let count = grouped.count;
        let of_resource = |OfResource { variables, scopes }| ResourceLogs {
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
        };
        let resource_logs = grouped.resources.into_iter().map(of_resource).collect();
        let body = ExportLogsServiceRequest { resource_logs }.encode_to_vec().into();
        (count > 0).then_some(Batch { body, count, numbers })
    }

    /// Gathers what `write` makes of milestones that were not taken yet, until a request is full.
    fn gather<'m, T: Message>(
        &self,
        milestones: &Milestones<'m>,
        taken: &BTreeSet<u64>,
        write: impl Fn(&MilestoneView<'m>, Vec<KeyValue>) -> Option<Vec<(&'m str, T)>>,
    ) -> Gathered<T> {
        let mut gathered = Gathered { grouped: Grouped::default(), numbers: Vec::new() };
        let of_all = room_of(self.resource.iter().map(|(key, value)| (&**key, &**value)));
        let mut bytes = 0;
        for view in milestones.iter().filter(|view| !taken.contains(&view.number())) {
            let group = view.group();
            let attributes = naming::attributes(&self.options, &self.resource, &group);
            let variables = key_values(attributes.of_points.iter().map(|(key, value)| (&**key, *value)));
            let Some(written) = write(&view, variables) else { continue };
            let of_resource: Vec<_> =
                attributes.of_resource.iter().map(|(key, value)| (&**key, *value)).collect();
            // The resource and the scope are counted for each, where others may have them already: too much rather than too little.
            bytes += of_all + room_of(of_resource.iter().copied());
            bytes += written.iter().map(|(scope, message)| room(message, scope)).sum::<usize>();
            if !gathered.numbers.is_empty() && bytes > self.options.request_size {
                break;
            }
            for (scope, message) in written {
                gathered.grouped.put(&of_resource, scope, message);
            }
            gathered.numbers.push(view.number());
        }
        gathered
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

fn room_of<'a>(attributes: impl Iterator<Item = (&'a str, &'a str)>) -> usize {
    attributes.map(|(key, value)| key.len() + value.len() + ROOM).sum()
}

/// What goes into a request, and the numbers of the milestones that it is.
struct Gathered<T> {
    grouped: Grouped<T>,
    numbers: Vec<u64>,
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
        set(&mut attributes, value);
    }
    attributes
}

/// Adds an attribute, in the place of one that has its key.
fn set(attributes: &mut Vec<KeyValue>, attribute: KeyValue) {
    match attributes.iter_mut().find(|known| known.key == attribute.key) {
        Some(known) => *known = attribute,
        None => attributes.push(attribute),
    }
}

/// A time since the Unix epoch as OTLP has it.
fn nanoseconds(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

//! Events, which are log records with a name.
//!
//! Source: [`logs.proto`](https://github.com/open-telemetry/opentelemetry-proto/blob/v1.9.0/opentelemetry/proto/logs/v1/logs.proto).

use flowmeter_core::Event;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;

use super::{key_value, nanoseconds, set, with_own};
use crate::NamingPolicy;

/// Writes an event with the variables of its group. Its name is a field, and an attribute `name` in Flink.
pub(super) fn write(event: &Event, variables: Vec<KeyValue>, naming: NamingPolicy) -> LogRecord {
    let mut attributes = with_own(variables, event.attributes());
    let text = |text: &str| any_value::Value::StringValue(text.to_owned());
    let mut event_name = String::new();
    match naming {
        NamingPolicy::Native => event_name = event.name().to_owned(),
        NamingPolicy::Flink => set(&mut attributes, key_value("name", text(event.name()))),
    }
    let observed = nanoseconds(event.observed());
    LogRecord {
        time_unix_nano: observed,
        observed_time_unix_nano: observed,
        severity_number: event.severity().number().into(),
        severity_text: event.severity().text().to_owned(),
        body: Some(AnyValue { value: Some(text(event.body())) }),
        attributes,
        dropped_attributes_count: event.dropped_attributes(),
        event_name,
        ..LogRecord::default()
    }
}

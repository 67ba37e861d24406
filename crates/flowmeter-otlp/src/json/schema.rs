//! The messages of OTLP: what fields are called and what is in them.
//!
//! Source: [`opentelemetry-proto`](https://github.com/open-telemetry/opentelemetry-proto) 1.9.

/// The fields of a message.
pub(super) struct Message(pub(super) &'static [Field]);

/// A field of a message.
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) is_repeated: bool,
}

/// The type of a field.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Message(&'static Message),
    Text,
    Bytes,
    /// That of a trace or a span, which is in hexadecimal digits.
    Id,
    Bool,
    Double,
    /// Enumerations are as well.
    Int32,
    Uint32,
    Sint32,
    Fixed32,
    Int64,
    Uint64,
    Fixed64,
    Sfixed64,
}

impl Kind {
    pub(super) fn is_number(self) -> bool {
        !matches!(self, Self::Message(_) | Self::Text | Self::Bytes | Self::Id)
    }
}

const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, is_repeated: false }
}

const fn many(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, is_repeated: true }
}

const fn attributes(number: u32) -> Field {
    many(number, "attributes", Kind::Message(&KEY_VALUE))
}

pub(super) static METRICS: Message = Message(&[many(1, "resourceMetrics", Kind::Message(&RESOURCE_METRICS))]);
pub(super) static TRACES: Message = Message(&[many(1, "resourceSpans", Kind::Message(&RESOURCE_SPANS))]);
pub(super) static LOGS: Message = Message(&[many(1, "resourceLogs", Kind::Message(&RESOURCE_LOGS))]);

static ANY_VALUE: Message = Message(&[
    one(1, "stringValue", Kind::Text),
    one(2, "boolValue", Kind::Bool),
    one(3, "intValue", Kind::Int64),
    one(4, "doubleValue", Kind::Double),
    one(5, "arrayValue", Kind::Message(&ARRAY_VALUE)),
    one(6, "kvlistValue", Kind::Message(&KEY_VALUE_LIST)),
    one(7, "bytesValue", Kind::Bytes),
]);
static ARRAY_VALUE: Message = Message(&[many(1, "values", Kind::Message(&ANY_VALUE))]);
static KEY_VALUE_LIST: Message = Message(&[many(1, "values", Kind::Message(&KEY_VALUE))]);
static KEY_VALUE: Message = Message(&[one(1, "key", Kind::Text), one(2, "value", Kind::Message(&ANY_VALUE))]);
static SCOPE: Message = Message(&[
    one(1, "name", Kind::Text),
    one(2, "version", Kind::Text),
    attributes(3),
    one(4, "droppedAttributesCount", Kind::Uint32),
]);
static RESOURCE: Message = Message(&[
    attributes(1),
    one(2, "droppedAttributesCount", Kind::Uint32),
    many(3, "entityRefs", Kind::Message(&ENTITY_REF)),
]);
static ENTITY_REF: Message = Message(&[
    one(1, "schemaUrl", Kind::Text),
    one(2, "type", Kind::Text),
    many(3, "idKeys", Kind::Text),
    many(4, "descriptionKeys", Kind::Text),
]);

static RESOURCE_METRICS: Message = Message(&[
    one(1, "resource", Kind::Message(&RESOURCE)),
    many(2, "scopeMetrics", Kind::Message(&SCOPE_METRICS)),
    one(3, "schemaUrl", Kind::Text),
]);
static SCOPE_METRICS: Message = Message(&[
    one(1, "scope", Kind::Message(&SCOPE)),
    many(2, "metrics", Kind::Message(&METRIC)),
    one(3, "schemaUrl", Kind::Text),
]);
static METRIC: Message = Message(&[
    one(1, "name", Kind::Text),
    one(2, "description", Kind::Text),
    one(3, "unit", Kind::Text),
    one(5, "gauge", Kind::Message(&GAUGE)),
    one(7, "sum", Kind::Message(&SUM)),
    one(9, "histogram", Kind::Message(&HISTOGRAM)),
    one(10, "exponentialHistogram", Kind::Message(&EXPONENTIAL_HISTOGRAM)),
    one(11, "summary", Kind::Message(&SUMMARY)),
    many(12, "metadata", Kind::Message(&KEY_VALUE)),
]);
static GAUGE: Message = Message(&[many(1, "dataPoints", Kind::Message(&NUMBER_DATA_POINT))]);
pub(super) static SUM: Message = Message(&[
    many(1, "dataPoints", Kind::Message(&NUMBER_DATA_POINT)),
    one(2, "aggregationTemporality", Kind::Int32),
    one(3, "isMonotonic", Kind::Bool),
]);
static HISTOGRAM: Message = Message(&[
    many(1, "dataPoints", Kind::Message(&HISTOGRAM_DATA_POINT)),
    one(2, "aggregationTemporality", Kind::Int32),
]);
static EXPONENTIAL_HISTOGRAM: Message = Message(&[
    many(1, "dataPoints", Kind::Message(&EXPONENTIAL_HISTOGRAM_DATA_POINT)),
    one(2, "aggregationTemporality", Kind::Int32),
]);
static SUMMARY: Message = Message(&[many(1, "dataPoints", Kind::Message(&SUMMARY_DATA_POINT))]);
pub(super) static NUMBER_DATA_POINT: Message = Message(&[
    one(2, "startTimeUnixNano", Kind::Fixed64),
    one(3, "timeUnixNano", Kind::Fixed64),
    one(4, "asDouble", Kind::Double),
    many(5, "exemplars", Kind::Message(&EXEMPLAR)),
    one(6, "asInt", Kind::Sfixed64),
    attributes(7),
    one(8, "flags", Kind::Uint32),
]);
static HISTOGRAM_DATA_POINT: Message = Message(&[
    one(2, "startTimeUnixNano", Kind::Fixed64),
    one(3, "timeUnixNano", Kind::Fixed64),
    one(4, "count", Kind::Fixed64),
    one(5, "sum", Kind::Double),
    many(6, "bucketCounts", Kind::Fixed64),
    many(7, "explicitBounds", Kind::Double),
    many(8, "exemplars", Kind::Message(&EXEMPLAR)),
    attributes(9),
    one(10, "flags", Kind::Uint32),
    one(11, "min", Kind::Double),
    one(12, "max", Kind::Double),
]);
static EXPONENTIAL_HISTOGRAM_DATA_POINT: Message = Message(&[
    attributes(1),
    one(2, "startTimeUnixNano", Kind::Fixed64),
    one(3, "timeUnixNano", Kind::Fixed64),
    one(4, "count", Kind::Fixed64),
    one(5, "sum", Kind::Double),
    one(6, "scale", Kind::Sint32),
    one(7, "zeroCount", Kind::Fixed64),
    one(8, "positive", Kind::Message(&BUCKETS)),
    one(9, "negative", Kind::Message(&BUCKETS)),
    one(10, "flags", Kind::Uint32),
    many(11, "exemplars", Kind::Message(&EXEMPLAR)),
    one(12, "min", Kind::Double),
    one(13, "max", Kind::Double),
    one(14, "zeroThreshold", Kind::Double),
]);
static BUCKETS: Message = Message(&[one(1, "offset", Kind::Sint32), many(2, "bucketCounts", Kind::Uint64)]);
static SUMMARY_DATA_POINT: Message = Message(&[
    one(2, "startTimeUnixNano", Kind::Fixed64),
    one(3, "timeUnixNano", Kind::Fixed64),
    one(4, "count", Kind::Fixed64),
    one(5, "sum", Kind::Double),
    many(6, "quantileValues", Kind::Message(&VALUE_AT_QUANTILE)),
    attributes(7),
    one(8, "flags", Kind::Uint32),
]);
static VALUE_AT_QUANTILE: Message =
    Message(&[one(1, "quantile", Kind::Double), one(2, "value", Kind::Double)]);
static EXEMPLAR: Message = Message(&[
    one(2, "timeUnixNano", Kind::Fixed64),
    one(3, "asDouble", Kind::Double),
    one(4, "spanId", Kind::Id),
    one(5, "traceId", Kind::Id),
    one(6, "asInt", Kind::Sfixed64),
    many(7, "filteredAttributes", Kind::Message(&KEY_VALUE)),
]);

static RESOURCE_SPANS: Message = Message(&[
    one(1, "resource", Kind::Message(&RESOURCE)),
    many(2, "scopeSpans", Kind::Message(&SCOPE_SPANS)),
    one(3, "schemaUrl", Kind::Text),
]);
static SCOPE_SPANS: Message = Message(&[
    one(1, "scope", Kind::Message(&SCOPE)),
    many(2, "spans", Kind::Message(&SPAN)),
    one(3, "schemaUrl", Kind::Text),
]);
static SPAN: Message = Message(&[
    one(1, "traceId", Kind::Id),
    one(2, "spanId", Kind::Id),
    one(3, "traceState", Kind::Text),
    one(4, "parentSpanId", Kind::Id),
    one(5, "name", Kind::Text),
    one(6, "kind", Kind::Int32),
    one(7, "startTimeUnixNano", Kind::Fixed64),
    one(8, "endTimeUnixNano", Kind::Fixed64),
    attributes(9),
    one(10, "droppedAttributesCount", Kind::Uint32),
    many(11, "events", Kind::Message(&EVENT)),
    one(12, "droppedEventsCount", Kind::Uint32),
    many(13, "links", Kind::Message(&LINK)),
    one(14, "droppedLinksCount", Kind::Uint32),
    one(15, "status", Kind::Message(&STATUS)),
    one(16, "flags", Kind::Fixed32),
]);
static EVENT: Message = Message(&[
    one(1, "timeUnixNano", Kind::Fixed64),
    one(2, "name", Kind::Text),
    attributes(3),
    one(4, "droppedAttributesCount", Kind::Uint32),
]);
static LINK: Message = Message(&[
    one(1, "traceId", Kind::Id),
    one(2, "spanId", Kind::Id),
    one(3, "traceState", Kind::Text),
    attributes(4),
    one(5, "droppedAttributesCount", Kind::Uint32),
    one(6, "flags", Kind::Fixed32),
]);
static STATUS: Message = Message(&[one(2, "message", Kind::Text), one(3, "code", Kind::Int32)]);

static RESOURCE_LOGS: Message = Message(&[
    one(1, "resource", Kind::Message(&RESOURCE)),
    many(2, "scopeLogs", Kind::Message(&SCOPE_LOGS)),
    one(3, "schemaUrl", Kind::Text),
]);
static SCOPE_LOGS: Message = Message(&[
    one(1, "scope", Kind::Message(&SCOPE)),
    many(2, "logRecords", Kind::Message(&LOG_RECORD)),
    one(3, "schemaUrl", Kind::Text),
]);
static LOG_RECORD: Message = Message(&[
    one(1, "timeUnixNano", Kind::Fixed64),
    one(2, "severityNumber", Kind::Int32),
    one(3, "severityText", Kind::Text),
    one(5, "body", Kind::Message(&ANY_VALUE)),
    attributes(6),
    one(7, "droppedAttributesCount", Kind::Uint32),
    one(8, "flags", Kind::Fixed32),
    one(9, "traceId", Kind::Id),
    one(10, "spanId", Kind::Id),
    one(11, "observedTimeUnixNano", Kind::Fixed64),
    one(12, "eventName", Kind::Text),
]);

//! Words for what families are.

use flowmeter::{MetricKind, ValueType};

pub(super) fn kind(kind: MetricKind) -> &'static str {
    match kind {
        MetricKind::Counter => "counter",
        MetricKind::Meter => "meter",
        MetricKind::UpDownCounter => "up-down counter",
        MetricKind::Gauge => "gauge",
        MetricKind::Histogram => "histogram",
        _ => unreachable!("{kind:?} has no word"),
    }
}

/// The same with its article.
pub(super) fn with_article(of: MetricKind) -> String {
    let article = if of == MetricKind::UpDownCounter { "an" } else { "a" };
    format!("{article} {}", kind(of))
}

pub(super) fn value_type(value_type: ValueType) -> &'static str {
    match value_type {
        ValueType::U64 => "u64",
        ValueType::I64 => "i64",
        ValueType::F64 => "f64",
        ValueType::Bool => "bool",
        ValueType::Text => "text",
        _ => unreachable!("{value_type:?} has no word"),
    }
}

//! Flink's reporters, by the names of their factories, and what they are here.

use super::layout::Space;

/// A factory of Flink's.
#[derive(Debug)]
pub(super) struct FlinkFactory {
    /// Its class, without the package.
    pub(super) class: &'static str,
    /// Below which key it is.
    pub(super) space: Space,
    pub(super) here: Here,
}

/// What a factory of Flink's is here.
#[derive(Debug)]
pub(super) enum Here {
    /// A type, and what makes it do as Flink does.
    Type(&'static str, &'static [Preset]),
    /// Nothing, and what to do instead.
    Nothing(&'static str),
}

/// The value of a key of which a section says nothing.
#[derive(Debug)]
pub(super) struct Preset {
    pub(super) key: &'static str,
    pub(super) value: &'static str,
    /// Another key that says the same.
    pub(super) or: &'static str,
}

const fn preset(key: &'static str, value: &'static str) -> Preset {
    Preset { key, value, or: key }
}

const NAMES: Preset = preset("naming", "flink");
/// Flink's default, where OpenTelemetry's is HTTP.
const BY_GRPC: Preset = Preset { key: "protocol", value: "grpc", or: "exporter.protocol" };

/// All of them.
pub(super) const FACTORIES: &[FlinkFactory] = &[
    metrics("PrometheusReporterFactory", Here::Type("prometheus", &[NAMES])),
    metrics("StatsDReporterFactory", Here::Type("statsd", &[preset("dialect", "flink")])),
    metrics("JMXReporterFactory", Here::Type("jmx", &[NAMES])),
    metrics("OpenTelemetryMetricReporterFactory", Here::Type("otlp", &[NAMES, BY_GRPC])),
    traces("OpenTelemetryTraceReporterFactory", Here::Type("otlp", &[BY_GRPC])),
    events("OpenTelemetryEventReporterFactory", Here::Type("otlp", &[BY_GRPC])),
    metrics("Slf4jReporterFactory", Here::Type("log", &[NAMES])),
    traces("Slf4jTraceReporterFactory", Here::Type("log", &[NAMES])),
    events("Slf4jEventReporterFactory", Here::Type("log", &[NAMES])),
    metrics(
        "PrometheusPushGatewayReporterFactory",
        Here::Nothing("flowmeter pushes to no gateway; have Prometheus scrape it, by the type `prometheus`"),
    ),
    metrics(
        "GraphiteReporterFactory",
        Here::Nothing(
            "flowmeter does not speak Graphite's protocol; take the type `statsd` with `dialect: graphite`",
        ),
    ),
    metrics(
        "InfluxdbReporterFactory",
        Here::Nothing(
            "flowmeter does not write to InfluxDB; take the type `otlp`, which Telegraf and InfluxDB 3 receive",
        ),
    ),
    metrics(
        "DatadogHttpReporterFactory",
        Here::Nothing(
            "flowmeter does not call Datadog; take the type `statsd` with `dialect: dogstatsd` and Datadog's Agent",
        ),
    ),
];

const fn metrics(class: &'static str, here: Here) -> FlinkFactory {
    FlinkFactory { class, space: Space::Metrics, here }
}

const fn traces(class: &'static str, here: Here) -> FlinkFactory {
    FlinkFactory { class, space: Space::Traces, here }
}

const fn events(class: &'static str, here: Here) -> FlinkFactory {
    FlinkFactory { class, space: Space::Events, here }
}

/// Keys of Flink's that are called something else here, by type.
pub(super) const WORDS: &[(&str, &str, &str)] =
    &[("prometheus", "filterLabelValueCharacters", "filter-label-value-characters")];

/// Keys that say the same, by type: what it is called here, and in Flink.
pub(super) const SYNONYMS: &[(&str, &str, &str)] = &[
    ("otlp", "endpoint", "exporter.endpoint"),
    ("otlp", "protocol", "exporter.protocol"),
    ("otlp", "timeout", "exporter.timeout"),
    ("otlp", "compression", "exporter.compression"),
    ("otlp", "report-timeout", "export-completion-timeout-millis"),
];

/// What a key is called now that Flink still takes by its earlier name, as `MetricOptions` and `StateLatencyTrackOptions` of
/// Flink 2 have them.
pub(super) fn renamed(key: &str) -> Option<String> {
    match key {
        "metrics.scope.jm.job" => Some("metrics.scope.jm-job".to_owned()),
        "metrics.scope.tm.job" => Some("metrics.scope.tm-job".to_owned()),
        _ => {
            key.strip_prefix("state.backend.latency-track.").map(|rest| format!("state.latency-track.{rest}"))
        }
    }
}

/// Finds a factory of Flink's by its class. Packages have changed, and Flink's documentation has some that never were.
pub(super) fn find(class: &str) -> Option<&'static FlinkFactory> {
    let (_, name) = class.strip_prefix("org.apache.flink.")?.rsplit_once('.')?;
    FACTORIES.iter().find(|factory| factory.class == name)
}

/// The classes of all that are a type here.
pub(super) fn classes() -> impl Iterator<Item = (&'static str, Space, &'static str)> {
    FACTORIES.iter().filter_map(|factory| match factory.here {
        Here::Type(name, _) => Some((factory.class, factory.space, name)),
        Here::Nothing(_) => None,
    })
}

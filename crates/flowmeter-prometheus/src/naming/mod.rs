//! What metrics and labels are called.

mod escaping;
mod flink;
mod labels;
mod native;
mod unit;
mod utf8;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use flowmeter_core::{Family, GroupView, MetricKind, ValueType};

pub(crate) use escaping::Escaping;
pub(crate) use flink::{FlinkFamily, FlinkName, prepare_flink_family, prepare_flink_group};
pub(crate) use labels::{Labels, open_label, write_label_value};
pub use native::NativeNames;
pub(crate) use unit::{BaseUnit, base_unit_of};
pub use utf8::Utf8Names;

/// The naming policy for which metrics can give themselves names, which are written as they are if Prometheus takes them
/// for what they are.
const POLICY: &str = "prometheus";

/// Which names a reporter writes.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum NamingPolicy {
    /// Prometheus' own conventions; see [`NativeNames`].
    #[default]
    Native,
    /// Names as they are registered, with dots, for servers that take UTF-8; see [`Utf8Names`].
    Utf8,
    /// What Flink's Prometheus reporter writes: its names, types, labels and spelling of values, in the text format whatever
    /// a scraper asks for. Dashboards and alerts that were made for Flink go on working. Metrics that Flink has renamed are
    /// there under both names.
    #[non_exhaustive]
    Flink {
        /// Whether characters that Flink takes for no part of a name become underscores in the values of labels as
        /// well, which Flink does unless told otherwise.
        filter_label_values: bool,
    },
    /// Names of your own.
    Custom(Arc<dyn Names>),
}

impl NamingPolicy {
    /// Flink's names, with the values of labels filtered as Flink does.
    #[must_use]
    pub fn flink() -> Self {
        Self::Flink { filter_label_values: true }
    }

    /// Flink's names, with the values of labels as they are: Flink's `filterLabelValueCharacters: false`.
    #[must_use]
    pub fn flink_with_any_label_values() -> Self {
        Self::Flink { filter_label_values: false }
    }

    pub(crate) fn is_flink(&self) -> bool {
        matches!(self, Self::Flink { .. })
    }

    /// Whether names can have characters that not every server takes.
    pub(crate) fn has_any_names(&self) -> bool {
        matches!(self, Self::Utf8 | Self::Custom(_))
    }

    /// Writes what is prepared for a group: its labels as they stand between the name and the value of each of its
    /// series.
    pub(crate) fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Native => labels::write(&NativeNames, group, out),
            Self::Utf8 => labels::write(&Utf8Names, group, out),
            Self::Flink { filter_label_values } => prepare_flink_group(group, *filter_label_values, out),
            Self::Custom(names) => labels::write(&**names, group, out),
        }
    }

    /// Writes what is prepared for a family: its name without the suffix that its kind has in some formats, so that
    /// names that differ in that alone are found to clash in all formats.
    pub(crate) fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        match self {
            Self::Native => write_stem(&NativeNames, family, out),
            Self::Utf8 => write_stem(&Utf8Names, family, out),
            Self::Flink { .. } => prepare_flink_family(family, out),
            Self::Custom(names) => write_stem(&**names, family, out),
        }
    }
}

impl fmt::Debug for NamingPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "Native",
            Self::Utf8 => "Utf8",
            Self::Flink { .. } => "Flink",
            Self::Custom(_) => "Custom",
        })
    }
}

/// Names for metrics and labels: a naming policy of your own.
///
/// What it gives is made acceptable: an empty name becomes `metric` or `label`, a label that Prometheus keeps for itself
/// or that the group has already gets a number, and a name that ends as samples of other kinds do gets a word more.
/// Characters that only newer servers take are escaped for the older ones, as the server asks for it. Values are in base
/// units whatever the name says: seconds, bytes, ratios.
///
/// ```
/// use std::sync::Arc;
///
/// use flowmeter_core::Family;
/// use flowmeter_prometheus::{Names, NativeNames, NamingPolicy, PrometheusOptions};
///
/// /// Prometheus' conventions, behind a prefix.
/// struct Prefixed;
///
/// impl Names for Prefixed {
///     fn metric_name(&self, family: &Family, out: &mut String) {
///         out.push_str("acme_");
///         NativeNames.metric_name(family, out);
///     }
/// }
///
/// let options = PrometheusOptions::default().with_naming(NamingPolicy::Custom(Arc::new(Prefixed)));
/// ```
pub trait Names: Send + Sync {
    /// Writes the name of a family, at the end of what is there. `_total` of counters and `_info` of texts may be left out: they
    /// come with the formats that have them.
    fn metric_name(&self, family: &Family, out: &mut String);

    /// Writes the label of a variable, at the end of what is there. By default the key in snake case.
    fn label_name(&self, key: &str, out: &mut String) {
        native::write_label_name(key, out);
    }

    /// The value of a label. By default that of the variable.
    fn label_value<'a>(&self, value: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(value)
    }
}

/// What a family is in Prometheus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    /// A text, which is a label of a series that is 1.
    Info,
    Histogram,
}

impl Kind {
    pub(crate) fn of(family: &Family) -> Self {
        match family.kind() {
            MetricKind::Counter | MetricKind::Meter => Self::Counter,
            MetricKind::Histogram => Self::Histogram,
            _ if family.value_type() == ValueType::Text => Self::Info,
            _ => Self::Gauge,
        }
    }

    /// What the names of its samples have after the family's.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Info => "_info",
            Self::Gauge | Self::Histogram => "",
        }
    }
}

/// How samples of one kind or another end.
const SAMPLE_SUFFIXES: [&str; 6] = ["_total", "_count", "_sum", "_bucket", "_created", "_info"];

/// The reporter's own: `target_info` and `flowmeter_build_info`.
const RESERVED_STEMS: [&str; 2] = ["target", "flowmeter_build"];

fn write_stem(names: &dyn Names, family: &Family, out: &mut Vec<u8>) {
    let mut name = String::new();
    names.metric_name(family, &mut name);
    let kind = Kind::of(family);
    if let Some(stem) = name.strip_suffix(kind.suffix()).map(str::len) {
        name.truncate(stem);
    }
    if name.is_empty() {
        name.push_str("metric");
    }
    // A reader would take it for one of these: `promtool check metrics` refuses some of them, and a gauge `lag_count`
    // beside a histogram `lag` would be one series twice.
    let ends_as_another = || SAMPLE_SUFFIXES.iter().any(|suffix| name.ends_with(suffix));
    if RESERVED_STEMS.contains(&&*name)
        || (matches!(kind, Kind::Gauge | Kind::Histogram) && ends_as_another())
    {
        name.push_str("_value");
    }
    out.extend_from_slice(name.as_bytes());
}

/// Whether every server takes a name of a metric as it is.
fn is_metric_name(name: &str) -> bool {
    let is_part = |c: char| c == '_' || c == ':' || c.is_ascii_alphanumeric();
    name.chars().all(is_part) && name.starts_with(|first: char| is_part(first) && !first.is_ascii_digit())
}

/// Whether every server takes the name of a label as it is.
fn is_label_name(name: &str) -> bool {
    is_metric_name(name) && !name.contains(':')
}

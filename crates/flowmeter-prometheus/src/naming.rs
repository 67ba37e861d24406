//! Names as Prometheus users expect them.
//!
//! Sources: [naming practices](https://prometheus.io/docs/practices/naming/), and for units the table of the
//! [OpenTelemetry compatibility document](https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/).

use std::borrow::Cow;

use flowmeter_core::{Family, MetricKind, Unit, push_snake_case};

/// A unit with its suffix, and by which power of ten values are divided to be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BaseUnit {
    suffix: &'static str,
    pub(crate) decimals: u32,
    /// How names say that they are in the unit, which values then are not any more.
    said: &'static [&'static str],
}

/// The base unit of a unit; nothing for counts of things.
pub(crate) fn base_unit(unit: &Unit) -> Option<BaseUnit> {
    let (suffix, decimals, said): (_, _, &[_]) = match unit.as_str() {
        "s" => ("seconds", 0, &[]),
        "ms" => ("seconds", 3, &["ms", "millis", "milliseconds"]),
        "us" => ("seconds", 6, &["us", "micros", "microseconds"]),
        "ns" => ("seconds", 9, &["ns", "nanos", "nanoseconds"]),
        // A part of the time, in which Flink has its times by second.
        "ms/s" => ("ratio", 3, &["ms_per_second"]),
        "By" => ("bytes", 0, &[]),
        "By/s" => ("bytes_per_second", 0, &[]),
        "1" => ("ratio", 0, &[]),
        "%" => ("percent", 0, &[]),
        "Cel" => ("celsius", 0, &[]),
        "Hz" => ("hertz", 0, &[]),
        _ => return None,
    };
    Some(BaseUnit { suffix, decimals, said })
}

/// The naming policy for which metrics can give themselves names, which are written as they are if Prometheus takes them
/// for what they are.
const POLICY: &str = "prometheus";

/// Writes the name of a family: logical scope, name, unit, and `_total` for a counter or a meter.
pub(crate) fn write_metric_name(family: &Family, out: &mut Vec<u8>) {
    if let Some(name) =
        family.name_in(POLICY).filter(|name| is_metric_name(name) && fits_kind(name, family.kind()))
    {
        out.extend_from_slice(name.as_bytes());
        return;
    }
    let mut name = String::new();
    for part in family.logical_scope().split('.') {
        push_snake_case(part, &mut name);
    }
    let scope = name.len();
    push_snake_case(family.name(), &mut name);
    let own_length = (name.len() - scope).saturating_sub(usize::from(scope > 0));
    make_identifier(&mut name, "metric");
    let own = name.len().saturating_sub(own_length);
    let ratio_of_sum = family.kind() != MetricKind::Gauge && family.unit() == &Unit::RATIO;
    if let Some(unit) = base_unit(family.unit()).filter(|_| !ratio_of_sum) {
        let stem = |said: &&str| name.strip_suffix(said)?.strip_suffix('_').map(str::len);
        if let Some(stem) = unit.said.iter().find_map(stem).filter(|stem| *stem > own) {
            name.truncate(stem);
        }
        // As OpenTelemetry's translation has it: not where a word of the name says so already, as in `num_bytes_in`.
        if !name[own..].split('_').any(|word| word == unit.suffix) {
            push_suffix(unit.suffix, &mut name);
        }
    } else if !family.unit().is_annotation() && !ratio_of_sum {
        let mut suffix = String::new();
        push_snake_case(&family.unit().as_str().replace('/', "_per_"), &mut suffix);
        push_suffix(&suffix, &mut name);
    }
    if family.kind().is_monotonic_sum() {
        push_suffix("total", &mut name);
    } else {
        avoid_reserved_suffix(own, &mut name);
    }
    out.extend_from_slice(name.as_bytes());
}

/// Whether Prometheus takes a name as it is.
fn is_metric_name(name: &str) -> bool {
    let is_part = |c: char| c == '_' || c == ':' || c.is_ascii_alphanumeric();
    name.chars().all(is_part) && name.starts_with(|first: char| is_part(first) && !first.is_ascii_digit())
}

/// Whether a name ends as those of its kind do, and not as samples of other kinds.
fn fits_kind(name: &str, kind: MetricKind) -> bool {
    let is_total = name.ends_with("_total");
    is_total == kind.is_monotonic_sum()
        && !["_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end))
}

/// Keeps a name from ending as samples of counters and histograms do: a reader would take it for one, `promtool check
/// metrics` refuses it, and a gauge `lag_count` beside a histogram `lag` would be one series twice. A name that begins
/// at `own` in all that is written keeps its words, so that nothing new clashes.
fn avoid_reserved_suffix(own: usize, name: &mut String) {
    if let Some(stem) = name[own..].strip_suffix("_total") {
        let stem = stem.len();
        name.truncate(own + stem);
        name.insert_str(own, "total_");
    } else if ["total", "count", "sum", "bucket"]
        .iter()
        .any(|word| name.strip_suffix(word).is_some_and(|stem| stem.ends_with('_')))
    {
        name.push_str("_value");
    }
}

/// Adds a suffix, unless the name ends in it already.
fn push_suffix(suffix: &str, name: &mut String) {
    let stem = name.strip_suffix(suffix);
    if !suffix.is_empty() && !stem.is_some_and(|stem| stem.is_empty() || stem.ends_with('_')) {
        name.push('_');
        name.push_str(suffix);
    }
}

/// The label of a variable, which none of `taken` has: two variables may differ only in what labels cannot show.
pub(crate) fn label_name<'a>(key: &'a str, taken: &[Cow<'_, str>]) -> Cow<'a, str> {
    // Histogram buckets, summary quantiles and text gauges have labels of their own.
    let is_taken = |label: &str| {
        taken.iter().any(|taken| taken == label) || ["le", "quantile", "value"].contains(&label)
    };
    if is_label(key) && !is_taken(key) {
        return Cow::Borrowed(key);
    }
    let mut label = String::new();
    push_snake_case(key, &mut label);
    make_identifier(&mut label, "label");
    if is_taken(&label) {
        let numbered = (2_usize..).map(|number| format!("{label}_{number}"));
        label = numbered.into_iter().find(|label| !is_taken(label)).unwrap_or_default();
    }
    Cow::Owned(label)
}

/// Whether a key is a label as it is: most are.
fn is_label(key: &str) -> bool {
    key.starts_with(|first: char| first.is_ascii_lowercase())
        && key.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && !key.contains("__")
        && !key.ends_with('_')
}

/// Makes a word in snake case one that Prometheus takes: not empty, and not beginning with a digit.
fn make_identifier(word: &mut String, fallback: &str) {
    if word.is_empty() {
        word.push_str(fallback);
    } else if word.starts_with(|first: char| first.is_ascii_digit()) {
        word.insert(0, '_');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flowmeter_core::{
        Counter, FamilyView, Gauge, Histogram, Metric, MetricHandle, Report, ReportError, Reporter,
        ReporterOptions,
    };
    use proptest::prelude::*;
    use std::sync::mpsc;
    use std::time::Duration;

    #[test]
    fn labels_that_prometheus_uses_itself_are_not_taken() {
        for reserved in ["le", "quantile", "value"] {
            assert_eq!(label_name(reserved, &[]), format!("{reserved}_2"));
        }
        let decimals = |unit: Unit| base_unit(&unit).map(|unit| unit.decimals);
        let units = [Unit::SECONDS, Unit::MILLISECONDS, Unit::MICROSECONDS, Unit::NANOSECONDS];
        assert_eq!(units.map(decimals), [Some(0), Some(3), Some(6), Some(9)]);
    }

    proptest! {
        #[test]
        fn labels_are_valid_and_distinct(keys in prop::collection::vec("\\PC{0,8}", 0..20)) {
            let mut labels = Vec::new();
            for key in &keys {
                labels.push(label_name(key, &labels));
            }
            for (i, label) in labels.iter().enumerate() {
                let mut bytes = label.bytes();
                let first = bytes.next().unwrap();
                prop_assert!(first == b'_' || first.is_ascii_lowercase());
                prop_assert!(bytes.all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit()));
                prop_assert!(!label.starts_with("__"), "reserved by Prometheus");
                prop_assert!(!labels[..i].contains(label));
                let again = label_name(label, &[]);
                prop_assert!(is_label(label) == matches!(again, Cow::Borrowed(_)));
            }
        }
    }

    /// The name of a metric in a scope, through a report, since families come from nowhere else.
    fn metric_name<H: MetricHandle>(scope: &str, metric: Metric) -> String {
        struct Names(mpsc::Sender<String>);
        impl Reporter for Names {
            fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
                let name = |family: FamilyView<'_>| {
                    let mut name = Vec::new();
                    write_metric_name(family.family(), &mut name);
                    self.0.send(String::from_utf8(name).unwrap())
                };
                Ok(report.families().try_for_each(name)?)
            }
        }
        let (sender, names) = mpsc::channel();
        let registry = flowmeter_testkit::quiet_registry();
        let options = ReporterOptions::default();
        let handle = registry.add_reporter("names", Box::new(Names(sender)), options).unwrap();
        let group = scope.split('.').fold(None, |group: Option<flowmeter_core::MetricGroup>, name| {
            Some(group.map_or_else(|| registry.add_group(name), |group| group.add_group(name)))
        });
        let _handle = group.unwrap().try_register::<H>(metric).unwrap();
        handle.report_now(Duration::from_secs(20)).unwrap();
        names.recv().unwrap()
    }

    #[test]
    fn metric_names_follow_the_conventions() {
        for (expected, name) in [
            (
                "job_task_num_records_in_total",
                metric_name::<Counter>("job.task", Metric::new("numRecordsIn").with_unit(Unit::RECORDS)),
            ),
            (
                "g_busy_time_seconds_total",
                metric_name::<Counter>("g", Metric::new("busyTime").with_unit(Unit::NANOSECONDS)),
            ),
            (
                "g_lag_seconds",
                metric_name::<Gauge<u64>>("g", Metric::new("lag").with_unit(Unit::MICROSECONDS)),
            ),
            ("g_largest_bucket_value", metric_name::<Gauge<u64>>("g", Metric::new("largestBucket"))),
            ("g_bytes_total", metric_name::<Counter>("g", Metric::new("bytesTotal").with_unit(Unit::NONE))),
            (
                "g_state_size_bytes",
                metric_name::<Gauge<u64>>("g", Metric::new("stateSize").with_unit(Unit::BYTES)),
            ),
            ("g_size_bytes", metric_name::<Gauge<u64>>("g", Metric::new("sizeBytes").with_unit(Unit::BYTES))),
            (
                "g_num_bytes_in_total",
                metric_name::<Counter>("g", Metric::new("numBytesIn").with_unit(Unit::BYTES)),
            ),
            (
                "g_busy_time_ratio",
                metric_name::<Gauge<f64>>(
                    "g",
                    Metric::new("busyTimeMsPerSecond").with_unit(Unit::new("ms/s")),
                ),
            ),
            (
                "g_mailbox_latency_seconds",
                metric_name::<Histogram<u64>>(
                    "g",
                    Metric::new("mailboxLatencyMs").with_unit(Unit::MILLISECONDS),
                ),
            ),
            ("g_ms_seconds", metric_name::<Gauge<u64>>("g", Metric::new("ms").with_unit(Unit::MILLISECONDS))),
            (
                "g_receive_rate_bytes_per_second",
                metric_name::<Gauge<f64>>("g", Metric::new("ReceiveRate").with_unit(Unit::new("By/s"))),
            ),
            ("g_load_ratio", metric_name::<Gauge<f64>>("g", Metric::new("load").with_unit(Unit::RATIO))),
            (
                "g_speed_m_per_s",
                metric_name::<Gauge<f64>>("g", Metric::new("speed").with_unit(Unit::new("m/s"))),
            ),
            (
                "process_cpu_seconds_total",
                metric_name::<Counter>(
                    "g",
                    Metric::new("cpuTime").with_unit(Unit::NANOSECONDS).with_policy_names(&[
                        ("otlp", "cpu.time"),
                        ("prometheus", "process_cpu_seconds_total"),
                    ]),
                ),
            ),
            (
                "g_other",
                metric_name::<Gauge<u64>>(
                    "g",
                    // As a sample of a histogram, so it is not used either.
                    Metric::new("other").with_policy_names(&[("prometheus", "g_lag_count")]),
                ),
            ),
            (
                "g_size",
                metric_name::<Gauge<u64>>(
                    "g",
                    // Not a name to Prometheus, so it is not used.
                    Metric::new("size").with_policy_names(&[("prometheus", "the size")]),
                ),
            ),
            ("g_total_task_slots", metric_name::<Gauge<u64>>("g", Metric::new("taskSlotsTotal"))),
            (
                "g_heap_total_bytes",
                metric_name::<Gauge<u64>>("g", Metric::new("heapTotal").with_unit(Unit::BYTES)),
            ),
            ("g_threads_count_value", metric_name::<Gauge<u64>>("g", Metric::new("threads.count"))),
            ("g_total_value", metric_name::<Gauge<u64>>("g", Metric::new("total"))),
            ("g_discount", metric_name::<Gauge<u64>>("g", Metric::new("discount"))),
            ("_1st_total_2nd", metric_name::<Gauge<u64>>("1st", Metric::new("2ndTotal"))),
            ("_total_2nd", metric_name::<Gauge<u64>>("é", Metric::new("2ndTotal"))),
            ("g_lag_sum_value", metric_name::<Histogram<u64>>("g", Metric::new("lagSum"))),
            ("_1st_2nd_total", metric_name::<Counter>("1st", Metric::new("2nd"))),
            ("metric_total", metric_name::<Counter>("é", Metric::new("é"))),
        ] {
            assert_eq!(name, expected);
        }
    }
}

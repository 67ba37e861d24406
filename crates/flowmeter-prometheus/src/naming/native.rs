//! Names as Prometheus users expect them.
//!
//! Source: [naming practices](https://prometheus.io/docs/practices/naming/).

use flowmeter_core::{Family, MetricKind, Unit, push_snake_case};

use super::{Kind, Names, POLICY, base_unit_of, is_metric_name};

/// Prometheus' own conventions: snake case, base units, the unit and `_total` as suffixes.
///
/// `numRecordsIn` of an operator is `taskmanager_job_task_operator_num_records_in_total`, and a counter `busyTime` in
/// nanoseconds is `..._busy_time_seconds_total`. A unit that a name says and values are not in any more is taken from it: a
/// gauge `busyTimeMsPerSecond` is `..._busy_time_ratio`.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativeNames;

impl Names for NativeNames {
    fn metric_name(&self, family: &Family, out: &mut String) {
        if let Some(name) =
            family.name_in(POLICY).filter(|name| is_metric_name(name) && fits_kind(name, family))
        {
            out.push_str(name);
            return;
        }
        let mut name = String::new();
        for part in family.logical_scope().split('.') {
            push_snake_case(part, &mut name);
        }
        let scope = name.len();
        push_snake_case(family.name(), &mut name);
        let own_length = (name.len() - scope).saturating_sub(usize::from(scope > 0));
        if name.is_empty() {
            name.push_str("metric");
        } else if name.starts_with(|first: char| first.is_ascii_digit()) {
            name.insert(0, '_');
        }
        let own = name.len().saturating_sub(own_length);
        let kind = Kind::of(family);
        if kind != Kind::Info {
            push_unit(family, own, &mut name);
        }
        if matches!(kind, Kind::Gauge | Kind::Histogram) {
            move_total(own, &mut name);
        }
        out.push_str(&name);
    }
}

/// Whether a name that a metric gave itself ends as those of its kind do, and not as samples of other kinds.
fn fits_kind(name: &str, family: &Family) -> bool {
    let is_total = name.ends_with("_total");
    is_total == family.kind().is_monotonic_sum()
        && !["_count", "_sum", "_bucket"].iter().any(|end| name.ends_with(end))
}

/// Writes the unit behind a name, of which what begins at `own` is the metric's: its suffix, unless the name says so already.
pub(super) fn push_unit(family: &Family, own: usize, name: &mut String) {
    let ratio_of_sum = family.kind() != MetricKind::Gauge && family.unit() == &Unit::RATIO;
    if ratio_of_sum {
        return;
    }
    if let Some(unit) = base_unit_of(family) {
        let stem = |said: &&str| name.strip_suffix(said)?.strip_suffix('_').map(str::len);
        if let Some(stem) = unit.said.iter().find_map(stem).filter(|stem| *stem > own) {
            name.truncate(stem);
        }
        // As OpenTelemetry's translation has it: not where a word of the name says so already, as in `num_bytes_in`.
        if !name[own..].split('_').any(|word| word == unit.suffix) {
            push_suffix(unit.suffix, name);
        }
    } else if !family.unit().is_annotation() {
        let mut suffix = String::new();
        push_snake_case(&family.unit().as_str().replace('/', "_per_"), &mut suffix);
        push_suffix(&suffix, name);
    }
}

/// Keeps a gauge's name from ending as that of a counter: the word goes before the others, so that nothing new clashes.
fn move_total(own: usize, name: &mut String) {
    if let Some(stem) = name[own..].strip_suffix("_total").map(str::len) {
        name.truncate(own + stem);
        name.insert_str(own, "total_");
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

/// Writes a key in snake case.
pub(super) fn write_label_name(key: &str, out: &mut String) {
    if is_label(key) {
        out.push_str(key);
        return;
    }
    let mut label = String::new();
    push_snake_case(key, &mut label);
    if label.starts_with(|first: char| first.is_ascii_digit()) {
        label.insert(0, '_');
    }
    out.push_str(&label);
}

/// Whether a key is a label as it is: most are.
fn is_label(key: &str) -> bool {
    key.starts_with(|first: char| first.is_ascii_lowercase())
        && key.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && !key.contains("__")
        && !key.ends_with('_')
}

#[cfg(test)]
mod tests {
    use super::super::NamingPolicy;
    use super::*;
    use flowmeter_core::{
        Counter, FamilyView, Gauge, Histogram, Metric, MetricHandle, Report, ReportError, Reporter,
        ReporterOptions, TextGauge,
    };
    use std::sync::mpsc;
    use std::time::Duration;

    /// The name of a metric in a scope, through a report, since families come from nowhere else.
    fn metric_name<H: MetricHandle>(scope: &str, metric: Metric) -> String {
        struct Sent(mpsc::Sender<String>);
        impl Reporter for Sent {
            fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
                let name = |family: FamilyView<'_>| {
                    let mut name = Vec::new();
                    NamingPolicy::Native.prepare_family(family.family(), &mut name);
                    let suffix = Kind::of(family.family()).suffix();
                    self.0.send(String::from_utf8(name).unwrap() + suffix)
                };
                Ok(report.families().try_for_each(name)?)
            }
        }
        let (sender, names) = mpsc::channel();
        let registry = flowmeter_testkit::quiet_registry();
        let options = ReporterOptions::default();
        let handle = registry.add_reporter("names", Box::new(Sent(sender)), options).unwrap();
        let group = scope.split('.').fold(None, |group: Option<flowmeter_core::MetricGroup>, name| {
            Some(group.map_or_else(|| registry.add_group(name), |group| group.add_group(name)))
        });
        let _handle = group.unwrap().try_register::<H>(metric).unwrap();
        handle.report_now(Duration::from_secs(20)).unwrap();
        names.recv().unwrap()
    }

    #[test]
    fn labels_are_in_snake_case() {
        for (key, expected) in [
            ("tm_id", "tm_id"),
            ("userKey", "user_key"),
            ("a.b", "a_b"),
            ("1st", "_1st"),
            ("__x__", "x"),
            ("é", ""),
        ] {
            let mut label = String::new();
            NativeNames.label_name(key, &mut label);
            assert_eq!(label, expected);
        }
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
            (
                "g_share_ms_per_s",
                metric_name::<Histogram<f64>>("g", Metric::new("share").with_unit(Unit::new("ms/s"))),
            ),
            ("g_state_info_value", metric_name::<Gauge<u64>>("g", Metric::new("stateInfo"))),
            ("g_n_created_value", metric_name::<Gauge<u64>>("g", Metric::new("nCreated"))),
            ("target_info_value", metric_name::<Gauge<u64>>("target", Metric::new("info"))),
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
            ("g_state_info", metric_name::<TextGauge>("g", Metric::new("state"))),
            ("flowmeter_build_value_info", metric_name::<TextGauge>("flowmeter", Metric::new("build"))),
        ] {
            assert_eq!(name, expected);
        }
    }
}

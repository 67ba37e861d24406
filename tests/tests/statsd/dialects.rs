//! What becomes of tags, of statistics that are worked out here, and of Flink's lines.

use std::time::Duration;

use flowmeter::statsd::{Dialect, HistogramMode, StatsdOptions};
use flowmeter_e2e::{State, Statsd, StatsdConfig};
use flowmeter_testkit::{PATIENCE, on_request};

use crate::{address, reporting};

/// What a daemon holds, and how far what comes from a histogram can be off.
struct Told {
    state: State,
    error: f64,
}

/// What a daemon holds of a TaskManager with some metrics that reports once.
fn told(test: &str, dialect: Dialect, histograms: HistogramMode) -> Option<Told> {
    let statsd = Statsd::start(test, StatsdConfig::default())?;
    let options = StatsdOptions::default()
        .with_address(address("udp", &statsd))
        .with_dialect(dialect)
        .with_histograms(histograms);
    let (registry, reporter) = reporting(options, on_request());
    let task_manager = registry.task_manager("host", "tm-1");
    let group = task_manager.add_group_kv("topic", "of orders");
    let (counter, gauge) = (group.counter("records"), group.gauge::<f64>("lag"));
    let histogram = group.histogram::<Duration>("latency");
    counter.inc_by(7);
    gauge.set(-0.5);
    (0..1_000).for_each(|micros| histogram.record(Duration::from_micros(micros)));
    reporter.report_now(PATIENCE).expect("the daemon is there");
    let state = statsd.settled();
    assert_eq!(state.bad_lines, 0.0);
    Some(Told { state, error: histogram.snapshot().relative_error() })
}

#[test]
fn tags_of_either_kind_are_the_same_to_a_daemon() {
    for dialect in [Dialect::Graphite, Dialect::DogStatsd] {
        let Some(Told { state, .. }) = told("tags", dialect, HistogramMode::Statistics) else { return };
        let name = |metric: &str| format!("taskmanager.topic.{metric};host=host;tm_id=tm-1;topic=of_orders");
        assert_eq!(state.counters, [(name("records"), 7.0), (name("latency.count"), 1_000.0)].into());
        assert_eq!((state.gauges[&name("lag")], state.gauges[&name("latency.max")]), (-0.5, 0.999));
    }
}

#[test]
fn some_values_stand_for_many() {
    let Some(Told { state, .. }) = told("timers", Dialect::Graphite, HistogramMode::Timers) else { return };
    let [timer] = &*state.timers.into_values().collect::<Vec<_>>() else { panic!("one timer") };
    assert_eq!(timer.count, 1_000.0);
    assert!(timer.values.len() <= 128, "{timer:?}");
    // Each stands for the same share of what was recorded, the first and the last as well.
    let share = 0.999 * 2.0 / 128.0;
    assert!((0.0..share).contains(&timer.lower), "{timer:?}");
    assert!((0.999 - share..=0.999).contains(&timer.upper), "{timer:?}");
}

/// What was recorded, in the milliseconds that times have but in Flink.
const STATISTICS: [(&str, f64); 9] = [
    ("min", 0.0),
    ("max", 0.999),
    ("mean", 0.4995),
    ("p50", 0.499),
    ("p75", 0.749),
    ("p95", 0.949),
    ("p98", 0.979),
    ("p99", 0.989),
    ("p999", 0.998),
];

impl Told {
    /// The gauges are one, and the statistics of a histogram in a unit, of which a millisecond has so many.
    fn has_statistics(&self, unit: f64) {
        for (statistic, exact) in STATISTICS {
            let found = self.state.gauges[&plain(&format!("latency.{statistic}"))] / unit;
            let is_near = found == exact || (found / exact - 1.0).abs() <= self.error;
            assert!(is_near, "{statistic}: {found} for {exact}");
        }
        assert_eq!(self.state.gauges[&plain("lag")], -0.5);
    }
}

/// The name of a metric without tags.
fn plain(metric: &str) -> String {
    format!("host.taskmanager.tm-1.topic.of_orders.{metric}")
}

#[test]
fn statistics_are_gauges() {
    let Some(told) = told("statistics", Dialect::Plain, HistogramMode::Statistics) else { return };
    let counters = [(plain("records"), 7.0), (plain("latency.count"), 1_000.0)];
    assert_eq!(told.state.counters, counters.into());
    told.has_statistics(1.0);
    assert_eq!(told.state.gauges.len(), STATISTICS.len() + 1);
}

#[test]
fn lines_of_flink_are_gauges() {
    let Some(told) = told("Flink's lines", Dialect::Flink, HistogramMode::Statistics) else { return };
    let State { counters, gauges, .. } = &told.state;
    assert!(counters.is_empty(), "{counters:?}");
    told.has_statistics(1e6);
    assert_eq!((gauges[&plain("records")], gauges[&plain("latency.count")]), (7.0, 1_000.0));
    // The standard deviation too.
    assert_eq!(gauges.len(), STATISTICS.len() + 4);
}

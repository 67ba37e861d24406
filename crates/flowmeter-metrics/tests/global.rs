//! The recorder of the process, of which there is one: so this is a test program of its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use flowmeter_core::{Metric, Registry, ReporterOptions};
use flowmeter_metrics::{GroupRecorder, MetricsReporter};
use flowmeter_testkit::PATIENCE;
use metrics_exporter_prometheus::PrometheusBuilder;

#[test]
fn the_recorder_that_is_installed_has_all_from_then_on() {
    let registry = Registry::new();
    let options = ReporterOptions::default().with_interval(Duration::from_secs(3600));
    let reporter = registry.add_reporter("global", Box::new(MetricsReporter::global()), options).unwrap();
    let group = registry.add_group("shop");
    let orders = group.counter(Metric::new("orders").with_description("What was sold."));
    orders.inc_by(100);
    reporter.report_now(PATIENCE).unwrap();

    // Nobody had what was reported until now.
    let recorder = PrometheusBuilder::new().build_recorder();
    let exporter = recorder.handle();
    metrics::set_global_recorder(recorder).unwrap();
    orders.inc_by(3);
    reporter.report_now(PATIENCE).unwrap();
    let text = exporter.render();
    assert!(text.contains("# HELP shop_orders What was sold.\n"), "{text}");
    assert!(text.contains("\nshop_orders 3\n"), "{text}");

    let refused = GroupRecorder::new(group).install().unwrap_err();
    assert_eq!(refused.into_inner().statistics().keys, 0);
}

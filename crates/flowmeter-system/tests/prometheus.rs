//! What Prometheus' users see.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowmeter_core::{Family, GroupView, Naming, Report, ReportError, Reporter};
use flowmeter_prometheus::TextEncoder;
use flowmeter_testkit::{PATIENCE, on_request};
use support::{Measured, Tree};

/// Keeps the text of the last report.
#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Reporter for Text {
    fn naming(&self) -> Naming {
        Naming::Labeled
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        TextEncoder.prepare_group(group, out);
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        TextEncoder.prepare_family(family, out);
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        let mut text = self.0.lock().unwrap();
        text.clear();
        TextEncoder.encode(report, &mut text, usize::MAX, |_| ());
        Ok(())
    }
}

#[test]
fn names_are_those_of_its_client_libraries_where_they_have_them() {
    let tree = Tree::new();
    let measured = Measured::new(&tree.options());
    let text = Text::default();
    let reporter = measured.registry.add_reporter("text", Box::new(text.clone()), on_request()).unwrap();
    tree.idle();
    measured.clock.advance(Duration::from_secs(1));
    reporter.report_now(PATIENCE).unwrap();
    assert_eq!(measured.registry.statistics().clashes, 0);
    let text = String::from_utf8(text.0.lock().unwrap().clone()).unwrap();
    let seconds = |ticks: f64| ticks / procfs::ticks_per_second() as f64;
    for (name, variable, expected) in [
        ("process_cpu_seconds_total", "", seconds(40.0)),
        ("process_start_time_seconds", "", 1_700_000_000.0 + seconds(500.0)),
        ("process_resident_memory_bytes", "", 25.0 * procfs::page_size() as f64),
        ("process_virtual_memory_bytes", "", 123_456.0),
        ("process_open_fds", "", 3.0),
        ("process_max_fds", "", 1024.0),
        ("process_threads", "", 3.0),
        ("taskmanager_process_cpu_load_ratio", "", 0.0),
        ("taskmanager_process_thread_user_time_seconds_total", ",thread=\"worker\"", seconds(12.0)),
        ("taskmanager_system_cpu_io_wait_percent", "", 0.0),
        ("taskmanager_system_cpu_cpu_usage_percent", ",cpu=\"1\"", 0.0),
        ("taskmanager_system_network_interface_received_bytes_total", ",interface=\"eth0\"", 50_000.0),
    ] {
        let series = format!("{name}{{host=\"h\",tm_id=\"tm\"{variable}}} ");
        let value = text.lines().find_map(|line| line.strip_prefix(&series));
        let value = value.and_then(|value| value.parse::<f64>().ok());
        assert!(value.is_some_and(|value| (value - expected).abs() < 1e-6), "{series} is {value:?}\n{text}");
    }
}

#[test]
fn names_of_the_whole_process_are_those_of_one_group() {
    let tree = Tree::new();
    let measured = Measured::new(&tree.options());
    let job_manager = measured.registry.job_manager("h");
    flowmeter_system::register(&job_manager, &tree.options());
    let text = Text::default();
    let reporter = measured.registry.add_reporter("text", Box::new(text.clone()), on_request()).unwrap();
    reporter.report_now(PATIENCE).unwrap();
    let text = String::from_utf8(text.0.lock().unwrap().clone()).unwrap();
    let has = |series: &str| text.lines().any(|line| line.starts_with(series));
    for name in ["process_cpu_seconds_total", "process_open_fds", "process_start_time_seconds"] {
        assert!(has(&format!("{name}{{host=\"h\",tm_id=\"tm\"}} ")), "{name}\n{text}");
        assert!(!has(&format!("{name}{{host=\"h\"}} ")), "{name} of the second\n{text}");
    }
    for series in ["jobmanager_process_read_bytes_total{", "taskmanager_process_read_bytes_total{"] {
        assert!(has(series), "{series}\n{text}");
    }
    assert_eq!(measured.registry.statistics().clashes, 7, "all that are named `process_*`");
}

//! jemalloc, as the allocator of a program.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use flowmeter_system::{JemallocStatistics, register_allocator};
use flowmeter_testkit::{Capture, PATIENCE, driven};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const MEBIBYTE: f64 = (1 << 20) as f64;

#[test]
fn what_is_used_and_held_is_what_jemalloc_says() {
    let capture = Capture::flink();
    let (registry, _clock, reporter) = driven(&capture);
    let job_manager = registry.job_manager("h");
    register_allocator(&job_manager, JemallocStatistics::new());
    let report = || {
        reporter.report_now(PATIENCE).unwrap();
        let heap = |name: &str| capture.value(&format!("jobmanager.Status.JVM.Memory.Heap.{name}{{host=h}}"));
        ["Used", "Committed"].map(|name| heap(name).unwrap() / MEBIBYTE)
    };
    let [used, committed] = report();
    assert!(committed > used && used > 0.0, "{used} of {committed}");
    let memory = vec![1_u8; 64 << 20];
    let [used_more, committed_more] = report();
    assert!((used_more - used - 64.0).abs() < 4.0, "{used} to {used_more}");
    assert!(committed_more - committed > 60.0, "{committed} to {committed_more}");
    drop(memory);
    let [used_less, _] = report();
    assert!((used_less - used).abs() < 4.0, "{used} to {used_less}");
    assert_eq!(capture.last().len(), 2, "it has no limit and counts no calls");
}

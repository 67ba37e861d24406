//! mimalloc as the allocator of a program, counted around.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use flowmeter_system::{CountingAllocator, MimallocStatistics, register_allocator};
use flowmeter_testkit::{Capture, PATIENCE, driven};
use mimalloc::MiMalloc;

#[global_allocator]
static ALLOCATOR: CountingAllocator<MiMalloc> = CountingAllocator::new(MiMalloc);

const MEBIBYTE: f64 = (1 << 20) as f64;

#[test]
fn each_tells_what_it_knows() {
    let capture = Capture::push();
    let (registry, _clock, reporter) = driven(&capture);
    register_allocator(&registry.add_group("both"), (MimallocStatistics::new(), &ALLOCATOR));
    register_allocator(&registry.add_group("alone"), MimallocStatistics::new());
    let report = || {
        reporter.report_now(PATIENCE).unwrap();
        ["heapUsed", "heapCommitted"]
            .map(|name| capture.value(&format!("both.allocator.{name}{{}}")).unwrap() / MEBIBYTE)
    };
    let [used, committed] = report();
    assert!(committed > used && used > 0.0, "{used} of {committed}");
    // In many pieces, as programs have it, and more than the first arenas have.
    let memory: Vec<_> = (0..1024).map(|_| vec![1_u8; 256 << 10]).collect();
    let [used_more, committed_more] = report();
    assert!((used_more - used - 256.0).abs() < 4.0, "{used} to {used_more}");
    assert!(committed_more > used_more, "{committed} to {committed_more}");
    drop(memory);
    let [used_less, _] = report();
    assert!((used_less - used).abs() < 4.0, "{used} to {used_less}");
    let names = capture.last().into_iter().map(|(name, _)| name).filter(|name| name.contains("alone"));
    assert_eq!(names.collect::<Vec<_>>(), ["alone.allocator.heapCommitted{}"]);
}

//! The counting allocator, as the allocator of a program.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::alloc::System;
use std::sync::Barrier;
use std::thread;

use flowmeter_system::{AllocatorStatistics, CountingAllocator, register_allocator};
use flowmeter_testkit::{Capture, PATIENCE, driven};

#[global_allocator]
static ALLOCATOR: CountingAllocator<System> = CountingAllocator::new(System);

const MEBIBYTE: usize = 1 << 20;

/// One test, because tests run side by side and the allocator is that of all.
#[test]
fn what_the_program_allocates_is_counted() {
    let capture = Capture::flink();
    let (registry, _clock, reporter) = driven(&capture);
    let task_manager = registry.task_manager("h", "tm");
    register_allocator(&task_manager, &ALLOCATOR);
    let report = || {
        reporter.report_now(PATIENCE).unwrap();
        let value = |name: &str| capture.value(&format!("taskmanager.{name}{{host=h,tm_id=tm}}"));
        let counts =
            ["allocations", "deallocations"].map(|name| value(&format!("allocator.{name}")).unwrap());
        (value("Status.JVM.Memory.Heap.Used").unwrap(), value("allocator.allocatedBytes").unwrap(), counts)
    };
    let (used, allocated, [allocations, deallocations]) = report();
    let memory = vec![1_u8; 64 * MEBIBYTE];
    let (used_more, allocated_more, [more, _]) = report();
    // What reports and the harness allocate meanwhile is far less.
    let near = |bytes: f64, mebibytes: usize| (bytes / MEBIBYTE as f64 - mebibytes as f64).abs() < 1.0;
    assert!(near(used_more - used, 64), "{used} to {used_more}");
    assert!(near(allocated_more - allocated, 64), "{allocated} to {allocated_more}");
    assert!(more > allocations);
    drop(memory);
    let (used_less, allocated_still, [_, freed]) = report();
    assert!(near(used_less - used, 0), "{used} to {used_less}");
    assert!(near(allocated_still - allocated, 64), "what was allocated stays so");
    assert!(freed > deallocations);
    let names: Vec<_> = capture.last().into_iter().map(|(name, _)| name).collect();
    assert!(!names.iter().any(|name| name.contains("Committed") || name.contains("Max")), "{names:?}");

    growing_and_moving_is_allocating_and_freeing();
    threads_of_any_number_are_counted();
}

fn growing_and_moving_is_allocating_and_freeing() {
    let before = (&ALLOCATOR).read();
    let mut memory: Vec<u8> = Vec::with_capacity(MEBIBYTE);
    memory.reserve_exact(8 * MEBIBYTE);
    let grown = (&ALLOCATOR).read();
    let used = |reading: &flowmeter_system::AllocatorReading| reading.used().unwrap();
    let more = used(&grown) - used(&before);
    assert!((8 * MEBIBYTE as u64..9 * MEBIBYTE as u64).contains(&more), "{more}");
    let allocated = grown.allocated().unwrap() - before.allocated().unwrap();
    assert!((9 * MEBIBYTE as u64..10 * MEBIBYTE as u64).contains(&allocated), "{allocated}");
}

fn threads_of_any_number_are_counted() {
    const THREADS: usize = 100;
    let before = (&ALLOCATOR).read();
    let (full, empty) = (Barrier::new(THREADS + 1), Barrier::new(THREADS + 1));
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let memory = vec![1_u8; MEBIBYTE / 4];
                full.wait();
                empty.wait();
                drop(memory);
            });
        }
        full.wait();
        let more = (&ALLOCATOR).read().used().unwrap() - before.used().unwrap();
        assert!((25 * MEBIBYTE as u64..26 * MEBIBYTE as u64).contains(&more), "{more}");
        empty.wait();
    });
    let after = (&ALLOCATOR).read();
    assert!(after.used().unwrap().abs_diff(before.used().unwrap()) < MEBIBYTE as u64);
    let counts = |reading: flowmeter_system::AllocatorReading| reading.counts().unwrap();
    assert!(counts(after).0 >= counts(before).0 + THREADS as u64);
    assert!(counts(after).1 >= counts(before).1 + THREADS as u64);
}

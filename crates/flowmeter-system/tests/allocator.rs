//! A stranger's allocator.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use flowmeter_core::MetricFilter;
use flowmeter_system::{AllocatorReading, AllocatorStatistics, register_allocator};
use flowmeter_testkit::{Capture, PATIENCE, driven, on_request};

/// Says what it is told, and counts how often it is asked.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<(AllocatorReading, usize)>>);

impl Told {
    fn tell(&self, reading: AllocatorReading) {
        self.0.lock().unwrap().0 = reading;
    }

    fn asked(&self) -> usize {
        std::mem::take(&mut self.0.lock().unwrap().1)
    }
}

impl AllocatorStatistics for Told {
    fn read(&mut self) -> AllocatorReading {
        let mut told = self.0.lock().unwrap();
        told.1 += 1;
        told.0
    }
}

#[test]
fn it_is_read_once_for_a_report_and_what_it_does_not_know_is_missing() {
    let (told, capture) = (Told::default(), Capture::push());
    let (registry, _clock, reporter) = driven(&capture);
    let all = AllocatorReading::default()
        .with_used(1)
        .with_committed(2)
        .with_max(3)
        .with_allocated(40)
        .with_counts(50, 6);
    told.tell(all);
    register_allocator(&registry.add_group("g"), told.clone());
    assert_eq!(told.asked(), 1, "to see what it knows");
    let report = || {
        reporter.report_now(PATIENCE).unwrap();
        assert_eq!(told.asked(), 1);
        let lines = capture.last().into_iter();
        lines
            .map(|(name, value)| (name.replace("g.allocator.", "").replace("{}", ""), value))
            .collect::<Vec<_>>()
    };
    let named = |values: &[(&str, f64)]| -> Vec<_> {
        values.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    };
    let expected = [
        ("allocatedBytes", 40.0),
        ("allocations", 50.0),
        ("deallocations", 6.0),
        ("heapCommitted", 2.0),
        ("heapMax", 3.0),
        ("heapUsed", 1.0),
    ];
    assert_eq!(report(), named(&expected));
    // Sums do not go back, and what is not told any more is not there.
    told.tell(AllocatorReading::default().with_used(10).with_allocated(4).with_counts(55, 0));
    let expected =
        [("allocatedBytes", 40.0), ("allocations", 55.0), ("deallocations", 6.0), ("heapUsed", 10.0)];
    assert_eq!(report(), named(&expected));
    told.tell(all);
    assert_eq!(report().len(), 6);
}

#[test]
fn flink_has_what_is_used_reserved_and_allowed() {
    let (told, capture) = (Told::default(), Capture::flink());
    let (registry, _clock, reporter) = driven(&capture);
    told.tell(AllocatorReading::default().with_used(1).with_committed(2).with_max(3));
    register_allocator(&registry.task_manager("h", "tm"), told);
    reporter.report_now(PATIENCE).unwrap();
    let heap = |name| capture.value(&format!("taskmanager.Status.JVM.Memory.Heap.{name}{{host=h,tm_id=tm}}"));
    assert_eq!(["Used", "Committed", "Max"].map(heap), [Some(1.0), Some(2.0), Some(3.0)]);
}

#[test]
fn no_reporter_is_given_what_another_had_read_long_ago() {
    let (told, all, part) = (Told::default(), Capture::push(), Capture::push());
    let (registry, clock, reporter) = driven(&all);
    let told_at = |used| told.tell(AllocatorReading::default().with_used(used).with_allocated(1));
    told_at(1);
    register_allocator(&registry.add_group("g"), told.clone());
    let without = MetricFilter::default().excluding("g.allocator:heapUsed").unwrap();
    let other = registry.add_reporter("part", part.reporter(), on_request().with_metrics(without)).unwrap();
    reporter.report_now(PATIENCE).unwrap();
    for used in [20, 30, 40] {
        told_at(used);
        clock.advance(Duration::from_secs(60));
        other.report_now(PATIENCE).unwrap();
        told_at(used + 5);
        clock.advance(Duration::from_secs(60));
        reporter.report_now(PATIENCE).unwrap();
        assert_eq!(all.latest()["g.allocator.heapUsed{}"], (used + 5) as f64);
        assert!(!part.latest().contains_key("g.allocator.heapUsed{}"));
    }
}

#[test]
fn a_pair_has_what_either_knows() {
    let (first, second) = (Told::default(), Told::default());
    first.tell(AllocatorReading::default().with_used(1).with_max(2));
    second.tell(
        AllocatorReading::default().with_used(10).with_committed(20).with_allocated(30).with_counts(40, 50),
    );
    let expected = AllocatorReading::default()
        .with_used(1)
        .with_max(2)
        .with_committed(20)
        .with_allocated(30)
        .with_counts(40, 50);
    assert_eq!((first, second).read(), expected);
}

//! What a report allocates. Alone in its process, since all of its memory is counted.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::alloc::System;
use std::time::Duration;

use flowmeter_core::{Family, GroupView, Naming, Report, ReportError, Reporter};
use flowmeter_otlp::{HistogramForm, MetricsEncoder, NamingPolicy, OtlpOptions, Temporality};
use flowmeter_testkit::{PATIENCE, on_request, quiet_registry};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn allocations() -> usize {
    let stats = ALLOCATOR.stats();
    stats.allocations + stats.reallocations
}

/// A reporter whose requests are done with at once.
struct Nowhere(MetricsEncoder);

impl Reporter for Nowhere {
    fn naming(&self) -> Naming {
        Naming::Labeled
    }

    fn deltas(&self) -> bool {
        self.0.deltas()
    }

    fn rates(&self) -> bool {
        self.0.rates()
    }

    fn prepare_group(&self, group: &GroupView<'_>, out: &mut Vec<u8>) {
        self.0.prepare_group(group, out);
    }

    fn prepare_family(&self, family: &Family, out: &mut Vec<u8>) {
        self.0.prepare_family(family, out);
    }

    fn report(&mut self, report: &Report<'_>) -> Result<(), ReportError> {
        assert_eq!(self.0.encode(report, |_, _| ()), 0);
        Ok(())
    }
}

/// How often memory is asked for in a report of so many groups, once it has settled.
fn allocations_of(groups: usize, options: &OtlpOptions) -> usize {
    let registry = quiet_registry();
    let reporter = Box::new(Nowhere(MetricsEncoder::new(options)));
    let handle = registry.add_reporter("otlp", reporter, on_request()).unwrap();
    let managers = ["1", "2"].map(|id| registry.task_manager("host-1", id));
    let metrics = |number: usize| {
        let group = managers[number % 2].add_group_kv("number", &number.to_string());
        let numbers =
            (group.counter("n"), group.meter("m"), group.gauge::<f64>("f"), group.gauge::<i64>("i"));
        let text = group.text_gauge("t");
        text.set("RUNNING");
        (numbers, text, group.histogram::<Duration>("h"))
    };
    let all: Vec<_> = (0..groups).map(metrics).collect();
    let report = |round: u32| {
        for ((counter, meter, float, signed), _, histogram) in &all {
            counter.inc();
            meter.mark();
            float.set(f64::from(round) + 0.5);
            signed.set(-i64::from(round));
            (1..20).for_each(|millis| histogram.record(Duration::from_millis(millis)));
        }
        handle.report_now(PATIENCE).unwrap();
    };
    (0..5).for_each(report);
    let before = allocations();
    report(5);
    allocations() - before
}

#[test]
fn reports_do_not_allocate_for_each_point() {
    let sets: [fn(&mut OtlpOptions); 5] = [
        |_| (),
        |options| options.temporality = Temporality::Delta,
        |options| options.histograms = HistogramForm::Explicit,
        |options| options.resource_variables = vec!["tm_id".to_owned()],
        |options| options.naming = NamingPolicy::Flink,
    ];
    // One after the other, since all of the memory is counted.
    for (number, change) in sets.into_iter().enumerate() {
        let mut options = OtlpOptions::default();
        options.request_size = 256 << 10;
        change(&mut options);
        let (few, many) = (allocations_of(100, &options), allocations_of(3_000, &options));
        // Some for each request, of which there are dozens.
        assert!(many < few + 300, "set {number}: {few} for 600 points, {many} for 18,000");
    }
}

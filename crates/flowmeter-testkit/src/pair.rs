//! A metric set for tests.

use flowmeter_core::{Counter, Descriptor, Metric, MetricSet, SetCells};

/// Two counters, `a` and `b`, that are registered together.
#[derive(Debug)]
pub struct Pair(pub Counter, pub Counter);

impl MetricSet for Pair {
    const DESCRIPTORS: &'static [Descriptor] =
        &[Descriptor::of::<Counter>(Metric::new("a")), Descriptor::of::<Counter>(Metric::new("b"))];

    fn from_cells(cells: &mut SetCells) -> Self {
        Self(cells.take(), cells.take())
    }
}

use flowmeter_core::{Counter, MetricSet};

#[derive(MetricSet)]
enum NoStruct {
    A(Counter),
}

#[derive(MetricSet)]
struct NoNames(Counter);

#[derive(MetricSet)]
struct Nothing {}

#[derive(MetricSet)]
struct Parameters<T> {
    /// A.
    a: T,
}

#[derive(MetricSet)]
struct Fields {
    undocumented: Counter,
    /// A.
    #[metric(nmae = "a")]
    misspelled: Counter,
    /// A.
    #[metric(unit = "s", unit = "ms")]
    twice: Counter,
    #[metric(set, name = "a")]
    set: Counter,
    /// A.
    #[cfg(unix)]
    sometimes: Counter,
    /// A.
    #[metric(names(flink = ["a", ""]))]
    nameless: Counter,
}

fn main() {}

use flowmeter_core::{Gauge, Histogram};

#[derive(Clone)]
struct Metrics {
    backlog: Gauge<u64>,
    latency: Histogram<f64>,
}

fn main() {}

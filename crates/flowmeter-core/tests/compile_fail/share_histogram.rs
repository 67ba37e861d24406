use flowmeter_core::{Histogram, Registry};

static LATENCY: std::sync::OnceLock<Histogram<u64>> = std::sync::OnceLock::new();

fn main() {
    let latency = Registry::new().add_group("sink").histogram("latency");
    LATENCY.get_or_init(|| latency).record(3);
}

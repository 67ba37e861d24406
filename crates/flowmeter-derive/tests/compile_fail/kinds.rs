use flowmeter_core::{Counter, Gauge, Histogram, Meter, MetricSet, UpDownCounter};

#[derive(MetricSet)]
struct Fitting {
    /// A.
    #[metric(rate = "aPerSecond")]
    a: Counter,
    /// B.
    #[metric(rate = "bPerSecond")]
    b: Meter,
    /// C.
    #[metric(scale = 3, bucket_limit = 80, bounds = [1.0])]
    c: Histogram<u64>,
}

#[derive(MetricSet)]
struct NoSums {
    /// A.
    #[metric(rate = "aPerSecond")]
    a: Gauge<u64>,
    /// B.
    #[metric(rate = "bPerSecond")]
    b: UpDownCounter,
}

#[derive(MetricSet)]
struct NoHistograms {
    /// A.
    #[metric(scale = 3)]
    a: Counter,
    /// B.
    #[metric(bucket_limit = 80)]
    b: Gauge<u64>,
    /// C.
    #[metric(bounds = [1.0])]
    c: Meter,
}

fn main() {}

//! Increments, each in a function of its own, whose assembly `cargo xtask assembly` reads.

use flowmeter_core::{Counter, CounterWriter, Gauge, Meter};

#[inline(never)]
pub fn counter_inc(counter: &Counter) {
    counter.inc();
}

#[inline(never)]
pub fn counter_inc_by(counter: &Counter, n: u64) {
    counter.inc_by(n);
}

#[inline(never)]
pub fn counter_writer_inc(writer: &CounterWriter) {
    writer.inc();
}

#[inline(never)]
pub fn gauge_set(gauge: &Gauge<f64>, value: f64) {
    gauge.set(value);
}

#[inline(never)]
pub fn meter_mark(meter: &Meter) {
    meter.mark();
}

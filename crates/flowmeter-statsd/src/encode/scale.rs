//! Units of time.

use flowmeter_core::Unit;

/// By what the values of a histogram are multiplied and divided: times are in milliseconds in StatsD.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    times: f64,
    over: f64,
}

impl Scale {
    pub(crate) fn of(unit: &Unit) -> Self {
        match unit.as_str() {
            "ns" => Self { times: 1.0, over: 1e6 },
            "us" => Self { times: 1.0, over: 1e3 },
            "s" => Self { times: 1e3, over: 1.0 },
            _ => Self { times: 1.0, over: 1.0 },
        }
    }

    pub(crate) fn apply(self, value: f64) -> f64 {
        value * self.times / self.over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_milliseconds() {
        for (unit, expected) in [
            (Unit::NANOSECONDS, 0.005),
            (Unit::MICROSECONDS, 5.0),
            (Unit::MILLISECONDS, 5_000.0),
            (Unit::SECONDS, 5_000_000.0),
            (Unit::BYTES, 5_000.0),
            (Unit::NONE, 5_000.0),
        ] {
            assert_eq!(Scale::of(&unit).apply(5_000.0), expected);
        }
    }
}
